"""What went wrong with a connection, whoever the peer is, and over which ways a peer was looked at.

Theory. A refusal, a silent drop and an unreachable network have different owners, so they are never one finding. A
client that does not race IPv4 against IPv6 goes by IPv4 where the host can send it at all; a name is judged by the
version that is in use, and every address of that version must have been tried before anything can pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    duration,
    error_name,
    error_of,
    error_text,
    finding,
    listed,
    parsed_address,
    seconds,
    unsent,
)
from netcompliance.judge.shares import opens, share_trouble, shares_of
from netcompliance.model import Finding
from netcompliance.observations import Seen, Tcp

BEFORE_TLS = ("resolve", "tcp", "proxy")
"""Phases of an exchange in which there is no connection yet."""

TIMEOUTS = ("TIMEOUT", "ETIMEDOUT")
"""Our own deadline, and the system's."""

TCP_CODES = {
    "ECONNREFUSED": Code.TCP_REFUSED,
    "ECONNRESET": Code.TCP_REFUSED,
    "ECONNABORTED": Code.TCP_REFUSED,
    **dict.fromkeys(TIMEOUTS, Code.TCP_FILTERED),
}
"""Every other error of connect() means that there is no way."""
TIME_EXCEEDED = {4: 11, 6: 3}
"""Version of IP → the ICMP type by which a router says that a packet has passed too many of them."""


LOCAL = 0.2
"""Seconds. The host itself knows at once that it has no route; a router's word for the same takes its way, and a SYN
that is repeated."""


def never_left(seen: Seen) -> bool:
    """Did the host itself not send the SYN? Some who looked cannot tell a router's word for it from the host's own."""
    told = error_name(seen) != "EHOSTUNREACH" or seconds(seen) < LOCAL or bool(error_of(seen).icmp)
    return unsent(seen) and told


def tcp_trouble(seen: Tcp, host: str, others_open: Iterable[str] = ()) -> Finding | None:
    """What an attempt to connect means; `None` if it opened."""
    name = error_name(seen)
    if name is None:
        return None
    address = host if seen.address is None else seen.address
    if never_left(seen):
        detail = f"no connection leaves this host for {address} ({error_text(seen) or name})"
        return finding(Code.HOST_NO_ROUTE, address, detail, destination=str(address))
    code = TCP_CODES.get(name, Code.TCP_UNREACHABLE)
    icmp = error_of(seen).icmp
    if ((icmp.type if icmp else None) or 0) == TIME_EXCEEDED.get(version_of(address)):
        code = Code.TCP_LOOP
    if code is not Code.TCP_FILTERED:
        how = "refused" if code is Code.TCP_REFUSED else (error_text(seen) or name)
        return finding(code, address, f"{address} {how} after {duration(seconds(seen))}{_icmp(seen)}")
    open_elsewhere = listed(others_open)
    syns = 1 if seen.syns is None else seen.syns
    sent = f"{syns} SYNs" if syns > 1 else "SYN"
    detail = f"no answer to {sent} in {duration(seconds(seen))} from {address}"
    if not open_elsewhere:
        return finding(code, address, detail)
    return finding(Code.TCP_PARTLY_FILTERED, address, f"{detail}; {open_elsewhere} opened")


def _icmp(seen: Tcp) -> str:
    icmp = error_of(seen).icmp
    if not icmp:
        return ""
    return f", by ICMP type {icmp.type} code {icmp.code} from {icmp.from_}"


def version_of(address: str | None) -> int:
    """4 or 6; 0 for what is no address."""
    ip = parsed_address(address)
    return ip.version if ip else 0


def version_in_use(attempts: Iterable[Tcp]) -> int:
    """IPv6 if IPv4 has no address or no way out of the host at all, else IPv4."""
    by_version: dict[int, list[bool]] = {0: [], 4: [], 6: []}
    for seen in attempts:
        by_version[version_of(seen.address)].append(never_left(seen))
    return 6 if by_version[6] and all(by_version[4]) and not (by_version[4] and all(by_version[6])) else 4


def usable(attempts: Iterable[Tcp]) -> list[Tcp]:
    """The attempts by which a name is judged."""
    every = list(attempts)
    version = version_in_use(every)
    return [seen for seen in every if version_of(seen.address) == version]


def tcp_troubles(evidence: Evidence, task: str, host: str) -> tuple[list[Finding], list[str]]:
    """Findings for a name's addresses, and the addresses that opened."""
    attempts = usable(evidence.all(Tcp, task=task, host=host))
    shares = shares_of(evidence, host)
    known = [(seen.address, seen) for seen in attempts if seen.address is not None]
    opened = [address for address, seen in known if error_name(seen) is None or opens(shares.get(address))]
    found = [
        share_trouble(shares.get(address), address) if address in opened else tcp_trouble(seen, host, opened)
        for address, seen in known
    ]
    return [f for f in found if f], opened


def connected_addresses(evidence: Evidence, task: str, host: str) -> list[str]:
    """Addresses of the name at which TCP opened and more was looked at, in the order in which they were tried."""
    shares = shares_of(evidence, host)
    return [
        seen.address
        for seen in evidence.all(Tcp, task=task, host=host)
        if seen.address and seen.full is not False
        if error_name(seen) is None or opens(shares.get(seen.address))
    ]


def paths_to(evidence: Evidence, task: str, host: str) -> list[str | None]:
    """What TLS was tried over: each address that opened, or the way through the proxy (`None`)."""
    return [None] if evidence.proxy_for(host) else list(dict.fromkeys(connected_addresses(evidence, task, host)))


def path_name(path: str | None, host: str) -> str:
    """A way to a peer, for people."""
    return path or f"{host} through the proxy"


def unfinished(missing: Iterable[str | None], what: str) -> str:
    """Why a case cannot pass: what was not seen, and where. Empty if nothing is missing."""
    where = listed(path or "the proxy" for path in missing)
    return f"{what} at {where} did not come to an end" if where else ""
