"""The watch through a change window: go, or roll back."""

import pytest


@pytest.mark.requirement("WATCH-01")
def test_no_path_is_interrupted_for_longer_than_is_accepted(verdict):
    """Through the change window, no path is interrupted for longer than is accepted."""
    verdict.is_satisfied()
