"""An option is declared once, and what it declares holds."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.config import options, profile
from netcompliance.config.options import DECLARED, Options
from netcompliance.config.profile import Profile
from netcompliance.config.settings import resolve, visits
from netcompliance.model import Settings


def settled(**typed: Any) -> Settings:
    return resolve("acme", Options(**typed), Profile(), 1, {}).settings


@pytest.mark.parametrize("name", [name for name, each in DECLARED.items() if each.profile])
def test_the_key_of_the_profile_is_one(name: str) -> None:
    table, _, key = str(DECLARED[name].profile).rpartition(".")
    assert key in profile.KEYS[table]


@pytest.mark.parametrize("name", ["domain", "registry", "max_outage"])
def test_a_default_that_is_typed_changes_nothing(name: str) -> None:
    assert settled(watch="1m", **{name: options.default(name)}) == settled(watch="1m")


def test_of_defaults_the_declared_ones_hold() -> None:
    assert visits(Options()) == int(options.default("visits"))
    rarely = settled(watch="1m", max_outage="1m").watch
    assert rarely == settled(watch="1m", max_outage="1m", every=options.default("every")).watch


@pytest.mark.parametrize("name", [name for name, each in DECLARED.items() if each.default])
def test_a_default_is_told_in_its_words(name: str) -> None:
    assert "{default}" in DECLARED[name].help
