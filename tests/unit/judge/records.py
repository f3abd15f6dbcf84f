"""Observations as docs/journal.md promises them, one maker for each kind, right unless told otherwise."""

from __future__ import annotations

import base64
import hashlib
from email.utils import formatdate
from functools import cache
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from netcompliance.model import Image

HOST = "acme.app.stackstate.io"
DOMAIN = "app.stackstate.io"
BASE = "/receiver/stsAgent"
ADDRESSES = ("34.250.11.21", "34.250.11.22")
ADDRESS6 = "2a05:d018:11::21"
CDN = ("cdn.quay.io", *(f"cdn0{n}.quay.io" for n in range(1, 7)))
CHARTS = "helm.stackstate.io"
PROXY = "http://proxy.corp.example:3128"
EVERY = (*ADDRESSES, ADDRESS6)
SERVERS = ("10.30.0.53", "10.30.0.54")
NOW = 1_790_000_000.0
REPOSITORY = "stackstate/stackstate-k8s-agent"
IMAGE = Image(registry="quay.io", repository=REPOSITORY, reference="9516cb41")
MANIFEST = b'{"schemaVersion":2}'
LAYER = b"layer bytes"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"

Record = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def error(name: str, phase: str = "tcp", **more: Any) -> Record:
    return {"phase": phase, "name": name, "text": f"[{name}]", **more}


@cache
def dns_response(
    rdtype: str, *addresses: str, rcode: str = "NOERROR", truncated: bool = False, name: str = HOST
) -> str:
    """In base64. A thousand worlds are made of few different ones."""
    query = dns.message.make_query(name, rdtype)
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.from_text(rcode))
    if truncated:
        response.flags |= dns.flags.TC
    if addresses:
        response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", rdtype, *addresses))
    return b64(response.to_wire())


def dns_answer(server: str, rdtype: str = "A", *addresses: str, transport: str = "udp", **fields: Any) -> Record:
    """What a configured nameserver said; with `lost`, that it said nothing."""
    lost = fields.pop("lost", None)
    shared = {"kind": "dns", "server": server, "transport": transport, "name": HOST, "rdtype": rdtype}
    if lost:
        return {**shared, "response": None, "error": error(lost, transport)}
    return {**shared, "response": dns_response(rdtype, *addresses, **fields), "error": None}


def dns_share(server: str, bad: int = 0, **fields: Any) -> Record:
    """A series of queries, of which some were not answered well."""
    series = {"kind": "dns-share", "server": server, "name": HOST, "rdtype": "A", "sent": 90, "answered": 90 - bad}
    return {**series, "error": None, **fields}


def public_answer(rdtype: str = "A", *addresses: str, **fields: Any) -> Record:
    """What a public resolver said to the workstation."""
    shared = {"kind": "public-dns", "server": "https://dns.example/dns-query", "name": HOST, "rdtype": rdtype}
    return {**shared, "response": dns_response(rdtype, *addresses, **fields)}


def go_query(server: str, rdtype: str, *addresses: str, **fields: Any) -> Record:
    """One exchange of the agent's look-up; with `lost`, nothing came in time."""
    lost = fields.pop("lost", None)
    more = {key: fields.pop(key) for key in ("seconds", "attempt", "name", "again") if key in fields}
    shared = {"name": f"{HOST}.", "rdtype": rdtype, "server": server, "attempt": 0, "again": False, "seconds": 0.01}
    if lost:
        return {**shared, "response": None, "error": error(lost, "udp"), **more}
    return {**shared, "response": dns_response(rdtype, *addresses, **fields), "error": None, **more}


def go_resolve(*queries: Record, **resolver: Any) -> Record:
    """The agent's look-up; by default the first server answers at once."""
    fine = (go_query(SERVERS[0], "A", *ADDRESSES), go_query(SERVERS[0], "AAAA", ADDRESS6))
    fields = {key: resolver.pop(key) for key in ("hosts", "names", "order") if key in resolver}
    settings = {"servers": list(SERVERS), "search": [], "ndots": 1, "timeout": 5, "attempts": 2, **resolver}
    return {
        "kind": "go-resolve",
        "task": "dns",
        "host": HOST,
        "order": "files,dns",
        "hosts": [],
        "names": [f"{HOST}."],
        "resolver": settings,
        "queries": list(queries or fine),
        "error": None,
        **fields,
    }


