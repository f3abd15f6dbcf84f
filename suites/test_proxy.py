"""The explicit proxy, where there is one."""

import pytest


@pytest.mark.requirement("PRX-01")
def test_the_proxy_grants_connect_to_port_443(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("PRX-02")
def test_every_part_of_the_agent_is_given_the_proxy(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("PRX-03")
def test_proxy_variables_mean_the_same_to_the_agent(verdict):
    verdict.is_satisfied()
