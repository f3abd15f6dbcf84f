"""DEVELOPMENT's worked example: made in a copy, its steps are a requirement that is asked and judged."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

STEP = re.compile(r"^\d\. \w+ it.*?, in `(?P<file>[^`]+)`.*?```\w+\n(?P<block>.*?)```", re.MULTILINE | re.DOTALL)
LEFT_BEHIND = (".*", "__pycache__", "reports", "dist", "build", "recorded", "*.egg-info")


def steps(text: str) -> list[tuple[str, str]]:
    """(file, what is written into it) of each step of the example."""
    example = text.partition("## Add a requirement\n")[2].partition("\n## ")[0]
    return [(step["file"], textwrap.dedent(step["block"])) for step in STEP.finditer(example)]


def make(path: Path, block: str) -> None:
    """Add the block to the file: at its end, or as the last row of the table that ends it."""
    text = path.read_text(encoding="utf-8")
    if block.startswith("Scenario("):
        text, block = text.removesuffix(")\n"), textwrap.indent(f"{block.rstrip()},\n", "    ") + ")\n"
    else:
        text += "\n\n"
    path.write_text(text + block, encoding="utf-8")


def test_the_worked_example_is_four_steps_and_they_work(checkout: Path, tmp_path: Path) -> None:
    found = steps((checkout / "DEVELOPMENT.md").read_text(encoding="utf-8"))
    assert len(found) == 4
    copy = tmp_path / "copy"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    for file, block in found:
        make(copy / file, block)
    environ = {**os.environ, "PYTHONPATH": f"{copy / 'src'}:{copy}", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        ended = subprocess.run(command, cwd=copy, env=environ, capture_output=True, text=True, check=False, timeout=240)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    suite = [sys.executable, "-m", "pytest", "--tenant=acme", "--report-dir=reports"]
    run("lab", "run", "--scenario=web-ui-gone", "--", *suite)
    (journal,) = copy.glob("reports/acme/*/journal.jsonl")
    records = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    unmet = {(r["requirement"], each["code"]) for r in records if r["type"] == "verdict" for each in r["findings"]}
    assert unmet == {("RCV-05", "http.not-found")}
    self_tests = ["tests/unit/test_catalogue.py", "tests/unit/judge/test_engine.py", "-k", "every_requirement"]
    assert "3 passed" in run("pytest", "-c", "tests/pytest.toml", "-p", "no:cacheprovider", *self_tests)
