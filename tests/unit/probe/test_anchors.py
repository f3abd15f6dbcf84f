"""What the host's stores have for a chain: the agent's, and the system's where it is another."""

from __future__ import annotations

import base64
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest

from netcompliance.probe.onhost import systemstore, trust
from netcompliance.probe.onhost.anchors import Anchors, names_of
from netcompliance.probe.onhost.systemstore import SystemStore
from tests.support.certificates import basic, make
from tests.support.peers import Issued, authority, leaf

HOST = "acme.example"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution: its bundle, and a directory that is Go's and OpenSSL's."""
    (tmp_path / "certs").mkdir()
    bundle, directory = str(tmp_path / "bundle.pem"), str(tmp_path / "certs")
    (tmp_path / "bundle.pem").write_bytes(authority("Distribution").pem)
    for module in (trust, systemstore):
        monkeypatch.setattr(module, "BUNDLES", (bundle,))
        monkeypatch.setattr(module, "DIRECTORIES", (directory,))
    paths = ssl.DefaultVerifyPaths(None, None, "SSL_CERT_FILE", f"{tmp_path}/none.pem", "SSL_CERT_DIR", directory)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    return tmp_path


def told(environment: dict[str, str], *chain: Issued, extra: str | None = None) -> dict[str, Any]:
    store = trust.find_store(environment, extra)
    return Anchors(store, SystemStore(environment)).unsent([base64.b64encode(each.der).decode() for each in chain])


def b64(issued: Issued) -> str:
    return base64.b64encode(issued.der).decode()


def fingerprint(issued: Issued) -> str:
    return hashlib.sha256(issued.der).hexdigest()


def test_what_has_an_issuers_name_is_told(places: Path) -> None:
    root, other = authority("Root"), authority("Other")
    middle = authority("Middle", root)
    (places / "bundle.pem").write_bytes(root.pem + other.pem)
    assert told({}, leaf(middle, HOST), middle) == {"anchors": [b64(root)]}
    assert told({}, leaf(middle, HOST)) == {"anchors": []}
    namesake = authority("Root")
    (places / "bundle.pem").write_bytes(root.pem + namesake.pem)
    assert told({}, middle) == {"anchors": [b64(root), b64(namesake)]}


def test_each_is_told_once(places: Path) -> None:
    root = authority("Root")
    (places / "bundle.pem").write_bytes(root.pem)
    anchors = Anchors(trust.find_store({}, None), SystemStore({}))
    chain = [b64(leaf(root, HOST))]
    assert [anchors.unsent(chain)["anchors"], anchors.unsent(chain)["anchors"]] == [[b64(root)], []]


def test_a_file_without_a_hash_is_the_agents_alone(places: Path) -> None:
    company = authority("Company")
    (places / "certs" / "company.crt").write_bytes(company.pem)
    found = told({}, leaf(company, HOST))
    assert found == {"anchors": [b64(company)], "agent_only": [fingerprint(company)]}
    (places / "certs" / "0a1b2c3d.0").symlink_to("company.crt")
    assert told({}, leaf(company, HOST)) == {"anchors": [b64(company)]}


def test_curls_own_bundle_is_not_the_agents(places: Path) -> None:
    company = authority("Company")
    (places / "curl.pem").write_bytes(company.pem)
    found = told({"CURL_CA_BUNDLE": str(places / "curl.pem")}, leaf(company, HOST))
    assert found == {"anchors": [], "system_only": [b64(company)]}


def test_a_trusted_certificate_is_openssls_alone(places: Path) -> None:
    company = authority("Company")
    text = base64.encodebytes(company.der + b"\x30\x00").decode()
    block = f"-----BEGIN TRUSTED CERTIFICATE-----\n{text}-----END TRUSTED CERTIFICATE-----\n"
    (places / "bundle.pem").write_text(block, encoding="ascii")
    assert told({}, leaf(company, HOST)) == {"anchors": [], "system_only": [b64(company)]}


def test_the_agent_goes_on_reading_directories_beside_a_named_file(places: Path) -> None:
    """And a system whose OpenSSL has no hashed directory does not."""
    public = authority("Public")
    (places / "certs" / "ca-certificates.crt").write_bytes(public.pem)
    (places / "company.pem").write_bytes(authority("Company").pem)
    found = told({"SSL_CERT_FILE": str(places / "company.pem")}, leaf(public, HOST))
    assert found == {"anchors": [b64(public)], "agent_only": [fingerprint(public)]}


def test_what_the_plan_adds_is_no_difference(places: Path) -> None:
    added = authority("Added")
    assert told({}, leaf(added, HOST), extra=added.pem.decode()) == {"anchors": [b64(added)]}


def test_what_cannot_be_read_has_no_names(places: Path) -> None:
    assert names_of(b"") is None
    assert names_of(b"\x30\x03\x02\x01\x01") is None
    anchors = Anchors(trust.find_store({}, None), SystemStore({"SSL_CERT_DIR": f"{places}/nowhere"}))
    assert anchors.unsent(["", base64.b64encode(b"\x30\x82").decode()]) == {"anchors": []}


def test_names_are_found_in_every_form() -> None:
    root = make("Root", None, basic(), version=1)
    assert names_of(root.der) == (root.subject, root.subject)
    child = make("x" * 200, root, key="rsa2048")
    assert names_of(child.der) == (root.subject, child.subject)
