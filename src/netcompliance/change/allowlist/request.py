"""The request for a ticket: Markdown for people, CSV for the systems they keep it in (pure).

Rules
* In Markdown a pipe, a backtick or a bracket of somebody else's text is shown, not obeyed. In CSV a cell that a
  spreadsheet would take for a formula is quoted with an apostrophe.
* Markdown has a row for each purpose with all names, and the addresses of the names apart, for devices that know no
  names. CSV has a row for each purpose, name and address.
* Where it is asked from is said in networks: what this suite called a host means nothing to a firewall team.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from netcompliance.change.allowlist.flows import DIRECTION, DRIFT, AllowList, day
from netcompliance.change.allowlist.rows import Destination, Row, folded, of_version, prefix, rows
from netcompliance.judge.destinations import Purpose

_COLUMNS = (
    "change", "sources", "hosts", "destination", "address", "seen", "port", "protocol", "direction", "via", "purpose",
    "requirements", "basis", "tenants",
)  # fmt: skip
NOBODY = "(to be filled in: --requester)"
NO_END = "as long as the agent runs; the addresses are to be audited with --allow-list at every change"
JUSTIFICATION = (
    "The StackState Agent on the hosts below sends its data to {tenants}. Without these connections it cannot be "
    "installed, or delivers nothing. Every connection is opened from inside; nothing is opened from outside."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a firewall team asks of a request besides its rules; empty where nobody said."""

    requester: str = ""
    justification: str = ""
    expires: str = ""


def markdown(allowed: AllowList, ticket: Ticket) -> Iterator[str]:
    """A request with everything that a firewall team asks back for."""
    yield f"# Firewall request for the StackState Agent: {', '.join(_escaped(tenant) for tenant in allowed.tenants)}"
    yield from ("", *_ticket(allowed, ticket), "", f"**{DRIFT}**")
    if allowed.against:
        yield from ("", f"This is what is missing of {_escaped(allowed.against)}, and what can go of it.")
    direct = rows(flow for flow in allowed.flows if not flow.via)
    yield from ("", "## Firewall: allow", "", *(_table(direct) if direct else ["Nothing."]))
    for proxy in sorted({flow.via for flow in allowed.flows if flow.via}):
        through = rows(flow for flow in allowed.flows if flow.via == proxy)
        yield from ("", f"## Proxy {_escaped(proxy)}: allow CONNECT", "", *_table(through))
    if allowed.against:
        entries = [f"* {_escaped(entry)}" for entry in allowed.surplus]
        yield from ("", "## Can go", "", *(entries or ["Nothing."]))
    yield from ("", "## Addresses, for devices that know no names", "", *_addresses(direct)) if direct else ()
    yield from ("", "## Sources", "", *_sources(allowed))
    yield from ("", "## Test", "", *_test(allowed))
    yield from ("", "## Rollback", "", *_rollback(allowed))
    if allowed.notes:
        yield from ("", "## Notes", "", *(f"* {_escaped(note)}" for note in allowed.notes))


def _ticket(allowed: AllowList, ticket: Ticket) -> Iterator[str]:
    moments = [moment for flow in allowed.flows for moment in flow.addresses.values()]
    tenants = ", ".join(allowed.tenants)
    yield from ("| | |", "|---|---|")
    yield f"| Requester | {_escaped(ticket.requester or NOBODY)} |"
    yield f"| Justification | {_escaped(ticket.justification or JUSTIFICATION.format(tenants=tenants))} |"
    yield f"| Needed until | {_escaped(ticket.expires or NO_END)} |"
    yield f"| Direction | {DIRECTION}: return traffic only, no inbound rules |"
    if moments:
        yield f"| Addresses seen | {' to '.join(dict.fromkeys((day(min(moments)), day(max(moments)))))} |"


