"""The chart repository, as the workstation that runs helm sees it."""

import pytest


@pytest.mark.requirement("HELM-01")
def test_the_repository_serves_the_chart(verdict):
    verdict.is_satisfied()
