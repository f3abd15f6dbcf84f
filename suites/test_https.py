"""HTTPS on the standard port, at every address, up to the service itself."""

import pytest


@pytest.mark.requirement("HTTPS-01")
def test_tcp_port_443_opens_at_every_address(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-02")
def test_tls_verifies_at_every_address(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-03")
def test_tls_ends_at_the_service(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-04")
def test_the_agents_url_is_the_documented_one(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-05")
def test_a_large_client_hello_passes(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-06")
def test_large_requests_pass(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-07")
def test_ipv6_connects_or_fails_at_once(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-08")
def test_connections_are_set_up_quickly(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("HTTPS-09")
def test_the_handshake_is_quick(verdict):
    verdict.is_satisfied()
