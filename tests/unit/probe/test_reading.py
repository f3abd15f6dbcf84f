"""What the probe reads without trust: DNS messages, TLS records, kernel tables, packets, manifests, URLs."""

from __future__ import annotations

import errno
import socket
import ssl
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.probe.onhost import chain, dnsmessage, manifests, sniffer, sockets, urls
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.names import hosts_entries, resolver_settings
from netcompliance.probe.onhost.urls import Url

QUERY = dns.message.make_query("acme.example.", "A", id=7)


def reply(*sets: dns.rrset.RRset, rcode: int = 0, flags: int = 0) -> bytes:
    message = dns.message.make_response(QUERY)
    message.answer.extend(sets)
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.flags |= flags
    return message.to_wire()


def test_addresses_are_read_behind_aliases() -> None:
    wire = reply(
        dns.rrset.from_text("acme.example.", 60, "IN", "CNAME", "lb.example."),
        dns.rrset.from_text("lb.example.", 60, "IN", "A", "203.0.113.7", "203.0.113.8"),
        dns.rrset.from_text("lb.example.", 60, "IN", "AAAA", "2001:db8::7"),
    )
    assert sorted(dnsmessage.addresses(wire)) == ["2001:db8::7", "203.0.113.7", "203.0.113.8"]


def test_an_error_has_no_addresses_whatever_it_carries() -> None:
    record = dns.rrset.from_text("acme.example.", 60, "IN", "A", "203.0.113.7")
    assert dnsmessage.addresses(reply(record, rcode=3)) == []


def test_only_a_response_under_the_querys_id_is_its_answer() -> None:
    query, other = QUERY.to_wire(), dns.message.make_query("acme.example.", "A", id=8).to_wire()
    assert dnsmessage.answers(query, reply())
    assert not dnsmessage.answers(other, reply())
    assert not dnsmessage.answers(query, query)
    assert not dnsmessage.answers(query, b"\x00\x07")


def test_truncation_is_seen() -> None:
    assert dnsmessage.truncated(reply(flags=dns.flags.TC))
    assert not dnsmessage.truncated(reply())


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_dns_messages(data: bytes) -> None:
    dnsmessage.addresses(data)
    dnsmessage.addresses(reply()[:12] + data)


def certificate_flight(*certificates: bytes, cut: int | None = None) -> bytes:
    listed = b"".join(len(each).to_bytes(3, "big") + each for each in certificates)
    body = len(listed).to_bytes(3, "big") + listed
    hello = b"\x02" + (4).to_bytes(3, "big") + b"abcd"
    messages = hello + b"\x0b" + len(body).to_bytes(3, "big") + body
    pieces = [messages[at : at + 50] for at in range(0, len(messages), 50)]
    return b"".join(b"\x16\x03\x03" + struct.pack("!H", len(piece)) + piece for piece in pieces)[:cut]


def test_a_chain_is_read_off_the_wire_across_records() -> None:
    assert chain.read_from_wire(certificate_flight(b"A" * 90, b"B" * 40)) == [b"A" * 90, b"B" * 40]


@pytest.mark.parametrize(
    "wire", [b"", b"HTTP/1.1 400 Bad\r\n\r\n", certificate_flight(b"A" * 90, cut=60), b"\x15\x03\x03\x00\x02\x02\x28"]
)
def test_what_is_no_whole_flight_has_no_chain(wire: bytes) -> None:
    assert chain.read_from_wire(wire) == []


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_chains(data: bytes) -> None:
    chain.read_from_wire(data)
    chain.read_from_wire(b"\x16\x03\x03" + struct.pack("!H", len(data)) + data)


def test_resolv_conf_is_read_as_the_c_library_reads_it() -> None:
    text = (
        "search a.example\nnameserver 10.0.0.1 # first\n;x\nnameserver fe80::1%eth0\n"
        "search b.example c.example\noptions ndots:5 rotate\nnameserver\noptions use-vc\n"
    )
    assert resolver_settings(text) == {
        "nameservers": ["10.0.0.1", "fe80::1%eth0"],
        "search": ["b.example", "c.example"],
        "options": ["ndots:5", "rotate", "use-vc"],
    }


