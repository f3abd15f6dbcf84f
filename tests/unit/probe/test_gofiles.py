"""resolv.conf, hosts and nsswitch.conf as Go reads them (held to what net/dnsconfig_unix.go and net/conf.go do)."""

from __future__ import annotations

import pytest

from netcompliance.probe.onhost import dnsmessage, gofiles


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        (None, "servers", ["127.0.0.1", "::1"]),
        ("", "servers", ["127.0.0.1", "::1"]),
        ("nameserver 10.0.0.1 # corp\n  nameserver\tfe80::1%eth0\r\n", "servers", ["10.0.0.1", "fe80::1%eth0"]),
        ("nameserver 010.0.0.1\nnameserver 10.1\nnameserver 10.0.0.2#53", "servers", ["127.0.0.1", "::1"]),
        ("\n".join(f"nameserver 10.0.0.{n}" for n in range(1, 6)), "servers", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("#nameserver 10.0.0.1\n;nameserver 10.0.0.2", "servers", ["127.0.0.1", "::1"]),
        ("search a b.\nsearch c . d", "search", ["c.", "d."]),
        ("search a b\ndomain c d", "search", ["c."]),
        ("", "search", ["corp.example."]),
        ("options ndots:99", "ndots", 15),
        ("options ndots:", "ndots", 0),
        ("options timeout:0 attempts:x", "timeout", 1),
        ("options timeout:60", "timeout", 60),
        ("options attempts:x", "attempts", 1),
        ("options timeout=2", "timeout", 5),
        ("options usevc", "use_tcp", True),
        ("options rotate trust-ad", "rotate", True),
        ("options single-request-reopen", "single_request", True),
    ],
)
def test_resolv_conf(text: str | None, field: str, value: object) -> None:
    assert gofiles.resolver(text, "node-1.corp.example")[field] == value


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", "files,dns"),
        ("hosts: files dns", "files,dns"),
        ("hosts:\tdns [NOTFOUND=return] files", "dns,files"),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", "files,dns"),
        ("hosts: files resolve", "files,dns"),
        ("hosts: files # dns", "files"),
        ("passwd: files", "files,dns"),
    ],
)
def test_nsswitch(text: str, order: str) -> None:
    assert gofiles.order(text) == order


def test_hosts_are_read_whatever_their_case_and_dot() -> None:
    text = "10.0.0.1 Tenant.Test alias # tenant.test\nno-address tenant.test\n::1 tenant.test."
    assert gofiles.hosts(text, "tenant.test") == ["10.0.0.1", "::1"]


def test_names_are_asked_for_in_the_order_of_dots() -> None:
    few = gofiles.resolver("search a b\noptions ndots:5", "")
    assert gofiles.names_to_ask("x.y.z", few) == ["x.y.z.a.", "x.y.z.b.", "x.y.z."]
    assert gofiles.names_to_ask("x.y.z", {**few, "ndots": 1})[0] == "x.y.z."
    assert gofiles.names_to_ask("x.y.z.", few) == ["x.y.z."]


def test_only_a_message_that_repeats_the_question_counts() -> None:
    asked = dnsmessage.query("Tenant.test", 1, b"ab", edns=1232)
    answer = bytes([*asked[:2], 0x81, 0x80]) + asked[4:]
    assert dnsmessage.repeats(asked, answer.replace(b"Tenant", b"tENANT"))
    assert not dnsmessage.repeats(asked, answer.replace(b"Tenant", b"tenanx"))
    assert not dnsmessage.repeats(asked, bytes([*asked[:2], 0x81, 0x81]) + bytes(8))


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("nameserver 10.0.0.1\nnameserver ::1\r\n", []),
        ("nameserver 10.0.0.1:53\n nameserver 10.1\n", ["10.0.0.1:53", "10.1"]),
        ("".join(f"nameserver 10.0.0.{n}\n" for n in range(1, 6)), ["10.0.0.4", "10.0.0.5"]),
        ("#nameserver x\nnameserver\noptions x\n", []),
    ],
)
def test_what_is_no_nameserver_to_go(text: str, ignored: list[str]) -> None:
    assert gofiles.ignored(text) == ignored
