"""Visits by a shell that were recorded, and which of them stand for a lab run.

Theory. A lab run from a host without Python holds two things: that the probe says what is there, and that the judge
makes of it what it should. The first shows in the *signs* of what the probe said: of each observation how it ended, and
what is no name, address, time or number of it. A visit all of whose signs others show would go through the same lines
of the probe again. So its observations are kept instead and judged again (`tests/unit/judge/test_recorded.py`), which
holds the second. `python tests/recorded --shell` decides which those are, by running all.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dns.exception
import dns.flags
import dns.message

BY_SHELL = Path(__file__).resolve().parent / "by-shell.xz"
ROLES = ("step", "transport", "tool", "what")
"""Fields that say by which lines of the probe an observation was made; what it was made for is the plan's."""
WORDS = (
    *(
        "body_complete",
        "complete",
        "edns",
        "family",
        "finished",
        "full",
        "media_type",
        "method",
        "other_scheme",
        "phase",
    ),
    *("range", "rcode", "rdtype", "readings", "reason", "redirected_to", "setting", "status", "token", "unfinished"),
    *("verified", "version"),
)
"""Fields whose values tell what happened; where they are texts of a peer's, that there is one."""
LONGEST = 40

Observation = Mapping[str, Any]
ErrorPattern = tuple[str, ...]


def signs(observations: Iterable[Observation]) -> frozenset[ErrorPattern]:
    """What a visit showed, in whichever world."""
    return frozenset(sign for seen in observations for sign in _signs(seen))


def _signs(seen: Observation) -> Iterator[ErrorPattern]:
    kind = str(seen["kind"])
    role = next((str(seen[name]) for name in ROLES if seen.get(name)), "")
    error = seen.get("error") or {}
    yield kind, role, "ended", *(str(error.get(name)) for name in ("phase", "name")), str(seen.get("status"))[:1]
    yield kind, role, str(seen.get("purpose"))
    for name in WORDS:
        if name in seen:
            yield kind, role, name, _word(seen[name])
    for name, value in seen.items():
        if isinstance(value, (list, str, bool)) or value is None:
            yield kind, role, name, "some" if value else "none"
    for name, *_ in seen.get("headers") or ():
        yield kind, "header", str(name).lower()
    if kind == "dns" and seen.get("response"):
        yield kind, role, "answer", *_answer(str(seen["response"]))
    if kind == "tls":
        yield kind, role, "chain", str(min(len(seen.get("chain") or ()), 3))
    if kind == "host":
        yield from ((kind, "proxies", name) for name in seen.get("proxies") or ())


def _word(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= LONGEST else "long"


def _answer(response: str) -> ErrorPattern:
    """Code, flags and the kinds of records of a DNS message."""
    try:
        message = dns.message.from_wire(base64.b64decode(response), ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return ("no message",)
    kinds = sorted({dns.rdatatype.to_text(each.rdtype) for each in message.answer})
    return str(message.rcode()), dns.flags.to_text(message.flags), *kinds


def needed(visits: Mapping[str, frozenset[ErrorPattern]], chosen: Iterable[str]) -> frozenset[str]:
    """These, and as few others as show every sign: who alone shows one, then whoever shows most of the rest."""
    more = {*chosen} & visits.keys()
    needed = {*more}
    left = set().union(*visits.values()).difference(*(visits[name] for name in more))
    while left:
        shown = {sign: [name for name, some in visits.items() if sign in some] for sign in left}
        alone = {names[0] for names in shown.values() if len(names) == 1}
        more = alone or {max(visits, key=lambda name: len(visits[name] & left))}
        needed |= more
        left.difference_update(*(visits[name] for name in more))
    return frozenset(needed)


def recorded() -> dict[str, dict[str, Any]]:
    """Scenario → settings, observations and passing cases of a visit that is judged in place of a lab run."""
    kept: dict[str, dict[str, Any]] = json.loads(lzma.decompress(BY_SHELL.read_bytes()))
    return kept
