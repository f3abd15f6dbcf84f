"""CONNECT through an explicit proxy, and what the proxy says instead.

The commonest mistake is a proxy declared with the wrong scheme (https:// for a proxy that speaks plain HTTP), which
clients report as anything but that. So after a failure in which the proxy did not speak the declared scheme, the other
one is tried, and only whether it answers is reported.
"""

import base64
import time
from typing import Any, Dict, Optional, Tuple

from netcompliance.probe.onhost import gourl, http1
from netcompliance.probe.onhost.dial import dial_any
from netcompliance.probe.onhost.failures import Failure, failure_from
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.names import addresses_of
from netcompliance.probe.onhost.route import Proxy
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.tls import TlsStream
from netcompliance.probe.onhost.trust import identifying_context
from netcompliance.probe.onhost.visit import Visit

BODY_KEPT = 4096
OTHER_SCHEME_SECONDS = 3.0
GO_AGENT = "Go-http-client/1.1"
"""The User-Agent of Go's CONNECT, whatever the request that goes through the tunnel says."""
NOT_UNDERSTOOD = (None, 400)
"""Statuses after which the other scheme is worth a try: none, or what a TLS port answers to plain HTTP."""


def connect(
    visit: Visit, task: str, proxy: Proxy, host: str, port: int, seconds: Optional[float] = None,
    address: Optional[str] = None,
) -> Tuple[Optional[Stream], Dict[str, Any]]:  # fmt: skip
    """Ask the proxy, at one address if it is given, for a tunnel, for so many seconds at most. The facts are fields of
    a `proxy` observation."""
    limits = visit.limits
    patience = Deadline(limits["tunnel"] if seconds is None else seconds)
    target = "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)
    facts: Dict[str, Any] = {
        "target": target, "declared": proxy.scheme, "phase": "resolve", "proxy_address": None, "status": None,
        "reason": None, "headers": [], "body": None, "received": None, "other_scheme": None, "at": time.time(),
        "login": proxy.login is not None, "error": None,
    }  # fmt: skip
    clock = time.monotonic()
    answer = http1.Answer(BODY_KEPT, BODY_KEPT)
    lower: Optional[Stream] = None
    granted = False
    try:
        _check(proxy)
        addresses = addresses_of(visit, task, proxy.host) if address is None else [address]
        facts["phase"] = "tcp"
        lower, facts["proxy_address"] = dial_any(addresses, proxy.port, patience.within(limits["connect"]).left())
        if proxy.scheme == "https":
            facts["phase"] = "tls"
            lower = _secured(visit, proxy, lower, patience.within(limits["tls"]))
        facts["phase"] = "connect"
        unhurried = dict(limits, first_byte=patience.left())
        granted = http1.connect(lower, _request(proxy, target), answer, unhurried, patience)
        if granted:
            facts["phase"] = "open"
        else:
            facts["error"] = Failure("proxy", "STATUS", "{} {}".format(answer.status, answer.reason)).record()
    except Exception as error:
        facts["error"] = failure_from(error, "tls" if facts["phase"] == "tls" else "proxy").record()
    facts.update(
        go_refuses=answer.refused,
        status=answer.status,
        reason=answer.reason,
        headers=answer.headers,
        seconds=time.monotonic() - clock,
    )
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
        if proxy.scheme != "https":
            TlsStream(lower, identifying_context(), proxy.host).handshake(deadline)
        else:
            answer = http1.Answer(BODY_KEPT, BODY_KEPT)
            http1.connect(lower, _request(proxy, facts["target"]), answer, visit.limits, deadline)
    except Failure as failure:
        return None if failure.phase in ("resolve", "tcp") else False
    except OSError:
        return False
    else:
        return True
    finally:
        if lower is not None:
            lower.close()


def _check(proxy: Proxy) -> None:
    """Go speaks SOCKS, which nobody speaks here. To a proxy of any other scheme it speaks plain HTTP."""
    if proxy.trouble is not None:
        raise Failure("proxy", "MISREAD", proxy.trouble)
    if proxy.scheme in gourl.SOCKS:
        raise Failure("proxy", "UNSUPPORTED", "a SOCKS proxy cannot be looked through")


def _secured(visit: Visit, proxy: Proxy, lower: Stream, deadline: Deadline) -> Stream:
    stream = TlsStream(lower, visit.trust.verifying, proxy.host)
    stream.handshake(deadline)
    return stream


def _request(proxy: Proxy, target: str) -> bytes:
    headers = [("Host", target), ("User-Agent", GO_AGENT)]
    if proxy.login is not None:
        login = base64.b64encode(proxy.login.encode("utf-8")).decode("ascii")
        headers.append(("Proxy-Authorization", "Basic " + login))
    return http1.request_head("CONNECT", target, headers)
