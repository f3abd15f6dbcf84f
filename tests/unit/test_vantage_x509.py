"""What certificate chains lead to."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest

from netcompliance.vantage import x509 as chains
from tests.fakes.peers import Issued, authority, leaf

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


def test_what_is_no_certificate_is_left_out(public: Issued) -> None:
    rubbish = {"kind": "tls", "host": HOST, "chain": [base64.b64encode(b"rubbish").decode(), "%%"]}
    assert (
        chains.read_chains([rubbish, {"kind": "tls", "host": HOST, "chain": "text"}, {"kind": "tcp"}], chains.Reader())
        == []
    )


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