def certificate(**fields: Any) -> Record:
    return {
        "subject": f"CN={HOST}",
        "issuer": "CN=Public Issuing CA,O=Public Trust",
        "names": [HOST],
        "not_before": "2026-09-01T00:00:00Z",
        "not_after": "2026-12-01T00:00:00Z",
        "sha256": "",
        "self_signed": False,
        "ca": False,
        "aia": True,
        **fields,
    }


def chain(leaf: bytes, host: str = HOST, *, certificates: list[Record] | None = None, **fields: Any) -> Record:
    return {
        "kind": "chain",
        "sha256": sha(leaf),
        "host": host,
        "covers": True,
        "certificates": certificates or [certificate(), certificate(subject="CN=Public Issuing CA", ca=True)],
        "anchor": "public",
        "anchor_name": "CN=Public Root,O=Public Trust",
        "public_issuer": True,
        **fields,
    }


def tcp(address: str, task: str = "tenant", host: str = HOST, **fields: Any) -> Record:
    base = {"kind": "tcp", "task": task, "host": host, "address": address, "port": 443, "via": None, "seconds": 0.01}
    return {**base, "at": NOW, "error": None, **fields}


def shares(address: str | None, host: str = HOST, **fields: Any) -> Record:
    """All of many connections opened."""
    base = {
        "kind": "shares",
        "task": "tenant",
        "host": host,
        "address": address,
        "port": 443,
        "at": NOW,
        "seconds": 0.7,
        "tries": 72,
        "opened": 72,
        "late": 0,
        "opened_late": 0,
        "fastest": 0.01,
        "median": 0.01,
        "repeated": 0,
        "unopened": [],
        "again": [],
        "calm": None,
        "single": None,
        "answers": {"got": 72, "calm": [0, 0], "slowest": 0.02},
        "hung": [],
        "hung_again": [],
        "error": None,
    }
    return {**base, **fields}


def exchanges(address: str, host: str = HOST, **fields: Any) -> Record:
    """All of some first requests were answered."""
    base = {
        "kind": "exchanges",
        "task": "tenant",
        "host": host,
        "address": address,
        "port": 443,
        "at": NOW,
        "seconds": 0.3,
        "tries": 18,
        "answered": 18,
        "slowest": 0.05,
        "stuck": [],
        "stuck_again": [],
        "beside": [0, 0],
        "usual": "403 application/json",
        "odd": [],
        "odd_again": [],
        "beside_odd": [],
        "error": None,
    }
    return {**base, **fields}


def server_hello(suite: int = 0x1301, group: int = 0x11EC) -> bytes:
    """A ServerHello in TLS 1.3, with a key share of four bytes."""
    extensions = bytes.fromhex("002b000203040033") + b"\x00\x08" + group.to_bytes(2, "big") + b"\x00\x04test"
    body = b"\x03\x03" + b"r" * 32 + b"\x00" + suite.to_bytes(2, "big") + b"\x00"
    body += len(extensions).to_bytes(2, "big") + extensions
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


def tls(address: str | None, purpose: str = "verify", task: str = "tenant", host: str = HOST, **fields: Any) -> Record:
    base = {
        "kind": "tls",
        "task": task,
        "host": host,
        "address": address,
        "purpose": purpose,
        "at": NOW,
        "seconds": 0.02,
        "verified": purpose == "verify",
        "version": "TLSv1.3",
        "hello_bytes": 1800 if "large" in purpose else 517,
        "chain": [b64(b"leaf")],
        "received": None,
        "error": None,
    }
    if "hello" in purpose and "large" not in purpose:
        base.update(hello_bytes=1532, received=b64(server_hello()), chain=[])
    return {**base, **fields}


def http2(address: str | None, **fields: Any) -> Record:
    """A request over HTTP/2, which the peer did not agree to."""
    base = {"kind": "http2", "task": "tenant", "host": HOST, "address": address, "at": NOW, "seconds": 0.02}
    return {**base, "alpn": None, "settings": False, "replied": False, "status": None, "error": None, **fields}


