"""HTTPS on the standard port, at every address, up to the service itself."""

import pytest


@pytest.mark.requirement("HTTPS-01")
def test_tcp_port_443_opens_at_every_address(verdict):
    """TCP port 443 opens at every address of the tenant."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-02")
def test_tls_verifies_at_every_address(verdict):
    """TLS 1.2 or later verifies for the tenant's name with the host's own trust store."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-03")
def test_tls_ends_at_the_service(verdict):
    """The chain reaches a public root, or an interception that the profile declares."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-04")
def test_the_agents_url_is_the_documented_one(verdict):
    """The URL that the agent is given is exactly the documented one."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-05")
def test_a_large_client_hello_passes(verdict):
    """A TLS ClientHello larger than one segment passes, as current agents send it."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-06")
def test_large_requests_pass(verdict):
    """Payloads as large as the agent's pass."""
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-07")
def test_ipv6_connects_or_fails_at_once(verdict):
    """An IPv6 address, if there is one, connects or fails at once."""
    verdict.is_satisfied()
