"""From settings and cases to the plan of one visit. Pure: the same input gives the same plan.

Rules
* A plan holds no secret. It says where the host finds the API key, if anywhere.
* Only what a planned case needs is asked; nothing is ever written to the receiver with a key.
* Names that must not exist carry a nonce, which the caller makes up.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import urlsplit

from netcompliance.model import DEFAULT_REGISTRY, DOCUMENTED_PATH, Case, Image, RegistryMode, Settings
from netcompliance.vantage import gohello, payloads

Plan = dict[str, Any]
Task = dict[str, Any]

HTTPS = 443
DEADLINE = 25.0
SHELL_DEADLINE = 45
"""Seconds for a shell: it starts some thousand processes, which takes long on a slow or busy host."""
NOWHERE = ("192.0.2.1", "198.51.100.1")
"""TEST-NET-1 and -2: nobody has these addresses, so what opens there opens anywhere."""
WORKSTATION = frozenset({"HTTPS-04", "REG-07", "HELM-01", "PRX-02"})
"""Requirements for which nothing of the tenant has to be looked at."""
EDNS_PAYLOAD = 1232
WATCH_LIMITS = {
    "connect": 0.9,
    "tls": 3.0,
    "first_byte": 4.0,
    "exchange": 5.0,
    "addresses": 64,
    "resolve": 2.0,
    "resolve_most": 2.0,
}
"""A watch wants to know soon. `connect` is less than the second after which a lost SYN is sent again."""
WATCH_PAD = 2048
"""Bytes by which a request is larger than it need be: more than a packet."""
CALLS_IN_TURN = (0, 2, 4, 1, 3, 5)
"""The agent's POSTs, so that what several have in common comes soon: the caller, or the beginning of the path."""
LAYER_HOSTS = 8
"""Hosts of image layers that are watched, at most. quay.io publishes seven."""
WATCH_SPARE = 120.0
"""Seconds beyond its planned end in which a watch may still ask."""
ADDRESS_TYPES = ("A", "AAAA")


def build_plan(
    settings: Settings,
    cases: Iterable[Case],
    *,
    nonce: str,
    agent: str,
    here: bool = True,
) -> Plan:
    """The plan that answers these cases, all of one vantage.

    `agent` is the User-Agent that peers see. `here`: the host is this machine, whose files the settings name.
    """
    planned = tuple(cases)
    wanted = {case.requirement for case in planned}
    from_quay = settings.registry == DEFAULT_REGISTRY and settings.registry_mode is RegistryMode.DIRECT
    cdn = sorted({case.host for case in planned if case.requirement == "REG-05" and from_quay})
    tasks: list[Task] = [{"kind": "host", "names": []}]
    if wanted - WORKSTATION:
        tasks = [
            {"kind": "host", "names": [settings.host, _host_of(settings.registry)]},
            _names(settings, nonce),
            _nameservers(settings.host),
            {"kind": "control", "addresses": list(NOWHERE), "port": HTTPS},
            _tenant(settings, nonce),
            {"kind": "outbound", "hosts": [settings.host]},
            *(_registries(settings) if any(_is_registry(requirement) for requirement in wanted) else ()),
        ]
    if cdn:
        tasks.append({"kind": "hosts", "id": "cdn", "hosts": cdn, "port": HTTPS})
    if "HELM-01" in wanted:
        tasks.append(_chart(settings))
    return {
        **_frame(settings, agent, DEADLINE),
        "key": _key(settings, here=here) if settings.key_declared else None,
        "fetchers_hellos": _encoded(gohello.fetchers_hellos(nonce)),
        "tasks": tasks,
    }


def watch_plan(
    settings: Settings, addresses: Iterable[str], identity: str, agent: str, layers: Iterable[tuple[str, int]] = ()
) -> Plan:
    """The plan of a watch under this random name. `addresses` of the tenant are watched from the beginning.

    `layers`: hosts that serve image layers, and their ports.
    """
    from dns.message import make_query

    asked = settings.watch
    assert asked is not None
    registry, _, port = settings.registry.partition(":")
    hellos = gohello.hellos(settings.host, identity)
    query = make_query(f"{settings.host}.", "A", use_edns=0, payload=EDNS_PAYLOAD)
    calls = [call for call in payloads.calls(identity) if call["purpose"] == "path"]
    image = next((each for each in settings.images if each.registry == settings.registry), None)
    others = sorted(set(layers) - {(registry, int(port or HTTPS))})
    return {
        **_frame(settings, f"{agent} watch", asked.duration + WATCH_SPARE),
        "limits": WATCH_LIMITS,
        "fetchers_hellos": _encoded({"agent-hello": gohello.fetchers_hellos(identity)["agent-hello"]}),
        "watch": {
            "id": identity,
            "seconds": asked.duration,
            "beyond": asked.beyond,
            "every": asked.every,
            "rarely": asked.rarely,
            "seldom": asked.pace("registry"),
            "host": settings.host,
            "port": HTTPS,
            "addresses": sorted(addresses),
            "query": base64.b64encode(query.to_wire()).decode(),
            "request": {"method": "GET", "path": f"{DOCUMENTED_PATH}/features", "pad": WATCH_PAD},
            "hellos": _encoded({name: hellos[name] for name in ("agent-hello", "plain-hello")}),
            "calls": [calls[place] for place in CALLS_IN_TURN],
            "calls_at_once": asked.calls_at_once,
            "registry": {
                "host": registry,
                "port": int(port or HTTPS),
                "request": {"method": "GET", "path": "/v2/", "pad": WATCH_PAD},
                "image": image and {"repository": image.repository, "reference": image.reference},
            },
            "layers": [
                {"host": host, "port": at, "request": {"method": "GET", "path": "/", "pad": WATCH_PAD}}
                for host, at in others[:LAYER_HOSTS]
            ],
        },
    }


