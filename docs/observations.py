"""What docs/ says of observations, from their types: `generate.py` writes it.

In `journal.schema.json` these are the definitions of observations, in `journal.md` the tables of their fields; the rest
of both is written by hand.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from netcompliance.observations import KINDS, WORDS, Error, Fault, Record, Seen, Watch

WIDTH = 120
PLAIN = [kind for kind, its in KINDS.items() if its is not Fault]
"""Kinds with fields of their own."""


def schema(published: str) -> str:
    """The published schema, with the definitions of observations as their types are."""
    whole = json.loads(published)
    by_hand = {name: each for name, each in whole["$defs"].items() if name not in ("error", "observation")}
    by_hand = {name: each for name, each in by_hand.items() if not name.startswith(("kind-", "watch-"))}
    whole["$defs"] = by_hand | dict(_definitions())
    return _laid_out(whole, 0) + "\n"


def _definitions() -> Iterator[tuple[str, Any]]:
    yield "error", {"description": _doc(Error), "type": ["object", "null"], **Error.schema()}
    shared = Seen.schema()["properties"]
    named = {"type": {"const": "observation"}, "vantage": {"type": "string"}, "kind": {"enum": list(KINDS)}}
    yield (
        "observation",
        {
            "description": "What a probe saw, raw.",
            "type": "object",
            "properties": {**named, **shared},
            "required": ["type", "vantage", "kind"],
            "allOf": [_if("kind", kind, f"kind-{kind}") for kind in PLAIN],
        },
    )
    for kind in PLAIN:
        own = _own(KINDS[kind], Seen)
        if kind == Watch.kind:
            own["properties"]["what"] = {"enum": list(WORDS)}
            own["allOf"] = [_if("what", word, f"watch-{word}") for word in WORDS]
        yield f"kind-{kind}", own
    for word, its in WORDS.items():
        yield f"watch-{word}", _own(its, Watch)


def _own(its: type[Record], base: type[Record]) -> dict[str, Any]:
    of = its.schema()
    return {**of, "properties": {name: each for name, each in of["properties"].items() if name not in base.FIELDS}}


def _if(field: str, value: str, definition: str) -> dict[str, Any]:
    return {"if": {"properties": {field: {"const": value}}}, "then": {"$ref": f"#/$defs/{definition}"}}


def _laid_out(value: Any, depth: int, before: int = 0) -> str:
    """JSON, an object or a list on one line where it fits there."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + 2 * depth + before < WIDTH or not value or not isinstance(value, (dict, list)):
        return line
    inner, outer = "  " * (depth + 1), "  " * depth
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return (
            "[\n" + textwrap.fill(line[1:-1], WIDTH - 1, initial_indent=inner, subsequent_indent=inner) + f"\n{outer}]"
        )
    if isinstance(value, list):
        items = [_laid_out(each, depth + 1) for each in value]
    else:
        items = [f"{json.dumps(name)}: {_laid_out(each, depth + 1, len(name) + 4)}" for name, each in value.items()]
    opening, closing = ("[", "]") if isinstance(value, list) else ("{", "}")
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + f"\n{outer}{closing}"


def page(published: str) -> str:
    """The page about the journal, with the tables of fields as their types are."""
    shared = "Fields that many kinds share: "
    text = textwrap.fill(f"{shared}{_fields(Seen)}.", WIDTH, break_long_words=False, break_on_hyphens=False)
    published = re.sub(rf"^{shared}.*?\n\n", lambda _: f"{text}\n\n", published, flags=re.DOTALL | re.MULTILINE)
    tables = {
        "| field | meaning |": [f"| `{name}` | {_meaning(Error, name)} |" for name in Error.FIELDS],
        "| `kind` | one per | fields |": [
            f"| `{kind}` | {its.per} | {' '.join(filter(None, (_doc(its), _fields(its, Seen))))} |"
            for kind, its in KINDS.items()
        ],
        "| `what` | fields |": [f"| `{word}` | {_doc(its)} {_fields(its, Watch)} |" for word, its in WORDS.items()],
    }
    for head, rows in tables.items():
        before, _, rest = published.partition(f"\n{head}\n")
        ruler, _, after = rest.partition("\n")
        published = "\n".join([before, head, ruler, *rows, "", after.partition("\n\n")[2]])
    return published


def _fields(of: type[Record], base: type[Record] = Record) -> str:
    return ", ".join(
        f"`{name}`{f' ({means})' if (means := _meaning(of, name)) else ''}"
        for name in of.FIELDS
        if name not in base.FIELDS
    )


def _meaning(of: type[Record], name: str) -> str:
    """What a field holds: as it is declared, with the fields of the record in it, or its closed list of words."""
    field = of.FIELDS[name]
    inner = _fields(field.type.of) if field.type.of not in (None, Error) else ""
    words = ", ".join(f"`{word}`" for word in field.type.schema.get("enum", ()) if isinstance(word, str))
    return ": ".join(filter(None, (field.means, inner))) or words


def _doc(of: type[Record]) -> str:
    return " ".join(inspect.getdoc(of).split()) if of.__doc__ else ""  # type: ignore[union-attr]
