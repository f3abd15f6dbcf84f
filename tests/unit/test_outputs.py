"""What is said of journals that are kept stays what it was, to the byte. `python tests/recorded --outputs` keeps it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from tests.support.outputs import KEPT, outputs

THEN: dict[str, str] = json.loads(lzma.decompress(KEPT.read_bytes()))


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    below: Path = tmp_path_factory.mktemp("reports")
    return outputs(below)


def test_the_same_is_said(now: dict[str, str]) -> None:
    assert list(now) == list(THEN)


@pytest.mark.parametrize("typed", THEN)
def test_what_is_said_stays_what_it_was(typed: str, now: dict[str, str]) -> None:
    assert now[typed] == THEN[typed]
