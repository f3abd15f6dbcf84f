"""Journals as a run writes them, made without one: small, right, and of every kind of record."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netcompliance import catalogue as catalogues
from netcompliance.findings import Code
from netcompliance.journal import hash_chain
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal
from netcompliance.model import Case, Finding, Requirement, Result, Settings, Verdict, Waiver
from netcompliance.results import Entry

CATALOGUE = catalogues.load()
SETTINGS = Settings(
    tenant="acme",
    allow_list=("34.250.11.21", "34.250.11.0/24"),
    waivers=(Waiver(requirement="DNS-0?", owner="Ann", reason="moves in May", expires="2099-01-31"),),
)
STARTED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SCHEMA_1 = Path(__file__).resolve().parents[1] / "recorded" / "journals" / "schema-1.jsonl.xz"
HEAD: Mapping[str, Any] = {
    "tool": {"name": "netcompliance", "version": "0.1.0", "python": "3.13.0"},
    "catalogue": CATALOGUE.version,
    "catalogue_sha256": CATALOGUE.sha256,
}
FAILED = Finding(
    code=Code.TCP_FILTERED,
    subject="34.250.11.21",
    detail="34.250.11.21 did not answer",
    values={"source": "node-1 (10.20.0.4)"},
)


def entries(settings: Settings = SETTINGS) -> list[Entry]:
    """A few cases of two vantages: passed, failed, waived, not looked at."""
    requirements = [CATALOGUE["DNS-01"], CATALOGUE["HTTPS-01"]]
    return [
        _entry(
            Case(requirement=each.id, target=settings.host, vantage=vantage, host=settings.host),
            each,
            "the host refused the login; check user and key" if vantage == "ssh://node-2" else None,
        )
        for each in requirements
        for vantage in ("local", "ssh://node-1", "ssh://node-2")
    ]


def written(path: Path, *, footer: bool = True) -> list[Entry]:
    """A journal at the path, and what is in it."""
    planned = entries()
    journal = Journal(path, Redactor())
    journal.header("0123456789abcdef", STARTED, SETTINGS, HEAD)
    for entry in planned:
        journal.case(entry.case, entry.requirement)
    journal.planned()
    for vantage in ("local", "ssh://node-1"):
        journal.observation(
            {"vantage": vantage, "kind": "host", "hostname": "ñode", "chain": ["AAAA"], "link": "theirs"}
        )
        journal.observation({"vantage": vantage, "kind": "probe", "finished": True, "records": 1})
        journal.vantage(vantage, {"hostname": "ñode"})
    journal.vantage("ssh://node-2", None, "the host refused the login; check user and key")
    for entry in planned:
        if entry.verdict:
            journal.verdict(entry.verdict, entry.requirement)
    if footer:
        journal.footer(planned, STARTED)
    else:
        journal.close()
    return planned


def of_schema_1() -> bytes:
    """What a run of the first schema left."""
    return lzma.decompress(SCHEMA_1.read_bytes())


def relinked(lines: list[bytes], change: Callable[[int, dict[str, Any]], None]) -> bytes:
    """The journal with its records changed and every link made anew, as somebody would who hides it. The footer's
    digest is left."""
    before, made = hash_chain.START, b""
    for number, line in enumerate(lines):
        record = json.loads(line)
        record.pop(hash_chain.MEMBER, None)
        change(number, record)
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        before = hash_chain.link(before, body)
        made += hash_chain.linked(body, before)
    return made


def _entry(case: Case, requirement: Requirement, trouble: str | None) -> Entry:
    if trouble:
        return Entry(case=case, requirement=requirement, trouble=trouble)
    failed = case.requirement == "HTTPS-01" and case.vantage == "local"
    waived = case.requirement == "DNS-01" and case.vantage == "ssh://node-1"
    result = Result.FAIL if failed else Result.WAIVED if waived else Result.PASS
    return Entry(
        case=case,
        requirement=requirement,
        verdict=Verdict(
            case=case,
            result=result,
            findings=() if result is Result.PASS else (FAILED,),
            saw="what there was",
            reason="Ann accepts this until 2099-01-31: moves in May" if waived else "",
            reproduce="nc -vz acme.app.stackstate.io 443",
        ),
    )
