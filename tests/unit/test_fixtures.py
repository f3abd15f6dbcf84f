"""The example profile shows every key, and each of them is one that is read."""

from __future__ import annotations

import re
from pathlib import Path

from netcompliance.config import profile


def uncommented(text: str) -> str:
    return re.sub(r"^# (?=(?:\[\[|[a-z_]+ = |\"))", "", text, flags=re.MULTILINE)


def test_the_example_profile_loads_as_it_is(checkout: Path):
    path = checkout / "fixtures" / "tenants" / "example.toml"
    assert profile.load(path) == profile.Profile(path=path)


def test_with_its_comments_taken_away_it_uses_every_key(checkout: Path, tmp_path: Path):
    text = uncommented((checkout / "fixtures" / "tenants" / "example.toml").read_text(encoding="utf-8"))
    (tmp_path / "values.yaml").write_text("x", encoding="utf-8")
    (tmp_path / "inspection-ca.pem").write_text("x", encoding="utf-8")
    (tmp_path / "key").write_text("x", encoding="utf-8")
    path = tmp_path / "example.toml"
    path.write_text(text.replace("/run/secrets/sts-api-key", "key"), encoding="utf-8")
    read = profile.load(path)
    (waiver,) = read.waivers
    assert waiver.expires == "2027-01-31"
    for name in profile.Profile.__slots__:
        assert getattr(read, name) not in (None, ()), f"{name} is not shown"
