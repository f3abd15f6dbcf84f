"""Samples to runs: as long as samples of one path end alike they are one run, so hours of them take no room.

Rules
* All samples that fail are alike: a run of them counts its errors, and shows the first. Good ones are alike if they
  brought the same answer.
* A sample counts for the moment in which it was started, and samples come in that order.
* A run is told when it begins (`open`) and when it has ended; the second word replaces the first. Both have its number.
* No sample for longer than `blind` ends a run: nobody knows what was in between.
* A path that changes too often to be told one by one is told in `mixed` runs, which say how many samples failed. Such a
  run begins and ends with one that failed: the good ones after that (`CALM` in a row end it) are a run of their own.
* A run tells the longest time from the begin of a sample to the end of the next (`gap`), and how long its first took
  (`took`): what was shorter than that may have happened unseen.
* And how far apart samples were where they came most rarely (`pace`): it takes many to meet a share that is lost.
"""

import itertools
from collections import deque
from typing import Any, Callable, Deque, Dict, Optional, Tuple

Record = Dict[str, Any]

MOST = 40
"""So many runs of one path are told within `WINDOW` seconds, before they are mixed."""
WINDOW = 60.0
MIXED_FOR = 10.0
"""Seconds after which the next sample that fails ends a mixed run."""
CALM = 40
"""So many good samples in a row end it."""
CALM_FOR = 2.0
"""Seconds after which a path that works again is taken to work: time for so many, if they come quickly."""
ROW = 64
"""Samples in a row over which their distance is told: one that comes late makes no difference to it."""
KINDS = 8
"""Different errors that a run counts."""


def sameness(error: Optional[Record], answer: Optional[Record]) -> Tuple[Any, ...]:
    """What is equal for samples that ended alike."""
    if error is not None:
        return ("failed",)
    return ("answered", *sorted((name, str(value)) for name, value in (answer or {}).items()))


class Streaks:
    """The runs of one path. `say` takes each record; `numbers` are shared with other paths."""

    def __init__(
        self, say: Callable[[Record], None], numbers: "itertools.count[int]", path: Record, blind: float
    ) -> None:
        self._say = say
        self._numbers = numbers
        self._path = path
        self._blind = blind
        self._run: Optional[Record] = None
        self._same: Optional[Tuple[Any, ...]] = None
        self._usual: Optional[Tuple[Any, ...]] = None
        """What its first good sample met,"""
        self._first = 0
        """and the number of its first run."""
        self._begun = 0
        self._since = 0.0
        self._tail: Optional[Record] = None
        """Good samples in a row, after the last that failed of a mixed run."""
        self._row: Deque[float] = deque(maxlen=ROW)
        """When the last samples began, of whatever run."""

    @property
    def failing(self) -> bool:
        """Did the last sample fail?"""
        return self._run is not None and self._run["last_failed"]

    def unsettled(self, at: float, beyond: float) -> bool:
        """Is it, at this moment, interrupted (or answered otherwise than at first) for less than so many seconds?

        Or has it only just stopped to be?
        """
        run = self._run
        if run is None:
            return False
        if self._same != self._usual:
            return bool(at - run["from"] < beyond)
        return bool(at - run["from"] < min(beyond, CALM_FOR)) and run["run"] != self._first

    def add(
        self,
        at: float,
        error: Optional[Record],
        answer: Optional[Record],
        seen: Optional[Record] = None,
        took: float = 0.0,
    ) -> None:
        """One more sample. `seen` is what it showed beside its end; it is kept of a run's first sample.

        `took`: seconds until it was answered; where it was not, as many as an answer usually takes.
        """
        same = sameness(error, answer)
        run = self._run
        if run is not None and at - run["to"] > self._blind:
            self.close()
            run = None
        if run is not None and run["mixed"]:
            if self._tail is None or self._tail["samples"] < CALM:
                self._mix(run, at, error, answer, took)
                return
            self.close()
            run = None
        if run is not None and same == self._same:
            self._count(run, at, error, took)
            return
        self.close()
        self._begin(at, error, answer, seen, same, took)

    def close(self) -> None:
        """Tell the run that is open, if there is one, as ended."""
        tail, self._tail = self._tail, None
        for run in (self._run, tail):
            if run is not None:
                self._run = run
                self._tell(is_open=False)
        self._run = None

    def now(self) -> Optional[Tuple[int, float, int, int, float]]:
        """Number, last moment, samples, failed samples and longest gap of the open run."""
        run = self._run
        return None if run is None else (run["run"], run["to"], run["samples"], run["failed"], run["gap"])

    def _begin(
        self,
        at: float,
        error: Optional[Record],
        answer: Optional[Record],
        seen: Optional[Record],
        same: Tuple[Any, ...],
        took: float,
    ) -> None:
        if at - self._since > WINDOW:
            self._since, self._begun = at, 0
        self._begun += 1
        self._same = same
        if self._usual is None and error is None:
            self._usual = same
        self._run = self._new(at, error, answer, seen, took)
        self._first = self._first or self._run["run"]
        self._run["mixed"] = error is not None and self._begun > MOST
        self._count(self._run, at, error, took)
        self._tell(is_open=True)

    def _new(
        self, at: float, error: Optional[Record], answer: Optional[Record], seen: Optional[Record], took: float
    ) -> Record:
        return {
            "run": next(self._numbers), "from": at, "to": at, "samples": 0, "failed": 0, "mixed": False, "error": error,
            "answer": answer, "showed": seen, "errors": {}, "last_failed": False, "took": took, "gap": 0.0,
        }  # fmt: skip

    def _mix(self, run: Record, at: float, error: Optional[Record], answer: Optional[Record], took: float) -> None:
        """One more sample of a mixed run: a good one waits until it is known whether another fails after it."""
        if error is None:
            self._tail = self._tail or self._new(at, None, answer, None, took)
            self._count(self._tail, at, None, took)
            return
        tail, self._tail = self._tail, None
        if tail is not None:
            run["samples"] += tail["samples"]
        self._count(run, at, error, took)
        if at - run["from"] > MIXED_FOR:
            self.close()

    def _count(self, run: Record, at: float, error: Optional[Record], took: float) -> None:
        if len(self._row) == ROW:
            run["pace"] = max(run.get("pace", 0.0), (at - self._row[0]) / ROW)
        self._row.append(at)
        if run["samples"]:
            run["gap"] = max(run["gap"], at + took - run["to"])
        run["to"] = at
        run["samples"] += 1
        run["last_failed"] = error is not None
        if error is None:
            return
        run["failed"] += 1
        run["error"] = run["error"] or error
        errors = run["errors"]
        if error["name"] in errors or len(errors) < KINDS:
            errors[error["name"]] = errors.get(error["name"], 0) + 1

    def _tell(self, *, is_open: bool) -> None:
        run: Record = dict(self._run or {})
        del run["last_failed"]
        if not run["errors"]:
            del run["errors"]
        record: Record = {"kind": "watch", "what": "run", "open": is_open}
        record.update(self._path)
        record.update(run)
        self._say(record)
