"""HTTPS-04: the agent's URL against the documented one."""

from __future__ import annotations

import pytest

from netcompliance.model import Result
from tests.unit.judge.records import HOST
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import healthy, settings, verdict_of

RIGHT = f"https://{HOST}/receiver/stsAgent"


def given(url: str) -> Row:
    return row(healthy(), settings=settings(agent_url=url))


def wrong(url: str) -> Row:
    return row(healthy(), {"HTTPS-04": "endpoint.wrong-url"}, settings=settings(agent_url=url))


URLS = {
    "documented": given(RIGHT),
    "port 443 written out": given(f"https://{HOST}:443/receiver/stsAgent"),
    "upper case": given(f"HTTPS://{HOST.upper()}/receiver/stsAgent"),
    "upper-case path": wrong(f"https://{HOST}/receiver/stsagent"),
    "slash": wrong(f"{RIGHT}/"),
    "empty": wrong(""),
    "question mark": wrong(f"{RIGHT}?"),
}


@each(URLS)
def test_url(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("url", "shown", "difference"),
    [
        (f"http://{HOST}/receiver/stsAgent", None, "the scheme is http, not https"),
        (HOST, None, "the scheme is missing, not https"),
        ("https://acme.stackstate.io/receiver/stsAgent", None, f"the host is acme.stackstate.io, not {HOST}"),
        ("https:///receiver/stsAgent", None, f"the host is missing, not {HOST}"),
        (f"https://{HOST}:8443/receiver/stsAgent", None, "the port is 8443, not 443"),
        (f"{RIGHT}/", None, "it ends with a slash"),
        (f"https://{HOST}/reciever/stsAgent", None, "the path is /reciever/stsAgent, not /receiver/stsAgent"),
        (f"https://{HOST}", None, "the path is missing, not /receiver/stsAgent"),
        (f"{RIGHT}?api_key=s3cret@x", RIGHT, "something follows the path"),
        (f"{RIGHT}#x", RIGHT, "something follows the path"),
        (f"{RIGHT}?", RIGHT, "something follows the path"),
        (f"https://user:s3cret@{HOST}/receiver/stsAgent", RIGHT, "it has user information"),
        (f"https://{HOST}/a@b", None, "the path is /a@b, not /receiver/stsAgent"),
        ("user:s3cret@host/x", "host/x", "the scheme is user, not https"),
        ("https://[::1/receiver", None, "it is no URL"),
        (f"https://{HOST}:port/receiver/stsAgent", None, "it is no URL"),
        (f" {RIGHT}", None, "it is spelled differently"),
    ],
)
def test_the_difference_is_told_and_no_secret(url: str, shown: str | None, difference: str) -> None:
    verdict = verdict_of("HTTPS-04", healthy(), settings(agent_url=url))
    (found,) = verdict.findings
    assert (found.subject, found.values["difference"]) == (shown or url, difference)
    assert found.values["documented"] == RIGHT
    assert "s3cret" not in verdict.saw


def test_what_passes_is_told() -> None:
    verdict = verdict_of("HTTPS-04", healthy(), settings(agent_url=RIGHT))
    assert (verdict.result, verdict.saw) == (Result.PASS, f"the agent is given {RIGHT}")