def _table(some: Sequence[Row]) -> Iterator[str]:
    yield "| rule | from | to | port | for | required by |"
    yield "|---|---|---|---|---|---|"
    for row in some:
        to = ", ".join(each.name or ", ".join(folded(each.addresses)) for each in row.destinations)
        asked = f"{', '.join(row.requirements)} ({row.basis})"
        yield f"| {row.rule} | {_origin(row)} | {to} | {_port(row)} | {row.about} | {asked} |"


def _addresses(some: Sequence[Row]) -> Iterator[str]:
    yield "| rule | name | addresses | seen |"
    yield "|---|---|---|---|"
    for row in some:
        for each in row.destinations:
            found = ", ".join(folded(each.addresses)) or "none"
            yield f"| {row.rule} | {each.name or 'resolver'} | {found} | {each.seen} |"


def _sources(allowed: AllowList) -> Iterator[str]:
    yield "| network | hosts |"
    yield "|---|---|"
    together: dict[tuple[str, ...], list[str]] = {}
    for source in allowed.sources:
        together.setdefault(folded(source.addresses), []).append(source.host)
    for nets, hosts in together.items():
        yield f"| {', '.join(nets) or 'unknown'} | {_escaped(', '.join(hosts))} |"


def _test(allowed: AllowList) -> Iterator[str]:
    yield "Once the rules are in place, every line has to connect from the sources that it is for:"
    yield from ("", "```")
    for row in rows(allowed.flows):
        yield f"# {row.rule}, from {_origin(row)}"
        for each in row.destinations:
            yield _command(row, each, allowed.tenants[0])
    yield from ("```", "", "Everything at once, with evidence:", "", "```")
    tenants = " ".join(f"--tenant={tenant.partition('.')[0]}" for tenant in allowed.tenants)
    yield f"pytest {tenants} --hosts=HOSTS --allow-list=APPROVED"
    yield "```"


def _command(row: Row, each: Destination, tenant: str) -> str:
    target = each.name or next(iter(each.addresses), "")
    if row.purpose is Purpose.RESOLVER:
        return f"dig @{target} {tenant} && dig +tcp @{target} {tenant}"
    proxy = f" --proxy {shlex.quote(row.via)}" if row.via else ""
    if row.purpose is Purpose.PROXY:
        return f"nc -vz -w 5 {target} {row.port}"
    return f"curl -sS -o /dev/null --connect-timeout 5{proxy} https://{target}:{row.port}/"


def _rollback(allowed: AllowList) -> Iterator[str]:
    yield (
        f"Remove the rules of this request ({prefix(allowed)}-RULE on a device) and put back what was taken out. "
        "Nothing else depends on them: the agent then delivers nothing, and images that are not on a node yet cannot "
        "be pulled."
    )


def _origin(row: Row) -> str:
    return ", ".join(row.networks) or "unknown: see Sources"


def _port(row: Row) -> str:
    return f"{'+'.join(row.protocols)} {row.port}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)


def table(allowed: AllowList) -> Iterator[str]:
    """CSV, RFC 4180."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    tenants = " ".join(allowed.tenants)
    for row in rows(allowed.flows):
        for each in row.destinations:
            for address in each.addresses or ("",):
                writer.writerow(_plain(cell) for cell in (*_cells(row, each, address), tenants))
    for entry in allowed.surplus:
        writer.writerow(("remove", "", "", _plain(entry), *[""] * (len(_COLUMNS) - 4)))
    yield from file.getvalue().removesuffix("\n").split("\n")


def _cells(row: Row, each: Destination, address: str) -> Iterable[str]:
    return (
        "allow",
        " ".join((of_version(row.networks, ip_address(address).version) if address else ()) or row.networks),
        ", ".join(source.host for source in row.sources),
        each.name,
        address,
        each.addresses[address].isoformat(timespec="seconds").replace("+00:00", "Z") if address else "",
        str(row.port),
        "+".join(row.protocols),
        DIRECTION,
        row.via or "",
        row.about,
        " ".join(row.requirements),
        row.basis,
    )


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
