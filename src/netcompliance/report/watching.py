"""How the watch goes on, while it does: a table that is redrawn on a terminal, else a line for each change.

Rules
* Pure but for `write`: time is handed in, and whoever owns the loop calls `tick`. No thread, no signal.
* The paths that are down come first, then those that were; what does not fit is counted.
* What a host said is cleaned before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from netcompliance import explain, outages
from netcompliance.model import Observation
from netcompliance.outages import Path, Stretch

REDRAWN = 0.5
"""Seconds between two drawings at least."""
SAID = 60.0
"""Seconds between two lines of summary where there is no terminal."""
ROWS = 20
_UP_AND_CLEAR = "\x1b[{}A\x1b[J"


@dataclass(slots=True)
class _Line:
    """One path from one vantage."""

    every: float
    stretches: dict[int, Stretch] = field(default_factory=dict)
    how: str = ""
    since: float = 0.0

    def add(self, run: Observation, how: str) -> bool:
        """One word on a run; is the path other than it was?"""
        first = not self.stretches
        latest = first or run["run"] >= max(self.stretches)
        self.stretches[run["run"]] = Stretch(
            first=run["from"], last=run["to"], samples=run["samples"], failed=run["failed"], how=how
        )
        self._forget()
        if not latest or (how == self.how and not first):
            return False
        self.how, self.since = how, run["from"]
        return not first or bool(how)

    def _forget(self) -> None:
        """Good stretches with good neighbours become one: what is kept is as many as there were outages."""
        numbers = sorted(self.stretches)
        for one, other in pairwise(numbers[:-1]):
            a, b = self.stretches[one], self.stretches[other]
            if a.how == b.how:
                self.stretches[other] = Stretch(
                    first=a.first, last=b.last, samples=a.samples + b.samples, failed=a.failed + b.failed, how=a.how
                )
                del self.stretches[one]


class Screen:
    """A display of the watch. `write` takes text as it shall appear; `width` is the number of columns."""

    def __init__(
        self, write: Callable[[str], None], now: Callable[[], float], *, duration: float, terminal: bool, width: int
    ) -> None:
        self._write = write
        self._now = now
        self._duration = duration
        self._terminal = terminal
        self._width = max(width, 40)
        self._lines: dict[tuple[str, str, str], _Line] = {}
        self._lost: dict[str, str] = {}
        self._begun: float | None = None
        self._drawn = 0
        self._last = float("-inf")

    def sample(self, vantage: str, run: Observation, how: str) -> None:
        """How far a run is, and what is wrong in it."""
        self._begun = self._now() if self._begun is None else self._begun
        key = (vantage, str(run["layer"]), str(run["path"]))
        line = self._lines.setdefault(key, _Line(every=float(run["every"])))
        before = line.since, line.how
        if line.add(run, how) and not self._terminal:
            name = explain.printable(" ".join(key))
            if how:
                self._say(f"{_clock(line.since)}  {name}  down: {how}")
            else:
                self._say(f"{_clock(line.since)}  {name}  up again after {line.since - before[0]:.1f} s ({before[1]})")

    def connection(self, vantage: str, text: str) -> None:
        """The connection to a watcher; empty if it is there."""
        was = self._lost.pop(vantage, "")
        if text:
            self._lost[vantage] = text
        if not self._terminal and (text or was):
            what = f"the control connection is lost: {text}" if text else "the control connection is back"
            self._say(
                f"{_clock(datetime.now(UTC).timestamp())}  {explain.printable(vantage)}  {explain.printable(what)}"
            )

    def tick(self) -> None:
        """Some time has passed."""
        now = self._now()
        self._begun = now if self._begun is None else self._begun
        if self._terminal and now - self._last >= REDRAWN:
            self._last = now
            self._erase()
            lines = [line[: self._width - 1] for line in self._table(now)]
            self._write("".join(f"{line}\n" for line in lines))
            self._drawn = len(lines)
        elif not self._terminal and now - self._last >= SAID:
            if self._last > 0:
                self._say(self._summary(now))
            self._last = now

    def over(self) -> None:
        """There is no more to come."""
        self._erase()

    def _say(self, line: str) -> None:
        self._write(f"{line}\n")

    def _erase(self) -> None:
        if self._drawn:
            self._write(_UP_AND_CLEAR.format(self._drawn))
        self._drawn = 0

    def _paths(self) -> list[tuple[str, _Line, Path]]:
        found = [
            (vantage, line, outages.path(layer, name, line.every, line.stretches.values()))
            for (vantage, layer, name), line in self._lines.items()
        ]
        return sorted(
            found, key=lambda each: (not each[1].how, -_length(each[2]), each[0], each[2].layer, each[2].name)
        )

    def _summary(self, now: float) -> str:
        down = sum(bool(line.how) for line in self._lines.values())
        longest = max((_length(path) for _, _, path in self._paths()), default=0.0)
        passed = now - (self._begun or now)
        return (
            f"watched {passed:.0f} s of {self._duration:.0f} s  {len(self._lines)} paths, {down} down, "
            f"longest interruption {longest:.1f} s"
        )

    def _table(self, now: float) -> list[str]:
        lines = [f"{self._summary(now)}  (Ctrl-C ends the watch)"]
        paths = self._paths()
        name = max([len(f"{vantage} {path.layer} {path.name}") for vantage, _, path in paths[:ROWS]] or [0]) + 2
        lines.append(f"{'path':<{name}}{'now':<18}{'since':<11}{'longest':<10}available")
        for vantage, line, path in paths[:ROWS]:
            what = explain.printable(f"{vantage} {path.layer} {path.name}")
            lines.append(
                f"{what:<{name}}{line.how or 'up':<18.17}{_clock(line.since):<11}"
                f"{outages.seconds(_length(path)) if path.outages else '-':<10}{outages.percent(path.availability)}"
            )
        if paths[ROWS:]:
            lines.append(f"and {len(paths) - ROWS} more, all of them better")
        return lines + [
            explain.printable(f"{vantage}: no control connection ({text})") for vantage, text in self._lost.items()
        ]


def _length(path: Path) -> float:
    return path.longest.length if path.longest else 0.0


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%SZ")
