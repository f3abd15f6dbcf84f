"""The second round: what is made neutral in the agent's requests, and when there is one."""

from __future__ import annotations

import base64
from typing import Any

from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.payloads import kind_of, variants
from netcompliance.probe.onhost.requests import head_of
from netcompliance.vantage import payloads


def answer(status: int | None, body: bytes = b"", kind: str = "application/json") -> Answer:
    made = Answer(1000, 1000)
    made.status, made.body, made.headers = status, body, [("Content-Type", kind)]
    return made


def test_each_property_is_made_neutral_alone_and_all_of_them_together() -> None:
    intake = next(payloads.calls("abc"))
    made = {str(one["without"]): one for one in variants(intake, "neutral/1")}
    assert list(made) == ["user-agent", "query", "key", "encoding", "plain"]
    assert made["user-agent"]["headers"]["User-Agent"] == "neutral/1"
    assert "query" not in made["query"]
    assert "Sts-Api-Key" in intake["headers"]
    assert "Sts-Api-Key" not in made["key"]["headers"]
    assert "query" in made["key"]
    assert base64.b64decode(made["encoding"]["content"]) == b"{}"
    assert "Content-Encoding" not in made["encoding"]["headers"]
    assert set(made["plain"]["headers"]) == {"User-Agent", "Content-Type"}
    assert payloads.WRONG_KEY not in str(made["plain"])
    assert {one["purpose"] for one in made.values()} == {"variant"}
    assert intake["headers"]["User-Agent"] == payloads.GO


def test_a_content_type_of_its_own_is_a_property() -> None:
    collector = next(each for each in payloads.calls("abc") if each["path"].endswith("/collector"))
    assert [one["without"] for one in variants(collector, "neutral/1")] == ["user-agent", "key", "type", "plain"]


def test_the_hosts_key_goes_where_the_wrong_one_goes() -> None:
    visit: Any = None
    right = head_of(visit, "h", 443, payloads.key(), 0, "right")
    wrong = head_of(visit, "h", 443, payloads.wrong_key(), 0, None)
    assert right == wrong.replace(payloads.WRONG_KEY.encode(), b"right")
    assert b"User-Agent: Go-http-client/1.1" in right


def test_answers_are_of_one_kind_by_status_type_and_names() -> None:
    one = kind_of(answer(403, b'{"message": "no key"}'))
    assert one == kind_of(answer(403, b'{"message": "wrong key"}', "application/json; charset=utf-8"))
    assert one != kind_of(answer(401, b'{"message": "no key"}'))
    assert one != kind_of(answer(403, b'{"error": "policy"}'))
    assert one != kind_of(answer(403, b"[]"))
    assert kind_of(answer(403, b"\xff")) == kind_of(answer(403, b"[" * 100_000))
    assert kind_of(answer(None)) != one
