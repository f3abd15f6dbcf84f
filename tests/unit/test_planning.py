"""What was typed becomes runs, and nothing is read more often than it need be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from netcompliance import planning
from netcompliance.settle import Options


def test_a_tenants_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that changes meanwhile cannot say two things in one run."""
    profile, allowed = tmp_path / "fixtures" / "tenants" / "acme.toml", tmp_path / "fixtures" / "tenants" / "allowed"
    profile.parent.mkdir(parents=True)
    profile.write_text('allow_list = "allowed"\n')
    allowed.write_text("34.250.11.21\n")
    reads: Counter[Path] = Counter()
    opened = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        reads[path] += 1
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    planning.plan(Options(tenants=("acme",)), tmp_path)
    assert (reads[profile], reads[allowed]) == (1, 1)
