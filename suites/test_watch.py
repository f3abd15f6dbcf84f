"""The watch through a change window: go, or roll back."""

import pytest


@pytest.mark.requirement("WATCH-01")
def test_no_path_is_interrupted_for_longer_than_is_accepted(verdict):
    verdict.is_satisfied()
