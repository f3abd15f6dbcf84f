"""The page that an auditor reads: pytest-html's, with a static and escaped verdict table on top.

pytest-html draws its own rows by JavaScript and prints local time without a zone, so
* everything that counts stands in the summary, as plain HTML that needs no script, and
* the time of generation is replaced by UTC once the page is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from netcompliance import explain
from netcompliance.conclusion import RANK, Entry, Standing, overall
from netcompliance.model import Observation, Settings
from netcompliance.report import summary
from netcompliance.report.redact import Redactor

_CLASSES = {
    Standing.FAIL: "nc-bad",
    Standing.ERROR: "nc-bad",
    Standing.NO_VERDICT: "nc-warn",
    Standing.UNMET_SHOULD: "nc-warn",
    Standing.NOTCHECKED: "nc-warn",
    Standing.WAIVED: "nc-warn",
    Standing.PASS: "nc-good",
    Standing.NOTAPPLICABLE: "nc-none",
}

_IDENTITY: Mapping[str, str] = {
    "vantage_kind": "kind",
    "error": "could not look",
    "hostname": "host name",
    "pod": "pod",
    "source_address": "source address",
    "source_address6": "source address, IPv6",
    "platform": "platform",
    "nameservers": "nameservers",
    "proxies": "proxies",
    "trust": "trust store",
    "interpreter": "looked with",
    "clock_offset": "clock, ahead of the service's",
}
"""Fields of a vantage's identity, and what their columns are called."""

STYLE = """<style>
.nc { font-family: sans-serif; color: #222; margin: 1em 0 2em; }
.nc table { border-collapse: collapse; margin: .6em 0 1.4em; width: 100%; }
.nc th, .nc td { border: 1px solid #ccc; padding: .3em .5em; text-align: left; vertical-align: top; }
.nc th { background: #f2f2f2; }
.nc td { overflow-wrap: anywhere; }
.nc td.nc-id { white-space: nowrap; }
.nc dl { display: grid; grid-template-columns: max-content 1fr; gap: .15em .8em; margin: 0; }
.nc dt { color: #555; } .nc dd { margin: 0; overflow-wrap: anywhere; }
.nc .nc-bad { color: #a40000; font-weight: bold; } .nc .nc-warn { color: #8a5a00; font-weight: bold; }
.nc .nc-good { color: #14661d; } .nc .nc-none { color: #666; }
.nc .nc-wide { overflow-x: auto; }
.nc .nc-wide td:first-child, .nc .nc-wide th:first-child { position: sticky; left: 0; background: #fff; }
.nc code { font-size: 95%; }
</style>"""


