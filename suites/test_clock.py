"""The clock."""

import pytest


@pytest.mark.requirement("CLK-01")
def test_the_hosts_clock_agrees_with_the_services(verdict):
    """The host's clock is within 60 s of the service's."""
    verdict.is_satisfied()
