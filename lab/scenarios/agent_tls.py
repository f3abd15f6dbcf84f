"""TLS as the agent, a Go program, does it: its cipher suites, its trust store, its rules for certificates."""

from __future__ import annotations

from lab.changes import environment, file, host, tls
from lab.healthy import TENANT_V4
from lab.scenario import Scenario, both, finds
from lab.world import Authority, Hello, Key

_TENANT_FAILS_BY_ALERT = {
    40: "tls.no-common-cipher",
    49: "tls.reset",
    70: "tls.version",
    71: "tls.no-common-cipher",
    80: "tls.peer-fault",
    112: "tls.name-not-served",
    120: "tls.hello-refused",
}
_NAMES = {
    40: "handshake-failure",
    49: "access-denied",
    70: "protocol-version",
    71: "insufficient-security",
    80: "internal-error",
    112: "unrecognized-name",
    120: "no-application-protocol",
}
_TWO = ("TLSv1_2", "TLSv1_2")

SCENARIOS = (
    *(
        Scenario(
            name=f"alert-{_NAMES[number]}",
            broken=f"what answers for the tenant refuses every ClientHello with the alert {_NAMES[number]}",
            change=tls("tenant", hello=Hello.ALERT, alert=number),
            find=finds(HTTPS_02=code),
        )
        for number, code in _TENANT_FAILS_BY_ALERT.items()
    ),
    Scenario(
        name="cipher-cbc-sha384-only",
        broken="a device offers ECDHE-RSA-AES256-SHA384 (CBC) only, which Go does not have",
        change=tls("tenant", key=Key.RSA2048, versions=_TWO, ciphers="ECDHE-RSA-AES256-SHA384"),
        find=finds(HTTPS_02="tls.no-common-cipher"),
    ),
    Scenario(
        name="cipher-dhe-only",
        broken="a load balancer offers finite-field Diffie-Hellman only, which Go does not have",
        change=tls("tenant", key=Key.RSA2048, versions=_TWO, ciphers="DHE-RSA-AES256-GCM-SHA384"),
        find=finds(HTTPS_02="tls.no-common-cipher"),
    ),
    Scenario(
        name="cipher-static-rsa-only",
        broken="an old server offers RSA key exchange only, which Go no longer does by default",
        change=tls("tenant", key=Key.RSA2048, versions=_TWO, ciphers="AES256-GCM-SHA384"),
        find=finds(HTTPS_02="tls.no-common-cipher"),
    ),
    Scenario(
        name="registry-cipher-cbc-sha384-only",
        broken="in front of the registry, a device offers ECDHE-RSA-AES256-SHA384 (CBC) only",
        change=tls("quay", key=Key.RSA2048, versions=_TWO, ciphers="ECDHE-RSA-AES256-SHA384"),
        find=finds(REG_01="tls.no-common-cipher"),
    ),
    Scenario(
        name="cipher-cbc-sha-only",
        broken="nothing: an old device offers ECDHE-RSA-AES128-SHA only, which Go still has",
        change=tls("tenant", key=Key.RSA2048, versions=_TWO, ciphers="ECDHE-RSA-AES128-SHA"),
    ),
    Scenario(
        name="certificate-ed25519",
        broken="nothing: the tenant's certificate has an Ed25519 key, which Go takes",
        change=tls("tenant", key=Key.ED25519),
    ),
    Scenario(
        name="client-certificate-wanted",
        broken="what answers for the tenant wants a client certificate (TLS 1.3 says so after the handshake)",
        change=tls("tenant", wants_certificate=True),
        find=finds(HTTPS_02="tls.client-certificate"),
    ),
    Scenario(
        name="client-certificate-wanted-in-tls-1-2",
        broken="what answers for the tenant speaks TLS 1.2 and wants a client certificate",
        change=tls("tenant", wants_certificate=True, versions=_TWO),
        find=finds(HTTPS_02="tls.client-certificate"),
    ),
    Scenario(
        name="registry-client-certificate-wanted",
        broken="in front of the registry, a gateway wants a client certificate",
        change=tls("quay", wants_certificate=True),
        find=finds(REG_01="tls.client-certificate"),
    ),
    Scenario(
        name="session-tickets-many",
        broken="what answers for the tenant sends 17 session tickets; Go ends a connection over the seventeenth",
        change=tls("tenant", tickets=17),
        find=finds(HTTPS_02="tls.go-refuses"),
    ),
    Scenario(
        name="session-tickets-at-the-limit",
        broken="nothing: what answers for the tenant sends 16 session tickets, as many as Go takes",
        change=tls("tenant", tickets=16),
    ),
    Scenario(
        name="registry-session-tickets-many",
        broken="in front of the registry, a gateway sends 17 session tickets",
        change=tls("quay", tickets=17),
        find=finds(REG_01="tls.go-refuses"),
    ),
    Scenario(
        name="hello-large-dropped-over-1300",
        broken="a device drops ClientHellos over 1,300 bytes at one of the tenant's addresses",
        change=tls("tenant", only=TENANT_V4[:1], hello_limit=1300, large_hello=Hello.STALL),
        find=finds(HTTPS_05="tls.large-hello-dropped"),
    ),
    Scenario(
        name="hello-with-post-quantum-refused",
        broken="a device refuses ClientHellos with a post-quantum key share",
        change=tls("tenant", refuses="11ec04c0", alert=47),
        find=finds(HTTPS_05="tls.hello-refused"),
    ),
    Scenario(
        name="hello-with-h2-refused",
        broken="a device refuses ClientHellos that offer h2",
        change=tls("tenant", refuses="026832", alert=120),
        find=finds(HTTPS_05="tls.hello-refused"),
    ),
    Scenario(
        name="hello-without-protocols-refused",
        broken="a device resets ClientHellos without protocol names (ALPN), and the main agent's have none",
        change=tls("tenant", needs="08687474702f312e31"),
        find=finds(HTTPS_05="tls.hello-refused"),
    ),
    Scenario(
        name="chart-hello-without-protocols-refused",
        broken="in front of the chart repository, a device resets ClientHellos without protocol names (ALPN)",
        change=tls("helm", needs="08687474702f312e31"),
        find=finds(HELM_01="tls.hello-refused"),
    ),
    Scenario(
        name="hello-of-go-refused",
        broken="a device refuses what looks like a Go program: its list of cipher suites",
        change=tls("tenant", refuses="c02bc02fc02cc030cca9cca8c009c013c00ac014130113021303", alert=40),
        find=finds(HTTPS_05="tls.hello-refused"),
    ),
    Scenario(
        name="certificate-ed448",
        broken="the tenant's certificate has an Ed448 key, which OpenSSL takes and Go does not",
        change=tls("tenant", key=Key.ED448),
        find=finds(HTTPS_02="tls.certificate-refused"),
    ),
    Scenario(
        name="tls-slow",
        broken="TLS to the tenant is answered after 5 s; the agent waits 10 s",
        change=tls("tenant", delay=5.0),
        find=finds(HTTPS_09="tls.slow"),
    ),
    Scenario(
        name="tls-slow-at-one-address",
        broken="TLS at one of the tenant's addresses is answered after 5 s",
        change=tls("tenant", only=TENANT_V4[1:2], delay=5.0),
        find=finds(HTTPS_09="tls.slow"),
    ),
    Scenario(
        name="trust-company-file-only",
        broken="nothing: SSL_CERT_FILE names the company's CA only; the agent reads the default directories as well",
        change=environment(SSL_CERT_FILE="{lab}/pki/corporate-root.pem"),
    ),
    Scenario(
        name="trust-file-missing",
        broken="nothing: SSL_CERT_FILE names a file that is not there; the agent still reads the default directories",
        change=environment(SSL_CERT_FILE="{lab}/no-such-file.pem"),
    ),
    Scenario(
        name="trust-store-empty",
        broken="the host's trust store holds no certificate",
        change=host(trusts=()),
        find=finds(
            HTTPS_02="tls.trust-store-empty",
            REG_01="tls.trust-store-empty",
            REG_05="tls.trust-store-empty",
            HELM_01="tls.trust-store-empty",
        ),
    ),
    Scenario(
        name="device-rsa-1024",
        broken="nothing: a declared device's certificates have RSA keys of 1024 bits, which Go takes",
        change=both(
            file("profile.toml", '[interception]\nca_file = "pki/device-root.pem"\n'),
            host(trusts=(Authority.PUBLIC, Authority.CORPORATE, Authority.DEVICE)),
            tls("tenant", authority=Authority.DEVICE, key=Key.RSA1024),
        ),
        options=("--profile={lab}/profile.toml",),
    ),
)
