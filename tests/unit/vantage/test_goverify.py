"""Chains are judged as a Go client judges them: what Go 1.26 said of each is in `go-certificates.json`."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from netcompliance.vantage.der import Der, Malformed, dotted
from netcompliance.vantage.goverify import judged
from tests.support.certificates import (
    AT,
    SERVER,
    SHA256_RSA,
    basic,
    constraints,
    dns,
    integer,
    key_usage,
    make,
    names,
    oid,
    tlv,
    usages,
)

RECORDED = json.loads((Path(__file__).parent / "go-certificates.json").read_text(encoding="utf-8"))
"""Certificates, and cases: a label, the chain, the trust store, the host, and Go's error, empty where it takes it."""
DERS = [base64.b64decode(text) for text in RECORDED["certificates"]]
WHEN = datetime.fromtimestamp(RECORDED["at"], UTC)
HOST = "acme.example"

RULES = {
    "negative serial number": {"negative-serial"},
    "legacy Common Name field": {"no-alt-name"},
    "not valid for any names": {"wrong-name"},
    "insecure algorithm": {"weak-signature"},
    "duplicate extension": {"duplicate-extension"},
    "unhandled critical extension": {"critical-extension"},
    "too many intermediates": {"path-length"},
    "incompatible key usage": {"usage"},
    "not authorized to sign for this name": {"name-constraints"},
    "not authorized to sign other certificates": {"not-an-authority"},
    "invalid policies": {"policies"},
    "is after": {"expired"},
    "is before": {"not-yet-valid"},
    "unsupported type of public key": {"unsupported-key"},
    "unsupported elliptic curve": {"unsupported-key"},
    "verification failure": {"another-key"},
}
"""Words of Go's, and the rule that they stand for."""


def test_chains_are_refused_that_go_refuses_and_no_others() -> None:
    differing = []
    for label, chain, anchors, host, said in RECORDED["cases"]:
        found = judged([DERS[at] for at in chain], host, [DERS[at] for at in anchors], WHEN)
        if found.takes is not (said == ""):
            differing.append((label, said, found))
    assert differing == []
    assert len(RECORDED["cases"]) > 280


def test_the_rule_is_the_one_that_go_names() -> None:
    differing = []
    for label, chain, anchors, host, said in RECORDED["cases"]:
        found = judged([DERS[at] for at in chain], host, [DERS[at] for at in anchors], WHEN)
        differing += [
            (label, said, found.rule) for words, rules in RULES.items() if words in said and found.rule not in rules
        ]
    assert differing == []


def test_the_certificate_that_is_meant_is_named() -> None:
    root = make("Root", None, basic())
    middle = make("Middle", root, basic(), serial=b"\x80")
    found = judged([make(HOST, middle, names(HOST), usages(SERVER)).der, middle.der], HOST, [root.der], AT)
    assert (found.rule, found.subject) == ("negative-serial", "Middle")


def test_a_key_too_short_for_a_handshake_is_refused() -> None:
    """No library of today makes one: the modulus is made up."""
    root = make("Root", None, basic())
    for bits, rule in (
        (512, "key-too-small"),
        (1023, "key-too-small"),
        (1024, ""),
        (8192, ""),
        (8200, "key-too-large"),
    ):
        key = tlv(0x30, integer((1 << bits) - 1), integer(65537))
        spki = tlv(0x30, tlv(0x30, oid("1.2.840.113549.1.1.1"), b"\x05\0"), tlv(3, b"\0", key))
        assert judged([make(HOST, root, names(HOST), spki=spki).der], HOST, [root.der], AT).rule == rule, bits


def rsa_spki(exponent: int) -> bytes:
    key = tlv(0x30, integer((1 << 2048) - 1), integer(exponent))
    return tlv(0x30, tlv(0x30, oid("1.2.840.113549.1.1.1"), b"\x05\0"), tlv(3, b"\0", key))


