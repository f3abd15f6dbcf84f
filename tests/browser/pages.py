"""Runs of what the lab's scenarios once showed (`tests/recorded`), from any number of hosts, and their pages."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netcompliance import catalogue as catalogues
from netcompliance import pages
from netcompliance.journal import reader
from netcompliance.journal.reader import SavedRun
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal
from netcompliance.judge import identity, judge
from netcompliance.model import HERE, Observation, Settings
from netcompliance.report.html.document import document
from netcompliance.report.html.view_model import Account
from netcompliance.results import Entry
from tests.unit.judge.records import exchanges, http2, registry_step, shares, tls
from tests.unit.judge.test_recorded import RECORDED, THEN, read
from tests.unit.judge.world import CATALOGUE

BEGAN = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
AT = datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
TROUBLE = "the host refused the login; check user and key"
HEAD: Mapping[str, Any] = {
    "tool": {"name": "netcompliance", "version": "1.0", "python": "3.13.0", "commit": "0" * 40},
    "catalogue": CATALOGUE.version,
    "catalogue_sha256": CATALOGUE.sha256,
    "by": {"user": "ada", "host": "bastion"},
}
DIRECTORY = tempfile.TemporaryDirectory(prefix="netcompliance-pages-")
"""Where the journals are; it goes with the process."""


def saved(
    scenario: str,
    *hosts: str,
    gone: Sequence[str] = (),
    observations: Iterable[Observation] | None = None,
    identities: Mapping[str, Observation] | None = None,
    head: Mapping[str, Any] = HEAD,
    redactor: Redactor | None = None,
    footer: bool = True,
    **changes: Any,
) -> SavedRun:
    """The run of a scenario from these hosts. Nobody could look from those that are `gone`.

    `observations` and `identities`: what its journal says instead, under the same verdicts.
    """
    settings, seen = read(RECORDED / f"{scenario}.json.xz")
    settings = replace(settings, **changes)
    vantages = [*(hosts or (HERE,)), *gone]
    cases = catalogues.expand(CATALOGUE, settings, vantages)
    here = {case.vantage for case in cases} - set(gone)
    known = [{**each, "vantage": vantage} for vantage in sorted(here) for each in (*seen, *_looked(seen))]
    given = judge(CATALOGUE.requirements, cases, known, settings, THEN)
    journal = Journal(Path(tempfile.mkdtemp(dir=DIRECTORY.name)) / "journal.jsonl", redactor or Redactor())
    journal.header("0123456789abcdef", BEGAN, settings, head)
    for case in cases:
        journal.case(case, CATALOGUE[case.requirement])
    for each in known if observations is None else observations:
        journal.observation(each)
    for vantage, told in (_identities(known, gone, settings) | dict(identities or {})).items():
        journal.vantage(vantage, told)
    for verdict in given:
        journal.verdict(verdict, CATALOGUE[verdict.case.requirement])
    if footer:
        decided = {verdict.case: verdict for verdict in given}
        entries = [
            Entry(case=case, requirement=CATALOGUE[case.requirement], verdict=decided.get(case)) for case in cases
        ]
        journal.footer(entries, AT)
    journal.close()
    return reader.read(journal.path)


def _looked(seen: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Looks that are always made today, and were not when this was recorded; nothing is wrong in them."""
    opened = [each for each in seen if each["kind"] == "tls" and each.get("task") == "tenant"]
    ways = dict.fromkeys((each.get("address"), each.get("via")) for each in opened)
    made: list[dict[str, Any]] = [{"kind": "firewall", "tool": "kernel", "rules": "", "error": None}]
    for address, via in ways:
        made += [http2(address, via=via), tls(address, "plain-hello", via=via)]
        made.append(exchanges(address) if address else shares(None, via=via, carried=72))
    made += [
        tls(each.get("address"), "agent-hello", each["task"], each["host"], via=each.get("via"))
        for each in seen
        if each["kind"] == "tls" and each.get("purpose") == "verify" and each["task"] != "tenant" and not each["error"]
    ]
    images = dict.fromkeys(each["image"] for each in seen if each.get("step") == "manifest")
    made += [registry_step("head", image=image) for image in images]
    return [{"type": "observation", **each} for each in made]


def _identities(
    observations: Sequence[Mapping[str, Any]], gone: Sequence[str], settings: Settings
) -> dict[str, Mapping[str, Any]]:
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for each in observations:
        seen.setdefault(str(each["vantage"]), []).append(each)
    known = {vantage: identity(vantage, those, settings) for vantage, those in seen.items()}
    return known | {vantage: {"error": TROUBLE} for vantage in gone}


def html(*runs: SavedRun) -> str:
    """The page, as it is left to its readers; of several runs, all of them on one."""
    if len(runs) == 1:
        return b"".join(pages.page(runs[0])).decode()
    return "".join(document("several", pages.html_pieces(map(Account, runs))))


def page(directory: Path, *runs: SavedRun) -> Path:
    """The page in a file."""
    path = directory / "report.html"
    path.write_text(html(*runs), encoding="utf-8")
    return path