def collect_plan(identity: str, after: int) -> Plan:
    """The plan that reads on in the spool of a watch, behind this record."""
    return {"schema": 1, "tasks": [], "collect": {"id": identity, "after": after}}


def _frame(settings: Settings, agent: str, deadline: float) -> Plan:
    """What every plan holds."""
    return {
        "schema": 1,
        "agent": agent,
        "deadline": deadline,
        "shell_deadline": SHELL_DEADLINE,
        "limits": {},
        "proxy": None if settings.proxy is None else {"url": settings.proxy, "no_proxy": settings.no_proxy},
        "trust": None,
        "key": None,
        "tasks": [],
    }


def _key(settings: Settings, *, here: bool) -> Task:
    """Where the host may find the key by itself. Files are this machine's."""
    return {"env": settings.key_env, "file": settings.key_file if here else None}


def _is_registry(requirement: str) -> bool:
    return requirement.startswith("REG-") and requirement not in ("REG-05", "REG-07")


def _names(settings: Settings, nonce: str) -> Task:
    """The tenant bare (also under each search domain of the host) and rooted; and two names that nobody has."""
    host = settings.host
    return {
        "kind": "resolve",
        "names": [
            {"name": host, "purpose": "bare", "host": host, "search": True},
            {"name": f"{host}.", "purpose": "rooted", "host": host},
            {"name": f"nc-{nonce}.{settings.domain}.", "purpose": "control", "host": host},
            {"name": f"nc-{nonce}.invalid.", "purpose": "control", "host": host},
        ],
    }


def _nameservers(host: str) -> Task:
    from dns.message import make_query

    queries = [
        {
            "name": host,
            "rdtype": rdtype,
            "wire": base64.b64encode(
                make_query(f"{host}.", rdtype, use_edns=0, payload=EDNS_PAYLOAD, id=number).to_wire()
            ).decode(),
            "plain": base64.b64encode(make_query(f"{host}.", rdtype, id=number).to_wire()).decode()
            if rdtype == "A"
            else "",
        }
        for number, rdtype in enumerate(ADDRESS_TYPES, start=0x4E43)
    ]
    return {"kind": "nameservers", "queries": queries, "lookups": [host]}


def _tenant(settings: Settings, nonce: str) -> Task:
    requests: list[Task] = [
        _request("receiver", "GET", f"{DOCUMENTED_PATH}/features", "each"),
        _request("sibling", "GET", f"/netcompliance-{nonce}", "each"),
        *payloads.calls(nonce),
        _request("sibling", "GET", f"{DOCUMENTED_PATH}/netcompliance-{nonce}", "one"),
    ]
    if settings.key_declared:
        requests.append(payloads.key())
        requests.append(payloads.wrong_key())
    return {
        "kind": "endpoint",
        "id": "tenant",
        "host": settings.host,
        "port": HTTPS,
        "requests": requests,
        "large_hello": True,
        "shares": True,
        "hellos": _encoded(gohello.hellos(settings.host, nonce)),
        "upload": payloads.upload(),
    }


def _encoded(hellos: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(wire).decode() for name, wire in hellos.items()}


def _request(purpose: str, method: str, path: str, at: str, **more: Any) -> Task:
    return {"purpose": purpose, "method": method, "path": path, "at": at, **more}


def _registries(settings: Settings) -> list[Task]:
    """The registry in use, down to layers; and, where it is a copy, its source down to the index."""
    tasks = [_registry("registry", settings.registry, settings.images, "layers")]
    if settings.registry_mode is not RegistryMode.DIRECT and settings.source_visible:
        sources = sorted({image.registry for image in settings.source_images})
        tasks += [_registry("source", host, settings.source_images, "manifest") for host in sources]
    return tasks


def _registry(task: str, registry: str, images: Collection[Image], depth: str) -> Task:
    return {
        "kind": "registry",
        "id": task,
        "registry": registry,
        "images": [
            {"name": str(image), "repository": image.repository, "reference": image.reference, "digest": image.digest}
            for image in dict.fromkeys(images)
            if image.registry == registry
        ],
        "depth": depth,
        "platform": None,
    }


def _chart(settings: Settings) -> Task:
    """The way to the chart repository; what it serves is the workstation's business."""
    parts = urlsplit(settings.chart_repository)
    port = parts.port or HTTPS
    return {
        "kind": "endpoint",
        "id": "chart",
        "host": parts.hostname,
        "port": port,
        "lookup": True,
    }


def _host_of(registry: str) -> str:
    return registry.partition(":")[0]