@pytest.mark.parametrize(
    ("line", "nameservers"),
    [
        ("nameserver\t10.0.0.1\t", ["10.0.0.1"]),
        ("nameserver 10.0.0.1#corp", []),
        ("nameserver 10.0.0.1:53", []),
        ("nameserver 10.0.0.1,10.0.0.2", []),
        ("nameserver 10.0.0.1\r", []),
        (" nameserver 10.0.0.1", []),
        ("Nameserver 10.0.0.1", []),
        ("nameserver 10.1", ["10.0.0.1"]),
        ("nameserver 010.0.0.1", ["8.0.0.1"]),
        ("nameserver dns.corp.example", []),
        ("nameserver", []),
    ],
)
def test_what_is_a_nameserver_to_glibc(line: str, nameservers: list[str]) -> None:
    """Each as glibc 2.36 takes it."""
    assert resolver_settings(line)["nameservers"] == nameservers


def test_the_last_search_or_domain_line_counts_and_holds_six_names_at_most() -> None:
    assert resolver_settings("search a b\ndomain c d\n")["search"] == ["c"]
    assert resolver_settings("domain c\nsearch a # b\n")["search"] == ["a", "#", "b"]
    assert resolver_settings("search a b c d e f g\n")["search"] == list("abcdef")


def test_only_lines_of_the_hosts_file_that_name_a_target_are_kept() -> None:
    text = "127.0.0.1 localhost\n10.0.0.9 x ACME.example # acme\n10.0.0.8 notacme.example\n# 10.0.0.7 acme.example\n"
    assert hosts_entries(text, ["acme.example"]) == ["10.0.0.9 x ACME.example # acme"]


