"""What certificate chains lead to."""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Iterator
from math import gcd
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from netcompliance.vantage import effort
from netcompliance.vantage import x509 as chains
from tests.support.certificates import Made, basic, extension, make, names, new_key
from tests.support.peers import Issued, authority, leaf

HOST = "acme.example"


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Issued]:
    """The one public root."""
    root = authority("Public Root", organisation="Public Trust Inc")
    file = tmp_path / "certifi.pem"
    file.write_bytes(root.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(file))
    caches = (chains._public, chains._public_roots, chains._by_subject, chains._public_organisations)
    for cache in caches:
        cache.cache_clear()
    yield root
    for cache in caches:
        cache.cache_clear()


def seen(*chain: Issued, host: str = HOST) -> dict[str, Any]:
    return {"kind": "tls", "host": host, "chain": [base64.b64encode(issued.der).decode() for issued in chain]}


def sent(*ders: bytes) -> dict[str, Any]:
    return {"kind": "tls", "host": HOST, "chain": [base64.b64encode(der).decode() for der in ders]}


def name_of(issued: Issued) -> bytes:
    return issued.cert.subject.public_bytes()


def spki_of(issued: Issued) -> bytes:
    return issued.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def made(issued: Issued) -> Made:
    """An authority that odd certificates can be made with."""
    return Made(der=issued.der, key=issued.key, subject=name_of(issued), spki=spki_of(issued))


def read(*chain: Issued, host: str = HOST, **more: Any) -> dict[str, Any]:
    (found,) = chains.read_chains([seen(*chain, host=host)], chains.Reader(**more))
    return found


def test_a_chain_to_a_public_root_is_public_with_or_without_the_root(public: Issued) -> None:
    middle = authority("Middle", public)
    server = leaf(middle, HOST)
    for sent in ((server, middle), (server, middle, public), (server, public, middle)):
        found = read(*sent)
        assert (found["anchor"], found["covers"]) == ("public", True)
        assert "Public Root" in found["anchor_name"]


def test_without_its_intermediate_a_chain_leads_nowhere(public: Issued) -> None:
    found = read(leaf(authority("Middle", public), HOST))
    assert (found["anchor"], found["anchor_name"]) == (None, None)


def test_an_issuers_organisation_tells_a_public_authority_whose_intermediate_is_missing(public: Issued) -> None:
    known = leaf(authority("Middle", public, organisation="Public Trust Inc"), HOST)
    unknown = leaf(authority("Box", organisation="Acme Firewall Inc"), HOST)
    assert read(known)["public_issuer"] is True
    assert read(unknown)["public_issuer"] is False


def test_a_name_is_no_signature(public: Issued) -> None:
    impostor = authority("Public Root", organisation="Public Trust Inc")
    assert (
        read(
            leaf(impostor, HOST),
        )["anchor"]
        is None
    )
    assert read(leaf(impostor, HOST), impostor)["anchor"] is None


def test_a_certificate_that_is_no_authority_signs_nothing(public: Issued) -> None:
    server = leaf(public, "elsewhere.example")
    forged = leaf(server, HOST)
    assert read(forged, server, public)["anchor"] is None


def test_a_declared_authority_counts_by_fingerprint_or_by_its_certificate(public: Issued) -> None:
    box = authority("Inspection", organisation="Acme")
    server = leaf(box, HOST)
    fingerprint = chains.fingerprints(box.pem)
    assert read(server, box)["anchor"] is None
    assert read(server, box, declared=fingerprint)["anchor"] == "declared"
    assert read(server, declared=fingerprint)["anchor"] is None
    assert read(server, authorities=[box.pem])["anchor"] == "declared"


