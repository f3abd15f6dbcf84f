"""Against an earlier run (--baseline): is anything worse than it was?"""


def test_nothing_that_was_met_before_is_unmet_now(comparison):
    """What the earlier run found met is met now."""
    comparison.shows_no_regression()


def test_nothing_changed_underneath(comparison):
    """Addresses, certificates, ways and whatever else is not to change are what they were."""
    comparison.shows_no_drift()