def http(address: str | None, purpose: str, path: str, status: int | None, body: bytes = b"", **fields: Any) -> Record:
    headers = [["Date", formatdate(NOW, usegmt=True)], ["Content-Type", fields.pop("kind_of_body", "application/json")]]
    base = {
        "kind": "http",
        "task": "tenant",
        "host": HOST,
        "address": address,
        "purpose": purpose,
        "method": "GET",
        "path": path,
        "verified": True,
        "status": status,
        "headers": headers + fields.pop("more_headers", []),
        "body": b64(body),
        "body_complete": True,
        "sent_bytes": 0,
        "first_byte": 0.05,
        "at": NOW,
        "seconds": 0.05,
        "error": None,
    }
    return {**base, **fields}


UI = b"<!doctype html><title>SUSE Observability</title><div id=root></div>"
REFUSAL = b'{"error":"no api key"}'
PATHS = ("/intake", "/api/v1/series", "/api/v1/collector", "/api/v1/connections", "/logs/k8s", "/rbac/scope")


def registry_step(step: str, task: str = "registry", image: str = str(IMAGE), **fields: Any) -> Record:
    base = {
        "kind": "registry",
        "task": task,
        "image": image,
        "step": step,
        "hop": 0,
        "at": NOW,
        "seconds": 0.05,
        "status": 200,
        "headers": [],
        "body": "",
        "url": f"https://{image.partition('/')[0] or 'quay.io'}/{step}",
        "error": None,
    }
    return {**base, **fields}


def chart_step(step: str, **fields: Any) -> Record:
    url = f"https://{CHARTS}/{step}"
    return {"kind": "chart", "step": step, "url": url, "status": 200, "error": None, **fields}


def walk(task: str = "registry", image: str = str(IMAGE)) -> list[Record]:
    registry = image.partition("/")[0]
    store = "cdn01.quay.io" if registry == "quay.io" else registry
    return [
        registry_step("token", task, image, token=True),
        registry_step(
            "manifest", task, image, media_type=OCI_INDEX, body=b64(MANIFEST), complete=True, sha256=sha(MANIFEST)
        ),
        registry_step("head", task, image, media_type=OCI_INDEX),
        registry_step(
            "platform",
            task,
            image,
            media_type="application/vnd.oci.image.manifest.v1+json",
            wanted="linux/amd64",
            platforms=["linux/amd64", "linux/arm64"],
            complete=True,
            sha256=sha(b"child"),
            digest=f"sha256:{sha(b'child')}",
        ),
        blob("config", b"config", task, image),
        registry_step("layer", task, image, digest=f"sha256:{sha(LAYER)}", size=len(LAYER), status=302),
        blob("layer", LAYER, task, image, hop=1, url=f"https://{store}/blob"),
    ]


def blob(step: str, data: bytes, task: str = "registry", image: str = str(IMAGE), **fields: Any) -> Record:
    whole = {"complete": True, "body_bytes": len(data), "size": len(data), "sha256": sha(data)}
    return registry_step(step, task, image, **{**whole, "digest": f"sha256:{sha(data)}", **fields})


def resolve_nothing(purpose: str, name: str) -> Record:
    lost = error("GAI", "resolve", code=-2)
    return {"kind": "resolve", "host": HOST, "name": name, "purpose": purpose, "addresses": [], "error": lost}


def resolve_to(purpose: str, name: str, *addresses: str) -> Record:
    return {"kind": "resolve", "host": HOST, "name": name, "purpose": purpose, "addresses": list(addresses)}


def tunnel(task: str = "tenant", host: str = HOST, **fields: Any) -> Record:
    base = {"kind": "proxy", "task": task, "host": host, "target": f"{host}:443", "declared": "http", "phase": "open"}
    return {**base, "status": 200, "headers": [], "other_scheme": None, "error": None, **fields}


def peer(task: str, host: str, address: str) -> list[Record]:
    return [
        {"kind": "resolve", "task": task, "host": host, "name": host, "purpose": "host", "addresses": [address]},
        tcp(address, task, host),
        tls(address, "verify", task, host),
        tls(address, "agent-hello", task, host),
        chain(b"leaf", host),
    ]
