"""The explicit proxy, where there is one."""

import pytest


@pytest.mark.requirement("PRX-01")
def test_the_proxy_grants_connect_to_port_443(verdict):
    """The proxy speaks the scheme it was declared with and grants CONNECT to port 443."""
    verdict.is_satisfied()


@pytest.mark.requirement("PRX-02")
def test_every_part_of_the_agent_is_given_the_proxy(verdict):
    """The agent's configuration gives every part of it a proxy that can work."""
    verdict.is_satisfied()
