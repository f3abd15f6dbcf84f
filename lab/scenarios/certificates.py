"""Certificates that one client takes and another does not, and whose business they are."""

from __future__ import annotations

from lab.changes import host, tls
from lab.scenario import Scenario, finds
from lab.scenarios.registries import COPY
from lab.world import Authority, Flaw

SCENARIOS = (
    Scenario(
        name="certificate-negative-serial",
        broken="the tenant's certificate has a negative serial number, which OpenSSL takes and Go does not",
        change=tls("tenant", flaw=Flaw.NEGATIVE_SERIAL),
        find=finds(HTTPS_02="tls.certificate-refused"),
    ),
    Scenario(
        name="own-registry-self-signed",
        broken="the certificate of one's own registry is signed by itself, and the host does not trust it",
        change=tls("corp-registry", authority=Authority.ITSELF),
        options=COPY,
        find=finds(REG_01="tls.own-self-signed"),
    ),
    Scenario(
        name="own-registry-authority-missing",
        broken="the host's trust store lacks the company's authority, which one's own registry is certified by",
        change=host(trusts=(Authority.PUBLIC,)),
        options=COPY,
        find=finds(REG_01="tls.untrusted"),
    ),
)
