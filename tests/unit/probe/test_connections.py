"""Connections that are used again: who gets which, who waits, and who opens another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from netcompliance.probe.onhost.connections import Connections

LONG = 60.0
"""Seconds that no test waits for."""


class Closing:
    """What is lent."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def held() -> Iterator[ExitStack]:
    """Leases that last until the test ends."""
    with ExitStack() as stack:
        yield stack


def later(connections: Connections) -> tuple[threading.Thread, list[object]]:
    """Somebody else who asks for one, and what they got."""
    got: list[object] = []

    def ask() -> None:
        with connections.lease() as lease:
            got.append(lease.kept)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return thread, got


def test_the_first_has_to_open_one_and_the_next_gets_it() -> None:
    connections = Connections(4, LONG)
    with connections.lease() as first:
        assert first.kept is None
        first.opened()
        first.kept = "one"
    with connections.lease() as second:
        assert second.kept == "one"
        second.kept = None
    with connections.lease() as third:
        assert third.kept is None


def test_while_one_is_in_use_the_next_waits_for_it_as_long_as_opening_took() -> None:
    connections = Connections(4, LONG)
    connections.add("one", LONG)
    with connections.lease() as first:
        thread, got = later(connections)
        assert first.kept == "one"
    thread.join(LONG)
    assert got == ["one"]


def test_nobody_waits_longer_than_opening_took(held: ExitStack) -> None:
    connections = Connections(4, LONG)
    connections.add("one", 0.01)
    held.enter_context(connections.lease())
    thread, got = later(connections)
    thread.join(LONG)
    assert got == [None]


def test_while_one_is_being_opened_nobody_opens_another() -> None:
    connections = Connections(4, LONG)
    with connections.lease() as first:
        waiting = [later(connections) for _ in range(3)]
        first.kept = "one"
    for thread, got in waiting:
        thread.join(LONG)
        assert got == ["one"]


def test_that_one_could_not_be_opened_leaves_nobody_waiting() -> None:
    connections = Connections(4, LONG)
    with connections.lease():
        waiting = [later(connections) for _ in range(3)]
    for thread, got in waiting:
        thread.join(LONG)
        assert got == [None]


def test_a_peer_that_keeps_all_of_them_waiting_is_not_spared_any_longer(held: ExitStack) -> None:
    connections = Connections(1, 0.01)
    held.enter_context(connections.lease()).opened()
    thread, got = later(connections)
    thread.join(LONG)
    assert got == [None]


def test_there_are_never_more_than_so_many_while_a_peer_has_patience(held: ExitStack) -> None:
    connections = Connections(2, LONG)
    held.enter_context(connections.lease()).opened()
    with connections.lease() as second:
        second.opened()
        thread, got = later(connections)
        thread.join(0.2)
        assert got == []
        second.kept = "two"
    thread.join(LONG)
    assert got == ["two"]


def test_all_are_closed_after_the_last_use() -> None:
    kept = [Closing(), Closing()]
    connections = Connections(4, LONG, uses=3)
    for each in kept:
        connections.add(each, 0.0)
    for _ in range(2):
        with connections.lease():
            pass
    assert not any(each.closed for each in kept)
    with connections.lease():
        pass
    assert all(each.closed for each in kept)