@pytest.mark.parametrize(
    ("exponent", "rule"),
    [
        ((1 << 31) - 1, ""),
        ((1 << 31) + 1, "unsupported-key"),
        ((1 << 63) + 1, "unsupported-key"),
        ((1 << 2047) + 1, "unsupported-key"),
    ],
)
def test_an_rsa_key_with_a_large_exponent_verifies_nothing(exponent: int, rule: str) -> None:
    root = make("Root", None, basic())
    server = make(HOST, root, names(HOST), spki=rsa_spki(exponent))
    assert judged([server.der], HOST, [root.der], AT).rule == rule
    middle = make("Middle", root, basic(), spki=rsa_spki(exponent))
    below = make(HOST, middle, names(HOST), algorithm=SHA256_RSA, key="rsa2048")
    assert judged([below.der, middle.der], HOST, [root.der], AT).rule == (rule or "another-key")


def test_as_many_constraints_as_older_go_takes() -> None:
    root = make("Root", None, basic())
    for count, rule in ((500, ""), (501, "name-constraints")):
        excluded = tuple(dns(f"x{number}.example") for number in range(count))
        middle = make("Middle", root, basic(), constraints((), excluded))
        server = make(HOST, middle, names(HOST, *(f"n{number}.test" for number in range(499))))
        assert judged([server.der, middle.der], HOST, [root.der], AT).rule == rule


def test_time_is_not_judged_where_nobody_knows_it() -> None:
    root = make("Root", None, basic())
    assert judged([make(HOST, root, names(HOST), days=(-9, -1)).der], HOST, [root.der], None).takes is True


def test_without_a_store_nothing_is_taken_and_faults_are_found_all_the_same() -> None:
    root = make("Root", None, basic())
    assert judged([make(HOST, root, names(HOST)).der], HOST, None, AT).takes is None
    client = make(HOST, root, names(HOST), usages("1.3.6.1.5.5.7.3.2"))
    assert judged([client.der], HOST, None, AT).rule == "usage"
    sha1 = make(HOST, root, names(HOST), algorithm="1.2.840.10045.4.1")
    assert judged([sha1.der], HOST, None, AT).rule == "weak-signature"


@pytest.mark.parametrize(
    "data",
    [b"", b"\x02", b"\x02\x05\x01", b"\x02\x81\x01\x01", b"\x02\x80", b"\x1f\x01\x01", b"\x02\x84\0\0\0\x01\x01"],
)
def test_what_is_not_strict_der_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        Der(data).integer()


@pytest.mark.parametrize("data", [b"", b"\x80\x01", b"\x2a\x86", b"\xff\xff\xff\xff\xff\x7f"])
def test_object_identifiers_are_strict(data: bytes) -> None:
    with pytest.raises(Malformed):
        dotted(data)


def test_no_bytes_make_it_fail() -> None:
    root = make("Root", None, basic())
    whole = make(HOST, root, names(HOST), usages(SERVER)).der
    for at in range(len(whole)):
        for damaged in (whole[:at], whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :]):
            assert judged([damaged], HOST, [root.der], AT).takes is False, at


def test_what_openssl_may_mind_is_told() -> None:
    root, old = make("Root", None, basic()), make("Root", None, basic(), days=(-9, -1))
    any_usage, elsewhere = usages("2.5.29.37.0"), make("Other", None, basic(), days=(-9, -1))
    for extensions, anchors, minds in (
        ((usages(SERVER),), [root], ()),
        ((any_usage,), [root], (26,)),
        ((key_usage(5),), [root], (26,)),
        ((key_usage(0),), [root], ()),
        ((key_usage(2),), [root], ()),
        ((usages(SERVER),), [root, old], (10,)),
        ((usages(SERVER),), [root, elsewhere], ()),
    ):
        server = make(HOST, root, names(HOST), *extensions)
        found = judged([server.der], HOST, [each.der for each in anchors], AT)
        assert (found.takes, found.minds) == (True, minds)
