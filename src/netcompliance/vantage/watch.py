"""The watch of all vantages in one loop: watchers that are listened to, lost, and found again.

Theory. One command on each host watches until a planned end and says what it sees (`probe.onhost.watch`). The
connection to it may break, and that is no outage: the watcher goes on by itself, and here somebody knocks again, with
another command that reads on from the last record that arrived (`probe.onhost.spool_reader`).

Rules
* What was heard is told at once and counts, whatever happens later; what is open at the end, as far as it is known.
* A connection that is lost is told apart from everything else, with the time it was gone.
* The first Ctrl-C ends the watch: every watcher is asked to stop and to hand over. The second ends the waiting.
* A watch by a shell ends with its connection, and nobody knocks again: there is nothing to collect.
* A host that says what no watcher says has erred; of one that says too much counts what was heard until then.
* What goes wrong here with what one host said is that host's trouble, whatever it is.
* A host that never comes back costs `PATIENCE` after the planned end, and nobody else anything.
"""

from __future__ import annotations

import contextlib
import secrets
import selectors
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from netcompliance.model import Settings
from netcompliance.probe import bundle
from netcompliance.vantage import diagnosis
from netcompliance.vantage.admission import Admission, Bounds, of_watch
from netcompliance.vantage.control_connection import ControlConnection
from netcompliance.vantage.environment import of_carrier, of_probe
from netcompliance.vantage.errors import CouldNotLook, not_judged
from netcompliance.vantage.plan import collect_plan, watch_plan

if TYPE_CHECKING:
    from netcompliance.vantage.hosts import Host

Record = dict[str, Any]

BEAT = 0.1
"""Seconds between two looks at limits and display."""
BACKOFF = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each attempt to reach a host again; the last for all that follow."""
PATIENCE = 120.0
"""Seconds after the planned end in which a host may come back."""
STOPPING = 6.0
"""Seconds that watchers have to stop and hand over."""
LEFT = "/tmp/netcompliance-watch-{}"  # noqa: S108 - the name of what a host may be left with, for people


class Listener(Protocol):
    """Who is told. What is raised is the trouble of the vantage that it is about, but by `tick`."""

    def record(self, vantage: str, record: Record) -> None:
        """Something that stays: the watch began or ended, a run began or ended, the connection was gone."""

    def alive(self, vantage: str, runs: Sequence[Record]) -> None:
        """How far the open runs are."""

    def connection(self, vantage: str, text: str) -> None:
        """The connection to the watcher: empty if it is there, else what is wrong with it."""

    def unwatched(self, vantage: str, problem: CouldNotLook) -> None:
        """No watch began there."""

    def tick(self) -> None:
        """Some time has passed."""


class Known(Protocol):
    """What a vantage has seen before the watch."""

    @property
    def addresses(self) -> Collection[str]:
        """The tenant's."""

    @property
    def layers(self) -> Collection[tuple[str, int]]:
        """Hosts that serve image layers, and their ports."""


def watch(
    settings: Settings,
    hosts: Mapping[str, Host],
    known: Mapping[str, Known],
    listener: Listener,
    agent: str,
) -> None:
    """Watch from these vantages until the planned end, with what each has seen."""
    assert settings.watch is not None
    tour = _Tour(settings, listener)
    with _first_interrupt(tour.stop):
        try:
            for vantage, host in hosts.items():
                seen = known.get(vantage)
                addresses, layers = (seen.addresses, seen.layers) if seen else ((), ())
                plan = watch_plan(settings, addresses, secrets.token_hex(16), agent, layers)
                tour.begin(host, plan, of_watch(len(hosts)))
            tour.go()
        finally:
            tour.close()


