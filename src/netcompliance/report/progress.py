"""How the visits go on, while they do: a few lines that are redrawn on a terminal, else one line per host at its end.

Rules
* Pure but for `write`: time is handed in, and whoever owns the loop calls `tick`. No thread, no signal.
* A run from this machine alone says nothing where there is no terminal: its tests are told soon enough.
* What a host said is cleaned before it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from netcompliance import explain

WAITING, REACHING, LOOKING, DONE, FAILED = STATES = ("waiting", "reaching", "looking", "done", "failed")
"""As `vantage.visit.State` says them."""
REDRAWN = 0.15
"""Seconds between two drawings at least."""
SHOWN = 4
"""Hosts under way that are named."""
BAR = 24
_UP_AND_CLEAR = "\x1b[{}A\x1b[J"


@dataclass(slots=True)
class _Visit:
    state: str
    since: float


class Progress:
    """A display. `write` takes text as it shall appear; `width` is the number of columns."""

    def __init__(
        self, write: Callable[[str], None], now: Callable[[], float], *, hosts: int, terminal: bool, width: int
    ) -> None:
        self._write = write
        self._now = now
        self._hosts = hosts
        self._terminal = terminal
        self._width = max(width, 20)
        self._visits: dict[str, _Visit] = {}
        self._drawn = 0
        self._last = float("-inf")
        self._failures: list[str] = []
        self._begun = now()

    def of(self, tenant: str) -> Part:
        """The same display, for the visits for one of several tenants."""
        return Part(self, tenant)

    def state(self, vantage: str, state: str, text: str = "") -> None:
        """A visit went on; `text` says why it failed."""
        now = self._now()
        visit = self._visits.setdefault(vantage, _Visit(state, now))
        visit.state = state
        if state not in (DONE, FAILED):
            return
        took = f"{now - visit.since:.1f} s"
        name = explain.printable(vantage)
        line = f"{name}  done in {took}" if state == DONE else f"{name}  failed after {took}: {explain.printable(text)}"
        if state == FAILED:
            self._failures.append(line)
        if not self._terminal and self._hosts > 1:
            self._write(f"{line}\n")

    def tick(self) -> None:
        """Some time has passed."""
        now = self._now()
        if self._terminal and now - self._last >= REDRAWN:
            self._last = now
            self._erase()
            lines = [line[: self._width - 1] for line in self._lines(now)]
            self._write("".join(f"{line}\n" for line in lines))
            self._drawn = len(lines)

    def over(self) -> None:
        """There is no more to come."""
        self._erase()

    def _erase(self) -> None:
        if self._drawn:
            self._write(_UP_AND_CLEAR.format(self._drawn))
        self._drawn = 0

    def _lines(self, now: float) -> list[str]:
        tally = Counter(visit.state for visit in self._visits.values())
        tally[WAITING] += max(0, self._hosts - len(self._visits))
        ended = tally[DONE] + tally[FAILED]
        full = BAR * ended // max(self._hosts, 1)
        told = ", ".join(f"{tally[state]} {state}" for state in reversed(STATES) if tally[state])
        lines = [f"[{'#' * full}{'.' * (BAR - full)}] {now - self._begun:4.1f} s  {told}"]
        under_way = [(visit.since, name) for name, visit in self._visits.items() if visit.state in (REACHING, LOOKING)]
        for since, name in sorted(under_way)[:SHOWN]:
            lines.append(f"  {explain.printable(name)}  {self._visits[name].state} for {now - since:.1f} s")
        return lines + [f"  {line}" for line in self._failures[-SHOWN:]]


class Part:
    """One tenant's part of a display."""

    def __init__(self, whole: Progress, tenant: str) -> None:
        self._whole = whole
        self._tenant = tenant
        self.tick = whole.tick
        self.over = whole.over

    def state(self, vantage: str, state: str, text: str = "") -> None:
        """A visit went on; `text` says why it failed."""
        self._whole.state(f"{self._tenant} from {vantage}", state, text)
