"""A visit of this machine: it counts if it began and ended as one; else nobody looked, and it says why."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from netcompliance.vantage import local
from netcompliance.vantage.errors import CouldNotLook

SENTINEL = '{"netcompliance": "probe", "schema": 1}'
END = '{"kind": "probe", "finished": true}'


def follow(*lines: str, after: str = "", deadline: float = 20.0) -> list[dict[str, Any]]:
    """The records of a program that writes these lines and then does something else."""
    program = "".join(f"print({line!r}, flush=True)\n" for line in lines) + after
    seen: list[dict[str, Any]] = []
    local.Visit([sys.executable, "-I", "-S", "-c", program], deadline, {}).follow(seen.append)
    return seen


def test_records_between_sentinel_and_end_are_handed_on() -> None:
    seen = follow("motd of some shell", SENTINEL, '{"kind": "host"}', END, '{"kind": "late"}')
    assert [record["kind"] for record in seen] == ["host", "probe"]


@pytest.mark.parametrize(
    ("lines", "after", "cause"),
    [
        ((), "", "ended with exit code 0: no message"),
        (('{"kind": "host"}', END), "", "ended with exit code 0"),
        ((SENTINEL, '{"kind": "host"}'), "import sys; sys.exit('no more')", "ended with exit code 1: no more"),
        ((SENTINEL, "no JSON"), "", "ended"),
        ((SENTINEL,), "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
    ],
)
def test_a_visit_that_does_not_end_as_one_is_none(lines: tuple[str, ...], after: str, cause: str) -> None:
    with pytest.raises(CouldNotLook) as caught:
        follow(*lines, after=after)
    assert cause in caught.value.cause
    assert caught.value.remedy


def test_a_probe_that_hangs_is_killed_a_little_after_its_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE", 0.2)
    with pytest.raises(CouldNotLook, match="did not end in time"):
        follow(SENTINEL, after="import time; time.sleep(600)", deadline=0.3)


def test_an_interpreter_that_is_not_there_is_said() -> None:
    with pytest.raises(CouldNotLook, match="does not start"):
        local.Visit(["/nonexistent/python"], 1.0, {})


def test_an_error_of_the_listener_ends_the_program() -> None:
    visit = local.Visit(
        [sys.executable, "-c", f"print('''{SENTINEL}''', flush=True); print('{{}}', flush=True); input()"], 20.0, {}
    )

    def full(_: dict[str, Any]) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        visit.follow(full)


def test_secrets_go_over_standard_input() -> None:
    program = (
        f"import json; print('''{SENTINEL}'''); print(json.dumps({{'kind': 'probe', 'got': json.loads(input())}}))"
    )
    seen: list[dict[str, Any]] = []
    local.Visit([sys.executable, "-c", program], 20.0, {"key": "k"}).follow(seen.append)
    assert seen[-1]["got"] == {"key": "k"}