def test_an_unrelated_certificate_in_the_chain_declares_nothing(public: Issued) -> None:
    box, other = authority("Inspection"), authority("Other")
    assert read(leaf(other, HOST), other, box, authorities=[box.pem])["anchor"] is None


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        (("acme.example",), "ACME.example.", True),
        (("*.example",), "acme.example", True),
        (("*.example",), "a.acme.example", False),
        (("*.example",), "example", False),
        (("other.example", "acme.example"), "acme.example", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("xacme.example",), "acme.example", False),
    ],
)
def test_a_certificate_covers_by_its_names(public: Issued, names: tuple[str, ...], host: str, covered: bool) -> None:
    assert read(leaf(public, *names), host=host)["covers"] is covered


def test_each_certificate_is_described(public: Issued) -> None:
    server = leaf(public, HOST, days=(-9, -2))
    found = read(server, public)
    first, second = found["certificates"]
    assert (first["names"], first["ca"], first["self_signed"]) == ([HOST], False, False)
    assert (second["ca"], second["self_signed"]) == (True, True)
    assert "CN=Public Root" in first["issuer"]
    assert first["not_after"].endswith("Z")
    assert found["anchor"] == "public", "time is judged elsewhere"


def test_the_longest_chain_of_a_leaf_counts_and_each_host_is_told_apart(public: Issued) -> None:
    middle = authority("Middle", public)
    server = leaf(middle, HOST)
    found = chains.read_chains(
        [seen(server), seen(server, middle), seen(server), seen(server, middle, host="b.example")], chains.Reader()
    )
    assert [(each["host"], each["anchor"], each["covers"]) for each in found] == [
        (HOST, "public", True),
        ("b.example", "public", False),
    ]


def test_where_the_leaf_cannot_be_read_no_other_certificate_takes_its_place(public: Issued) -> None:
    rubbish = [base64.b64encode(b"rubbish").decode(), "%%"]
    handshake = {"kind": "tls", "host": HOST, "chain": [*rubbish, *seen(leaf(public, HOST), public)["chain"]]}
    (found,) = chains.read_chains([handshake], chains.Reader())
    assert (found["anchor"], found["covers"], found["certificates"], found["unreadable"]) == (None, False, [], 2)
    assert [(each["takes"], each["rule"]) for each in found["judged"]] == [(False, "malformed")]


def test_what_is_no_chain_is_left_out() -> None:
    assert chains.read_chains([{"kind": "tls", "host": HOST, "chain": "text"}, {"kind": "tcp"}], chains.Reader()) == []


def test_an_extension_that_nobody_needs_may_be_unreadable(public: Issued) -> None:
    """A library that reads all extensions at once would lose the names with it."""
    odd = make(HOST, made(public), names(HOST), extension("1.3.6.1.4.1.11129.2.4.2", b"\xff\xff"))
    (found,) = chains.read_chains([sent(odd.der, public.der)], chains.Reader())
    assert (found["anchor"], found["covers"], found["unreadable"]) == ("public", True, 0)
    assert found["certificates"][0]["names"] == [HOST]


def test_each_chain_is_judged_as_it_was_sent(public: Issued) -> None:
    middle = authority("Middle", public)
    server = leaf(middle, HOST)
    trusted = [base64.b64encode(public.der).decode()]
    whole, short = {**seen(server, middle), "anchors": trusted}, {**seen(server), "anchors": []}
    (found,) = chains.read_chains([short, whole], chains.Reader())
    digest = {chains.chain_digest(each["chain"]): name for name, each in (("whole", whole), ("short", short))}
    judged = {digest[each["sent"]]: (each["takes"], each["anchor"]) for each in found["judged"]}
    assert judged == {"whole": (True, "public"), "short": (False, None)}


def test_without_the_store_only_what_the_server_sent_is_judged(public: Issued) -> None:
    (entry,) = read(leaf(public, HOST), public)["judged"]
    assert "takes" not in entry
    (entry,) = read(leaf(public, "b.example"), public)["judged"]
    assert (entry["takes"], entry["rule"]) == (False, "wrong-name")


