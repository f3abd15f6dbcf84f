"""Looking, once: this machine and the workstation's own questions side by side, then what the chains lead to.

The probe is started before anything heavy is imported here, since it needs none of it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from netcompliance.model import Case, Observation, Settings
from netcompliance.vantage import local
from netcompliance.vantage.plan import build_plan

HERE = "local"
PATIENCE = 30.0
"""Seconds in which the workstation's questions have surely ended, each by its own deadline."""

OnObservation = Callable[[Observation], None]
Tell = Callable[[dict[str, Any]], None]


def look(settings: Settings, cases: Sequence[Case], on_observation: OnObservation) -> None:
    """See everything that the cases need. Raises `CouldNotLook`. Nothing is told any more once this has ended."""
    agent = f"netcompliance/{_version()}"
    plan = build_plan(settings, cases, nonce=secrets.token_hex(6), agent=agent)
    seen: list[Observation] = []
    lock = threading.Lock()
    over = threading.Event()

    def tell(record: dict[str, Any]) -> None:
        observation = {"vantage": HERE, **record}
        with lock:
            if not over.is_set():
                seen.append(observation)
                on_observation(observation)

    visit = local.start(plan, {})
    try:
        workstation = _Workstation(settings, {case.requirement for case in cases}, agent, tell)
        visit.follow(tell)
        workstation.join()
    except BaseException:
        with lock:
            over.set()
        raise
    from netcompliance.vantage.x509 import read_chains

    authorities = [Path(file).read_bytes() for file in settings.interception_files]
    for chain in read_chains(seen, settings.interception, authorities):
        tell(chain)


class _Workstation:
    """The workstation's questions, side by side, in threads that nobody has to wait for after an interrupt."""

    def __init__(self, settings: Settings, wanted: Collection[str], agent: str, tell: Tell) -> None:
        self._tell = tell
        self._troubles: list[Exception] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._ask_all, settings, wanted, agent)

    def join(self) -> None:
        """Wait until all have ended; raise what went wrong with us (never with the network)."""
        for thread in self._threads:
            thread.join(PATIENCE)
        if self._troubles:
            raise self._troubles[0]

    def _ask_all(self, settings: Settings, wanted: Collection[str], agent: str) -> None:
        from netcompliance.vantage import workstation

        for job in workstation.jobs(settings, wanted, agent):
            self._begin(job, self._tell)

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except Exception as trouble:  # noqa: BLE001 - raised again by join
                self._troubles.append(trouble)

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()


def _version() -> str:
    try:
        return metadata.version("netcompliance")
    except metadata.PackageNotFoundError:
        return "checkout"
