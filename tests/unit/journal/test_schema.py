"""What is in a journal is declared: the published schema holds for journals of every format, and for nothing else."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from tests.support.schema import strict

CHECKOUT = Path(__file__).resolve().parents[3]
RECORDED = sorted((CHECKOUT / "tests" / "recorded" / "journals").glob("*.jsonl.xz"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name.partition(".")[0])
def test_journals_of_every_format_keep_the_schema_and_hold_nothing_else(path: Path) -> None:
    validator = strict()
    for line in lzma.decompress(path.read_bytes()).splitlines():
        record = json.loads(line)
        assert not [f"{record.get('kind')} {each.json_path}: {each.message}" for each in validator.iter_errors(record)]


def test_what_the_schema_does_not_name_is_refused_however_deep() -> None:
    validator = strict()
    good = {"type": "observation", "vantage": "local", "kind": "public-dns", "server": "s", "name": "n", "rdtype": "A"}
    good |= {"response": None, "error": {"phase": "tcp", "name": "EOF", "text": ""}}
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "colour": "red"})
    assert not validator.is_valid({**good, "error": {**good["error"], "colour": "red"}})  # type: ignore[dict-item]
