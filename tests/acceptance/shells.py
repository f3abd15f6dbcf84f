"""What a host with bash, curl and openssl sees of the scenarios, and which of them are looked at from one.

Rules
* A scenario tells something from there if that shows a code that none before it shows, another code than Python's, that
  nothing is found where nothing is broken, what hostile peers do. A watch by a shell is `test_watch`'s.
* A visit by a shell costs more time of a processor than all else in a lab run. Of those that tell something, the ones
  in which the probe says nothing that it does not say in others are judged from recorded observations instead
  (`tests/recorded/visits.py`, `tests/unit/judge/test_recorded.py`). What hostile peers do is always run in the lab, and
  what happens by chance never: nothing is asked of it.
* Nearly all that a walk of the images costs is the second image's and all after it: one image is walked, unless a
  registry is at fault or another one than usual, or nothing is wrong and the way to a registry is not the usual one.
* Over ssh the same program looks as here: one scenario of each requirement shows that its findings come back whole.
* With `EVERY_VANTAGE=1` in the environment every scenario is looked at from everywhere, the recorded ones too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lab.healthy import CDN, RIGHT
from lab.scenario import Scenario
from lab.scenarios import SCENARIOS, hostile, windows
from lab.servers import Proxy
from lab.world import World
from netcompliance import catalogue
from netcompliance.model import AskedFrom
from tests.recorded import visits

EVERY_VANTAGE = os.environ.get("EVERY_VANTAGE", "") not in ("", "0")
REGISTRIES = {"quay", "corp-registry", *(name.removesuffix(".quay.io") for name in CDN)}
"""Sites from which images come."""
ONE_IMAGE = f"--images={Path(__file__).parent / 'data' / 'one-image.txt'}"
ASKED_HERE = {r.id for r in catalogue.load().requirements if r.asked_from is AskedFrom.WORKSTATION}

LESS = {
    "cdn-slow": {"REG-08"},
    "one-way-of-two-drops": {"HTTPS-01"},
    "one-way-of-four-drops": {"HTTPS-01"},
    "one-way-of-sixteen-drops": {"HTTPS-01"},
    "one-way-of-eight-refuses": {"HTTPS-01"},
    "every-fourth-source-port-drops": {"HTTPS-01", "HTTPS-07"},
    "new-connections-limited": {"HTTPS-01", "HTTPS-07"},
    "one-way-of-eight-answers-503": {"RCV-01"},
    "one-way-of-eight-blocks": {"RCV-01"},
    "one-way-of-eight-shows-another-certificate": {"HTTPS-02"},
    "tls-slow": {"HTTPS-09"},
    "tls-slow-at-one-address": {"HTTPS-09"},
    "proxy-slow": {"HTTPS-08"},
    "proxy-name-without-edns": {"PRX-01"},
    "every-second-syn-lost": {"HTTPS-08"},
    "first-syns-dropped": {"HTTPS-08"},
    "first-two-syns-dropped": {"HTTPS-08"},
    "dns-aaaa-unanswered-short-timeout": {"DNS-09"},
    "dns-first-nameserver-slow": {"DNS-09"},
    "dns-nameservers-slower-than-the-agent": {"DNS-01"},
    "dns-every-third-query-servfail": {"DNS-09"},
    "dns-every-third-query-lost": {"DNS-09"},
    "dns-every-sixteenth-query-lost": {"DNS-09"},
    "dns-second-nameserver-astray": {"DNS-03"},
    "mtu-black-hole": {"HTTPS-05", "REG-01", "REG-05"},
    "hello-with-post-quantum-refused": {"HTTPS-05"},
    "hello-with-h2-refused": {"HTTPS-05"},
    "hello-of-go-refused": {"HTTPS-05"},
    "hello-without-protocols-refused": {"HTTPS-05"},
    "hello-large-dropped-over-1300": {"HTTPS-05"},
    "large-hello-dropped": {"HTTPS-05"},
    "http2-agreed-and-not-spoken": {"HTTPS-05"},
    "http2-no-window": {"HTTPS-05"},
    "http2-resets-posts": {"HTTPS-05"},
    "session-tickets-many": {"HTTPS-02"},
    "registry-session-tickets-many": {"REG-01"},
    "registry-large-hello-dropped": {"REG-01"},
    "token-server-large-hello-dropped": {"REG-02"},
    "own-storage-large-hello-dropped": {"REG-04"},
    "inbound-attempted": {"OUT-02"},
    "uploads-stall": {"HTTPS-06"},
    "uploads-stall-at-one-address": {"HTTPS-06"},
    "uplink-half-a-megabit": {"HTTPS-06"},
    "promtail-blocked": {"RCV-02"},
    "key-in-url-blocked": {"RCV-01"},
    "key-header-blocked": {"RCV-01"},
    "key-header-blocked-keyed": {"RCV-01"},
    "key-header-blocked-as-go-writes-it": {"RCV-01"},
    "proxy-password-with-hash": {"PRX-01"},
    "proxy-password-with-slash": {"PRX-01"},
    "proxy-setting-dropped": {"PRX-03"},
    "proxy-setting-dropped-and-closed": {"PRX-03", "HTTPS-01", "HTTPS-07", "REG-01", "REG-05"},
    "proxy-for-all-only": {"PRX-03"},
    "helm-ignores-all-proxy": {"PRX-03"},
}
"""Scenario → what only Python finds there: a shell has no small segments to explain silence by and sees no SYN.
A shell cannot try again from the same port, which would tell a
lost share from loss or a limit. What the agent makes of an odd proxy setting only Python
knows. A shell is too slow itself to time queries or to send hundreds of them."""

BY_BUSYBOX = (
    "dns-nxdomain",
    "dns-servfail",
    "dns-refused",
    "dns-timeout",
    "dns-no-data",
    "dns-sinkhole",
    "dns-hosts-file-sinkhole",
    "dns-second-nameserver-dead",
    "dns-one-nameserver-refuses",
    "dns-answers-over-tcp-only",
    "tcp-refused",
    "tcp-dropped",
    "tcp-prohibited",
    "addresses-fail-differently",
    "registry-nxdomain",
    "registry-dropped",
)
"""Scenarios that busybox sees as they are."""
NOT_BY_BUSYBOX = (
    "dns-truncated-and-tcp-dropped",
    "dns-private-address",
    "dns-rewritten",
    "dns-somebody-elses-address",
    "dns-private-endpoint",
    "everything-opens",
    "interception",
    "captive-portal",
    "mandatory-proxy",
)
"""Scenarios of which it sees too little to say anything."""

BY_CHANCE = (
    "endless-headers",
    "one-of-eight-rotating-addresses-dropped",
    "one-way-of-eight-hangs-at-the-hello",
    "one-way-of-four-hangs-at-the-request",
    "one-way-of-eight-answers-503",
    "one-way-of-eight-blocks",
    "one-way-of-eight-shows-another-certificate",
    "proxy-refuses-a-third",
    "proxy-one-address-dead",
    "proxy-ignores-one-in-sixteen",
    "new-connections-limited",
    "bursts-limited",
    "one-of-forty-addresses-dropped",
    "tcp-prohibited",
    "tcp-no-route",
    "tcp-loop",
    "dns-aaaa-unanswered",
)
"""Scenarios whose fault a shell may miss, or take for another: it asks once, cannot tell a
limit on new connections from a filter, and a router says only so often that it refuses."""

OTHERWISE: dict[str, dict[str, frozenset[str]]] = {
    "tcp-loop": {"HTTPS-01": frozenset({"tcp.unreachable"})},
    "proxy-silent": {"PRX-01": frozenset({"proxy.unreachable"})},
    "dns-nameservers-slower-than-the-agent": {"DNS-03": frozenset({"dns.nameserver-dead"})},
    "dns-first-nameserver-slow": {"DNS-03": frozenset({"dns.nameserver-dead"})},
    "encoding-blocked": {"RCV-02": frozenset({"http.not-receiver"})},
    "protobuf-blocked": {"RCV-02": frozenset({"http.not-receiver"})},
    "deflate-reset": {"RCV-02": frozenset({"http.closed"})},
    "registry-hello-without-protocols-refused": {"REG-01": frozenset({"tls.reset"})},
    "go-client-blocked": {"RCV-01": frozenset({"http.block-page"})},
}
"""Scenario → what a shell finds in place of the row's codes: it sees the blocked request, and has no second round that
would name the property at which a device takes offence. It sees neither ICMP
messages nor whether a silent proxy was reached."""


def row(scenario: Scenario) -> dict[str, frozenset[str]]:
    """What is to be found from a host that is not the workstation."""
    return {name: frozenset(codes) for name, codes in scenario.find.items() if name not in ASKED_HERE}


def seen_by_a_shell(scenario: Scenario) -> dict[str, frozenset[str]]:
    """What bash, curl and openssl are to find."""
    less = LESS.get(scenario.name, set())
    kept = {name: codes for name, codes in row(scenario).items() if name not in less}
    return {**kept, **OTHERWISE.get(scenario.name, {})}


def _telling(scenarios: Iterable[Scenario]) -> frozenset[str]:
    known: set[str] = set()
    telling = {*OTHERWISE, *(scenario.name for scenario in hostile.SCENARIOS)}
    for scenario in scenarios:
        if scenario in windows.SCENARIOS:
            continue
        found = {code for codes in seen_by_a_shell(scenario).values() for code in codes}
        if found - known or not scenario.find:
            telling.add(scenario.name)
        known |= found
    return frozenset(telling)


def _first_of_each_requirement(scenarios: Iterable[Scenario]) -> frozenset[str]:
    first: dict[str, str] = {}
    for scenario in scenarios:
        for name in row(scenario):
            first.setdefault(name, scenario.name)
    return frozenset(first.values())


def _is_about_images(scenario: Scenario) -> bool:
    """Whether all images must be there."""
    world = scenario.change(RIGHT)
    changed = {site.name for site in set(world.sites) ^ set(RIGHT.sites)}
    return (
        any(requirement.startswith("REG-") for requirement in scenario.find)
        or bool(changed & REGISTRIES)
        or any(option.startswith(("--registry", "--images", "--values", "--allow-list")) for option in scenario.options)
        or (not scenario.find and _way_to_a_registry(world) != _way_to_a_registry(RIGHT))
    )


def _way_to_a_registry(world: World) -> tuple[object, ...]:
    """Everything in between, and what a host decides by."""
    host = world.host
    return (
        (world.resolvers, world.firewall, world.clock_offset),
        [site for site in world.sites if isinstance(site.app, Proxy)],
        (host.nameservers, host.search, host.resolver_options, host.trusts, host.ipv6, host.routes),
        [(name, value) for name, value in host.environment if name != "STS_API_KEY"],
    )


_EVERY = frozenset(scenario.name for scenario in SCENARIOS)
PLAYED = frozenset({*(scenario.name for scenario in hostile.SCENARIOS), "forty-addresses"})
"""Scenarios of which more is asked than what a host without Python finds."""
TELLING = PLAYED | (_telling(SCENARIOS) - {*BY_CHANCE})
BY_SHELL = _EVERY if EVERY_VANTAGE else TELLING - visits.recorded().keys()
"""Scenarios that are looked at from a host without Python."""
BY_SSH = _EVERY if EVERY_VANTAGE else _first_of_each_requirement(SCENARIOS)
"""Scenarios that are looked at over ssh with Python."""
ALL_IMAGES = frozenset(scenario.name for scenario in SCENARIOS if EVERY_VANTAGE or _is_about_images(scenario))
"""Scenarios in which every image is walked; in the others only one is."""
