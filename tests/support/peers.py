"""Peers on loopback for the tests of probe and vantage: a certificate authority, and servers that do as they are told.

A server is given a function from the raw request to the raw answer. It notes the heads of the requests it saw.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.UTC)
SMALL = 4096
"""Bytes of a body that a server reads before it answers; a larger one is left to its handler."""
DAY = dt.timedelta(days=1)

Handler = Callable[[bytes, socket.socket], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate with its key."""

    cert: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.cert.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.cert.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        """The key."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority(name: str, parent: Issued | None = None, *, ca: bool = True, organisation: str = "Test") -> Issued:
    """A certificate authority; with `ca=False` one that may not sign, but will."""
    return _issue(name, (), parent, ca=ca, organisation=organisation, days=(-2, 30))


def leaf(parent: Issued, *names: str, days: tuple[int, int] = (-1, 5)) -> Issued:
    """A server's certificate."""
    return _issue(names[0], names, parent, ca=False, organisation="Server", days=days)


def _issue(
    name: str, names: tuple[str, ...], parent: Issued | None, *, ca: bool, organisation: str, days: tuple[int, int]
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.cert.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(each) for each in names]), critical=False)
    return Issued(cert=builder.sign(parent.key if parent else key, hashes.SHA256()), key=key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def answer(status: str, body: bytes = b"", *headers: str) -> Handler:
    """A handler that gives one answer to everything."""
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])

    def handle(_: bytes, connection: socket.socket) -> None:
        connection.sendall(head.encode() + b"\r\n\r\n" + body)

    return handle


def silent(_: bytes, connection: socket.socket) -> None:
    """Never answers."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


@dataclass(slots=True)
class Server:
    """A server on 127.0.0.1."""

    port: int
    heads: list[str] = field(default_factory=list)
    """Heads of the requests, as they came."""


def _never(_port: int) -> bool:
    return False


@contextlib.contextmanager
def serving(
    handle: Handler,
    tmp_path: Path | None = None,
    chain: tuple[Issued, ...] = (),
    *,
    other: tuple[Issued, ...] = (),
    shows_other: Callable[[int], bool] = _never,
) -> Iterator[Server]:
    """A server, with TLS if it has a chain (leaf first); with the other chain to those source ports."""
    context = _serving_tls(tmp_path, chain) if chain and tmp_path else None
    another = _serving_tls(tmp_path, other) if other and tmp_path else None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(port=listening.getsockname()[1])
        stopped = threading.Event()
        threads: list[threading.Thread] = []
        connections: list[socket.socket] = []

        def accept() -> None:
            while not stopped.is_set():
                try:
                    connection, (_, port) = listening.accept()
                except OSError:
                    return
                connections.append(connection)
                shown = another if shows_other(port) else context
                thread = threading.Thread(target=_serve, args=(connection, shown, handle, server), daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            stopped.set()
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in [accepting, *threads]:
                thread.join(5)


def _serving_tls(tmp_path: Path, chain: tuple[Issued, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    file = tmp_path / f"{chain[0].cert.serial_number}.pem"
    file.write_bytes(chain[0].key_pem + b"".join(issued.pem for issued in chain))
    context.load_cert_chain(file)
    return context


def _serve(connection: socket.socket, context: ssl.SSLContext | None, handle: Handler, server: Server) -> None:
    with contextlib.suppress(OSError), connection:
        connection.settimeout(20)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        speaking = context.wrap_socket(connection, server_side=True) if context else connection
        with speaking:
            head = b""
            while b"\r\n\r\n" not in head:
                data = speaking.recv(65536)
                if not data:
                    return
                head += data
            server.heads.append(head.partition(b"\r\n\r\n")[0].decode("latin-1"))
            length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
            missing = int(length[1]) - len(head.partition(b"\r\n\r\n")[2]) if length else 0
            while 0 < missing <= SMALL and (data := speaking.recv(missing)):
                missing -= len(data)
            handle(head, speaking)
