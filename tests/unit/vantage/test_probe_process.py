"""A visit counts if it began, ended and lost nothing; else it says how it ended. Nothing waits for a child for ever."""

from __future__ import annotations

import json
import os
import selectors
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from netcompliance.vantage import probe_process
from netcompliance.vantage.admission import Admission, of_visit
from netcompliance.vantage.probe_process import Ending, ProbeProcess

SENTINEL = '{"netcompliance": "probe", "schema": 1}'
END = '{"kind": "probe", "finished": true, "records": 1}'
SEEN = '{"kind": "tcp"}'


def visit(*lines: str, after: str = "", parcel: bytes = b"", deadline: float = 20.0) -> Any:
    """The records of a program that writes these lines and then does something else, and how it ended."""
    program = "".join(f"print({line!r}, flush=True)\n" for line in lines) + after
    return follow(ProbeProcess([sys.executable, "-I", "-S", "-c", program], parcel, deadline))


def follow(probe: ProbeProcess) -> tuple[list[dict[str, Any]], Ending | None]:
    seen: list[dict[str, Any]] = []
    with selectors.DefaultSelector() as selector:
        selector.register(probe.stdin, selectors.EVENT_WRITE)
        selector.register(probe.stdout, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select(max(0.0, min(0.1, probe.seconds_left())))]
            if probe.stdin in ready and not probe.feed():
                selector.unregister(probe.stdin)
            if probe.stdout in ready and not probe.listen(seen.append):
                break
            if probe.seconds_left() <= 0:
                probe.give_up()
                break
    return seen, probe.stop()


def test_records_between_sentinel_and_end_are_handed_on() -> None:
    seen, ending = visit("motd of some shell", SENTINEL, SEEN, END, '{"kind": "late"}')
    assert [record["kind"] for record in seen] == ["tcp", "probe"]
    assert ending is None


def test_records_that_the_last_word_does_not_count_are_counted_here() -> None:
    """Who reads the journal sees whether one was taken out."""
    seen, ending = visit(SENTINEL, SEEN, SEEN, '{"kind": "probe"}')
    assert (seen[-1]["records"], ending) == (2, None)


@pytest.mark.parametrize("noise", ["\\xff\\xfe no UTF-8", "{no JSON", "[1, 2]", ""])
def test_noise_between_records_is_passed_over_as_long_as_none_is_missing(noise: str) -> None:
    writes = f"import sys; sys.stdout.buffer.write(b'{noise}\\n'); sys.stdout.flush()\n"
    end = f"print({SEEN!r}); print({END!r}, flush=True)"
    seen, ending = visit(SENTINEL, after=f"{writes}{end}")
    assert ([record["kind"] for record in seen], ending) == (["tcp", "probe"], None)


@pytest.mark.parametrize(
    ("lines", "after", "expected"),
    [
        ((), "", {"begun": False, "code": 0, "why": "ended"}),
        ((SEEN, END), "", {"begun": False, "code": 0, "why": "ended"}),
        ((SENTINEL, SEEN), "import sys; sys.exit('no more')", {"begun": True, "code": 1, "errors": "no more\n"}),
        ((SENTINEL,), "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {"begun": True, "code": -11}),
        ((SENTINEL, END), "", {"begun": True, "why": "damaged"}),
        ((SENTINEL, SEEN, SEEN, END), "", {"begun": True, "why": "damaged"}),
        (("hello",), "import sys; sys.exit(3)", {"noise": "hello\n", "code": 3}),
    ],
)
def test_a_visit_that_does_not_end_as_one_says_how_it_ended(
    lines: tuple[str, ...], after: str, expected: dict[str, Any]
) -> None:
    _, ending = visit(*lines, after=after)
    assert ending is not None
    assert {name: getattr(ending, name) for name in expected} == expected


def test_a_host_that_never_speaks_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_process, "SPEAK", 0.3)
    _, ending = visit(after="import time; time.sleep(600)")
    assert ending is not None
    assert (ending.why, ending.code, ending.begun) == ("late", None, False)


def test_a_probe_that_hangs_is_given_up_a_little_after_its_own_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_process, "GRACE", 0.2)
    _, ending = visit(SENTINEL, after="import time; time.sleep(600)", deadline=0.1)
    assert ending is not None
    assert (ending.why, ending.code) == ("overdue", None)


@pytest.mark.parametrize(
    ("said", "granted"),
    [(45, 45.0), (1e9, probe_process.LONGEST), (1, 20.0), (-1, 20.0), ('"60"', 20.0), ("null", 20.0)],
)
def test_a_probe_may_say_that_it_takes_longer_but_not_how_long_it_likes(said: object, granted: float) -> None:
    first = f'{{"netcompliance": "probe", "schema": 1, "deadline": {said}}}'
    program = f"print({first!r}, flush=True); input()"
    probe = ProbeProcess([sys.executable, "-I", "-S", "-c", program], b"", 20.0)
    before = time.monotonic()
    while not probe.begun:
        probe.listen(lambda _: None)
    took = time.monotonic() - before
    assert granted + probe_process.GRACE - took <= probe.seconds_left() <= granted + probe_process.GRACE
    probe.give_up()
    probe.stop()


