"""What is in a journal, and what judges read of it, is declared."""

from __future__ import annotations

import ast
import json
import lzma
from collections.abc import Iterator
from pathlib import Path

import pytest

from netcompliance.observations import KINDS, WORDS, Record
from tests.fakes.schema import strict

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDED = sorted((CHECKOUT / "tests" / "recorded" / "journals").glob("*.jsonl.xz"))


def names(of: type[Record]) -> Iterator[str]:
    """Of its fields, and of those in them."""
    for name, field in of.FIELDS.items():
        yield name
        yield from names(field.type.of) if field.type.of else ()


def test_what_judges_read_is_in_the_schema() -> None:
    """`nftables.py` and `firewall.py` read nft's own JSON too, `lookups.py` its own tables; findings have values."""
    known = {"kind", "vantage", *(name for its in (*KINDS.values(), *WORDS.values()) for name in names(its))}
    read = {
        (path.name, node.args[0].value)
        for path in sorted((CHECKOUT / "src" / "netcompliance" / "judge").glob("*.py"))
        if path.name not in ("firewall.py", "nftables.py", "lookups.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args
        if getattr(node.func.value, "attr", "") != "values"
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }
    assert {(module, name) for module, name in read if name not in known} == set()


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
