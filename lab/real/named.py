"""BIND's named as the Internet's DNS, as public resolvers and as the company's resolvers.

Theory. The Internet has one authority: a view with a root zone that holds every public record of the world, so that any
other name gets a true NXDOMAIN. A resolver, public or corporate, is a view of its own that forwards there; which view
answers is decided by the address that was asked. The company's zone exists in its own resolvers only.

What a resolver does wrong is said in named's own words: a response policy zone for names it falsifies, denies or
swallows, a redirect zone for rewriting negative answers, a zone that cannot be loaded for SERVFAIL, a zone closed to
queries for REFUSED. `unplayable` names what named cannot do: no real server lies about message ids or flips answers.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.backend import Stage
from lab.healthy import CORP_DOMAIN
from lab.real import programs, ready
from lab.servers import Doh, Record
from lab.world import DnsFault, DnsManner, Machine, Resolver, Site, World

AUTHORITY = "100.64.0.2"
"""The internet machine's own address, where the authority answers."""
DOH_UPSTREAM = "127.0.0.1:8053"
"""Where named answers DNS over clear HTTP/2 inside a machine."""

_POLICIES = {
    DnsManner.NXDOMAIN: "CNAME .",
    DnsManner.NODATA: "CNAME *.",
    DnsManner.SILENT: "CNAME rpz-drop.",
    DnsManner.TRUNCATE: "CNAME rpz-tcp-only.",
}
_ZONES = {
    DnsManner.SERVFAIL: 'type primary; file "no-such-file";',
    DnsManner.REFUSED: 'type primary; file "empty.zone"; allow-query { none; };',
}
_START_OF_ZONE = (
    "$TTL 60\n@ SOA ns.authority.example. lab.authority.example. 1 3600 600 86400 60\n@ NS ns.authority.example.\n"
)
_ROOT_SERVER = f"ns.authority.example. A {AUTHORITY}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """One resolver as a client sees it: by the address that it asks, or by the front that asks for it."""

    name: str
    address: str
    resolver: Resolver
    https: bool = False

    @property
    def match(self) -> str:
        return f"match-{'clients' if self.https else 'destinations'} {{ {self.address}; }};"


def doh_client(world: World, site: Site) -> str:
    """The loopback address from which a front must ask `DOH_UPSTREAM` to be answered as this DoH site."""
    doh = [each for each in world.sites if each.machine is site.machine and isinstance(each.app, Doh)]
    return f"127.0.53.{doh.index(site) + 1}"


def unplayable(world: World) -> Iterator[str]:
    """What of the world's DNS named cannot do."""
    for resolver in world.resolvers:
        for fault in resolver.faults:
            yield from _unplayable_fault(fault)


def start(world: World, stage: Stage) -> None:
    """Write the configurations and start one named per machine."""
    for machine in (Machine.INTERNET, Machine.CORP):
        directory = stage.directory / f"named-{machine}"
        directory.mkdir()
        configuration, zones = _files(world, machine)
        for name, text in zones:
            (directory / name).write_text(text)
        (directory / "named.conf").write_text(f'options {{ directory "{directory}"; {configuration}')
        stage.start(
            machine,
            f"named-{machine}",
            [programs.copy(stage, "named"), "-g", "-n", "1", "-c", f"{directory}/named.conf"],
        )


def wait(world: World, stage: Stage) -> None:
    """Wait until both answer and every view's policy is in force."""
    ready.until_said(stage, f"named-{Machine.INTERNET}", "zone ./IN/authority: loaded")
    for machine in (Machine.INTERNET, Machine.CORP):
        ready.until_said(stage, f"named-{machine}", "running")
        policies = len(_views(world, machine))
        ready.until_said(stage, f"named-{machine}", "rpz: policy: reload done", times=policies)


def _views(world: World, machine: Machine) -> list[_View]:
    views = [
        _View(name=f"resolver-{address}", address=address, resolver=resolver)
        for resolver in world.resolvers
        for address in resolver.addresses
        if resolver.machine is machine and resolver.listens
    ]
    for site in world.sites:
        if site.machine is machine and isinstance(site.app, Doh):
            address = doh_client(world, site)
            resolver = Resolver(addresses=(address,), machine=machine, overrides=site.app.overrides)
            views.append(_View(name=site.name, address=address, resolver=resolver, https=True))
    return views