@pytest.mark.parametrize("flood", ["'x\\n' * 999", "'x' * 999"])
def test_endless_output_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch, flood: str) -> None:
    monkeypatch.setattr(probe_process, "NOISE_LIMIT", 10_000)
    monkeypatch.setattr(probe_process, "LINE_LIMIT", 10_000)
    _, ending = visit(after=f"while True: print({flood}, end='', flush=True)")
    assert ending is not None
    assert ending.why == "flood"
    assert len(ending.noise) <= probe_process.KEPT + len("…")


def test_of_many_messages_the_last_are_kept_and_that_some_are_not_is_shown() -> None:
    _, ending = visit(after="import sys; sys.stderr.write('x' * 9000 + 'why'); sys.stderr.flush(); sys.exit(5)")
    assert ending is not None
    assert ending.errors == "…" + "x" * (probe_process.KEPT - 3) + "why"
    assert ending.noise == ""


def test_the_parcel_arrives_whole_however_large_and_unread_it_does_not_block() -> None:
    parcel = os.urandom(1_000_000)
    program = (
        "import sys, json, zlib; data = sys.stdin.buffer.read(); "
        f"print({SENTINEL!r}); print(json.dumps({{'kind': 'probe', 'tools': [str(zlib.crc32(data))]}}))"
    )
    seen, ending = follow(ProbeProcess([sys.executable, "-c", program], parcel, 20.0))
    import zlib

    assert (seen[-1]["tools"], ending) == ([str(zlib.crc32(parcel))], None)
    _, ending = visit("a program that reads nothing", after="import sys; sys.exit(5)", parcel=parcel)
    assert ending is not None
    assert ending.code == 5


def test_what_the_child_started_ends_with_it(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys\n"
        "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(helper.pid))\n"
        f'print({SENTINEL!r})\nprint(\'{{"kind": "probe"}}\', flush=True)\nhelper.wait()\n'
    )
    _, ending = follow(ProbeProcess([sys.executable, "-c", program], b"", 20.0))
    assert ending is None
    state = Path(f"/proc/{int((tmp_path / 'pid').read_text())}/stat")
    end = time.monotonic() + 10
    while _is_alive(state):
        assert time.monotonic() < end


def _is_alive(state: Path) -> bool:
    """A process that was killed takes a moment to die, and may then wait for its parent to look."""
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_that_cannot_be_started_raises() -> None:
    with pytest.raises(FileNotFoundError):
        ProbeProcess(["/nonexistent/python"], b"", 1.0)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_is_none_makes_no_record(number: str):
    """It could not be written down, and would end the run of everybody."""
    assert probe_process.record_of(b'{"kind": "tcp", "seconds": 1.5}') == {"kind": "tcp", "seconds": 1.5}
    assert probe_process.record_of(f'{{"kind": "tcp", "seconds": {number}}}'.encode()) is None


def test_what_is_not_the_hosts_to_say_is_left_out() -> None:
    forged = '{"kind": "tcp", "vantage": "ssh://other", "type": "verdict", "connection": "local", "address": "1.1.1.1"}'
    seen, ending = visit(SENTINEL, forged, END)
    assert ending is None
    assert seen[0] == {"kind": "tcp", "address": "1.1.1.1"}
    assert [record["kind"] for record in seen] == ["tcp", "probe"]


@pytest.mark.parametrize(
    ("lines", "why", "detail"),
    [
        (['{"seconds": 1}'], "not-admitted", "a record without a kind"),
        (['{"kind": 7}'], "not-admitted", "a record without a kind"),
        (['{"kind": ""}'], "not-admitted", "a record without a kind"),
        (['{"kind": "tcp2"}'], "not-admitted", "a record of the kind 'tcp2'"),
        (['{"kind": "chain", "anchor": "public"}'], "not-admitted", "a record of the kind 'chain'"),
        (['{"kind": "public-dns"}'], "not-admitted", "a record of the kind 'public-dns'"),
        (['{"kind": "watch", "what": "control"}'], "not-admitted", "a record of the kind 'watch'"),
        (['{"kind": "tcp", "port": "443"}'], "not-admitted", "a 'tcp' record whose 'port' is not valid"),
        (['{"kind": "tcp", "port": 65536}'], "not-admitted", "a 'tcp' record whose 'port' is not valid"),
        (['{"kind": "host"}'] * 2, "too-much", "more records of the kind 'host' than a probe says"),
        (['{"kind": "tcp"}'] * 4097, "too-much", "more records of the kind 'tcp' than a probe says"),
        ([json.dumps({"kind": "http", "body": "x" * 1_900_000})] * 7, "too-much", "more than a probe says"),
        ([json.dumps({"kind": "registry", "platforms": ["a"] * 99_000})] * 4, "too-much", "more than a probe says"),
    ],
)
def test_a_host_that_says_more_than_a_probe_is_not_listened_to_any_longer(
    lines: list[str], why: str, detail: str
) -> None:
    source = f"lines = {lines!r}\nfor line in lines: print(line, flush=True)\nprint({END!r})\n"
    seen, ending = follow(
        ProbeProcess(
            [sys.executable, "-I", "-S", "-c", "import sys; exec(sys.stdin.read())"],
            f"print({SENTINEL!r}, flush=True)\n{source}".encode(),
            20.0,
            admission=Admission(of_visit(32)),
        )
    )
    assert ending is not None
    assert (ending.why, ending.detail) == (why, detail)
    assert len(seen) < len(lines)
