"""The situations in which tools are compared: each a scenario of the lab, and the layer that a tool ought to name.

Seventeen in which networks are usually found: sixteen that are broken and the healthy one, without which a tool that
always fails would be the best. Those that are not `counted` were chosen after the results were known.
"""

from __future__ import annotations

from dataclasses import dataclass

HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Situation:
    """One row."""

    says: str
    scenario: str
    """A scenario of the lab, or `HEALTHY`."""
    layer: str = ""
    """The layer that is broken. Empty: nothing is wrong, and a tool ought to pass."""
    times: int = 1
    """How often each tool is asked: more than once where the answer depends on the address that it happens to take."""
    quick: bool = False
    """Part of a quick run."""
    counted: bool = True


SITUATIONS = (
    Situation("nothing is wrong", HEALTHY, quick=True),
    Situation("NXDOMAIN", "dns-nxdomain", "dns", quick=True),
    Situation("SERVFAIL", "dns-servfail", "dns"),
    Situation("no answer from the resolvers", "dns-timeout", "dns"),
    Situation("TCP refused", "tcp-refused", "tcp", quick=True),
    Situation("TCP dropped", "tcp-dropped", "tcp"),
    Situation("1 of 3 addresses dropped", "one-address-dropped", "tcp", times=3),
    Situation("interception, unknown CA", "interception", "tls"),
    Situation("certificate expired", "expired", "tls", quick=True),
    Situation("certificate for another name", "wrong-name", "tls"),
    Situation("RST after the ClientHello", "hello-reset", "tls"),
    Situation("silence after the ClientHello", "hello-swallowed", "tls"),
    Situation("plain HTTP on port 443", "plain-http", "tls"),
    Situation("block page, valid chain, 403", "block-page", "http", quick=True),
    Situation("captive portal, 302", "captive-portal", "http"),
    Situation("wrong backend, 404", "wrong-backend", "http"),
    Situation("answers after 4 s", "answers-after-4-s", "http"),
    Situation("+ a device's own 403, in JSON", "firewalls-own-403", "http", counted=False),
)
