"""Who ran what, where, when and with what; the settings in effect; the vantages; the clocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from netcompliance.journal import JOURNAL
from netcompliance.model import Observation, Settings
from netcompliance.observations.values import decode_number
from netcompliance.report import summary
from netcompliance.report.html.markup import Markup, many, moment, scrolling, table
from netcompliance.report.html.view_model import Account

CLOCK_SECONDS = 60
"""More than this off is worth a word; the judge has the verdict (CLK-01)."""

IDENTITY: Mapping[str, str] = {
    "vantage_kind": "kind",
    "error": "could not look",
    "hostname": "host name",
    "user": "user",
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


def facts(account: Account, markup: Markup) -> Iterator[str]:
    """The facts of the run."""
    run = account.run
    settings, head = run.settings, run.header
    by = head.get("by")
    by = by if isinstance(by, Mapping) else {}
    tool, commit = head["tool"], head["tool"].get("commit")
    rows = (
        ("verdict", f"<b>{account.word}</b>: {_reason(account, markup)}"),
        ("tenant", markup.text(settings.tenant)),
        ("endpoint", markup.code(settings.endpoint)),
        ("looked from", f"{many(len(account.vantages), 'vantage')}: {markup.text(summary.folded(account.vantages))}"),
        ("run by", markup.text(f"{by.get('user', 'unknown')} on {by.get('host', 'unknown')}")),
        ("started", moment(run.started)),
        ("finished", _finished(account)),
        ("clocks", markup.text(clocks(account.identities))),
        ("made with", markup.text(_tool(tool))),
        ("commit", markup.code(commit) if commit else "not known: not run from a checkout"),
        ("catalogue", f"version {markup.text(head.get('catalogue', ''))}"),
        ("catalogue SHA-256", markup.code(head.get("catalogue_sha256", ""))),
        ("journal", f"{JOURNAL}, beside report.html"),
        ("journal SHA-256", markup.code(run.sha256)),
    )
    yield markup.pairs(rows, "facts")


def _reason(account: Account, markup: Markup) -> str:
    return markup.text(f"{len(account.entries)} cases planned, {summary.counted(account.entries)}")


def _finished(account: Account) -> str:
    if account.finished is None:
        return "not known: the journal has no end"
    return f"{moment(account.finished)} ({(account.finished - account.run.started).total_seconds():.1f} s)"


def _tool(tool: Mapping[str, Any]) -> str:
    return f"{tool.get('name', 'netcompliance')} {tool.get('version', '')}, Python {tool.get('python', '')}"


def clocks(identities: Mapping[str, Observation]) -> str:
    """How far the clocks of the vantages are from the service's, by the dates of its answers."""
    offsets = {
        vantage: offset
        for vantage, known in identities.items()
        if (offset := decode_number(known.get("clock_offset"))) is not None
    }
    unknown = len(identities) - len(offsets)
    if not offsets:
        return "could not be compared: no vantage got a dated answer of the service"
    vantage, most = max(offsets.items(), key=lambda pair: abs(pair[1]))
    told = f"{many(len(offsets), 'vantage')} compared with the service's dates: at most {most:+.1f} s off ({vantage})"
    return told + (f"; {unknown} could not be compared" if unknown else "")


def vantages(account: Account, markup: Markup) -> Iterator[str]:
    """Who looked: a row for each vantage, with what it said of itself, or why nobody could."""
    known = {vantage: account.identities.get(vantage) or {} for vantage in account.vantages}
    columns = [name for name in IDENTITY if any(told(each, name) for each in known.values())]
    rows = (
        (markup.text(vantage), *(markup.text(told(each, name)) for name in columns)) for vantage, each in known.items()
    )
    yield from scrolling(
        "What each vantage said of itself", table(("vantage", *(IDENTITY[name] for name in columns)), rows, "vantages")
    )


def told(known: Observation, name: str) -> str:
    """One field of an identity, for people."""
    value = known.get(name)
    if name == "trust" and isinstance(value, Mapping):
        return str(value.get("source") or "")
    if name == "clock_offset" and (offset := decode_number(value)) is not None:
        return f"{offset:+.1f} s"
    return _plain(value)


def settings(account: Account, markup: Markup) -> Iterator[str]:
    """Everything that the run was told, after options and profile were put together."""
    yield markup.pairs(_settings(account.run.settings, markup), "settings")


def _settings(settings: Settings, markup: Markup) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name == "waivers":
            continue
        if isinstance(value, tuple) and len(value) > 1:
            yield _named(field.name), f"<ul>{''.join(f'<li>{markup.text(_plain(each))}</li>' for each in value)}</ul>"
        else:
            yield _named(field.name), markup.text(_plain(value) or "none")


def _named(field: str) -> str:
    return field.replace("_", " ")


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__str__ is object.__str__:
        return _plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items() if each is not None)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    return "" if value is None else str(value)
