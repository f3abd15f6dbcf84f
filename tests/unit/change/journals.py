"""Journals made by hand, complete or with one thing wrong."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

HOST = "acme.app.stackstate.io"
ENDPOINT = f"https://{HOST}/receiver/stsAgent"
Record = dict[str, Any]

WORDS: Mapping[str, str] = {"HTTPS-01": "pass", "HTTPS-02": "pass", "REG-01": "pass", "CLK-01": "pass"}


def header(
    run: str = "a1",
    started: str = "2026-11-25T18:00:00.000Z",
    tenant: str = "acme",
    endpoint: str = "https://{tenant}.app.stackstate.io/receiver/stsAgent",
    **fields: Any,
) -> Record:
    endpoint = endpoint.format(tenant=tenant)
    domain = str(urlsplit(endpoint).hostname).removeprefix(f"{tenant}.")
    return {
        "type": "header",
        "schema": 1,
        "run": run,
        "tenant": tenant,
        "endpoint": endpoint,
        "started": started,
        "tool": {"name": "netcompliance", "version": "0.1.0", "python": "3.11.7"},
        "catalogue": 1,
        "catalogue_sha256": "c" * 64,
        "settings": {"tenant": tenant, "domain": domain, "registry": "quay.io"},
        **fields,
    }


def case(requirement: str, target: str = HOST, vantage: str = "local", level: str = "must") -> Record:
    return {
        "type": "case",
        "requirement": requirement,
        "target": target,
        "vantage": vantage,
        "host": HOST,
        "level": level,
        "basis": "documented",
        "says": f"what {requirement} says",
        "source": "StackState Agent communication",
        "requires": [],
    }


def verdict(requirement: str, word: str, target: str = HOST, vantage: str = "local", **fields: Any) -> Record:
    return {
        "type": "verdict",
        "requirement": requirement,
        "target": target,
        "vantage": vantage,
        "verdict": word,
        "findings": [],
        "saw": f"{requirement} seen",
        "reason": "",
        **fields,
    }


def resolved(*addresses: str, vantage: str = "local") -> Record:
    return {
        "type": "observation",
        "vantage": vantage,
        "kind": "resolve",
        "host": HOST,
        "name": HOST,
        "purpose": "bare",
        "addresses": list(addresses),
        "canonical": HOST,
        "error": None,
    }


def shown(leaf: str, host: str = HOST, vantage: str = "local", **fields: Any) -> Record:
    """A handshake in which the host showed this certificate."""
    return {
        "type": "observation",
        "vantage": vantage,
        "kind": "tls",
        "task": "tenant",
        "purpose": "verify",
        "host": host,
        "version": "TLSv1.3",
        "chain": [leaf],
        "seconds": 0.02,
        "error": None,
        **fields,
    }


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    """A key by name: the same name is the same key."""
    assert name
    return ec.generate_private_key(ec.SECP256R1())


@cache
def leaf(issuer: str = "Public CA", key_name: str = "one", serial: int = 1) -> str:
    """A certificate as base64 DER."""
    day = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key(key_name).public_key())
        .serial_number(serial)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=90))
        .sign(key(issuer), SHA256())
    )
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def records(words: Mapping[str, str] = WORDS, seen: Iterable[Record] = (), **head: Any) -> list[Record]:
    """A run in which each requirement has this word; `none` is planned and has no verdict."""
    return [
        header(**head),
        *(case(name) for name in words),
        *seen,
        {"type": "vantage", "id": "local", "source_address": "10.20.0.4", "nameservers": ["10.30.0.53"]},
        *(verdict(name, word) for name, word in words.items() if word != "none"),
    ]


def write(path: Path, listed: Iterable[Record], overall: str | None = "satisfied") -> Path:
    """The journal with its footer; without one if `overall` is None."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = b"".join(json.dumps(record).encode() + b"\n" for record in listed)
    footer = {
        "type": "footer",
        "overall": overall,
        "counts": {},
        "finished": "2026-11-25T18:00:09.000Z",
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    path.write_bytes(body + (json.dumps(footer).encode() + b"\n" if overall else b""))
    return path
