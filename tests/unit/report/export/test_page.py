"""`docs/export.md` says what there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from netcompliance.report.export import FORMATS, render
from tests.unit.report.export.journals import mixed, saved


@pytest.fixture(scope="module")
def page(checkout: Path) -> str:
    return (checkout / "docs" / "export.md").read_text(encoding="utf-8")


def test_every_format_and_its_file_are_named(page: str) -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| `([a-z.-]+)` \|", page, re.MULTILINE))
    assert rows == {name: each.file for name, each in FORMATS.items()}


def test_every_metric_is_named(page: str) -> None:
    text = render("prometheus", saved(mixed())).decode()
    metrics = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    told = set(re.findall(r"^\| `(netcompliance_\w+)`", page, re.MULTILINE))
    assert metrics - told == {"netcompliance_run_finished_timestamp_seconds"}
    assert told <= metrics


def test_the_alerts_are_rules_that_prometheus_accepts(page: str, tmp_path: Path) -> None:
    (rules,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    done = subprocess.run(
        ["promtool", "check", "rules", str(tmp_path / "rules.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert rules.count("alert:") == 4
