"""What the controller read of certificates and answers, changed beside the bytes that it was read from."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcompliance import provenance, verification
from netcompliance.vantage import x509 as chains
from tests.support import journals
from tests.support.peers import Issued, authority, leaf
from tests.unit.contradictions.test_visits import Records, bad, first, rewritten, seen

HOST = journals.SETTINGS.host
ROOTS = ("_public_roots", "_by_subject", "_public_organisations")


def known_roots(monkeypatch: pytest.MonkeyPatch, *roots: Issued) -> None:
    """The public roots that there are."""
    for name, value in zip(
        ROOTS,
        (
            frozenset(map(chains._sha256, [root.cert for root in roots])),
            {root.cert.subject.public_bytes(): [root.cert] for root in roots},
            frozenset(),
        ),
        strict=True,
    ):
        monkeypatch.setattr(chains, name, lambda value=value: value)


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> Issued:
    """The one public root."""
    root = authority("Public Root")
    known_roots(monkeypatch, root)
    return root


@pytest.fixture
def journal(tmp_path: Path, public: Issued) -> Path:
    """What an honest run left that saw a certificate of a public authority, and an interceptor's."""
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    interceptor = authority("Interceptor")
    handshakes = [
        {"kind": "tls", "host": host, "at": 1764072000.5, "seconds": 0.25, "anchors": [], "chain": [encoded(server)]}
        for host, server in ((HOST, leaf(public, HOST)), ("quay.io", leaf(interceptor, "quay.io")))
    ]

    def change(records: Records) -> None:
        for record in [*chains.read_chains(handshakes, chains.Reader()), *handshakes]:
            seen(records, **{"at": journals.STARTED.timestamp(), **record})

    for handshake in handshakes:
        handshake["at"] = journals.STARTED.timestamp()
    return rewritten(path, change)


def encoded(issued: Issued) -> str:
    return base64.b64encode(issued.der).decode()


def told(records: Records, host: str, **fields: Any) -> None:
    """Something else is told of this host's chain."""
    first(records, "observation", kind="chain", host=host).update(fields)


def _takes(records: Records) -> None:
    first(records, "observation", kind="chain", host="quay.io")["judged"][0]["takes"] = True


def test_what_was_read_is_read_again(journal: Path):
    assert bad(journal, "consistent") == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda records: told(records, "quay.io", anchor="public"), "anchor"),
        (
            lambda records: told(records, "quay.io", anchor="public", anchor_name="CN=Interceptor"),
            "anchor, anchor_name",
        ),
        (lambda records: told(records, "quay.io", covers=False), "covers"),
        (lambda records: told(records, "quay.io", certificates=[]), "certificates"),
        (_takes, "judged"),
        (
            lambda records: records.remove(first(records, "observation", kind="chain", host="quay.io")),
            "covers, unreadable, public_issuer, certificates, judged",
        ),
    ],
    ids=["anchor", "named anchor", "covers", "certificates", "taken by Go", "left out"],
)
def test_what_was_not_read_from_the_certificates_is_found(
    journal: Path, change: Callable[[Records], object], fields: str
):
    line = f"local: the certificates of quay.io say something else than is told of them ({fields})"
    assert bad(rewritten(journal, change), "consistent") == [line]


def test_a_run_with_other_public_roots_is_good(journal: Path, monkeypatch: pytest.MonkeyPatch):
    known_roots(monkeypatch, authority("Another Root"))
    assert bad(journal, "consistent") == []
    (line,) = bad(rewritten(journal, lambda records: told(records, "quay.io", anchor="public")), "consistent")
    assert line == "local: the certificates of quay.io say something else than is told of them (anchor)"


def _same_roots(records: Records) -> None:
    first(records, "header")["tool"]["roots"] = provenance.roots()


def test_where_the_runs_roots_are_known_nothing_else_is_public(journal: Path, monkeypatch: pytest.MonkeyPatch):
    """Also where all certificates are an interceptor's, and so nothing leads to a public root."""
    known_roots(monkeypatch, authority("Another Root"))

    def forged(records: Records) -> None:
        told(records, HOST, anchor=None, anchor_name=None)
        told(records, "quay.io", anchor="public", anchor_name="CN=Interceptor", public_issuer=True)

    checks = verification.verify(rewritten(journal, forged), journals.CATALOGUE, provenance.tool())
    (note,) = [each.text for each in checks if each.outcome is verification.Outcome.NOTE and "root" in each.text]
    assert "quay.io" in note
    assert "cannot be proved" in note
    lines = bad(rewritten(journal, _same_roots), "consistent")
    assert [line for line in lines if "quay.io" in line and "anchor" in line]


def test_where_an_authority_is_declared_nothing_else_is_public(journal: Path):
    def forged(records: Records) -> None:
        first(records, "header")["settings"]["interception"] = ["0" * 64]
        told(records, "quay.io", anchor="public", anchor_name="CN=Interceptor")
        _same_roots(records)

    lines = bad(rewritten(journal, forged), "consistent")
    assert [line for line in lines if "quay.io" in line and "anchor" in line]


BODY: dict[str, Any] = {
    "kind": "registry",
    "body": "e30=",
    "body_bytes": 2,
    "complete": True,
    "sha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
}


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, []),
        ({"sha256": "0" * 64, "body_bytes": 4}, []),
        ({"sha256": "0" * 64}, ["a registry's answer is not what its digest says, seen from local"]),
        ({"body": "eyJ0b2tlbiI6IioqKiJ9", "body_bytes": 15}, []),
        ({"body": "W10="}, ["a registry's answer is not what its digest says, seen from local"]),
    ],
    ids=["as it came", "longer than what is kept", "digest", "with what hides a secret", "body"],
)
def test_a_digest_is_that_of_the_whole_body(journal: Path, fields: dict[str, Any], lines: list[str]):
    assert bad(rewritten(journal, lambda records: seen(records, **{**BODY, **fields})), "consistent") == lines
