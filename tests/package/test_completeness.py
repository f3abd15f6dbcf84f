"""However a run ends, what it leaves says truthfully what was not judged, and nothing of it is green."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netcompliance.journal import reader
from tests.conftest import CHECKOUT, FAKES

FAIL = {"result": "fail", "codes": ["tcp.filtered"], "saw": "no answer"}
MARKER = {"kind": "resolve", "name": "marker.example"}
ROOM = 128
"""KiB of the disk that is too small: enough for the plan, not for what is seen."""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_who_is_asked_to_end_ends_in_order(run_suites, name: str):
    ended = run_suites(script={"observations": [MARKER], "signal": name})
    assert ended.code == pytest.ExitCode.INTERRUPTED
    read = reader.read(ended.directory() / "journal.jsonl", complete=True)
    assert read.overall == "undetermined"
    assert any(seen.get("name") == "marker.example" for seen in read.observations())
    assert f"{len(read.cases)} of {len(read.cases)} planned cases have no verdict" in " ".join(ended.out.split())


def test_a_killed_run_leaves_all_that_it_saw(run_suites):
    ended = run_suites(script={"observations": [MARKER] * 50, "signal": "SIGKILL"})
    assert ended.code == -signal.SIGKILL
    read = reader.read(ended.directory() / "journal.jsonl")
    assert read.footer is None
    assert read.overall == "undetermined"
    assert len(list(read.observations())) == 51
    assert sorted(path.name for path in ended.directory().iterdir()) == ["journal.jsonl"]


@pytest.mark.parametrize(
    "arguments",
    [("-k", "dns"), ("--deselect=suites/test_dns.py",), ("--maxfail=1",), ("-x",), ("suites/test_clock.py",)],
)
def test_what_was_left_out_is_counted(run_suites, arguments: tuple[str, ...]):
    ended = run_suites(*arguments, script={"verdicts": {"DNS-01": FAIL}})
    assert ended.code == 1
    read = reader.read(ended.directory() / "journal.jsonl", complete=True)
    seen = {record["requirement"] for record in read.verdicts}
    assert read.overall == read.footer["overall"] == ("not-satisfied" if "DNS-01" in seen else "undetermined")
    assert 0 < len(read.verdicts) < len(read.cases) == read.footer["counts"]["error"] + len(read.verdicts)


def test_tests_in_other_processes_write_nothing_that_is_not_true(run_suites, tmp_path: Path):
    """A plugin that nobody here knows runs each test in a child: the parent judged nothing, and says so."""
    (tmp_path / "forks.py").write_text(
        "import os\n"
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item):\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        runtestprotocol(item, log=False)\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
        "    return True\n"
    )
    path = os.pathsep.join([str(CHECKOUT / "src"), str(FAKES), str(tmp_path)])
    ended = run_suites("-p", "forks", script={}, env={"PYTHONPATH": path})
    assert ended.code == 1
    read = reader.read(ended.directory() / "journal.jsonl", complete=True)
    assert read.counted.keys() == {"header", "case", "footer"}
    assert read.overall == "undetermined"


@pytest.fixture
def on_a_small_disk(tmp_path: Path):
    """Runs the suites with reports on a tmpfs of their own; gives code, output and what is left."""

    def run(script: str, filler: int = 0) -> tuple[int, str, Path]:
        told, small, left = tmp_path / "script.json", tmp_path / "small", tmp_path / "left"
        told.write_text(script)
        small.mkdir()
        suite = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "scripted", "--tenant=acme"]
        steps = (
            f"mount -t tmpfs -o size={ROOM}k tmpfs {small}",
            f"head -c {filler}k /dev/zero > {small}/filler",
            f"{' '.join(suite)} --report-dir={small}/reports; code=$?",
            f"cp -r {small} {left}",
            "exit $code",
        )
        own = ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-rm"]
        done = subprocess.run(
            [*own, "sh", "-c", "\n".join(steps)],
            cwd=CHECKOUT,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "STS_"))},
                "PYTHONPATH": f"{CHECKOUT / 'src'}:{FAKES}",
                "NETCOMPLIANCE_SCRIPT": str(told),
                "COLUMNS": "100",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        shutil.rmtree(small)
        return done.returncode, done.stdout + done.stderr, left / "reports" / "acme"

    return run


def test_a_disk_that_is_full_before_the_plan_is_written_is_bad_input(on_a_small_disk):
    code, told, left = on_a_small_disk("{}", filler=ROOM - 8)
    assert code == pytest.ExitCode.USAGE_ERROR
    (line,) = told.strip().splitlines()
    assert line.endswith("No space left on device")
    assert not left.exists() or list(left.iterdir()) == []


def test_a_disk_that_gets_full_while_looking_leaves_whole_lines_and_no_green(on_a_small_disk):
    seen = '{"kind": "resolve", "name": "' + "x" * 4000 + '"}'
    code, told, left = on_a_small_disk('{"observations": [' + ",".join([seen] * 40) + "]}")
    assert code == 1
    assert "the journal cannot be written: No space left on device" in " ".join(told.split())
    assert "acme: undetermined (exit 1): the journal has no footer" in " ".join(told.split())
    assert "Traceback" not in told
    assert "INTERNALERROR" not in told
    (directory,) = left.iterdir()
    read = reader.read(directory / "journal.jsonl")
    assert read.footer is None
    assert 1 < len(list(read.observations())) < 41
    assert (directory / "journal.jsonl").read_bytes().endswith(b"}\n")
    assert [path.name for path in directory.iterdir()] == ["journal.jsonl"]


def test_a_report_that_does_not_fit_is_told_and_not_left_in_half(on_a_small_disk):
    code, told, left = on_a_small_disk("{}", filler=32)
    (directory,) = left.iterdir()
    read = reader.read(directory / "journal.jsonl", complete=True)
    assert read.overall == "satisfied"
    assert code == 1
    assert "without a report: No space left on device" in told
    assert "INTERNALERROR" not in told
    assert "report.html" not in [path.name for path in directory.iterdir()]
