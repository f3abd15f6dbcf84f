"""Raw observations, as they stand in the journal, bounded.

Rules
* An observation is shown as JSON, under a line that says what it is of. Long values are cut and say how long they are;
  a body that is text is shown as text too.
* What is left out is counted, and the file that has all of it is named.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from netcompliance.journal import JOURNAL
from netcompliance.model import Observation
from netcompliance.report.html.account import Account, Extract, Group
from netcompliance.report.html.markup import Markup, many

LONGEST = 160
"""Letters of a value."""
ITEMS = 24
"""Members of a list."""
DEEPEST = 6
LARGEST = 1600
"""Letters of an observation."""
BODY = 400
"""Letters of a body that is shown as text."""
_SUBJECTS = ("name", "server", "address", "host", "target", "url", "tool", "rdtype", "step", "purpose", "path")
_LEFT_OUT = ("type", "vantage")


def parts(account: Account, group: Group, markup: Markup) -> str:
    """What was seen for the cases of a group, behind a fold."""
    if account.unread:
        return f'<p class="note">The observations could not be read back: {markup.text(account.unread)}</p>'
    told = [(entry, account.extracts[entry.case]) for entry in group.entries if entry.case in account.extracts]
    seen = [(entry, extract) for entry, extract in told if extract.number]
    if not seen:
        return ""
    shown = sum(len(extract.shown) for _, extract in seen)
    several = len(group.entries) > 1
    blocks = "".join(
        _block(f"{entry.case.target} from {entry.case.vantage}" if several else "", extract, markup)
        for entry, extract in seen
    )
    first = f'<p class="note printed">Printed: those of the first case. {JOURNAL} has all.</p>' if len(seen) > 1 else ""
    return (
        f'<details class="raw"><summary>{many(shown, "raw observation")}</summary>'
        f"{first}{blocks}{_rest(group, seen)}</details>"
    )


def _block(title: str, extract: Extract, markup: Markup) -> str:
    items = "".join(f"<li>{_observation(seen, markup)}</li>" for seen in extract.shown)
    head = f'<p class="of">{markup.text(title)}</p>' if title else ""
    return f"{head}<ol>{items}</ol>"


def _rest(group: Group, seen: Sequence[tuple[object, Extract]]) -> str:
    """How much is not shown, and where it is."""
    told = []
    hidden = sum(extract.number - len(extract.shown) for _, extract in seen)
    if hidden:
        told.append(f"{many(hidden, 'more observation')} of these")
    if len(group.entries) > len(seen):
        told.append(f"those of {many(len(group.entries) - len(seen), 'more case')}")
    if not told:
        return ""
    return f'<p class="note">Not shown: {" and ".join(told)}. {JOURNAL} has all.</p>'


def _observation(seen: Observation, markup: Markup) -> str:
    fields = {name: cut(value) for name, value in seen.items() if name not in _LEFT_OUT}
    text = json.dumps(fields, ensure_ascii=False, default=str)
    body = _as_text(seen.get("body"))
    shown = f'<code class="body">{markup.text(body, BODY)}</code>' if body else ""
    return f"<b>{markup.text(headline(seen), 300)}</b> <code>{markup.text(text, LARGEST)}</code>{shown}"


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
