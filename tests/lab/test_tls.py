"""The lab's certificates verify where they should, and its servers see the ClientHello before they read it."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest

from lab.embedded.tls import peek_hello, server_context
from lab.pki import Pki, subject_hash
from lab.world import Authority, Tls

NAME = "acme.app.stackstate.io"


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return Pki(tmp_path, dt.datetime.now(dt.UTC))


def handshake(pki: Pki, tls: Tls, client: ssl.SSLContext, name: str = NAME) -> str | None:
    """Do a handshake in memory; the client's error, or None."""
    server = server_context(tls, pki.issue("site", tls, (NAME,)))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return str(error)
    return None


def trusting(pki: Pki, *authorities: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pki.root_pem(authorities))
    return context


@pytest.mark.parametrize("authority", [Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE])
def test_a_leaf_verifies_with_its_own_root_only(pki: Pki, authority: Authority) -> None:
    tls = Tls(authority=authority)
    assert handshake(pki, tls, trusting(pki, authority)) is None
    others = [other for other in (Authority.PUBLIC, Authority.DEVICE, Authority.UNKNOWN) if other is not authority]
    assert "unable to get" in str(handshake(pki, tls, trusting(pki, *others)))


@pytest.mark.parametrize(
    ("tls", "error"),
    [
        (Tls(valid_days=(-10, -1)), "expired"),
        (Tls(valid_days=(1, 10)), "not yet valid"),
        (Tls(names=("else.example",)), "Hostname mismatch"),
        (Tls(full_chain=False), "unable to get local issuer"),
        (Tls(authority=Authority.ITSELF), "self-signed"),
    ],
)
def test_wrong_certificates_are_wrong_in_the_way_that_was_asked(pki: Pki, tls: Tls, error: str) -> None:
    assert error in str(handshake(pki, tls, trusting(pki, Authority.PUBLIC)))


def test_old_versions_are_refused_by_a_modern_client(pki: Pki) -> None:
    client = trusting(pki, Authority.PUBLIC)
    client.minimum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(pki, Tls(versions=("TLSv1", "TLSv1_1")), client) is not None


def test_the_hash_is_the_one_by_which_openssl_finds_an_authority(pki: Pki, tmp_path: Path) -> None:
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (root,) = pki.roots([Authority.CORPORATE])
    (hashed / f"{subject_hash(root)}.0").write_text(pki.root_pem([Authority.CORPORATE]))
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(capath=str(hashed))
    assert handshake(pki, Tls(authority=Authority.CORPORATE), client) is None


def client_hello(name: str, alpn: int = 0) -> bytes:
    context = ssl.create_default_context()
    if alpn:
        context.set_alpn_protocols([f"{number:03d}".ljust(50, "x") for number in range(alpn)])
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    return out.read()


@pytest.mark.parametrize("alpn", [0, 60])
@pytest.mark.parametrize("split", [1, 3, 5, 100, None])
def test_a_hello_is_seen_whole_and_stays_unread(alpn: int, split: int | None) -> None:
    wire = client_hello(NAME, alpn)
    here, there = socket.socketpair()
    with here, there:
        there.settimeout(5)
        here.sendall(wire[:split])
        if split:
            here.sendall(wire[split:])
        hello = peek_hello(there)
        assert hello is not None
        assert (hello.name, hello.size) == (NAME, len(wire))
        assert there.recv(65536) == wire


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_what_is_no_hello_is_none(first: bytes) -> None:
    here, there = socket.socketpair()
    with there:
        there.settimeout(5)
        here.sendall(first)
        here.close()
        assert peek_hello(there) is None
