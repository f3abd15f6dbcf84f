"""Looking, once: every host and the workstation's own questions side by side, for all tenants of a session, then what
the chains lead to.

One loop serves all visits. It never waits for a single host: each has its own limits (`probe_process`), and what
happens to one ends no other; nor does what goes wrong here with what one said. The visits are begun before anything
heavy is imported here, since they need none of it.
"""

from __future__ import annotations

import functools
import gc
import secrets
import selectors
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from netcompliance.model import HERE, Case, Observation, Settings
from netcompliance.probe import bundle
from netcompliance.vantage import diagnosis
from netcompliance.vantage.admission import Admission, of_visit
from netcompliance.vantage.environment import of_carrier, of_probe
from netcompliance.vantage.errors import CouldNotLook, not_judged
from netcompliance.vantage.plan import build_plan
from netcompliance.vantage.probe_process import ProbeProcess

if TYPE_CHECKING:
    from netcompliance.vantage.hosts import Host
    from netcompliance.vantage.x509 import Reader

PATIENCE = 30.0
"""Seconds in which the workstation's questions have surely ended, each by its own deadline."""
SAME_HOST = 8
"""Visits of one host at once, for several tenants: each of them measures how long something takes."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantVisit:
    """What is to be seen for one tenant, from where, and who is told."""

    settings: Settings
    cases: Sequence[Case]
    hosts: Sequence[Host]
    watcher: Watcher
    key: str | None = field(default=None, repr=False)
    """The API key for hosts that are elsewhere."""


def look(visits: Sequence[TenantVisit], *, at_once: int) -> None:
    """See everything that the cases of all tenants need, `at_once` hosts at a time.

    Nothing is told any more once this has ended, however it does.
    """
    tour = _Tour([_Tenant(visit) for visit in visits], at_once)
    gc.freeze()  # what is there by now stays, and is not worth a look at every collection
    try:
        tour.go()
    except KeyboardInterrupt as interrupt:
        # It may have come at an instruction that has no line, and pytest fails over a traceback with such a one.
        raise interrupt.with_traceback(None) from None
    finally:
        gc.unfreeze()
        tour.close()


class _Tenant:
    """The visits for one tenant, and how far they are."""

    def __init__(self, visit: TenantVisit) -> None:
        self.visit = visit
        self.workstation: _Workstation | None = None
        self.finished: deque[tuple[str, CouldNotLook | None]] = deque()
        self.chains: dict[str, list[dict[str, Any]]] = {}
        self.left = len(visit.hosts)
        """Visits that have not ended."""
        self._cases: dict[str, list[Case]] = {}
        for case in visit.cases:
            self._cases.setdefault(case.vantage, []).append(case)
        self._lock = threading.Lock()
        self._closed = False
        self._reader: Reader | None = None

    def plan(self, host: Host) -> dict[str, Any]:
        """The plan of the visit of one host."""
        cases = self._cases.get(host.vantage, ())
        return build_plan(self.visit.settings, cases, nonce=secrets.token_hex(6), agent=_agent(), here=host.is_here)

    def ask_workstation(self) -> None:
        """Begin with what only the workstation can tell."""
        wanted = {case.requirement for case in self.visit.cases}
        self.workstation = _Workstation(self.visit.settings, wanted, _agent(), self.tell)

    def tell(self, record: Mapping[str, Any], vantage: str = HERE) -> None:
        """Hand on an observation, unless everything is over."""
        with self._lock:
            if not self._closed:
                self.visit.watcher.observation({**record, "vantage": vantage})

    def observe(self, host: Host, record: dict[str, Any]) -> None:
        """What a host said."""
        if record.get("kind") == "tls" and record.get("chain"):
            self.chains[host.vantage].append(record)
        if record.get("kind") == "host":
            record = {**record, "connection": host.backend}
        self.tell(record, host.vantage)

    def note(self, vantage: str, problem: CouldNotLook | None) -> None:
        """A visit has ended."""
        chains = self.chains.pop(vantage, [])
        problem = problem or self._tell_of_chains(vantage, chains)
        if problem:
            self.visit.watcher.state(vantage, State.FAILED, problem.cause)
        else:
            self.visit.watcher.state(vantage, State.DONE)
        self.left -= 1
        self.finished.append((vantage, problem))

    def hand_over(self) -> None:
        """Tell what has ended."""
        while self.finished:
            self.visit.watcher.ended(*self.finished.popleft())

    def close(self) -> None:
        """Nothing more is told."""
        with self._lock:
            self._closed = True

    def _tell_of_chains(self, vantage: str, handshakes: Sequence[Observation]) -> CouldNotLook | None:
        try:
            for chain in self._read_chains(handshakes):
                self.tell(chain, vantage)
        except Exception as defect:
            if vantage == HERE:
                raise
            return not_judged(defect)
        return None

    def _read_chains(self, handshakes: Sequence[Observation]) -> list[dict[str, Any]]:
        from netcompliance.vantage import x509

        settings = self.visit.settings
        if self._reader is None:
            authorities = [Path(file).read_bytes() for file in settings.interception_files]
            self._reader = x509.Reader(settings.interception, authorities)
        return x509.read_chains(handshakes, self._reader)


class _Tour:
    """All visits of a session."""

    def __init__(self, tenants: Sequence[_Tenant], at_once: int) -> None:
        self._tenants = tenants
        self._at_once = at_once
        self._bounds = of_visit(min(at_once, sum(len(tenant.visit.hosts) for tenant in tenants)))
        self._waiting = deque((tenant, host) for tenant in tenants for host in tenant.visit.hosts)
        self._under_way: dict[ProbeProcess, tuple[_Tenant, Host]] = {}
        self._open: list[_Tenant] = []
        """Tenants whose visits are begun, and not over."""
        self._selector = selectors.DefaultSelector()

    def go(self) -> None:
        """Serve all visits until the last one and the workstation's questions have ended."""
        self._begin()
        while self._under_way or self._waiting:
            ready = self._selector.select(BEAT)
            since = time.monotonic()
            for key, _ in ready:
                work: Callable[[], None] = key.data
                work()
            since = self._excuse(since)
            for child in [child for child in self._under_way if child.seconds_left() <= 0]:
                child.give_up()
                self._finish(child)
            self._hand_over()
            self._begin()
            self._excuse(since)
        for tenant in self._open:
            if tenant.workstation:
                tenant.workstation.join(tenant.visit.watcher.tick)
            tenant.close()
            tenant.hand_over()

    def _excuse(self, since: float) -> float:
        """What keeps this loop busy, with what one host said, makes no other late. The moment that it is now."""
        now = time.monotonic()
        if now - since > BEAT:
            for child in self._under_way:
                child.wait(now - since)
        return now

    def close(self) -> None:
        """Nothing more is told, and no child is left."""
        for tenant in self._tenants:
            tenant.close()
        for child in list(self._under_way):
            child.stop()
        self._selector.close()

    def _hand_over(self) -> None:
        """A vantage is complete only with the workstation's view."""
        for tenant in list(self._open):
            if tenant.workstation and tenant.workstation.over:
                tenant.hand_over()
                if not tenant.left:
                    self._open.remove(tenant)
            tenant.visit.watcher.tick()

    def _begin(self) -> None:
        """Start as many visits as there may be at once, and then, since they need it not, what is heavy here."""
        if not self._waiting:
            return
        begun = []
        kept: deque[tuple[_Tenant, Host]] = deque()
        same = Counter(host.vantage for _, host in self._under_way.values())
        while self._waiting and len(self._under_way) < self._at_once:
            tenant, host = self._waiting.popleft()
            if same[host.vantage] >= SAME_HOST:
                kept.append((tenant, host))
                continue
            same[host.vantage] += 1
            self._start(tenant, host)
            begun.append(tenant)
        self._waiting.extendleft(reversed(kept))
        for tenant in begun:
            if tenant.workstation is None:
                self._open.append(tenant)
                tenant.ask_workstation()

    def _start(self, tenant: _Tenant, host: Host) -> None:
        here, own = host.is_here, tenant.visit.settings.key_env
        plan = tenant.plan(host)
        tenant.visit.watcher.state(host.vantage, State.REACHING)
        try:
            child = ProbeProcess(
                [sys.executable, *bundle.arguments()] if here else host.carrier,
                bundle.for_this_python(plan) if here else bundle.parcel(plan, tenant.visit.key),
                float(plan["deadline"]),
                of_probe(host.keys, own) if here else of_carrier(host.keys, host.environment),
                Admission(self._bounds, by_shell=not here),
            )
        except OSError as error:
            tenant.note(host.vantage, diagnosis.not_started(host, error))
            return
        self._under_way[child] = (tenant, host)
        tenant.chains[host.vantage] = []
        for stream, mask, work in (
            (child.stdin, selectors.EVENT_WRITE, self._feed),
            (child.stdout, selectors.EVENT_READ, self._listen),
            (child.stderr, selectors.EVENT_READ, self._hear),
        ):
            self._selector.register(stream, mask, partial(work, child))

    def _feed(self, child: ProbeProcess) -> None:
        stream = child.stdin
        if child in self._under_way and not stream.closed:
            descriptor = stream.fileno()
            if not child.feed():
                self._selector.unregister(descriptor)

    def _hear(self, child: ProbeProcess) -> None:
        if child in self._under_way and not child.hear():
            self._selector.unregister(child.stderr)

    def _listen(self, child: ProbeProcess) -> None:
        if child not in self._under_way:
            return
        tenant, host = self._under_way[child]
        begun = child.begun
        try:
            goes_on = child.listen(lambda record: tenant.observe(host, record))
        except Exception as defect:
            if host.is_here:
                raise
            self._finish(child, not_judged(defect))
            return
        if child.begun and not begun:
            tenant.visit.watcher.state(host.vantage, State.LOOKING)
        if not goes_on:
            self._finish(child)

    def _finish(self, child: ProbeProcess, problem: CouldNotLook | None = None) -> None:
        tenant, host = self._under_way.pop(child)
        for stream in child.streams:
            if not stream.closed and stream.fileno() in self._selector.get_map():
                self._selector.unregister(stream)
        ending = child.stop()
        tenant.note(host.vantage, problem or (diagnosis.diagnosed(host, ending) if ending else None))


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


@functools.cache
def _agent() -> str:
    """The User-Agent that peers see."""
    try:
        return f"netcompliance/{metadata.version('netcompliance')}"
    except metadata.PackageNotFoundError:
        return "netcompliance/checkout"
