"""Small journals, made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from netcompliance.journal.reader import SavedRun

Json = dict[str, Any]
OUTCOMES: Mapping[str, str] = {
    "DNS-01": "pass",
    "HTTPS-01": "fail",
    "HTTPS-02": "notchecked",
    "HTTPS-06": "fail",
    "RCV-03": "notapplicable",
    "CLK-01": "waived",
    "REG-01": "error",
    "OUT-01": "unknown",
}
"""Every outcome there is, by the requirement that has it. HTTPS-06 and CLK-01 are a should."""
SHOULD = ("HTTPS-06", "CLK-01")
TARGET = "acme.app.stackstate.io"
HERE, GONE = "local", "ssh://gone"
WAIVER: Json = {
    "requirement": "CLK-01",
    "target": "*",
    "vantage": "*",
    "owner": "Ann",
    "reason": "NTP moves",
    "expires": "2027-01-31",
}
HEADER: Json = {
    "type": "header",
    "schema": 1,
    "run": "00d1ce0000c0ffee",
    "tenant": "acme",
    "endpoint": f"https://{TARGET}/receiver/stsAgent",
    "started": "2026-11-25T18:00:00.000Z",
    "tool": {"name": "netcompliance", "version": "0.1.0", "python": "3.11.2"},
    "catalogue": 1,
    "catalogue_sha256": "c5" * 32,
    "settings": {"tenant": "acme", "strict": False, "waivers": [WAIVER]},
}
FOOTER: Json = {
    "type": "footer",
    "overall": "undetermined",
    "counts": {},
    "finished": "2026-11-25T18:00:07.500Z",
}


def case(requirement: str, target: str = TARGET, vantage: str = HERE, **more: Any) -> Json:
    """A planned case."""
    return {
        "type": "case",
        "requirement": requirement,
        "target": target,
        "vantage": vantage,
        "host": TARGET,
        "level": "should" if requirement in SHOULD else "must",
        "basis": "documented",
        "says": f"{requirement} is met",
        "source": "StackState Agent communication",
        "requires": [],
        **more,
    }


def verdict(requirement: str, word: str, target: str = TARGET, vantage: str = HERE, **more: Any) -> Json:
    """What was decided about it."""
    unmet = word in ("fail", "waived")
    found = {"code": "tcp.filtered", "subject": "203.0.113.7", "detail": "no answer to 3 SYNs"}
    return {
        "type": "verdict",
        "requirement": requirement,
        "level": "must",
        "basis": "documented",
        "target": target,
        "vantage": vantage,
        "verdict": word,
        "findings": [found] if unmet else [],
        "saw": "no answer to 3 SYNs" if unmet else "it is so",
        "means": "a firewall drops it" if unmet else "",
        "fix": "allow outbound tcp/443 to 203.0.113.7" if unmet else "",
        "ask": "firewall team" if unmet else "",
        "reason": "" if word in ("pass", "fail") else f"because it is {word}",
        "reproduce": "nc -vz -w 5 203.0.113.7 443",
        **more,
    }


def place(vantage: str, **more: Any) -> Json:
    """A vantage whose visit has ended."""
    return {"type": "vantage", "id": vantage, **more}


def mixed() -> list[Json]:
    """A run in which every outcome comes once."""
    cases = [case(name, vantage=GONE if word == "error" else HERE) for name, word in OUTCOMES.items()]
    visited = place(HERE, hostname="lab-host", source_address="10.20.0.4", clock_offset=0.4, vantage_kind="node")
    verdicts = [verdict(name, word) for name, word in OUTCOMES.items() if word not in ("error", "unknown")]
    return [HEADER, *cases, visited, place(GONE, error="the host refuses connections"), *verdicts, FOOTER]


def alone(word: str, overall: str, requirement: str = "HTTPS-01") -> list[Json]:
    """A run of one case."""
    return [
        HEADER,
        case(requirement),
        place(HERE),
        verdict(requirement, word),
        {**FOOTER, "overall": overall},
    ]


def written(directory: Path, records: Iterable[Json]) -> Path:
    """The records as a journal, with the digest that its footer must have."""
    lines: list[str] = []
    for record in records:
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        lines.append(json.dumps({**record, "sha256": digest} if record["type"] == "footer" else record) + "\n")
    path = directory / "journal.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def saved(records: Iterable[Json], path: str = "journal.jsonl") -> SavedRun:
    """The records as they are once read: whatever a reader lets through must not harm an export."""
    listed = list(records)

    def of(kind: str) -> tuple[Json, ...]:
        return tuple(record for record in listed if record["type"] == kind)

    return SavedRun(
        path=Path(path),
        header=of("header")[0],
        cases=of("case"),
        vantages=of("vantage"),
        verdicts=of("verdict"),
        footer=next(iter(of("footer")), None),
        sha256=hashlib.sha256(json.dumps(listed).encode()).hexdigest(),
    )
