"""Threads: one per exchange, bounded, daemons all. What fails in one is reported and ends nothing else.

A thread that is stuck beyond any deadline is simply left behind; the process ends without it.
"""

import _thread
import threading
from collections import deque
from contextlib import contextmanager
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple

from netcompliance.probe.onhost.limits import Deadline

Job = Tuple[str, Callable[..., object], Tuple[Any, ...]]


def start_thread(work: Callable[..., object], *arguments: Any) -> None:
    """Do something beside everything else. A `threading.Thread` would cost more than what many of ours have to do."""
    _thread.start_new_thread(work, arguments)


class Pool:
    """Runs jobs side by side and knows which tasks still have some."""

    def __init__(self, most: int, broken: Callable[[str, Exception], None]) -> None:
        self._most = most
        self._broken = broken
        self._change = threading.Condition()
        self._waiting: Deque[Job] = deque()
        self._running: Dict[str, int] = {}
        self._threads = 0

    def spawn(self, task: str, work: Callable[..., object], *arguments: Any) -> None:
        """Do some work of a task beside everything else."""
        job = (task, work, arguments)
        with self._change:
            self._running[task] = self._running.get(task, 0) + 1
            if self._threads >= self._most:
                self._waiting.append(job)
                return
            self._threads += 1
        start_thread(self._serve, job)

    def wait(self, seconds: float) -> List[str]:
        """Wait until nothing is running, or so long. The tasks that still are."""
        deadline = Deadline(seconds)
        with self._change:
            while any(self._running.values()) and deadline.left() > 0:
                self._change.wait(deadline.left())
            return sorted(task for task, count in self._running.items() if count)

    @contextmanager
    def unless_done(self, task: str, seconds: float, work: Callable[..., object], *arguments: Any) -> Iterator[None]:
        """Do some other work beside the block if the block takes longer than so many seconds."""
        done = threading.Event()

        def patient() -> None:
            if not done.wait(seconds):
                work(*arguments)

        self.spawn(task, patient)
        try:
            yield
        finally:
            done.set()

    def _serve(self, job: Optional[Job]) -> None:
        while job is not None:
            task, work, arguments = job
            try:
                work(*arguments)
            except Exception as error:
                self._broken(task, error)
            with self._change:
                self._running[task] -= 1
                job = self._waiting.popleft() if self._waiting else None
                if job is None:
                    self._threads -= 1
                if not self._running[task]:
                    self._change.notify_all()
