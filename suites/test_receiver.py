"""The receiver: is it really the receiver that answers, on every path the agent calls, and soon enough?"""

import pytest


@pytest.mark.requirement("RCV-01")
def test_the_receiver_answers_on_the_documented_path(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("RCV-02")
def test_the_receiver_answers_on_the_path_too(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("RCV-03")
def test_the_receiver_accepts_the_api_key(verdict):
    verdict.is_satisfied()


@pytest.mark.requirement("RCV-04")
def test_the_receiver_answers_a_small_request_in_time(verdict):
    verdict.is_satisfied()