def moment(at: datetime) -> str:
    """A time for people: UTC, to the second, and said so."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


class Page:
    """One tenant's part of the page."""

    def __init__(
        self,
        settings: Settings,
        entries: Sequence[Entry],
        identities: Mapping[str, Observation],
        redactor: Redactor,
    ) -> None:
        self._settings = settings
        self._entries = entries
        self._identities = identities
        self._redactor = redactor
        self._places = summary.vantages(entries)

    def parts(self, started: datetime, finished: datetime, made_with: str) -> Iterator[str]:
        """The pieces of HTML, in order."""
        word = overall(self._entries)
        mark = {"satisfied": "nc-good", "not-satisfied": "nc-bad"}.get(word, "nc-warn")
        yield '<section class="nc">'
        yield f'<h2>{self._safe(self._settings.tenant)}: <span class="{mark}">{summary.OVERALL_TEXT[word]}</span></h2>'
        yield self._facts(started, finished, made_with)
        yield self._vantages()
        yield self._table()
        settled = (Standing.PASS, Standing.NOTAPPLICABLE)
        unsettled = [entry for entry in self._entries if entry.standing not in settled]
        yield self._details("What is not satisfied", sorted(unsettled, key=lambda entry: RANK[entry.standing]))
        yield self._details("What is satisfied or not applicable", [e for e in self._entries if e.standing in settled])
        yield "</section>"

    def _facts(self, started: datetime, finished: datetime, made_with: str) -> str:
        s = self._settings
        registry = "/".join(part for part in (s.registry, s.registry_prefix) if part)
        facts = (
            ("endpoint", s.endpoint),
            ("looked from", ", ".join(summary.vantages(self._entries))),
            ("started", moment(started)),
            ("finished", moment(finished)),
            ("cases", f"{len(self._entries)} planned: {summary.counted(self._entries)}"),
            ("registry", f"{registry} ({s.registry_mode})"),
            ("images", f"{len(s.images)}, from {s.images_from}"),
            ("proxy", s.proxy or "as the host's own environment says"),
            ("strict", "an unmet should counts like an unmet must" if s.strict else "no"),
            ("made with", made_with),
        )
        return f"<dl>{''.join(f'<dt>{name}</dt><dd>{self._safe(text)}</dd>' for name, text in facts)}</dl>"

    def _vantages(self) -> str:
        """Who looked: a row for each vantage, with what it said of itself, or why nobody could."""
        columns = [name for name in _IDENTITY if any(_told(self._known(v), name) for v in self._places)]
        head = "".join(f"<th>{_IDENTITY[name]}</th>" for name in columns)
        rows = "".join(
            f'<tr><td class="nc-id">{self._safe(vantage)}</td>'
            f"{''.join(f'<td>{self._safe(_told(self._known(vantage), name))}</td>' for name in columns)}</tr>"
            for vantage in self._places
        )
        return (
            f'<h3>Vantages</h3><div class="nc-wide"><table><thead><tr><th>vantage</th>{head}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )

    def _known(self, vantage: str) -> Observation:
        return self._identities.get(vantage) or {}

    def _table(self) -> str:
        places = self._places
        head = "".join(f"<th>{self._safe(place)}</th>" for place in places)
        rows = []
        for name, (requirement, found) in summary.rows(self._entries).items():
            cells = "".join(self._cell(found.get(place, [])) for place in places)
            rows.append(
                f'<tr><td class="nc-id">{self._safe(name)}</td><td>{requirement.level}</td>'
                f"<td>{requirement.basis}</td><td>{self._safe(requirement.says)}</td>{cells}</tr>"
            )
        return (
            '<h3>Verdicts</h3><div class="nc-wide"><table><thead><tr><th>requirement</th><th>level</th><th>basis</th>'
            f"<th>says</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )

    def _cell(self, entries: Sequence[Entry]) -> str:
        text, standing = summary.cell(entries)
        return f'<td class="{_CLASSES[standing]}">{self._safe(text)}</td>' if standing else "<td></td>"

    def _details(self, title: str, entries: Sequence[Entry]) -> str:
        if not entries:
            return ""
        alike: dict[tuple[object, ...], list[Entry]] = {}
        for entry in entries:
            alike.setdefault(_sameness(entry), []).append(entry)
        rows = "".join(self._row(group) for group in alike.values())
        return (
            f"<h3>{title}</h3><table><thead><tr><th>requirement</th><th>target</th><th>from</th>"
            f"<th>verdict</th><th>evidence</th></tr></thead><tbody>{rows}</tbody></table>"
        )

    def _row(self, entries: Sequence[Entry]) -> str:
        entry, *others = entries
        standing = entry.standing
        return (
            f'<tr><td class="nc-id">{self._safe(entry.requirement.id)}</td><td>{self._safe(entry.case.target)}</td>'
            f'<td>{self._safe(entry.case.vantage)}</td><td class="{_CLASSES[standing]}">{standing}</td>'
            f"<td>{self._evidence(entry)}{self._alike(others)}</td></tr>"
        )

    def _alike(self, others: Sequence[Entry]) -> str:
        """The same verdict from other vantages, each with what was seen there."""
        if not others:
            return ""
        folded = self._safe(summary.folded(other.case.vantage for other in others))
        each = "".join(
            f"<li>{self._safe(other.case.vantage)}{f': {self._safe(other.verdict.saw)}' if other.verdict else ''}</li>"
            for other in others
        )
        return f"<details><summary>the same from {folded} ({len(others)})</summary><ul>{each}</ul></details>"

    def _evidence(self, entry: Entry) -> str:
        told: Iterable[tuple[str, str]]
        if entry.verdict is None:
            told = [("because", entry.trouble or "deselected or interrupted")]
        else:
            codes = dict.fromkeys(str(found.code) for found in entry.verdict.findings)
            told = [("findings", ", ".join(codes)), *explain.rows(entry.verdict, entry.requirement)]
        items = "".join(
            f"<dt>{name}</dt><dd>{self._code(text) if name == 'reproduce' else self._safe(text)}</dd>"
            for name, text in told
            if text and name != "required"
        )
        return f"<dl>{items}</dl>"

    def _code(self, text: str) -> str:
        return f"<code>{self._safe(text)}</code>"

    def _safe(self, text: str) -> str:
        return escape(self._redactor.text(explain.printable(text)))


def _sameness(entry: Entry) -> tuple[object, ...]:
    """Cases of which this is the same differ in the vantage alone."""
    verdict = entry.verdict
    told = (tuple(explain.grouped(verdict)), verdict.reason) if verdict else (entry.trouble,)
    return entry.requirement.id, entry.case.target, entry.standing, *told


def _told(known: Observation, name: str) -> str:
    """One field of an identity, for people."""
    value = known.get(name)
    if name == "trust" and isinstance(value, Mapping):
        return str(value.get("source") or "")
    if name == "clock_offset" and isinstance(value, (int, float)):
        return f"{value:+.1f} s"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def in_utc(path: Path, at: datetime) -> None:
    """Replace the local time that pytest-html prints without a zone."""
    page = path.read_text(encoding="utf-8")
    told = f"<p>Report generated on {moment(at)} by "
    path.write_text(re.sub(r"<p>Report generated on [^<>]*? by\s+", lambda _: told, page, count=1), encoding="utf-8")
