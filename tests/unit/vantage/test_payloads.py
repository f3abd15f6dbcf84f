"""What the agent sends, as data of the plan: whole, harmless, and as much of it as is documented."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path

import pytest

from lab.embedded.log import NO_KEY
from netcompliance import catalogue
from netcompliance.model import DOCUMENTED_PATH, RECEIVER_PATHS, Settings
from netcompliance.probe.onhost import exchanges, shares
from netcompliance.probe.onhost.uploads import document
from netcompliance.vantage import payloads
from netcompliance.vantage.gohello import client_hello
from netcompliance.vantage.plan import build_plan

ADDRESSES = 4
VERSIONS = 2
"""Of IP, among these addresses."""


def planned(**settings: object) -> list[payloads.Request]:
    given = Settings(tenant="acme", **settings)  # type: ignore[arg-type]
    plan = build_plan(given, catalogue.expand(catalogue.load(), given), nonce="abc", agent="test/1")
    return [request for task in plan["tasks"] for request in task.get("requests", ())]


def test_a_wrong_key_is_in_every_request_of_the_agents_and_no_other_key_anywhere() -> None:
    for request in payloads.calls("abc"):
        places = [*request["headers"].values(), request.get("query", "")]
        assert any(payloads.WRONG_KEY in place for place in places)
        assert not request.get("key")


def test_a_valid_key_never_goes_where_something_could_be_written() -> None:
    declared = [request for request in planned(key_declared=True) if request.get("key")]
    assert [(request["method"], request["path"]) for request in declared] == [
        ("GET", f"{DOCUMENTED_PATH}/api/v1/validate")
    ]


def test_the_lab_knows_what_is_not_a_key() -> None:
    assert payloads.WRONG_KEY == NO_KEY


def test_every_path_gets_a_post_in_its_callers_manner() -> None:
    asked = {request["path"]: request for request in payloads.calls("abc") if request["purpose"] == "path"}
    assert set(asked) == {DOCUMENTED_PATH + path for path in RECEIVER_PATHS}
    intake = asked[f"{DOCUMENTED_PATH}/intake"]
    assert zlib.decompress(base64.b64decode(intake["content"])) == base64.b64decode(intake["plain"]) == b"{}"
    for request in asked.values():
        assert request["headers"]["User-Agent"].startswith(("Go-http-client/", "promtail/"))
        assert "Expect" not in request["headers"]


def test_the_names_of_headers_are_written_as_go_writes_them() -> None:
    for request in (*payloads.calls("abc"), payloads.wrong_key(), payloads.upload()):
        assert all(name == "-".join(map(str.capitalize, name.split("-"))) for name in request["headers"])


def test_a_path_that_nobody_knows_how_to_call_is_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its case would be planned and never asked."""
    monkeypatch.setattr(payloads, "RECEIVER_PATHS", (*RECEIVER_PATHS, "/new"))
    with pytest.raises(KeyError, match="/new"):
        planned()


def test_what_a_run_costs_the_service_is_documented(checkout: Path) -> None:
    text = " ".join((checkout / "docs" / "agent.md").read_text().split())
    counted = re.search(
        r"\*\*(\d+) requests\*\* \((\d+) GETs, (\d+) POSTs with (\d+) bytes of bodies together, (\d+) uploads "
        r"with \*\*([\d.]+) MB\*\* together\)",
        text,
    )
    assert counted
    each = [request for request in planned() if request["at"] == "each"]
    posts = [request for request in each if request["method"] == "POST"]
    small = sum(len(base64.b64decode(request["content"])) for request in posts)
    uploads = payloads.UPLOADS
    assert [int(number) for number in counted.groups()[:5]] == [
        len(each) + len(uploads),
        len(each) - len(posts),
        len(posts),
        small,
        len(uploads),
    ]
    assert float(counted[6]) == round((sum(uploads) + small) / 1e6, 2)
    total = re.search(r"With four addresses, one of them of IPv6, that is (\d+) requests and ([\d.]+) MB", text)
    once = [request for request in planned() if request["at"] == "one"]
    assert total
    assert int(total[1]) == ADDRESSES * (len(each) + len(uploads)) + len(once) + VERSIONS * exchanges.TRIES
    hellos = shares.TRIES * len(client_hello("acme.app.stackstate.io", "seed"))
    assert f"({hellos / 1e6:.2f} MB)" in text
    assert float(total[2]) == round(ADDRESSES * (sum(uploads) + small + hellos) / 1e6, 1)
    readme = (checkout / "README.md").read_text()
    assert f"{counted[1]} requests and {counted[6]} MB per address" in " ".join(readme.split())
    with_key = [request for request in planned(key_declared=True) if request["at"] == "each"]
    assert f"With a key declared, {len(with_key) - len(each)} more GETs" in text


def test_uploads_have_the_wanted_size_and_are_what_they_say() -> None:
    for size in payloads.UPLOADS:
        data = document(size)
        assert len(data) == size
        text = zlib.decompress(data)
        assert text.startswith(b'{"netcompliance": "')
        assert text.endswith(b'"}')
