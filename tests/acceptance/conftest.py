"""Fixtures of the acceptance tests; `lab_runs` holds what they hand out.

Most of a lab run is waiting. So lab runs go on beside all other tests: one acceptance test comes first, which begins
them, and those that wait for one come last. Only watches come after them: they are judged by their time, and want
quiet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_runs import Forks, LabRuns, Stage

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One that begins the lab runs, then everything else, then the tests of those, then what wants quiet."""
    items.sort(key=_place)
    first = [item for item in items if _place(item) == 1][:1]
    items[:] = [*first, *(item for item in items if item not in first)]


def _place(item: pytest.Item) -> int:
    if item.path == HERE / "test_watch.py":
        return 2
    return int("plays" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def stage(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Makes lab runs one by one."""
    stage = Stage(checkout=checkout, directory=tmp_path_factory.mktemp("plays"), forks=Forks(checkout))
    yield stage
    stage.kill()


@pytest.fixture(scope="session")
def plays(request: pytest.FixtureRequest, stage: Stage) -> Iterator[LabRuns]:
    """The outcome of each lab run; those of all selected tests are begun at once."""
    plays = LabRuns(
        stage,
        [
            item.callspec.params["play"]
            for item in request.session.items
            if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "play" in item.callspec.params
        ],
    )
    yield plays
    plays.close()
