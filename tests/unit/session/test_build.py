"""What was typed becomes runs, and nothing is read more often than it need be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from netcompliance.config.options import Options
from netcompliance.model import HostOptions
from netcompliance.session import build


def test_a_tenants_files_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that changes meanwhile cannot say two things in one run."""
    tenants = tmp_path / "fixtures" / "tenants"
    tenants.mkdir(parents=True)
    files = {
        "acme.toml": 'allow_list = "allowed"\nimages = "values.yaml"\n[key]\nfile = "key"\n',
        "allowed": "34.250.11.21\n",
        "values.yaml": "stackstate: {url: 'https://acme.app.stackstate.io/receiver/stsAgent'}\n",
        "key": "hunter2-in-a-file\n",
    }
    for name, text in files.items():
        (tenants / name).write_text(text)
    reads: Counter[Path] = Counter()
    opened = Path.open

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        reads[path] += 1
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    build.plan(Options(tenants=("acme",)), tmp_path)
    assert {name: reads[tenants / name] for name in files} == dict.fromkeys(files, 1)


def test_every_host_is_told_the_variables_of_all_tenants_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = tmp_path / "fixtures" / "tenants"
    profiles.mkdir(parents=True)
    for tenant in ("acme", "beta"):
        monkeypatch.setenv(f"KEY_{tenant}", "secret-key-0123")
        (profiles / f"{tenant}.toml").write_text(f'[key]\nenv = "KEY_{tenant}"\n')
    hosts = HostOptions(hosts="ssh://node-1")
    session = build.plan(Options(tenants=("acme", "beta"), hosts=hosts), tmp_path)
    for plan in session.plans:
        assert {host.vantage for host in plan.hosts} == {"local", "ssh://node-1"}
        assert {host.keys for host in plan.hosts} == {frozenset({"KEY_acme", "KEY_beta"})}
        assert plan.config.key == "secret-key-0123"
        assert "secret-key-0123" not in repr(plan)
