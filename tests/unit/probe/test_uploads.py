"""Uploads that share the way of the host: what a standstill beside others proves, and what is tried alone."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from netcompliance.probe.onhost import uploads
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.limits import Deadline
from netcompliance.probe.onhost.uploads import Followed, Tried, Turns, Uploads

HOUR = 3600.0


class Visit:
    """As much of a visit as rows of uploads need."""

    def __init__(self) -> None:
        self.limits = {"uploads": HOUR}
        self.turns = Turns(HOUR)

    def shared(self, name: Any, make: Any) -> Any:
        return self.turns if name == ("uploads", "h") else make()

    def first(self, *_: Any) -> bool:
        return False


def row(visit: Visit, *tried: Tried, sizes: tuple[int, ...] = (150_000,)) -> Any:
    """A row whose uploads end so, one after the other."""
    asker: Any = SimpleNamespace(visit=visit, task="tenant", target=SimpleNamespace(host="h"))
    way: Any = SimpleNamespace(via=None)
    made: Any = Uploads(asker, way, {"method": "POST", "path": "/", "sizes": sizes}, None)
    made.asked = []
    ends = iter(tried)

    def one(purpose: str, _stream: object, size: int, _seconds: float) -> Tried:
        made.asked.append((purpose, size, made.alone))
        return next(ends)

    made._try = one
    return made


def ended(status: int | None, **how: bool) -> Tried:
    answer = Answer(1000, 1000)
    answer.status = status
    return Tried(None, answer, **how)


def test_a_standstill_beside_others_is_tried_again_when_they_are_over() -> None:
    visit, other = Visit(), object()
    visit.turns.free()
    visit.turns.begin(other)
    starved = row(visit, ended(None, still=True, shared_way=True), ended(200), ended(200), sizes=(150_000, 2_500_000))
    sending = threading.Thread(target=starved.send, args=(None,), daemon=True)
    sending.start()
    sending.join(0.2)
    assert starved.asked == [("upload", 150_000, False)]
    visit.turns.end(other)
    sending.join(20)
    assert starved.asked[1:] == [("upload", 150_000, True), ("upload", 2_500_000, True)]


def test_a_standstill_that_shared_the_way_and_cannot_be_tried_alone_is_not_looked_at_in_segments() -> None:
    visit = Visit()
    visit.turns = Turns(uploads.LEAST + 0.1 - uploads.MORE)
    visit.turns.deadline = Turns(HOUR).deadline
    visit.turns.free()
    visit.turns.begin("another")
    starved = row(visit, ended(None, still=True, shared_way=True))
    starved.send(None)
    assert starved.asked == [("upload", 150_000, False)]


def test_a_standstill_alone_is_looked_at_in_segments() -> None:
    visit = Visit()
    visit.turns.free()
    stuck = row(visit, ended(None, still=True), ended(None, still=True))
    stuck.send(None)
    assert [purpose for purpose, *_ in stuck.asked] == ["upload", "upload-small-mss"]


def test_the_largest_size_is_tried_where_the_time_for_all_is_over() -> None:
    visit = Visit()
    visit.turns = Turns(0)
    late = row(visit, ended(200), sizes=(150_000, 600_000, 2_500_000))
    late.send(None)
    assert late.asked == [("upload", 2_500_000, False)]


def test_nothing_is_tried_where_all_time_is_over() -> None:
    visit = Visit()
    visit.turns = Turns(-uploads.MORE)
    late = row(visit, ended(200))
    late.send(None)
    assert late.asked == []


@pytest.mark.parametrize("stops", [False, True])
def test_at_the_end_of_its_time_what_goes_on_is_told_from_what_has_stopped(
    monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    monkeypatch.setattr(uploads, "LOOK_AGAIN", 0.01)
    watched = row(Visit())
    watched.patience = 0.2
    arrived = iter(range(100, 10_000_000, 100))
    asking: Any = SimpleNamespace(answer=SimpleNamespace(sent_bytes=10_000_000), length=10_000_000)
    stream: Any = SimpleNamespace(
        unacknowledged=lambda: 9_000_000 if stops else 10_000_000 - next(arrived), give_up=lambda: None
    )
    followed = Followed(asking, stream, watched, Deadline(0))
    followed.follow()
    assert (followed.given_up, followed.still) == (True, stops)
    assert (followed.end()["idle"] > watched.patience) is stops


@pytest.mark.parametrize(("moves", "shared"), [(True, True), (False, False)])
def test_a_standstill_says_whether_another_row_went_on(
    monkeypatch: pytest.MonkeyPatch, moves: bool, shared: bool
) -> None:
    monkeypatch.setattr(uploads, "LOOK_AGAIN", 0.01)
    visit = Visit()
    arrived = iter(range(0, 10_000_000, 100))
    given_up = threading.Event()
    following: Any = SimpleNamespace(answer=SimpleNamespace(sent_bytes=10_000_000), length=10_000_000)
    stuck_row, other_row = row(visit), row(visit)
    stuck_row.patience, other_row.patience = 0.3, HOUR
    stuck_stream: Any = SimpleNamespace(unacknowledged=lambda: 10_000_000, give_up=given_up.set)
    other_stream: Any = SimpleNamespace(unacknowledged=lambda: 10_000_000 - (next(arrived) if moves else 0))
    other = Followed(following, other_stream, other_row, Deadline(HOUR))
    watching = threading.Thread(target=other.follow, daemon=True)
    watching.start()
    stuck = Followed(following, stuck_stream, stuck_row, Deadline(HOUR))
    stuck.follow()
    how = stuck.end()
    other.end()
    watching.join(20)
    assert given_up.is_set()
    assert (stuck.still, how["shared_way"]) == (True, shared)
    assert not other.given_up