def test_the_kernels_table_is_read_for_both_families(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(
        "  sl  local_address rem_address   st\n"
        "   0: 0400140A:D431 150BFA22:01BB 01 00000000:00000000\n"
        "   1: 00000000:0016 00000000:0000 0A 00000000:00000000\n"
        "   2: 0000000000000000FFFF00000400140A:D432 0000000000000000FFFF0000150BFA22:01BB 02 0\n"
        "   3: 000020FD000000000000000004000000:D433 18D0052A000011000000000021000000:01BB 01 0\n"
    )
    assert {sockets.read(row) for row in sockets.rows(str(tmp_path / "tcp"))} == {
        ("10.20.0.4", 54321, "34.250.11.21", 443, "ESTABLISHED"),
        ("0.0.0.0", 22, "0.0.0.0", 0, "LISTEN"),
        ("10.20.0.4", 54322, "34.250.11.21", 443, "SYN_SENT"),
        ("fd20::4", 54323, "2a05:d018:11::21", 443, "ESTABLISHED"),
    }


@pytest.mark.parametrize(("table", "host"), [("tcp", "127.0.0.1"), ("tcp6", "::1")])
def test_a_kernel_table_of_many_pages_is_read_to_its_end(table: str, host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as opened:
        listening = [opened.enter_context(socket.create_server((host, 0), family=family)) for _ in range(200)]
        places = {each.getsockname()[:2] for each in listening}
        assert {sockets.read(row)[:2] for row in sockets.rows(f"/proc/net/{table}")} >= places


def ipv4(flags: int, options: bytes = b"", protocol: int = 6) -> bytes:
    length = 5 + len(options) // 4
    head = bytes([0x40 | length]) + bytes(8) + bytes([protocol]) + bytes(2)
    return head + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2") + options + tcp(flags)


def tcp(flags: int) -> bytes:
    return struct.pack("!HH", 1000, 443) + bytes(8) + bytes([0x50, flags]) + bytes(6)


SYN = ("10.0.0.1", 1000, "10.0.0.2", 443)
PACKETS = [
    (ipv4(0x02), SYN),
    (ipv4(0x02, options=bytes(4)), SYN),
    (ipv4(0xC2), SYN),
    (ipv4(0x12), None),
    (ipv4(0x10), None),
    (ipv4(0x02, protocol=17), None),
    (
        b"\x60" + bytes(5) + b"\x06" + bytes(1) + b"\xfd" + bytes(15) + b"\xfe" + bytes(15) + tcp(0x02),
        ("fd00::", 1000, "fe00::", 443),
    ),
    (b"\x45", None),
    (b"", None),
]


@pytest.mark.parametrize(("packet", "attempt"), PACKETS)
def test_only_syns_without_ack_are_attempts(packet: bytes, attempt: Any) -> None:
    assert sniffer.parse(packet) == attempt


def run_filter(packet: bytes) -> int:
    """The kernel's classic BPF machine, as far as the sniffer's filter needs it."""
    accumulator = index = 0
    place = 0
    while True:
        code, if_true, if_false, constant = sniffer.FILTER[place]
        place += 1
        try:
            if code == 0x30:
                accumulator = packet[constant]
            elif code == 0x28:
                accumulator = struct.unpack_from("!H", packet, constant)[0]
            elif code == 0x50:
                accumulator = packet[index + constant]
            elif code == 0xB1:
                index = (packet[constant] & 15) * 4
            elif code == 0x54:
                accumulator &= constant
            elif code == 0x15:
                place += if_true if accumulator == constant else if_false
            elif code == 0x45:
                place += if_true if accumulator & constant else if_false
            elif code == 0x06:
                return constant
        except (IndexError, struct.error):
            return 0


@pytest.mark.parametrize(("packet", "attempt"), PACKETS)
def test_the_kernels_filter_agrees_with_the_reader(packet: bytes, attempt: Any) -> None:
    assert bool(run_filter(packet)) == (attempt is not None)


DIGEST = "sha256:" + "a" * 64


def test_hostile_manifests_are_read_as_far_as_they_are_well_formed() -> None:
    entries = [
        {"digest": DIGEST, "size": 5, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {"digest": "../../etc/passwd", "size": 1},
        {"digest": 5},
        "text",
        {"digest": DIGEST, "size": -1, "platform": "linux"},
    ]
    found = manifests.descriptors(entries)
    assert [(each.size, each.platform) for each in found] == [(5, "linux/arm64/v8"), (None, None)]
    assert manifests.descriptors({"not": "a list"}) == []
    assert manifests.document(b"[" * 100_000) == {}
    assert manifests.document(b"\xff") == {}
    assert manifests.document(b"[1]") == {}


@pytest.mark.parametrize(
    ("platform", "wanted", "serves"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
        (None, "linux/amd64", False),
    ],
)
def test_a_platform_is_matched_by_its_words(platform: str | None, wanted: str, serves: bool) -> None:
    assert manifests.serves(platform, wanted) is serves


def test_a_challenge_is_read_with_its_quoted_commas() -> None:
    value = 'Bearer realm="https://auth.example/token?a=b,c",service="x y",error=invalid'
    challenge = manifests.bearer([("Www-Authenticate", 'Basic realm="x"'), ("WWW-Authenticate", value)])
    assert challenge is not None
    assert challenge.parameters == {"realm": "https://auth.example/token?a=b,c", "service": "x y", "error": "invalid"}
    assert manifests.bearer([("WWW-Authenticate", "Bearer")]) is None


BASE = Url("quay.io", 443, "/v2/x?y=1")
LOCATIONS = [
    ("https://cdn.example/a?sig=1", Url("cdn.example", 443, "/a?sig=1")),
    ("//cdn.example:8443/a", Url("cdn.example", 8443, "/a")),
    ("/blobs/1", Url("quay.io", 443, "/blobs/1")),
    ("../other", Url("quay.io", 443, "/other")),
    ("https://10.1.2.3/a", Url("10.1.2.3", 443, "/a")),
    ("https://user:pw@cdn.example/", Url("cdn.example", 443, "/")),
]


@pytest.mark.parametrize(("location", "expected"), LOCATIONS)
def test_a_location_is_read_against_the_url_it_came_from(location: str, expected: Url) -> None:
    assert urls.parse(urls.absolute(BASE, location), local=False) == expected


@pytest.mark.parametrize(
    "location",
    [
        "http://cdn.example/", "file:///etc/passwd", "ftp://x/", "https://localhost/", "https://127.0.0.1/",
        "https://[::1]/", "https://169.254.169.254/latest/meta-data", "https://0.0.0.0/", "https://[::ffff:127.0.0.1]/",
        "https://224.0.0.1/", "https://a b/", "https://[::1", "https://x:99999/",
        "https://ex_-/", "javascript:alert(1)", "https://x/" + "a" * 10_000,
    ],
)  # fmt: skip
def test_nobody_sends_the_probe_where_it_must_not_go(location: str) -> None:
    with pytest.raises(Failure) as caught:
        urls.parse(urls.absolute(BASE, location), local=False)
    assert (caught.value.phase, caught.value.name) == ("redirect", "REDIRECT")


@pytest.mark.parametrize("realm", ["https:///x", "https://a\r\nb/", "https://a\tb/", "/relative", ""])
def test_a_token_server_is_named_in_full(realm: str) -> None:
    with pytest.raises(Failure):
        urls.parse(realm, local=False)


def test_a_peer_on_loopback_may_point_to_loopback() -> None:
    assert urls.parse("https://127.0.0.1:5001/x", local=True).port == 5001


def test_a_shown_url_has_neither_query_values_nor_user_information() -> None:
    shown = urls.shown("https://user:pw@cdn.example/a?Expires=1&Signature=secret&flag")
    assert shown == "https://cdn.example/a?Expires=...&Signature=...&flag"


@pytest.mark.parametrize(
    "odd", ["#", "/", "@", "%", "?", "\\", "'", '"', " ", "ö", "://", "/@", ":", "[", "@:80/", "?x=y&"]
)
@pytest.mark.parametrize("text", ["https://svc:{}@cdn.example/a", "//svc:{}@cdn.example/a", "svc:{}@cdn.example/a"])
def test_of_a_login_nothing_is_shown_whatever_stands_in_it(text: str, odd: str) -> None:
    shown = urls.shown(text.format("Summer2024" + odd + "Winter77"))
    assert not [part for part in ("svc", "Summer", "2024", "Winter", "77") if part in shown]
    assert shown.endswith("cdn.example/a")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://cdn.example/x/a@b?GoogleAccessId=who@x", "https://cdn.example/x/a@b?GoogleAccessId=..."),
        ("/v2/x?a=b@c", "/v2/x?a=..."),
        ("/v2/x@sha256", "/v2/x@sha256"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_at_behind_a_host_is_no_login(text: str, shown: str) -> None:
    assert urls.shown(text) == shown


def test_a_url_that_is_followed_is_shown_with_its_port() -> None:
    url = urls.parse("https://cdn.example:8443/a@b?Signature=x", local=False)
    assert url.shown == "https://cdn.example:8443/a@b?Signature=..."


def verify_error() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.reason, error.verify_code, error.verify_message = "CERTIFICATE_VERIFY_FAILED", 10, "certificate has expired"
    return error


FAILURES = [
    (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "ECONNREFUSED", None),
    (OSError(errno.EHOSTUNREACH, "no"), "EHOSTUNREACH", None),
    (TimeoutError(errno.ETIMEDOUT, "kernel"), "ETIMEDOUT", None),
    (TimeoutError("ours"), "TIMEOUT", None),
    (socket.gaierror(-3, "try again"), "GAI", -3),
    (verify_error(), "VERIFY", 10),
    (ssl.SSLEOFError(8, "eof"), "EOF", None),
    (ssl.SSLError(1, "[SSL] no"), "SSL", None),
    (ZeroDivisionError("oh"), "EXCEPTION", None),
]


@pytest.mark.parametrize(("error", "name", "code"), FAILURES)
def test_every_exception_has_a_name_from_the_closed_list(error: Exception, name: str, code: int | None) -> None:
    record = failure_from(error, "tls").record()
    assert (record["phase"], record["name"], record.get("code")) == ("tls", name, code)


def test_a_failures_text_is_bounded() -> None:
    assert len(Failure("head", "PROTOCOL", "x" * 5000).record()["text"]) == 300
