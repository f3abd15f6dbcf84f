"""Is *go* ever said wrongly? Outages that only some samples can see, at random moments, against what the watch says.

Each kind has a node of its own, and all are watched at once. After every outage, each path that it touched is judged
by what it tells of that time: with a limit of a second, and with half of what the outage really lasted. A wrong *go* is
one although the outage was longer than the limit; a missed roll back is none although it was longer by more than the
error that the watch states. Half of 0.3 s is shorter than requests can see: there it is `undetermined`.
Of shares a roll back is missed only with limits from a second on, for which this watch samples often enough; with a
lower one it never says *go*.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rules import Rules

from lab import changes, linux, network
from lab.healthy import CDN, LAB_KEY, QUAY, QUAY_V4, TENANT, TENANT_V4, TENANT_V6
from lab.scenarios.pages import BLOCK_PAGE
from lab.servers import Fixed, Receiver, Registry, Reply, Rule
from lab.world import Authority, Machine, Site, Tls, World
from netcompliance import outages
from netcompliance.judge.watch import watched
from netcompliance.model import Criteria
from netcompliance.outages import Held, Outage, Path

LENGTHS = (0.3, 1.0, 3.0, 10.0)
KINDS = (
    "503", "wrong peer", "large packets", "posts", "hello", "registry", "token server", "layers", "dns", "aaaa",
    "one leg of two", "one leg of four",
)  # fmt: skip
SEED = 20240229
PAUSE = (4.0, 6.0)
"""Seconds between two outages of a node, at random."""
LIMIT = 1.0
CLOCK = 0.02
"""Seconds by which moments of the injection are uncertain, on a machine that is busy."""
NEAR = 1.5
"""Seconds before and after an outage in which it may be reported."""
_PORTS = {"503": 9446, "wrong peer": 9444, "posts": 9448, "hello": 9449}
_PULL_PORTS = {"token server": 9450, "layers": 9451}
_PULLED_FROM = {"token server": QUAY_V4, "layers": tuple(CDN.values())}
_UNAVAILABLE = Reply(status=503, headers=(("Content-Type", "application/json"),), body=b'{"error":"unavailable"}')
_LARGE = "tcp flags & (syn | rst) == 0 meta length > 1000 drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An outage that was made."""

    node: int
    kind: str
    length: float
    begin: float
    end: float


def world(healthy: World) -> World:
    """With those who answer in the tenant's place."""
    common: dict[str, Any] = {"machine": Machine.ROUTER, "hosts": (TENANT,), "addresses": ("10.20.0.1", "fd20::1")}
    balancer = Site(name="balancer", port=_PORTS["503"], app=Fixed(reply=_UNAVAILABLE), **common)
    device = Site(
        name="device",
        port=_PORTS["wrong peer"],
        tls=Tls(authority=Authority.DEVICE),
        app=Fixed(reply=BLOCK_PAGE),
        **common,
    )
    receiver = Receiver(key=LAB_KEY)
    no_posts = Rule(methods=("POST",), reply=_UNAVAILABLE)
    no_tokens = Rule(path="/v2/auth*", reply=_UNAVAILABLE)
    more = (
        balancer,
        device,
        Site(name="no-posts", port=_PORTS["posts"], app=receiver, rules=(no_posts,), **common),
        Site(name="small-hellos", port=_PORTS["hello"], app=receiver, tls=Tls(hello_limit=1000), **common),
        Site(
            name="no-tokens",
            port=_PULL_PORTS["token server"],
            app=Registry(service=QUAY, cdn=("cdn01.quay.io",)),
            rules=(no_tokens,),
            **{**common, "hosts": (QUAY,)},
        ),
        Site(
            name="no-layers",
            port=_PULL_PORTS["layers"],
            app=Fixed(reply=_UNAVAILABLE),
            **{**common, "hosts": tuple(CDN)},
        ),
    )
    for site in more:
        healthy = changes.add_site(site)(healthy)
    return healthy


