"""Which observations a requirement is judged by (pure): what stands behind a verdict in the report.

Rules
* A row for each requirement of the catalogue. An observation belongs if its kind and these fields fit, and if it is
  about the case: of its host where the observation names one, and of its image.
* It would rather show too much than too little: a judge may look at less than what is listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcompliance.model import Case, Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Observations of one kind, as far as these fields say which."""

    kind: str
    fields: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    about: tuple[str, ...] = ("host",)
    """Fields that, if they are there, name the case's host or its target."""


def _looks(kind: str, *, about: tuple[str, ...] = ("host",), **fields: object) -> Looks:
    wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in fields.items()}
    return Looks(kind=kind, fields=wanted, about=about)


_NAMES = (_looks("resolve"), _looks("dns", about=("name",)))
_HANDSHAKES = _looks("tls", purpose=("verify", "identify"))
_CHAIN = _looks("chain")
_WAY = (_looks("resolve"), _looks("tcp"), _HANDSHAKES)
_ANSWERS = _looks("http", purpose=("receiver", "sibling"), task="tenant")
_SEEN_OUTSIDE = (_looks("syn", about=()), _looks("sockets", about=()))

BELONGING: Mapping[str, tuple[Looks, ...]] = {
    "DNS-01": _NAMES,
    "DNS-02": _NAMES,
    "DNS-03": (_looks("dns", about=("name",)),),
    "DNS-04": (*_NAMES, _looks("public-dns", about=("name",))),
    "DNS-05": _NAMES,
    "DNS-06": _NAMES,
    "DNS-07": _NAMES,
    "DNS-08": _NAMES,
    "HTTPS-01": (_looks("tcp", task="tenant"), _looks("tcp", about=(), task="control")),
    "HTTPS-02": (_HANDSHAKES, _CHAIN),
    "HTTPS-03": (_HANDSHAKES, _CHAIN),
    "HTTPS-04": (),
    "HTTPS-05": (_looks("tls", purpose=("large-hello", "large-hello-small-mss", "small-mss")),),
    "HTTPS-06": (_looks("http", purpose=("small-upload", "upload", "upload-small-mss")),),
    "HTTPS-07": (_looks("tcp", family=6, task="tenant"), _looks("resolve")),
    "RCV-01": (_ANSWERS,),
    "RCV-02": (_looks("http", about=("host", "path"), purpose="path"), _looks("http", purpose="sibling")),
    "RCV-03": (_looks("http", purpose="key"),),
    "RCV-04": (_looks("http", purpose="receiver"),),
    "OUT-01": _SEEN_OUTSIDE,
    "OUT-02": (*_SEEN_OUTSIDE, _looks("firewall", about=())),
    "REG-01": (_looks("registry", step="ping"), *_WAY),
    "REG-02": (_looks("registry", about=("image",), step="token"),),
    "REG-03": (_looks("registry", about=("image",), step=("manifest", "platform")),),
    "REG-04": (_looks("registry", about=("image",), step=("config", "layer")),),
    "REG-05": (*_WAY, _CHAIN),
    "REG-06": (_looks("registry", about=("image",), step=("manifest", "platform")),),
    "REG-07": (),
    "HELM-01": (_looks("chart", about=()), *_WAY),
    "PRX-01": (_looks("route"), _looks("proxy")),
    "PRX-02": (),
    "WATCH-01": (_looks("watch"),),
    "CLK-01": (_looks("http", purpose="receiver"), _HANDSHAKES),
}
"""Requirement → what is looked at. Nothing for what is read in a file of the tenant's, not seen on a network."""


def belongs(seen: Observation, case: Case) -> bool:
    """Whether the observation, made at the case's vantage, is one that the case is judged by."""
    return any(_fits(seen, looks, case) for looks in BELONGING.get(case.requirement, ()))


def _fits(seen: Observation, looks: Looks, case: Case) -> bool:
    if seen.get("kind") != looks.kind:
        return False
    if any(seen.get(name) not in wanted for name, wanted in looks.fields.items()):
        return False
    return all(_is_about(seen.get(name), case) for name in looks.about if seen.get(name))


def _is_about(name: object, case: Case) -> bool:
    """Whether a host, an image or a path is the case's."""
    host, _, port = case.host.rpartition(":")
    if name in (case.host, case.target, host if port.isdigit() else case.host):
        return True
    _, slash, last = str(name).rpartition("/")
    return bool(slash) and case.target.rpartition("/")[2] == last
