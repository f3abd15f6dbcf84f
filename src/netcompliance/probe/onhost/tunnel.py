"""CONNECT through an explicit proxy, and what the proxy says instead.

The commonest mistake is a proxy declared with the wrong scheme (https:// for a proxy that speaks plain HTTP), which
clients report as anything but that. So after a failure in which the proxy did not speak the declared scheme, the other
one is tried, and only whether it answers is reported.
"""

import base64
import time
from typing import Any, Dict, Optional, Tuple

from netcompliance.probe.onhost import http1
from netcompliance.probe.onhost.dial import dial_any
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import addresses_of
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit

SCHEMES = ("http", "https")
BODY_KEPT = 4096
OTHER_SCHEME_SECONDS = 3.0
NOT_UNDERSTOOD = (None, 400)
"""Statuses after which the other scheme is worth a try: none, or what a TLS port answers to plain HTTP."""


def connect(visit: Visit, task: str, proxy: Proxy, host: str, port: int) -> Tuple[Optional[Stream], Dict[str, Any]]:
    """Ask the proxy for a tunnel. The facts are fields of a `proxy` observation."""
    target = "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)
    facts: Dict[str, Any] = {
        "target": target, "declared": proxy.scheme, "phase": "resolve", "proxy_address": None, "status": None,
        "reason": None, "headers": [], "body": None, "received": None, "other_scheme": None, "at": time.time(),
        "error": None,
    }  # fmt: skip
    clock = time.monotonic()
    answer = http1.Answer(BODY_KEPT, BODY_KEPT)
    lower: Optional[Stream] = None
    granted = False
    try:
        _check_scheme(proxy)
        addresses = addresses_of(visit, task, proxy.host)
        facts["phase"] = "tcp"
        lower, facts["proxy_address"] = dial_any(addresses, proxy.port, visit.limits["connect"])
        if proxy.scheme == "https":
            facts["phase"] = "tls"
            lower = _secured(visit, proxy, lower)
        facts["phase"] = "connect"
        deadline = Deadline(visit.limits["exchange"])
        granted = http1.connect(lower, _request(visit, proxy, target), answer, visit.limits, deadline)
        if granted:
            facts["phase"] = "open"
        else:
            facts["error"] = Failure("proxy", "STATUS", "{} {}".format(answer.status, answer.reason)).record()
    except Exception as error:
        facts["error"] = failure_from(error, "tls" if facts["phase"] == "tls" else "proxy").record()
    facts.update(status=answer.status, reason=answer.reason, headers=answer.headers, seconds=time.monotonic() - clock)
    if not granted:
        facts["body"] = base64.b64encode(answer.body).decode("ascii")
        if answer.status is None and answer.received:
            facts["received"] = base64.b64encode(answer.received).decode("ascii")
        if lower is not None:
            lower.close()
        return None, facts
    return lower, facts


def speaks_other_scheme(visit: Visit, task: str, proxy: Proxy, facts: Dict[str, Any]) -> Optional[bool]:
    """After a failure: does the proxy answer in the other scheme? None where that says nothing or nobody answers."""
    if facts["phase"] not in ("tls", "connect") or facts["status"] not in NOT_UNDERSTOOD:
        return None
    lower: Optional[Stream] = None
    deadline = Deadline(OTHER_SCHEME_SECONDS)
    try:
        lower, _ = dial_any(addresses_of(visit, task, proxy.host), proxy.port, deadline.left())
        if proxy.scheme == "http":
            TlsStream(lower, identifying_context(), proxy.host).handshake(deadline)
        else:
            answer = http1.Answer(BODY_KEPT, BODY_KEPT)
            http1.connect(lower, _request(visit, proxy, facts["target"]), answer, visit.limits, deadline)
    except Failure as failure:
        return None if failure.phase in ("resolve", "tcp") else False
    except OSError:
        return False
    else:
        return True
    finally:
        if lower is not None:
            lower.close()


def _check_scheme(proxy: Proxy) -> None:
    if proxy.scheme not in SCHEMES:
        raise Failure("proxy", "UNSUPPORTED", "a proxy of the scheme %s cannot be looked through" % proxy.scheme)


def _secured(visit: Visit, proxy: Proxy, lower: Stream) -> Stream:
    stream = TlsStream(lower, visit.trust.verifying, proxy.host)
    stream.handshake(Deadline(visit.limits["tls"]))
    return stream


def _request(visit: Visit, proxy: Proxy, target: str) -> bytes:
    headers = [("Host", target), ("User-Agent", visit.plan["agent"])]
    if proxy.login is not None:
        login = base64.b64encode(proxy.login.encode("utf-8")).decode("ascii")
        headers.append(("Proxy-Authorization", "Basic " + login))
    return http1.request_head("CONNECT", target, headers)
