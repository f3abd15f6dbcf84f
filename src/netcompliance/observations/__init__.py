"""Observations as types: one class for each kind, and nothing that a field could be beside what is declared there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netcompliance.observations.connections import (
    Answers,
    Certificate,
    Chain,
    ChainJudged,
    Exchanges,
    Http2,
    Proxy,
    ProxyAddress,
    Shares,
    Tcp,
    Tls,
    Tried,
)
from netcompliance.observations.hosts import (
    Fault,
    Firewall,
    Host,
    Probe,
    Readings,
    Route,
    Setting,
    Sockets,
    Syn,
    Trust,
    Unseen,
)
from netcompliance.observations.kinds import Error, Icmp, Seen
from netcompliance.observations.names import Dns, DnsShare, GoResolve, PublicDns, Query, Resolve, Resolver
from netcompliance.observations.record import Record
from netcompliance.observations.requests import Chart, Http, Registry
from netcompliance.observations.watch import (
    Alive,
    Answer,
    Begin,
    Control,
    End,
    Gone,
    Run,
    Showed,
    Unwatched,
    Watch,
)

__all__ = [
    "KINDS",
    "OURS",
    "SENT",
    "VISIT",
    "WORDS",
    "Alive",
    "Answer",
    "Answers",
    "Begin",
    "Certificate",
    "Chain",
    "ChainJudged",
    "Chart",
    "Control",
    "Dns",
    "DnsShare",
    "End",
    "Error",
    "Exchanges",
    "Fault",
    "Firewall",
    "GoResolve",
    "Gone",
    "Host",
    "Http",
    "Http2",
    "Icmp",
    "Probe",
    "Proxy",
    "ProxyAddress",
    "PublicDns",
    "Query",
    "Readings",
    "Record",
    "Registry",
    "Resolve",
    "Resolver",
    "Route",
    "Run",
    "Seen",
    "Setting",
    "Shares",
    "Showed",
    "Sockets",
    "Syn",
    "Tcp",
    "Tls",
    "Tried",
    "Trust",
    "Unseen",
    "Unwatched",
    "Watch",
    "decode",
]

VISIT: Mapping[str, type[Seen]] = {
    each.kind: each
    for each in (
        *(Host, Route, Resolve, Dns, GoResolve, DnsShare, Tcp, Shares, Exchanges, Proxy, ProxyAddress, Tls, Http2),
        *(Http, Registry, Sockets, Syn, Firewall, Fault, Probe, Unseen),
    )
}
"""What a visit may send, by kind."""
OURS: Mapping[str, type[Seen]] = {each.kind: each for each in (PublicDns, Chart, Chain)}
"""What this machine adds."""
SENT: Mapping[str, type[Watch]] = {each.per: each for each in (Begin, Run, Unwatched, Alive, Gone, End)}
"""What a watch may send, by its word."""
WORDS: Mapping[str, type[Watch]] = {each.per: each for each in (Begin, Run, Unwatched, Control, End)}
"""Words of a watch that stand in a journal."""
KINDS: Mapping[str, type[Seen]] = {**VISIT, **OURS, Watch.kind: Watch}

_BY_WORD = {**SENT, **WORDS}


def decode(observation: Mapping[str, Any]) -> Seen | None:
    """The observation as judges may rely on it: each field has its type, or is missing. `None` of an unknown kind."""
    kind = observation.get("kind")
    its = KINDS.get(kind) if isinstance(kind, str) else None
    if its is Watch:
        what = observation.get("what")
        its = _BY_WORD.get(what) if isinstance(what, str) else None
    return its.decode(observation) if its else None
