"""The clock."""

import pytest


@pytest.mark.requirement("CLK-01")
def test_the_hosts_clock_agrees_with_the_services(verdict):
    verdict.is_satisfied()
