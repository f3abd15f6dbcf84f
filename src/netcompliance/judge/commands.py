"""Commands that show a person with a shell what was seen: they go the way that the host goes, and offer what the agent
offers where that makes the difference.

No password stands in a command: where the proxy wants one, the variable is named that holds it. What a host or a person
has written is quoted for the shell.
"""

from __future__ import annotations

import shlex

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, parsed_address, without_port
from netcompliance.model import Finding
from netcompliance.observations import Proxy, Readings, Route

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
)
"""Go's cipher suites of TLS 1.2 by OpenSSL's names; those of TLS 1.3 are the same for both."""
GROUPS = "X25519:P-256:P-384:P-521"
SIGNATURES = (
    "RSA-PSS+SHA256:ECDSA+SHA256:ed25519:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:"
    "ECDSA+SHA384:ECDSA+SHA512:RSA+SHA1:ECDSA+SHA1"
)
AS_THE_AGENT = (
    f"-no_ssl3 -no_tls1 -no_tls1_1 -cipher '{SUITES}:@SECLEVEL=1' -groups {GROUPS} -sigalgs {SIGNATURES} "
    "-alpn h2,http/1.1"
)
"""What Go offers, as far as OpenSSL has it: the post-quantum group is left out, which OpenSSL knows since 3.5 only."""
SHOW = "openssl crl2pkcs7 -nocrl -certfile /dev/stdin | openssl pkcs7 -print_certs -text -noout"
"""Every certificate that is shown, in words."""
NEGOTIATED = (Code.TLS_NO_COMMON_CIPHER, Code.TLS_HELLO_REFUSED)
SHOWN = (*NEGOTIATED, Code.TLS_CERTIFICATE_REFUSED)
"""Findings that a client of another kind does not show."""


VARIABLES = ("HTTPS_PROXY", "https_proxy")
"""From which the agent takes its proxy."""


def curl(evidence: Evidence, host: str) -> str:
    """The name of curl, and what makes it go the way that the host goes, whatever its environment says to curl."""
    route, proxy = evidence.route(host) or Route(), evidence.proxy_for(host)
    readings = route.readings or Readings()
    if proxy is None:
        return "curl --noproxy '*'" if readings.curl else "curl"
    url = f'"${route.source}"' if _login_in_variable(evidence, host) else shlex.quote(proxy)
    return f"curl -x {url}" if readings.curl is not False else f"curl -x {url} --noproxy ''"


def for_go(evidence: Evidence, host: str) -> str:
    """What stands in front of a Go program (skopeo, helm), so that it goes the way of the declared proxy.

    What the environment holds it reads as the agent does.
    """
    route, proxy = evidence.route(host) or Route(), evidence.proxy_for(host)
    if proxy is None or route.source in VARIABLES:
        return ""
    excepted = route.no_proxy
    return f"HTTPS_PROXY={shlex.quote(proxy)} NO_PROXY={shlex.quote(str(excepted)) if excepted else ''} "


def _login_in_variable(evidence: Evidence, host: str) -> bool:
    """Was a user name sent to the proxy that stands in a variable?"""
    route = evidence.route(host) or Route()
    sent = any(seen.login for seen in evidence.all(Proxy, host=without_port(host)))
    return sent and route.source in VARIABLES


def _in_url(subject: str | None) -> str:
    """An address as it stands in a URL; empty if it is none."""
    address = parsed_address(subject)
    return "" if address is None else f"[{subject}]" if address.version == 6 else str(subject)


def s_client(evidence: Evidence, host: str, subject: str | None = None, found: Finding | None = None) -> str:
    """A handshake with a host, at an address if `subject` is one, through the proxy if there is one."""
    peer = _in_url(subject) or host
    scheme, _, place = (evidence.proxy_for(host) or "").rpartition("://")
    if scheme == "https" or _login_in_variable(evidence, host):
        # OpenSSL speaks no TLS to a proxy, and takes no login from a variable.
        return f"{curl(evidence, host)} -sSv -o /dev/null https://{host}/"
    through = f" -proxy {shlex.quote(place)}" if place and scheme == "http" else ""
    offers = f" {AS_THE_AGENT}" if found is not None and found.code in NEGOTIATED else ""
    way = f"openssl s_client{through} -connect {peer}:443 -servername {host}"
    if found is not None and found.code is Code.TLS_CERTIFICATE_REFUSED:
        return f"{way} -showcerts </dev/null 2>/dev/null | {SHOW}"
    return f"{way} -verify_hostname {host}{offers} </dev/null"


def over_http2(evidence: Evidence, host: str, subject: str | None) -> str:
    """A request over HTTP/2, at an address if `subject` is one."""
    peer = _in_url(subject)
    to = f" --resolve {host}:443:{peer}" if peer and not evidence.proxy_for(host) else ""
    return f"{curl(evidence, host)} -sSv --http2 -o /dev/null{to} https://{host}/"