def _files(world: World, machine: Machine) -> tuple[str, list[tuple[str, str]]]:
    """named's configuration after `options { directory …;`, and its zone files."""
    views = _views(world, machine)
    zones = [("empty.zone", _START_OF_ZONE)]
    blocks = []
    addresses = [view.address for view in views if not view.https]
    if machine is Machine.INTERNET:
        addresses.append(AUTHORITY)
        blocks.append(
            f'view "authority" {{ match-destinations {{ {AUTHORITY}; }}; recursion no;'
            ' zone "." { type primary; file "root.zone"; }; };'
        )
        public = [record for record in world.records if not _is_corporate(record.name)]
        zones.append(("root.zone", _zone(public) + _ROOT_SERVER))
    else:
        corporate = [record for record in world.records if _is_corporate(record.name)]
        zones.append((f"{CORP_DOMAIN}.zone", _zone(corporate)))
    for view in views:
        blocks.append(_view(world, view))
        zones.append((f"{view.name}.policy", _START_OF_ZONE + "\n".join(policy(world, view.resolver)) + "\n"))
        if view.resolver.rewrites_to:
            zones.append((f"{view.name}.redirect", _START_OF_ZONE + _rewriting(view.resolver.rewrites_to)))
    options = """
            pid-file none; session-keyfile none; recursion yes; dnssec-validation no; notify no; listen-on-v6 { none; };
            allow-query { any; }; allow-recursion { any; }; empty-zones-enable no; minimal-responses yes;
            prefetch 0; max-cache-size 4m;"""
    address, port = DOH_UPSTREAM.split(":")
    listen = (
        f"listen-on {{ {' '.join(f'{each};' for each in addresses)} }};"
        f" listen-on port {port} tls none http lab {{ {address}; }};"
    )
    return "\n".join((options, listen, "};", "controls { };", "http lab { };", *blocks)) + "\n", zones


def _view(world: World, view: _View) -> str:
    zones = []
    if view.resolver.machine is Machine.CORP:
        zones.append(f'zone "{CORP_DOMAIN}" {{ type primary; file "{CORP_DOMAIN}.zone"; }};')
    for fault in view.resolver.faults:
        if fault.manner in _ZONES:
            zones += [f'zone "{name}" {{ {_ZONES[fault.manner]} }};' for name in _names(world, fault, every=".")]
    if view.resolver.rewrites_to:
        zones.append(f'zone "." {{ type redirect; file "{view.name}.redirect"; }};')
    return f"""view "{view.name}" {{
        {view.match}
        forward only; forwarders {{ {AUTHORITY}; }};
        response-policy {{ zone "policy"; }} qname-wait-recurse no;
        zone "policy" {{ type primary; file "{view.name}.policy"; }};
        {" ".join(zones)}
    }};"""


def policy(world: World, resolver: Resolver) -> Iterator[str]:
    """Response policy records. A name has one policy: that of its first fault, else the overrides of all its types."""
    failing: set[str] = set()
    for fault in resolver.faults:
        if fault.manner in _POLICIES:
            about = [name for name in _names(world, fault, every="*") if name not in failing]
            yield from (f"{name} {_POLICIES[fault.manner]}" for name in about)
            failing.update(about)
    replaced = {(record.name, record.type) for record in resolver.overrides}
    names = {record.name for record in resolver.overrides} - failing
    kept = [each for each in world.records if (each.name, each.type) not in replaced]
    for record in (*resolver.overrides, *kept):
        if record.name in names:
            yield from _lines(record, root="")
    for name in names:
        if name.startswith("*."):
            below = {each.name for each in world.records if each.name.endswith(name[1:])} - names
            yield from (f"{each} CNAME rpz-passthru." for each in sorted(below))


def _names(world: World, fault: DnsFault, *, every: str) -> list[str]:
    """The names a fault is about, out of those that are asked: the world's, and the same below the search domains."""
    if fault.names == "*":
        return [every]
    known = list(dict.fromkeys(record.name for record in world.records))
    asked = known + [f"{name}.{domain}" for name in known for domain in world.host.search]
    return [name for name in asked if fnmatch.fnmatchcase(name, fault.names)]


def _zone(records: Iterable[Record]) -> str:
    return _START_OF_ZONE + "".join(f"{line}\n" for record in records for line in _lines(record, root="."))


def _lines(record: Record, *, root: str) -> Iterator[str]:
    for value in record.values:
        target = f"{value}." if record.type == "CNAME" else value
        yield f"{record.name}{root} {record.ttl} {record.type} {target}"
    if not record.values:
        yield f'{record.name}{root} {record.ttl} TXT "this name has other data"'


def _rewriting(addresses: Sequence[str]) -> str:
    return "".join(f"*. {'AAAA' if ':' in address else 'A'} {address}\n" for address in addresses)


def _is_corporate(name: str) -> bool:
    return name == CORP_DOMAIN or name.endswith(f".{CORP_DOMAIN}")


def _unplayable_fault(fault: DnsFault) -> Iterator[str]:
    if fault.manner not in {*_POLICIES, *_ZONES}:
        yield f"a resolver that answers in the manner {fault.manner}"
    if fault.types or set(fault.transports) != {"udp", "tcp"}:
        yield "a resolver that fails for some types or transports only"
    if fault.edns is not None or fault.every != 1 or fault.extended:
        yield "a resolver that fails for some of its questions only"