def test_what_only_one_of_two_stores_has_is_told(public: Issued) -> None:
    company = authority("Company")
    server = seen(leaf(company, HOST))
    anchor = base64.b64encode(company.der).decode()
    fields: dict[tuple[bool, bool | None], dict[str, Any]] = {
        (True, None): {"anchors": [anchor]},
        (True, False): {"anchors": [anchor], "agent_only": chains.fingerprints(company.pem)},
        (False, True): {"anchors": [], "system_only": [anchor]},
        (False, None): {"anchors": []},
    }
    for expected, more in fields.items():
        (found,) = chains.read_chains([{**server, **more}], chains.Reader())
        (entry,) = found["judged"]
        assert (entry["takes"], entry.get("curl")) == expected


def test_a_certificate_off_the_way_to_the_anchor_is_marked(public: Issued) -> None:
    old = authority("Old Root")
    cross = make(name_of(public), made(old), basic(), spki=spki_of(public), days=(-9, -1))
    middle = authority("Middle", public)
    (found,) = chains.read_chains([sent(leaf(middle, HOST).der, middle.der, cross.der)], chains.Reader())
    assert [each["on_path"] for each in found["certificates"]] == [True, True, False]
    assert found["anchor"] == "public"


def test_certificates_that_sign_each_other_in_a_circle_end(public: Issued) -> None:
    one = authority("One")
    two = authority("Two", one)
    again = authority("One", two)
    assert read(leaf(again, HOST), again, two, one)["anchor"] is None


def test_the_public_roots_of_certifi_are_read_without_a_warning() -> None:
    assert chains.read_chains([seen(leaf(authority("Nobody"), HOST))], chains.Reader())[0]["anchor"] is None
    assert len(chains._public()) > 100


def test_a_damaged_certificate_spoils_no_other_of_its_file() -> None:
    good = authority("Good")
    damaged = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert len(chains.fingerprints(damaged + good.pem + damaged)) == 1


@pytest.mark.parametrize("at", [float("nan"), float("inf"), 1e300, -1e300, "soon", None])
def test_a_moment_that_is_none_is_no_moment(public: Issued, at: object) -> None:
    found = chains.read_chains([{**seen(leaf(public, HOST)), "at": at, "anchors": []}], chains.Reader())
    assert [entry["takes"] for entry in found[0]["judged"]] == [False]


def test_a_certificate_that_expires_in_the_handshake_is_expired(public: Issued) -> None:
    server = leaf(public, HOST, days=(-9, 2))
    end = server.cert.not_valid_after_utc.timestamp()
    trusted = {"anchors": [base64.b64encode(public.der).decode()]}
    for at, seconds, takes in ((end - 9, 5.0, True), (end - 3, 5.0, False), (end - 3, 1.0, True)):
        handshake = {**seen(server), **trusted, "at": at, "seconds": seconds}
        assert chains.read_chains([handshake], chains.Reader())[0]["judged"][0]["takes"] is takes
    twice = [{**seen(server), **trusted, "at": at} for at in (end - 1, end + 1, end - 2)]
    assert chains.read_chains(twice, chains.Reader())[0]["judged"][0]["rule"] == "expired"


def test_what_one_server_sends_costs_little_and_hides_no_other(public: Issued) -> None:
    """Many certificates that sign each other, and one with more extensions than anybody makes."""
    ring = [made(public)]
    for _ in range(30):
        ring.append(make("Same", ring[-1], basic()))
    many = make(HOST, ring[-1], names(HOST), *(extension(f"1.2.3.{number}", b"") for number in range(5000)))
    nasty = sent(many.der, *(each.der for each in ring * 9))
    (found,) = chains.read_chains([nasty, seen(leaf(public, HOST))], chains.Reader())
    assert found["anchor"] == "public"


