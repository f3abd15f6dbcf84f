"""The published schema of the journal, and the same with nothing allowed that it does not name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "journal.schema.json"


def published() -> Draft202012Validator:
    """As a reader checks one record."""
    return Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))


def strict() -> Draft202012Validator:
    """As a writer is held to it: a field that the schema does not name, however deep, is an error."""
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    for definition in schema["$defs"].values():
        for inner in definition.get("properties", {}).values():
            _close(inner)
    _close(schema["$defs"]["error"])
    return Draft202012Validator({**schema, "unevaluatedProperties": False})


def _close(schema: dict[str, Any]) -> None:
    """Allow no other properties in the object that is described here, and in what it holds."""
    properties = schema.get("properties", {})
    if properties:
        schema.setdefault("additionalProperties", False)
    for inner in (*properties.values(), *([schema["items"]] if "items" in schema else ())):
        _close(inner)
