"""What is shown of an observation: cut, so that what is kept for a page is bounded whatever a journal holds (pure)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from netcompliance.model import Observation

LONGEST = 160
"""Letters of a value."""
ITEMS = 24
"""Members of a list."""
DEEPEST = 6
LARGEST = 1600
"""Letters of an observation."""
HEADLINE = 300
BODY = 400
"""Letters of a body that is shown as text."""
_SUBJECTS = ("name", "server", "address", "host", "target", "url", "tool", "rdtype", "step", "purpose", "path")
_LEFT_OUT = ("type", "vantage")


class Excerpt(NamedTuple):
    """An observation as text. One letter more than is shown says that there was more."""

    headline: str
    """What it is of, how it ended, and when."""
    fields: str
    """All that it says, as JSON."""
    body: str
    """Its body, if that is text."""


def excerpt(seen: Observation) -> Excerpt:
    """What is shown of it."""
    fields = {name: cut(value) for name, value in seen.items() if name not in _LEFT_OUT}
    text = json.dumps(fields, ensure_ascii=False, default=str)
    return Excerpt(headline(seen)[: HEADLINE + 1], text[: LARGEST + 1], _as_text(seen.get("body"))[: BODY + 1])


def headline(seen: Observation) -> str:
    """What it is of, how it ended, and when: `tcp 203.0.113.7 443 · TIMEOUT · 12:00:01.250`."""
    subjects = dict.fromkeys(str(seen[name]) for name in _SUBJECTS if isinstance(seen.get(name), str))
    error = seen.get("error")
    end = error.get("name") if isinstance(error, Mapping) else seen.get("status") or seen.get("version") or "no error"
    said = [f"{seen.get('kind')} {' '.join(list(subjects)[:4])}".strip(), str(end)]
    try:
        at = datetime.fromtimestamp(float(seen["at"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return " · ".join(said)
    return " · ".join([*said, f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"])


def cut(value: Any, depth: int = 0) -> Any:
    """A JSON value without its far ends."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value)} characters)"
    if depth == DEEPEST and isinstance(value, (Mapping, list, tuple)):
        return "…"
    if isinstance(value, Mapping):
        return {str(name)[:LONGEST]: cut(each, depth + 1) for name, each in list(value.items())[:ITEMS]}
    if isinstance(value, (list, tuple)):
        more = [f"… ({len(value)} in all)"] if len(value) > ITEMS else []
        return [*(cut(each, depth + 1) for each in value[:ITEMS]), *more]
    return value


def _as_text(body: object) -> str:
    """A body as people read it, empty if it is none."""
    if not isinstance(body, str) or not body:
        return ""
    try:
        raw = base64.b64decode(body[: BODY * 4], validate=True)
    except (binascii.Error, ValueError):
        return ""
    text = raw.decode("utf-8", "replace")
    strange = sum(not (ch.isprintable() or ch.isspace()) or ch == "\ufffd" for ch in text)
    return text if strange * 10 <= len(text) else ""
