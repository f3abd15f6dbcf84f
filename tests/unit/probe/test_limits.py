"""What the probe takes for itself on a host."""

from __future__ import annotations

import resource

import pytest

from netcompliance.probe.onhost import limits


@pytest.mark.parametrize(
    ("has", "takes"),
    [
        ((64, 4096), [(2048, 4096)]),
        ((64, 1000), [(1000, 1000)]),
        ((64, resource.RLIM_INFINITY), [(2048, resource.RLIM_INFINITY)]),
        ((64, 64), []),
        ((4096, 8192), []),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), []),
    ],
)
def test_as_many_files_as_the_user_may_have_open(
    monkeypatch: pytest.MonkeyPatch, has: tuple[int, int], takes: list[tuple[int, int]]
) -> None:
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: has)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: taken.append(wanted))
    limits.allow_many_files()
    assert taken == takes
