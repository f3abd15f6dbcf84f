"""The request for a ticket: Markdown for people, CSV for the systems they keep it in (pure).

Rules
* In Markdown a pipe, a backtick or a bracket of somebody else's text is shown, not obeyed. In CSV a cell that a
  spreadsheet would take for a formula is quoted with an apostrophe.
* CSV has one row for each source, destination and address; Markdown one for each destination.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator

from netcompliance.change.allowlist.flows import DIRECTION, DRIFT, AllowList, Flow, Source, day

_COLUMNS = (
    "source", "source kind", "source addresses", "destination", "address", "seen", "port", "protocol", "direction",
    "via", "purpose", "requirements", "basis", "tenants",
)  # fmt: skip


def markdown(allowed: AllowList) -> str:
    """A request with everything that a firewall team asks back for."""
    return "\n".join(_markdown(allowed)) + "\n"


def _markdown(allowed: AllowList) -> Iterator[str]:
    yield f"# Allow-list for the StackState Agent: {', '.join(_shown(tenant) for tenant in allowed.tenants)}"
    yield ""
    yield "Every connection is opened by the source. Nothing has to be let in but the answers to what was sent out."
    yield f"**{DRIFT}**"
    direct = [flow for flow in allowed.flows if not flow.via]
    yield from ("", "## Firewall", "", *_table(direct)) if direct else ()
    for proxy in sorted({flow.via for flow in allowed.flows if flow.via}):
        yield from ("", f"## Proxy {_shown(proxy)}", "", "It has to grant CONNECT to:", "")
        yield from _table([flow for flow in allowed.flows if flow.via == proxy])
    yield from ("", "## Sources", "", "| source | kind | addresses, as it sees itself |", "|---|---|---|")
    for source in allowed.sources:
        yield f"| {_shown(source.vantage)} | {source.kind} | {', '.join(source.addresses) or 'unknown'} |"
    if allowed.notes:
        yield from ("", "## To be known besides", "", *(f"* {_shown(note)}" for note in allowed.notes))


def _table(flows: Iterable[Flow]) -> Iterator[str]:
    yield "| from | to | addresses (seen) | port | direction | for | asked for by |"
    yield "|---|---|---|---|---|---|---|"
    rows: dict[tuple[str, int, tuple[str, ...]], list[Flow]] = {}
    for flow in flows:
        rows.setdefault((flow.destination, flow.port, flow.protocols), []).append(flow)
    for same in rows.values():
        first = same[0]
        sources = ", ".join(_shown(source) for source in dict.fromkeys(flow.source.vantage for flow in same))
        seen = {address: max(f.addresses[address] for f in same if address in f.addresses) for address in _every(same)}
        addresses = ", ".join(f"{address} ({day(moment)})" for address, moment in seen.items()) or "by name"
        port = f"{'+'.join(first.protocols)} {first.port}"
        asked = ", ".join(dict.fromkeys(r for flow in same for r in flow.requirements))
        yield (
            f"| {sources} | {first.name or 'resolver'} | {addresses} | {port} | {DIRECTION} | {first.purpose} "
            f"| {asked} ({first.basis}) |"
        )


def _every(flows: Iterable[Flow]) -> list[str]:
    return list(dict.fromkeys(address for flow in flows for address in flow.addresses))


def _shown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)


def table(allowed: AllowList) -> str:
    """CSV, RFC 4180."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for flow in allowed.flows:
        for address in flow.addresses or ("",):
            writer.writerow(_plain(cell) for cell in _row(flow, flow.source, address))
    return file.getvalue()


def _row(flow: Flow, source: Source, address: str) -> tuple[str, ...]:
    return (
        source.vantage,
        source.kind,
        " ".join(source.addresses),
        flow.name,
        address,
        flow.addresses[address].isoformat(timespec="seconds").replace("+00:00", "Z") if address else "",
        str(flow.port),
        "+".join(flow.protocols),
        DIRECTION,
        flow.via or "",
        flow.purpose,
        " ".join(flow.requirements),
        flow.basis,
        " ".join(flow.tenants),
    )


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
