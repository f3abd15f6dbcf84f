"""Real certificates, from what a server sends and a host trusts to what a person reads."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest

from netcompliance import explain
from netcompliance.findings import Team
from netcompliance.model import Result, Verdict
from netcompliance.vantage import x509 as chains
from tests.support import certificates
from tests.support.certificates import AT, SERVER, Made, basic, make, names, usages
from tests.unit.judge.records import HOST, NOW, Record, error
from tests.unit.judge.world import exchange, untrusted, verdict_of

ORGANISATION = certificates.tlv(
    0x30,
    certificates.tlv(0x31, certificates.tlv(0x30, certificates.oid("2.5.4.10"), certificates.tlv(12, b"Public Trust"))),
)


def pem(made: Made) -> bytes:
    text = base64.encodebytes(made.der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


class Internet:
    """An authority that was cross-signed by an older one, as ISRG Root X1 by DST Root CA X3."""

    def __init__(self) -> None:
        self.old = make("Old Root X3", None, basic(), days=(-3000, -10))
        self.new = make(ORGANISATION, None, basic())
        self.cross = replace(
            make(self.new.subject, self.old, basic(), spki=self.new.spki, days=(-1000, 300)), key=self.new.key
        )
        self.middle = make("R3", self.new, basic())
        self.leaf = make(HOST, self.middle, names(HOST), usages(SERVER))


@pytest.fixture
def internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    """The new root is the one that this program knows."""
    assert dt.datetime.fromtimestamp(NOW, dt.UTC) - AT < dt.timedelta(days=1)
    made = Internet()
    (tmp_path / "certifi.pem").write_bytes(pem(made.new))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "certifi.pem"))
    caches = (chains._public, chains._public_roots, chains._by_subject, chains._public_organisations)
    for cache in caches:
        cache.cache_clear()
    yield made
    for cache in caches:
        cache.cache_clear()


def b64(every: Sequence[Made]) -> list[str]:
    return [base64.b64encode(each.der).decode() for each in every]


def seen(sent: Sequence[Made], trusted: Sequence[Made], code: int) -> Verdict:
    """What HTTPS-02 says where every address sends this chain and OpenSSL refuses it with that number."""
    fields: dict[str, Any] = {"chain": b64(sent), "anchors": b64(trusted), "error": error("VERIFY", "tls", code=code)}
    records: list[Record] = [r for r in untrusted(**fields) if not (r["kind"] == "chain" and r["host"] == HOST)]
    handshakes = [r for r in records if r["kind"] == "tls" and r["host"] == HOST]
    return verdict_of("HTTPS-02", [*records, *exchange(chains.read_chains(handshakes, chains.Reader()))])


def code_of(verdict: Verdict) -> str:
    (code,) = {str(found.code) for found in verdict.findings}
    return code


@pytest.mark.parametrize(("has_old", "code"), [(True, 10), (False, 2), (False, 20)])
def test_a_host_that_knows_only_the_old_root_is_told_to_update(internet: Internet, *, has_old: bool, code: int) -> None:
    sent = (internet.leaf, internet.middle, internet.cross)
    verdict = seen(sent, [internet.old] if has_old else [], code)
    assert code_of(verdict) == "tls.roots-outdated"
    assert explain.ask(verdict) == str(Team.HOST)
    assert "update the package ca-certificates on node-1" in explain.fix(verdict)


def test_an_old_openssl_that_prefers_the_expired_root_is_no_trouble_of_the_agents(internet: Internet) -> None:
    sent = (internet.leaf, internet.middle, internet.cross)
    verdict = seen(sent, [internet.old, internet.new], 10)
    assert verdict.result is Result.PASS
    assert "works in the agent, fails with curl" in verdict.saw


def test_an_expired_leaf_is_the_servers(internet: Internet) -> None:
    over = make(HOST, internet.middle, names(HOST), days=(-90, -1))
    verdict = seen((over, internet.middle, internet.cross), [internet.new], 10)
    assert (code_of(verdict), explain.ask(verdict)) == ("tls.expired", str(Team.VENDOR))


def test_a_missing_intermediate_is_the_servers(internet: Internet) -> None:
    issuing = certificates.tlv(0x30, ORGANISATION[2:], certificates.name("Issuing CA")[2:])
    verdict = seen((make(HOST, make(issuing, internet.new, basic()), names(HOST)),), [internet.new], 20)
    assert (code_of(verdict), explain.ask(verdict)) == ("tls.chain-incomplete", str(Team.VENDOR))


def test_openssl_has_nothing_against_it_and_go_has(internet: Internet) -> None:
    odd = make(HOST, internet.middle, names(HOST), serial=b"\x85")
    fields = {"chain": b64((odd, internet.middle)), "anchors": b64((internet.new,)), "error": None, "verified": True}
    records = [r for r in untrusted(**fields) if not (r["kind"] == "chain" and r["host"] == HOST)]
    handshakes = [r for r in records if r["kind"] == "tls" and r["host"] == HOST]
    verdict = verdict_of("HTTPS-02", [*records, *exchange(chains.read_chains(handshakes, chains.Reader()))])
    assert code_of(verdict) == "tls.certificate-refused"
    assert "works with curl, fails in the agent" in explain.means(verdict)
    assert "positive serial number" in explain.fix(verdict)
