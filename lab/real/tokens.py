"""The token server that docker-registry asks for (distribution's token authentication): no distribution packages one.

It answers `GET ?service=…&scope=repository:NAME:pull` with a signed JSON Web Token, to anybody, as quay.io does for
public repositories, and without a scope with 401. docker-registry trusts it through the certificate in `directory`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.server
import json
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

from lab.backend import Ready
from lab.servers import Registry, Tokens

_ISSUER = "lab token server"
_LIFETIME = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServer:
    """One registry's token server, on loopback."""

    app: Registry
    port: int
    directory: Path

    def settings(self) -> dict[str, str]:
        """What docker-registry is told of it. Makes the key."""
        self.directory.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ISSUER)])
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self._certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self._key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return {
            "realm": f"https://{self.app.service}/v2/auth",
            "service": self.app.service,
            "issuer": _ISSUER,
            "rootcertbundle": str(self._certificate),
        }

    def token(self, scopes: list[str]) -> str:
        """A token that grants `scopes`, whoever asks."""
        key = serialization.load_pem_private_key(self._key.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return make_token(key, self.app.service, scopes)

    def serve(self, ready: Ready) -> None:
        """Answer for ever."""
        app, token = self.app, self.token

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                scopes = urllib.parse.parse_qs(self.path.partition("?")[2]).get("scope", [])
                if not scopes or app.tokens is Tokens.DENIED:
                    self._answer(401, {"error": "unauthorized"})
                else:
                    granted = [] if app.tokens is Tokens.WRONG_SCOPE else scopes
                    self._answer(200, {app.token_field: token(granted), "expires_in": _LIFETIME})

            def _answer(self, status: int, value: dict[str, object]) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """nginx in front of it writes the log."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        ready()
        server.serve_forever()

    @property
    def _certificate(self) -> Path:
        return self.directory / "certificate.pem"

    @property
    def _key(self) -> Path:
        return self.directory / "key.pem"


def make_token(key: ec.EllipticCurvePrivateKey, service: str, scopes: list[str]) -> str:
    """A JSON Web Token (RFC 7519, ES256) that grants `scopes`."""
    now = int(time.time())
    header = {"typ": "JWT", "alg": "ES256", "kid": _key_id(key)}
    claims = {
        "iss": _ISSUER,
        "sub": "",
        "aud": service,
        "exp": now + _LIFETIME,
        "nbf": now - 60,
        "iat": now,
        "jti": str(time.monotonic_ns()),
        "access": [_access(scope) for scope in scopes],
    }
    signed = b".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    r, s = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return b".".join((signed, _encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")))).decode()


def _key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """The name by which docker-registry knows a key: 240 bits of the public key's SHA-256, in base32, by fours."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def _access(scope: str) -> dict[str, object]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
