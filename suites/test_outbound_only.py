"""Outbound only: the agent opens every connection, and nothing needs to come in."""

import pytest


@pytest.mark.requirement("OUT-01")
def test_every_connection_was_opened_by_the_host_to_port_443(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("OUT-02")
def test_nothing_comes_in_from_the_tenant(verdict):
    verdict.is_satisfied()