@contextlib.contextmanager
def _first_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls `stop`; the next one is what it was before."""

    def handle(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:  # not the main thread: whoever owns that has to end this
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Watcher:
    """One vantage."""

    def __init__(self, host: Host, plan: Mapping[str, Any], admission: Admission) -> None:
        self.host = host
        self.admission = admission
        self.plan = plan
        self.identity: str = plan["watch"]["id"]
        self.line: ControlConnection | None = None
        self.begun = False
        self.by_shell = False
        """It is over when its connection is."""
        self.over = False
        self.have = 0
        """The number of the last record that arrived."""
        self.open: dict[int, Record] = {}
        self.lost: float | None = None
        self.why = ""
        self.gone = ""
        """Why nothing more will come; empty while something may."""
        self.attempts = 0
        self.again = 0.0
        self.until = time.monotonic() + plan["watch"]["seconds"] + PATIENCE

    @property
    def vantage(self) -> str:
        return self.host.vantage


class _Tour:
    """All watchers of a run."""

    def __init__(self, settings: Settings, listener: Listener) -> None:
        self._settings = settings
        self._listener = listener
        self._watchers: list[_Watcher] = []
        self._selector = selectors.DefaultSelector()
        self._stopping: float | None = None
        self._told_to_stop = False

    def begin(self, host: Host, plan: Mapping[str, Any], bounds: Bounds) -> None:
        """Start a watcher."""
        watcher = _Watcher(host, plan, Admission(bounds, of_watch=True))
        self._watchers.append(watcher)
        with self._own_risk(watcher):
            self._connect(watcher, plan)

    def go(self) -> None:
        """Listen until all watches are over."""
        while any(not watcher.over for watcher in self._watchers):
            for key, _ in self._selector.select(BEAT):
                work: Callable[[], None] = key.data
                work()
            now = time.monotonic()
            if self._stopping is not None and not self._told_to_stop:
                self._told_to_stop = True
                self._say_stop()
            for watcher in self._watchers:
                with self._own_risk(watcher):
                    self._look_after(watcher, now)
            self._listener.tick()

    def stop(self) -> None:
        """End the watch before its time. Called by a signal: the loop does the rest."""
        self._stopping = time.monotonic() + STOPPING

    def close(self) -> None:
        """What is open is told as far as it is known, and no child is left."""
        for watcher in self._watchers:
            if watcher.line is not None:
                self._hang_up(watcher)
            if not watcher.over:
                self._over(watcher)
        self._selector.close()

    @contextlib.contextmanager
    def _own_risk(self, watcher: _Watcher) -> Iterator[None]:
        """What this does with what one host said ends the watch of no other."""
        try:
            yield
        except Exception as defect:
            if watcher.host.is_here:
                raise
            self._hang_up(watcher)
            self._never(watcher, not_judged(defect))

    def _say_stop(self) -> None:
        for watcher in self._watchers:
            watcher.again = 0.0
            if watcher.line is not None:
                watcher.line.say("stop")

    def _connect(self, watcher: _Watcher, plan: Mapping[str, Any]) -> None:
        host = watcher.host
        try:
            line = ControlConnection(
                [sys.executable, *bundle.arguments()] if host.is_here else host.carrier,
                bundle.for_watch(plan) if "watch" in plan else bundle.for_python(plan),
                of_probe(host.keys) if host.is_here else of_carrier(host.keys, host.environment),
                watcher.admission,
            )
        except OSError as error:
            if watcher.begun:
                self._lose(watcher, str(error))
            else:
                self._never(watcher, diagnosis.not_started(host, error))
            return
        watcher.line = line
        for stream, mask, work in (
            (line.stdin, selectors.EVENT_WRITE, self._feed),
            (line.stdout, selectors.EVENT_READ, self._listen),
            (line.stderr, selectors.EVENT_READ, self._hear),
        ):
            self._selector.register(stream, mask, partial(work, watcher, line))

    def _feed(self, watcher: _Watcher, line: ControlConnection) -> None:
        if watcher.line is line and not line.feed():
            self._selector.unregister(line.stdin)

    def _hear(self, watcher: _Watcher, line: ControlConnection) -> None:
        if watcher.line is line and not line.hear():
            self._selector.unregister(line.stderr)

    def _listen(self, watcher: _Watcher, line: ControlConnection) -> None:
        with self._own_risk(watcher):
            if watcher.line is line and not line.listen(partial(self._take, watcher)):
                self._ended(watcher)

    def _take(self, watcher: _Watcher, record: Record) -> None:
        what, number = record.get("what"), record.get("seq")
        if watcher.lost is not None and what != "gone":
            self._found(watcher)
        if isinstance(number, int):
            if number <= watcher.have:
                return
            watcher.have = number
        if what == "alive":
            self._alive(watcher, record)
        elif what == "gone" and watcher.line is not None:
            watcher.gone = f"the watcher there is no more: {record.get('text', '')}"
            watcher.until = min(watcher.until, time.monotonic() + STOPPING)
            watcher.line.say("done")
        elif what in ("begin", "run", "unwatched", "end") and not (what == "begin" and watcher.begun):
            self._keep(watcher, record)

    def _keep(self, watcher: _Watcher, record: Record) -> None:
        what = record["what"]
        if what == "begin":
            watcher.begun = True
            watcher.by_shell = record.get("with") == "sh"
            record["heard"] = time.time()
            record["planned"] = watcher.plan["watch"]["seconds"]
            self._listener.connection(watcher.vantage, "")
        elif what == "run" and isinstance(record.get("run"), int):
            if record.get("open"):
                watcher.open[record["run"]] = record
            else:
                watcher.open.pop(record["run"], None)
        self._listener.record(watcher.vantage, record)
        if what == "end" and watcher.line is not None:
            watcher.line.say(f"ack {watcher.have}")
            watcher.line.say("done")

    def _alive(self, watcher: _Watcher, record: Record) -> None:
        rows = record.get("open")
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, list) and len(row) in (4, 5) and row[0] in watcher.open:
                run = watcher.open[row[0]]
                run.update(zip(("to", "samples", "failed", "gap"), row[1:], strict=False))
        self._listener.alive(watcher.vantage, list(watcher.open.values()))
        if watcher.line is not None:
            watcher.line.say(f"ack {watcher.have}")

    def _look_after(self, watcher: _Watcher, now: float) -> None:
        if watcher.over:
            return
        line = watcher.line
        if line is not None and line.seconds_left() <= 0:
            line.give_up()
            self._ended(watcher)
        elif line is None and now >= watcher.again:
            self._connect(watcher, collect_plan(watcher.identity, watcher.have))
        late = now > watcher.until or (self._stopping is not None and now > self._stopping)
        if late and not watcher.over:
            self._gone(watcher, watcher.gone or watcher.why or "it did not hand over in time")

    def _ended(self, watcher: _Watcher) -> None:
        """Its standard output is over: so is the watch, or the connection is lost."""
        line = watcher.line
        ending = self._hang_up(watcher)
        if ending is None or watcher.over:
            self._over(watcher)
        elif watcher.gone:
            self._gone(watcher, watcher.gone)
        elif not watcher.begun or ending.why == "not-admitted":
            self._never(watcher, diagnosis.diagnosed(watcher.host, ending))
        elif ending.why in ("too-much", "flood"):
            watcher.gone = diagnosis.diagnosed(watcher.host, ending).cause
            self._gone(watcher, watcher.gone)
        elif watcher.by_shell:
            watcher.lost = line.heard if line else None
            cause = diagnosis.diagnosed(watcher.host, ending).cause
            watcher.gone = f"a shell watches no longer than its connection lasts: {cause}"
            self._gone(watcher, watcher.gone)
        else:
            self._lose(watcher, diagnosis.diagnosed(watcher.host, ending).cause, line.heard if line else None)

    def _hang_up(self, watcher: _Watcher) -> Any:
        line = watcher.line
        watcher.line = None
        if line is None:
            return None
        for stream in line.streams:
            if not stream.closed and stream.fileno() in self._selector.get_map():
                self._selector.unregister(stream)
        return line.stop()

    def _lose(self, watcher: _Watcher, why: str, heard: float | None = None) -> None:
        watcher.lost = watcher.lost or heard or time.time()
        watcher.why = why
        pause = BACKOFF[min(watcher.attempts, len(BACKOFF) - 1)]
        watcher.attempts += 1
        watcher.again = time.monotonic() + pause
        self._listener.connection(watcher.vantage, why)

    def _found(self, watcher: _Watcher) -> None:
        lost, watcher.lost, watcher.attempts = watcher.lost, None, 0
        self._control(watcher, lost, time.time(), watcher.why)
        self._listener.connection(watcher.vantage, "")
        if self._told_to_stop and watcher.line is not None:
            watcher.line.say("stop")

    def _control(self, watcher: _Watcher, lost: float | None, back: float | None, text: str) -> None:
        record = {"kind": "watch", "what": "control", "task": "watch", "lost": lost, "back": back, "text": text[:300]}
        self._listener.record(watcher.vantage, record)

    def _gone(self, watcher: _Watcher, why: str) -> None:
        """It will not end as it should: what is known of it is all there is."""
        if watcher.line is not None:
            watcher.line.say("done")
            self._hang_up(watcher)
        if not watcher.begun:
            self._never(watcher, CouldNotLook(f"the watch did not begin: {why}", "run again"))
            return
        left = (
            f"if it still runs it ends by itself and removes {LEFT.format(watcher.identity)}, ten minutes after its end"
        )
        text = why if watcher.gone else f"{why}; {left}"
        self._control(watcher, watcher.lost or time.time(), None, text)
        self._over(watcher)

    def _never(self, watcher: _Watcher, problem: CouldNotLook) -> None:
        watcher.over = True
        self._listener.unwatched(watcher.vantage, problem)

    def _over(self, watcher: _Watcher) -> None:
        watcher.over = True
        for run in watcher.open.values():
            self._listener.record(watcher.vantage, run)
        watcher.open.clear()
