"""The generated pages are current, and what the documents name exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "DEVELOPMENT.md",
    "CHANGELOG.md",
    "docs/agent.md",
    "docs/journal.md",
    "docs/allow-list.md",
    "docs/change-window.md",
    "docs/evidence.md",
    "docs/watch.md",
)


def test_generated_pages_are_current(checkout: Path) -> None:
    run = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(checkout: Path, document: str) -> None:
    path = checkout / document
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(checkout: Path, document: str) -> None:
    """Paths in backticks that begin with one of our folders, but for those with a placeholder."""
    text = (checkout / document).read_text(encoding="utf-8")
    named = re.findall(r"`((?:src|lab|tests|docs|suites|fixtures|bench|\.ci)/[\w./-]+)`", text)
    assert [name for name in named if "NAME" not in name and not (checkout / name).exists()] == []
