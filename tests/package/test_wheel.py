"""The wheel works where nothing of the checkout is: same tests, same ids, same verdicts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import FAKES

NEEDED = ("pyproject.toml", "README.md", "src", "suites", "fixtures", "reports")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A directory with the unpacked wheel, as an installation would leave it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in NEEDED:
        path = checkout / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    evidence = source / "reports" / "acme" / "20261122T121500Z" / "journal.jsonl"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("secret evidence", encoding="utf-8")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(source / "dist")]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def run(arguments: list[str], here: Path, path: str, script: Path) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "STS_"))}
    environ |= {"PYTHONPATH": path, "NETCOMPLIANCE_SCRIPT": str(script), "COLUMNS": "80"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=here, env=environ, capture_output=True, text=True, timeout=120, check=False)


def ids(out: str) -> list[str]:
    """Test names with their parameters, without the path of the file's directory."""
    return [
        line.rpartition("/test_")[2] if "::" not in line else line[line.index("test_") :]
        for line in out.splitlines()
        if "::" in line
    ]


def test_it_holds_suites_fixtures_and_data_and_nothing_else(site: Path):
    package = site / "netcompliance"
    for needed in (
        "suites/test_dns.py",
        "fixtures/tenants/example.toml",
        "catalogue.toml",
        "config/images/default.toml",
        "report/html/colours.css",
        "report/html/page.css",
        "report/html/sections.css",
        "report/html/report.js",
        "probe/shell/main.sh",
        "probe/shell/json.awk",
        "probe",
    ):
        assert (package / needed).exists(), needed
    assert {path.name.partition("-")[0] for path in site.iterdir()} == {"netcompliance"}
    assert not [path for path in site.rglob("*") if path.name in ("journal.jsonl", "lab", "tests", "reports")]


def test_the_entry_point_is_named_like_its_module(site: Path):
    (entry_points,) = site.glob("*.dist-info/entry_points.txt")
    assert "netcompliance.plugin = netcompliance.plugin" in entry_points.read_text(encoding="utf-8")


def test_in_an_empty_directory_it_runs_the_same_tests_with_the_same_verdicts(
    site: Path, checkout: Path, tmp_path: Path
):
    script = tmp_path / "script.json"
    script.write_text(
        json.dumps({"verdicts": {"RCV-01": {"result": "fail", "codes": ["http.web-ui"]}}}), encoding="utf-8"
    )
    found = {}
    for name, here, path in (
        ("wheel", tmp_path / "empty", f"{site}:{FAKES}"),
        ("checkout", checkout, f"{checkout / 'src'}:{FAKES}"),
    ):
        here.mkdir(exist_ok=True)
        reports = tmp_path / name
        collected = run(["--tenant=acme", "--collect-only", "-q", "-p", "scripted"], here, path, script)
        ended = run(["--tenant=acme", "-p", "scripted", f"--report-dir={reports}"], here, path, script)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        (journal,) = reports.glob("acme/*/journal.jsonl")
        records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
        verdicts = [
            (r["requirement"], r["target"], r["vantage"], r["verdict"]) for r in records if r["type"] == "verdict"
        ]
        found[name] = (ids(collected.stdout), sorted(verdicts), records[-1]["overall"])
        assert len(found[name][0]) == len(verdicts) > 50
    assert found["wheel"] == found["checkout"]
    assert [path.name for path in (tmp_path / "empty").iterdir()] == []


def test_without_a_tenant_it_keeps_out_of_other_peoples_tests(site: Path, tmp_path: Path):
    here = tmp_path / "theirs"
    here.mkdir()
    (here / "test_theirs.py").write_text("def test_one(): pass\n", encoding="utf-8")
    ended = run([], here, str(site), tmp_path / "none")
    assert ended.returncode == 0
    assert "1 passed" in ended.stdout
    assert "network of" not in ended.stdout
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert run([], empty, str(site), tmp_path / "none").returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_reports_land_where_it_was_started(site: Path, tmp_path: Path):
    here = tmp_path / "here"
    here.mkdir()
    script = tmp_path / "script.json"
    script.write_text("{}", encoding="utf-8")
    assert run(["--tenant=acme", "-p", "scripted"], here, f"{site}:{FAKES}", script).returncode == 0
    assert len(list(here.glob("reports/acme/*/report.html"))) == 1
