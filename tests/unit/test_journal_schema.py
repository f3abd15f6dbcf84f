"""One list of an observation's fields: what the schema names is written, documented, and reaches the judges."""

from __future__ import annotations

import ast
import json
import lzma
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from netcompliance.judge.shape import shaped
from tests.fakes.schema import PUBLISHED, strict

CHECKOUT = Path(__file__).resolve().parents[2]
DEFINITIONS: Mapping[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))["$defs"]
RECORDED = sorted((CHECKOUT / "tests" / "recorded" / "journals").glob("*.jsonl.xz"))

UNREAD = {
    *("type", "vantage", "proxy.target", "tcp.family", "tls.mss", "chart.archive"),
    *("dns.attempts", "dns.query", "dns.strays", "go-resolve.queries.strays", "registry.authorized"),
    *(
        "host.container",
        "host.interpreter",
        "host.key",
        "host.key.from",
        "host.machine",
        "host.openssl",
        "host.pod",
        "host.proxies",
    ),
    *("host.python", "host.resolv_conf", "host.system", "host.uid", "host.user", "probe.records", "probe.tools"),
    *("probe.unfinished", "chain.certificates.sha256", "chain.certificates.ca", "tls.anchors"),
    *("tls.agent_only", "tls.system_only"),
    *("watch.seq", "watch-begin.id", "watch-begin.pid", "watch-begin.rarely", "watch-control.text", "watch-end.cpu"),
    *("watch-end.memory", "watch-run.answer.location", "watch-run.answer.version"),
}
"""What is for readers of a report or of the journal: no judge has it."""

SAMPLES: tuple[Any, ...] = ("a", "", 200, 1.5, True, ["a"], [["a", "a"]], [["a", 1]], [1, 1], [[1, "a", 1]])
SAMPLES += ([["a", 1, "a", 1]], [["a", 1, "a", 1, 1]], {"tries": 1}, {"a": 1})
"""Values of every type that a field can have."""


def fields(of: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of a definition, and of the objects in it."""
    for name, schema in of.get("properties", {}).items():
        inner = schema.get("items", schema)
        yield (*path, name)
        yield from fields(inner, (*path, name))


def listed() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(its name here, kind, path) of each field of an observation."""
    yield from ((".".join(path), "", path) for path in fields(DEFINITIONS["observation"]))
    yield from ((f"error.{name}", "", ("error", name)) for name in DEFINITIONS["error"]["properties"])
    for definition, schema in DEFINITIONS.items():
        if definition.startswith(("kind-", "watch-")):
            kind = definition.removeprefix("kind-")
            yield from ((".".join((kind, *path)), kind, path) for path in fields(schema))


def arrives(kind: str, path: tuple[str, ...]) -> bool:
    """Whether a value of some type reaches the judges under this name."""
    return any(_arrives(kind, path, sample) for sample in SAMPLES)


def _arrives(kind: str, path: tuple[str, ...], sample: Any) -> bool:
    first, *inner = path
    for name in reversed(inner):
        sample = {name: sample}
    for value in (sample, [sample]) if inner else (sample,):
        found: Any = shaped({"kind": kind, first: value}).get(first)
        for name in inner:
            found = found[0] if isinstance(found, list) and found else found
            found = found.get(name) if isinstance(found, dict) else None
        if found is not None:
            return True
    return False


def test_a_field_reaches_the_judges_or_is_said_not_to() -> None:
    """One that is in the schema and not in `judge/shape.py` would silently be missing for every judge."""
    lost = {name for name, kind, path in listed() if name not in ("kind", "errors") and not arrives(kind, path)}
    assert lost == UNREAD


def test_what_judges_read_is_in_the_schema() -> None:
    """`nftables.py` and `firewall.py` read nft's own JSON too, `lookups.py` its own tables; findings have values."""
    known = {name for _, _, path in listed() for name in path}
    read = {
        (path.name, node.args[0].value)
        for path in sorted((CHECKOUT / "src" / "netcompliance" / "judge").glob("*.py"))
        if path.name not in ("firewall.py", "nftables.py", "shape.py", "lookups.py")
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


def test_the_page_about_the_journal_names_every_field() -> None:
    text = (CHECKOUT / "docs" / "journal.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \|(.*)$", text, re.MULTILINE))
    shared = set(DEFINITIONS["observation"]["properties"])
    forgotten = {
        name
        for name, kind, path in listed()
        if kind and len(path) == 1 and path[0] not in shared
        if f"`{path[0]}`" not in rows.get(kind.removeprefix("watch-"), "")
    }
    assert forgotten == set()