def seconds(repetitions: int) -> float:
    """How long all that takes at most."""
    return repetitions * sum(length + PAUSE[1] for length in LENGTHS) + PAUSE[1]


def inject(repetitions: int) -> None:
    """In the router: make all outages, and print when they were."""
    linux.setns(str(network.NETNS / Machine.ROUTER))
    rules, chance = Rules(), random.Random(SEED)  # noqa: S311 - moments, no secrets
    events: list[tuple[float, int, float, bool]] = []
    for node, kind in enumerate(KINDS, start=1):
        for family, version in (("ip", "ipv4"), ("ip6", "ipv6")):
            rules.run(f"add set inet lab on-{family}-{node} {{ type {version}_addr; }}")
        for chain, rule in _rules(kind, node):
            rules.run(f"insert rule inet lab {chain} {rule}")
        at = 0.0
        for length in LENGTHS * repetitions:
            at += chance.uniform(*PAUSE)
            events += [(at, node, length, True), (at + length, node, length, False)]
            at += length
    start, begun, made = time.monotonic(), {}, []
    for at, node, length, on in sorted(events):
        time.sleep(max(0.0, start + at - time.monotonic()))
        verb = "add" if on else "delete"
        elements = (
            f"{verb} element inet lab on-{family}-{node} {{ {_source(family, node)} }}" for family in ("ip", "ip6")
        )
        moment = sum(rules.run("; ".join(elements))) / 2
        if on:
            begun[node] = moment
        else:
            made.append(Made(node=node, kind=KINDS[node - 1], length=length, begin=begun[node], end=moment))
    print(json.dumps([asdict(each) for each in made]))


def _source(family: str, node: int) -> str:
    return f"10.21.0.{node + 1}" if family == "ip" else f"fd21::{node + 1:x}"


def _rules(kind: str, node: int) -> Iterable[tuple[str, str]]:
    for family, tenant, router in (("ip", TENANT_V4, "10.20.0.1"), ("ip6", TENANT_V6, "[fd20::1]")):
        who = f"{family} saddr @on-{family}-{node}"
        which = f"{who} {family} daddr {changes.set_of(tenant)} tcp dport 443"
        if kind in _PORTS:
            yield "prerouting", f"{which} dnat {family} to {router}:{_PORTS[kind]}"
        elif kind == "large packets":
            yield "forward", f"{which} {_LARGE}"
        elif kind == "aaaa":
            yield "forward", f"{who} meta l4proto udp th dport 53 @th,352,16 0x001c drop"
        elif kind in _PULL_PORTS:
            if family == "ip":
                which = f"{who} ip daddr {changes.set_of(_PULLED_FROM[kind])} tcp dport 443"
                yield "prerouting", f"{which} dnat ip to {router}:{_PULL_PORTS[kind]}"
        elif kind == "dns":
            yield "forward", f"{who} meta l4proto {{ tcp, udp }} th dport 53 drop"
        elif family == "ip" and kind == "registry":
            yield "forward", f"{who} ip daddr {changes.set_of(QUAY_V4)} tcp dport 443 drop"
        elif family == "ip":
            legs = {"one leg of two": 2, "one leg of four": 4}[kind]
            first = f"{who} ip daddr {TENANT_V4[0]} tcp dport 443"
            yield "forward", f"{first} jhash ip saddr . tcp sport mod {legs} seed 0x1 == 0 drop"


