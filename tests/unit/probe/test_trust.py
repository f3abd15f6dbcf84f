"""Where the trust store is found, and what it makes of the files there."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from netcompliance.probe.onhost import trust
from tests.support.peers import authority


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The distribution's bundle file."""
    file = tmp_path / "bundle.pem"
    file.write_bytes(authority("Distribution").pem)
    monkeypatch.setattr(trust, "DIRECTORIES", (str(tmp_path / "default"), str(tmp_path / "none")))
    monkeypatch.setattr(trust, "BUNDLES", (str(tmp_path / "missing.pem"), str(file), str(tmp_path / "later.pem")))
    return file


def roots(store: trust.Store) -> int:
    return trust.verifying_context(store).cert_store_stats()["x509_ca"]


def test_the_first_bundle_that_is_there_counts(bundle: Path) -> None:
    store = trust.find_store({}, None)
    assert store.source == str(bundle)
    assert roots(store) == 1


def test_each_variable_replaces_its_own_half(bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "named.pem"
    file.write_bytes(authority("A").pem + authority("B").pem)
    directory = tmp_path / "certs"
    directory.mkdir()
    (directory / "c.pem").write_bytes(authority("C").pem)
    (directory / "README").write_text("no certificate", encoding="utf-8")
    (directory / "broken.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert roots(trust.find_store({"SSL_CERT_FILE": str(file)}, None)) == 2
    of_directory = trust.find_store({"SSL_CERT_DIR": f"{tmp_path}/nowhere:{directory}"}, None)
    assert roots(of_directory) == 2, "the bundle is still read"
    both = trust.find_store({"SSL_CERT_FILE": str(file), "SSL_CERT_DIR": str(directory)}, None)
    assert roots(both) == 3
    assert both.source == f"SSL_CERT_FILE={file} SSL_CERT_DIR={directory}"


def test_every_file_of_a_default_directory_counts_once(bundle: Path, tmp_path: Path) -> None:
    default = tmp_path / "default"
    default.mkdir()
    (default / "company.txt").write_bytes(b"a comment\n" + authority("Company").pem + bundle.read_bytes())
    (default / "0a1b2c3d.0").symlink_to("company.txt")
    store = trust.find_store({}, None)
    assert (roots(store), store.source) == (2, f"{bundle} {default}")
    named = trust.find_store({"SSL_CERT_FILE": str(tmp_path / "missing.pem")}, None)
    assert (roots(named), named.source) == (2, f"SSL_CERT_FILE={tmp_path}/missing.pem (cannot be read) {default}")


def test_a_store_that_cannot_be_read_trusts_nobody(bundle: Path, tmp_path: Path) -> None:
    assert roots(trust.find_store({"SSL_CERT_FILE": str(tmp_path / "missing.pem")}, None)) == 0


def test_blocks_that_go_does_not_take_are_skipped(bundle: Path, tmp_path: Path) -> None:
    good = authority("Good").pem
    odd = good.replace(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\nKey: value\n\n")
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    file = tmp_path / "named.pem"
    file.write_bytes(broken + odd + authority("Last").pem)
    assert roots(trust.find_store({"SSL_CERT_FILE": str(file)}, None)) == 1


@pytest.mark.parametrize(("serial", "taken"), [(b"\x01", True), (b"\x00\x80", True), (b"\x80", False)])
def test_an_authority_with_a_negative_serial_number_is_not_taken(serial: bytes, *, taken: bool) -> None:
    number = bytes((2, len(serial))) + serial
    for body in (number, b"\xa0\x03\x02\x01\x02" + number):
        inner = b"\x30\x82\x01\x00" + body
        assert trust._readable(b"\x30\x82\x01\x04" + inner) is taken


def test_a_plan_may_add_an_authority_for_the_length_of_a_visit(bundle: Path) -> None:
    extra = authority("Extra").pem.decode()
    assert roots(trust.find_store({}, extra)) == 2
    assert roots(trust.find_store({}, None)) == 1


def test_verifying_asks_for_tls_1_2_and_identifying_for_nothing(bundle: Path) -> None:
    verifying = trust.verifying_context(trust.find_store({}, None))
    assert (verifying.verify_mode, verifying.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert verifying.minimum_version == ssl.TLSVersion.TLSv1_2
    identifying = trust.identifying_context()
    assert (identifying.verify_mode, identifying.check_hostname) == (ssl.CERT_NONE, False)
    assert trust.identifying_context(readable=True).maximum_version == ssl.TLSVersion.TLSv1_2


def test_servers_without_secure_renegotiation_are_taken_as_go_takes_them(bundle: Path) -> None:
    for context in (trust.verifying_context(trust.find_store({}, None)), trust.identifying_context()):
        assert context.options & trust.LEGACY_SERVER_CONNECT
