"""Looking, once: every host and the workstation's own questions side by side, then what the chains lead to.

One loop serves all visits. It never waits for a single host: each has its own limits (`child`), and what happens to one
ends no other. The visits are begun before anything heavy is imported here, since they need none of it.
"""

from __future__ import annotations

import gc
import os
import secrets
import selectors
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netcompliance.model import HERE, Case, Observation, Settings
from netcompliance.probe import bundle
from netcompliance.vantage import trouble
from netcompliance.vantage.child import Child
from netcompliance.vantage.errors import CouldNotLook
from netcompliance.vantage.plan import build_plan

if TYPE_CHECKING:
    from netcompliance.vantage.hosts import Host
    from netcompliance.vantage.x509 import Reader

PATIENCE = 30.0
"""Seconds in which the workstation's questions have surely ended, each by its own deadline."""
BEAT = 0.1
"""Seconds between two looks at limits and display."""

Tell = Callable[[dict[str, Any]], None]


class State(StrEnum):
    """How far a visit is."""

    WAITING = "waiting"
    REACHING = "reaching"
    """On the way: login, interpreter."""
    LOOKING = "looking"
    DONE = "done"
    FAILED = "failed"


class Watcher(Protocol):
    """Who is told what happens. Observations may come from any thread, one at a time; all else from the caller's."""

    def observation(self, observation: Observation) -> None:
        """Something was seen."""

    def state(self, vantage: str, state: State, text: str = "") -> None:
        """A visit went on; `text` says why it failed."""

    def ended(self, vantage: str, problem: CouldNotLook | None) -> None:
        """Everything that belongs to this vantage has been told, the workstation's view included."""

    def tick(self) -> None:
        """Some time has passed."""


def look(
    settings: Settings,
    cases: Sequence[Case],
    hosts: Sequence[Host],
    watcher: Watcher,
    *,
    key: str | None = None,
    at_once: int,
) -> None:
    """See everything that the cases need. `key` is the API key for hosts that are elsewhere.

    Nothing is told any more once this has ended, however it does.
    """
    tour = _Tour(settings, cases, hosts, watcher, key, at_once)
    gc.freeze()  # what is there by now stays, and is not worth a look at every collection
    try:
        tour.begin()
        workstation = _Workstation(settings, {case.requirement for case in cases}, tour.agent, tour.tell)
        tour.go(workstation)
    finally:
        gc.unfreeze()
        tour.close()