def report(made: Sequence[Made], records: Sequence[Mapping[str, Any]], repetitions: int) -> None:
    """The table."""
    seen = {
        node: watched((r for r in records if r.get("vantage") == f"ssh://node-{node}"), TENANT)
        for node in range(1, len(KINDS) + 1)
    }
    print(f"{repetitions} outages of each row, at random moments; every path that was touched counts by itself\n")
    print(
        f"{'kind':<17}{'length':>7}{'paths':>7}{'not seen':>10}{'error, median and worst':>25}{'within stated':>15}"
        f"{'go/?/back at 1 s':>18}{'at half':>12}{'wrong go':>10}{'missed':>8}"
    )
    wrong = missed = 0
    for kind in KINDS:
        for length in LENGTHS:
            those = [each for each in made if (each.kind, each.length) == (kind, length)]
            text, bad, lost = _row(those, seen)
            wrong, missed = wrong + bad, missed + lost
            print(f"{kind:<17}{length:>5.1f} s{text}")
    print(f"\nwrong go: {wrong}, missed roll back: {missed}")
    touched = {(each.node, path.name, path.layer) for each in made for path in _touched(each, seen[each.node].paths)}
    beside = {("dns", "registry"), ("large packets", "http"), ("503", "http"), ("wrong peer", "http")}
    """Kinds, and layers that they touch as well."""
    false = [
        f"node-{node} {path.layer} {path.name}: {outages.duration_text(outage)}"
        for node, one in seen.items()
        for path in one.paths
        for outage in path.outages
        if (node, path.name, path.layer) not in touched and (KINDS[node - 1], path.layer) not in beside
    ]
    print(f"outages of paths that nobody touched: {len(false)}")
    for line in false[:10]:
        print(f"  {line}")


def _row(those: Sequence[Made], seen: Mapping[int, Any]) -> tuple[str, int, int]:
    errors: list[float] = []
    unseen = within = wrong = missed = paths = 0
    words: dict[str, dict[Held, int]] = {"limit": dict.fromkeys(Held, 0), "half": dict.fromkeys(Held, 0)}
    for each in those:
        real = each.end - each.begin
        layer_wide = not each.kind.startswith("one leg")
        for path in _touched(each, seen[each.node].paths):
            paths += 1
            near = _near(path, each)
            longest = near.longest
            if longest is None:
                unseen += 1
            else:
                errors.append(abs(longest.length - real))
                within += errors[-1] <= longest.plus_minus + CLOCK
            for name, limit in (("limit", LIMIT), ("half", real / 2)):
                (word,) = outages.judged(near, Criteria(layer=path.layer, max_outage=limit), cut=False)
                words[name][word.held] += 1
                wrong += word.held is Held.YES and real > limit + CLOCK
                stated = 2 * longest.plus_minus + CLOCK if longest else 0.0
                sampled = near.hidden() <= limit
                sampled = sampled and (limit >= LIMIT or layer_wide)
                missed += sampled and word.held is not Held.NO and real - limit > stated
    worst = f"{sorted(errors)[len(errors) // 2]:.2f} s {max(errors):>7.2f} s" if errors else "-"
    at = {name: "/".join(str(held[word]) for word in (Held.YES, Held.UNKNOWN, Held.NO)) for name, held in words.items()}
    text = (
        f"{paths:>7}{unseen:>10}{worst:>25}{within:>7} of {len(errors):<4}{at['limit']:>18}{at['half']:>12}"
        f"{wrong:>10}{missed:>8}"
    )
    return text, wrong, missed


def _touched(each: Made, paths: Iterable[Path]) -> list[Path]:
    layer, starts, ends = {
        "503": ("http", "", ":443"),
        "wrong peer": ("tls", "", ""),
        "large packets": ("tls", "", ""),
        "posts": ("http", "", " POST"),
        "hello": ("tls", "", ""),
        "registry": ("registry", "quay.io", ""),
        "token server": ("registry", "quay.io", ""),
        "layers": ("registry", "cdn", ""),
        "dns": ("dns", "", ""),
        "aaaa": ("dns", "", " AAAA"),
    }.get(each.kind, ("tcp", f"{TENANT_V4[0]}:443", ""))
    return [path for path in paths if path.layer == layer and path.name.startswith(starts) and path.name.endswith(ends)]


def _near(path: Path, each: Made) -> Path:
    """What the path tells of this time alone."""

    def there(outage: Outage) -> bool:
        return outage.begin.before < each.end + NEAR and outage.end.after > each.begin - NEAR

    return replace(
        path,
        outages=tuple(filter(there, path.outages)),
        unknown=(),
        blanks=tuple(b for b in path.blanks if b.since < each.end + NEAR and b.until > each.begin - NEAR),
    )
