"""Fixtures of the acceptance tests; `plays` holds what they hand out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plays import Plays, Stage


@pytest.fixture(scope="session")
def stage(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Runs plays one by one."""
    stage = Stage(checkout=checkout, directory=tmp_path_factory.mktemp("plays"))
    yield stage
    stage.kill()


@pytest.fixture(scope="session")
def plays(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Plays]:
    """The outcome of each play; those of all selected tests are begun at once."""
    plays = Plays(
        stage,
        [
            item.callspec.params["play"]
            for item in request.session.items
            if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "play" in item.callspec.params
        ],
    )
    yield plays
    plays.close()