class _Tour:
    """All visits of a run."""

    def __init__(
        self,
        settings: Settings,
        cases: Sequence[Case],
        hosts: Sequence[Host],
        watcher: Watcher,
        key: str | None,
        at_once: int,
    ) -> None:
        self.agent = f"netcompliance/{_version()}"
        self._settings = settings
        self._watcher = watcher
        self._key = key
        self._at_once = at_once
        self._cases: dict[str, list[Case]] = {}
        for case in cases:
            self._cases.setdefault(case.vantage, []).append(case)
        self._waiting = deque(hosts)
        self._under_way: dict[Child, Host] = {}
        self._finished: deque[tuple[str, CouldNotLook | None]] = deque()
        self._chains: dict[str, list[dict[str, Any]]] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._closed = False
        self._reader: Reader | None = None

    def begin(self) -> None:
        """Start as many visits as there may be at once."""
        while self._waiting and len(self._under_way) < self._at_once:
            self._start(self._waiting.popleft())

    def go(self, workstation: _Workstation) -> None:
        """Serve all visits until the last one and the workstation's questions have ended."""
        while self._under_way or self._waiting:
            for key, _ in self._selector.select(BEAT):
                work: Callable[[], None] = key.data
                work()
            for child in [child for child in self._under_way if child.seconds_left() <= 0]:
                child.give_up()
                self._finish(child)
            if workstation.over:
                self._hand_over()
            self._watcher.tick()
            self.begin()
        workstation.join(self._watcher.tick)
        self._hand_over()

    def tell(self, record: Mapping[str, Any], vantage: str = HERE) -> None:
        """Hand on an observation, unless everything is over."""
        with self._lock:
            if not self._closed:
                self._watcher.observation({"vantage": vantage, **record})

    def close(self) -> None:
        """Nothing more is told, and no child is left."""
        with self._lock:
            self._closed = True
        for child in list(self._under_way):
            child.stop()
        self._selector.close()

    def _start(self, host: Host) -> None:
        vantage = host.vantage
        here = host.is_here
        plan = build_plan(
            self._settings, self._cases.get(vantage, ()), nonce=secrets.token_hex(6), agent=self.agent, here=here
        )
        self._watcher.state(vantage, State.REACHING)
        try:
            child = Child(
                [sys.executable, *bundle.arguments()] if here else host.carrier,
                bundle.parcel(plan, None if here else self._key),
                float(plan["deadline"]),
                None if here else {**os.environ, "LC_ALL": "C", **host.environment},
            )
        except OSError as error:
            self._note(vantage, trouble.not_started(host, error))
            return
        self._under_way[child] = host
        self._chains[vantage] = []
        for stream, mask, work in (
            (child.stdin, selectors.EVENT_WRITE, self._feed),
            (child.stdout, selectors.EVENT_READ, self._listen),
            (child.stderr, selectors.EVENT_READ, self._hear),
        ):
            self._selector.register(stream, mask, partial(work, child))

    def _feed(self, child: Child) -> None:
        stream = child.stdin
        if child in self._under_way and not stream.closed:
            descriptor = stream.fileno()
            if not child.feed():
                self._selector.unregister(descriptor)

    def _hear(self, child: Child) -> None:
        if child in self._under_way and not child.hear():
            self._selector.unregister(child.stderr)

    def _listen(self, child: Child) -> None:
        if child not in self._under_way:
            return
        host = self._under_way[child]
        vantage = host.vantage
        begun = child.begun
        goes_on = child.listen(lambda record: self._observe(host, record))
        if child.begun and not begun:
            self._watcher.state(vantage, State.LOOKING)
        if not goes_on:
            self._finish(child)

    def _observe(self, host: Host, record: dict[str, Any]) -> None:
        if record.get("kind") == "tls" and record.get("chain"):
            self._chains[host.vantage].append(record)
        if record.get("kind") == "host":
            record = {**record, "connection": host.backend}
        self.tell(record, host.vantage)

    def _finish(self, child: Child) -> None:
        host = self._under_way.pop(child)
        for stream in child.streams:
            if not stream.closed and stream.fileno() in self._selector.get_map():
                self._selector.unregister(stream)
        ending = child.stop()
        self._note(host.vantage, trouble.diagnosed(host, ending) if ending else None)

    def _note(self, vantage: str, problem: CouldNotLook | None) -> None:
        if problem:
            self._watcher.state(vantage, State.FAILED, problem.cause)
        else:
            for chain in self._read_chains(self._chains.pop(vantage)):
                self.tell(chain, vantage)
            self._watcher.state(vantage, State.DONE)
        self._finished.append((vantage, problem))

    def _hand_over(self) -> None:
        while self._finished:
            self._watcher.ended(*self._finished.popleft())

    def _read_chains(self, handshakes: Sequence[Observation]) -> list[dict[str, Any]]:
        from netcompliance.vantage import x509

        if self._reader is None:
            authorities = [Path(file).read_bytes() for file in self._settings.interception_files]
            self._reader = x509.Reader(self._settings.interception, authorities)
        return x509.read_chains(handshakes, self._reader)


class _Workstation:
    """The workstation's questions, side by side, in threads that nobody has to wait for after an interrupt."""

    def __init__(self, settings: Settings, wanted: Collection[str], agent: str, tell: Tell) -> None:
        self._tell = tell
        self._troubles: list[Exception] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._ask_all, settings, wanted, agent)

    @property
    def over(self) -> bool:
        """Whether all have ended. Raises what went wrong with us (never with the network)."""
        if self._troubles:
            raise self._troubles[0]
        return not any(thread.is_alive() for thread in list(self._threads))

    def join(self, tick: Callable[[], None]) -> None:
        """Wait until all have ended."""
        end = time.monotonic() + PATIENCE
        while not self.over and time.monotonic() < end:
            alive = [thread for thread in list(self._threads) if thread.is_alive()]
            if alive:
                alive[0].join(BEAT)
            tick()

    def _ask_all(self, settings: Settings, wanted: Collection[str], agent: str) -> None:
        from netcompliance.vantage import workstation

        for job in workstation.jobs(settings, wanted, agent):
            self._begin(job, self._tell)

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except Exception as defect:  # noqa: BLE001 - raised again by `over`
                self._troubles.append(defect)

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()


def _version() -> str:
    try:
        return metadata.version("netcompliance")
    except metadata.PackageNotFoundError:
        return "checkout"