@pytest.mark.parametrize("kind", ["p521", "rsa2048"])
def test_authorities_of_one_name_and_key_cost_no_more_than_that(
    public: Issued, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Each of them signed all others."""
    key, done = new_key(kind), []
    monkeypatch.setattr("tests.support.certificates.new_key", lambda _: key)
    same = [make("Same", None, basic(), names(HOST, f"{number}.example")).der for number in range(64)]
    verified = chains._verified
    monkeypatch.setattr(chains, "_verified", lambda *those: done.append(those) or verified(*those))
    assert chains.read_chains([sent(*same)], chains.Reader()) == []
    price = 900 if kind == "p521" else 94
    assert 0 < len(done) * price <= effort.OF_ONE


def test_an_rsa_key_with_a_large_exponent_leads_nowhere_and_is_not_tried(
    public: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    phi = (numbers.p - 1) * (numbers.q - 1)
    exponent = next(e for e in range((1 << 33) + 1, 1 << 34, 2) if gcd(e, phi) == 1)
    public_numbers = rsa.RSAPublicNumbers(exponent, numbers.public_numbers.n)
    d = pow(exponent, -1, phi)
    parts = (d % (numbers.p - 1), d % (numbers.q - 1), numbers.iqmp)
    key = rsa.RSAPrivateNumbers(numbers.p, numbers.q, d, *parts, public_numbers).private_key()
    with monkeypatch.context() as patched:
        patched.setattr("tests.support.certificates.new_key", lambda _: key)
        box = make("Box", None, basic())
    server = make(HOST, box, names(HOST))
    declared = [hashlib.sha256(box.der).hexdigest()]
    (found,) = chains.read_chains([sent(server.der, box.der)], chains.Reader(declared))
    assert (found["anchor"], found["certificates"][1]["self_signed"]) == (None, False)


def test_what_a_library_warns_of_in_a_strangers_certificate_ends_nothing(public: Issued) -> None:
    """Its organisation is said to be its country, which is longer than one may be."""
    odd = public.der.replace(bytes.fromhex("060355040a0c"), bytes.fromhex("06035504060c"))
    assert odd != public.der
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = chains.read_chains([sent(odd)], chains.Reader())
    assert found["kind"] == "chain"


def test_one_visit_costs_no_more_checks_than_that_and_the_next_has_its_own(
    public: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effort, "MOST", 12_000)
    reader = chains.Reader()
    several = [seen(leaf(public, HOST), public) for _ in range(20)]
    told = chains.read_chains(several, reader)
    assert 0 < len(told) < 20
    assert chains.read_chains(several, reader) == told, "what is known already makes no difference"
    (other,) = chains.read_chains([seen(leaf(public, HOST), public)], reader)
    assert other["anchor"] == "public"


@pytest.mark.parametrize("version", [4, 100])
def test_a_version_that_nobody_knows_is_unreadable(public: Issued, version: int) -> None:
    odd = make(HOST, made(public), names(HOST), version=version)
    (found,) = chains.read_chains([sent(odd.der, public.der)], chains.Reader())
    assert (found["unreadable"], found["anchor"], found["judged"][0]["rule"]) == (1, None, "malformed")


def test_an_interception_does_not_hide_behind_a_public_intermediate(public: Issued) -> None:
    """A leaf that the library cannot read, and the real service's intermediate behind it."""
    device = made(authority("Device"))
    middle = authority("Middle", public)
    for odd in (
        make(HOST, device, names(HOST), extension("2.5.29.15", b"\x05\x00")),
        make(HOST, device, names(HOST), extension("2.5.29.32", b"\xff")),
        make(HOST, device, names(HOST), version=9),
        make(HOST, device, names(HOST), validity=b"\x30\x00"),
    ):
        (found,) = chains.read_chains([sent(odd.der, middle.der, public.der)], chains.Reader())
        assert found["anchor"] is None


def test_no_damage_to_a_certificate_is_an_error(public: Issued) -> None:
    """Every byte, in three ways: what a server sends must never end a run."""
    whole = leaf(public, HOST).der
    reader = chains.Reader()
    for at in range(len(whole)):
        for byte in (0x00, 0x7F, 0xFF):
            damaged = whole[:at] + bytes((byte,)) + whole[at + 1 :]
            chains.read_chains([sent(damaged, public.der)], reader)
