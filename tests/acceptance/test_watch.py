"""The watch over ssh, and what happens to it: a connection that is cut, a watcher that is killed, somebody's Ctrl-C;
and the same on a host without Python.

Each lab run has a `--watch` and, once the watch is seen there, does something to it from the side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.daemons]

LONGEST = 180.0
ASIDE = r'''
import glob, json, os, pathlib, signal, subprocess, sys, time

def wait_for(what):
    end = time.monotonic() + 60
    while not (found := what()):
        if time.monotonic() > end:
            sys.exit("it never came to that")
        time.sleep(0.05)
    return found

def words(kind):
    """The records of the watch that are in the journal."""
    texts = [pathlib.Path(path).read_text() for path in glob.glob(sys.argv[2] + "/acme/*/journal.jsonl")]
    records = [json.loads(line) for text in texts for line in text.splitlines(True) if line.endswith("\n")]
    return [record for record in records if record.get("kind") == "watch" and record["what"] == kind]

def sessions():
    """sshd's processes that serve a login."""
    return [pid for pid, name in processes() if b"sshd: root@notty" in name or b"sshd-session: root@notty" in name]

def processes():
    for entry in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            yield int(entry.split("/")[2]), pathlib.Path(entry).read_bytes()
        except OSError:
            continue

def requests():
    log = pathlib.Path(os.environ["NETCOMPLIANCE_LAB"], "log.jsonl")
    return log.exists() and sum(' watch"' in line for line in log.read_text().splitlines())

def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue

def network(pid):
    return os.readlink(f"/proc/{pid}/ns/net")

def watchers():
    """Programs that netcompliance runs, here and on hosts."""
    return [pid for pid, line in processes() if b"import ast,base64,json,socket" in line and b"\0-c\0" in line]

def shells():
    """Watches by a shell, and what they have started."""
    return [pid for pid, line in processes() if b"while IFS= read -r l" in line or b"\0s_client\0" in line]

def sampled():
    """Has every path surely been sampled? A shell sends no request that the lab would note."""
    return requests() >= 4 or (shells() and time.time() > max(each["heard"] for each in words("begin")) + 2.0)

def spools():
    return glob.glob("/tmp/netcompliance-watch-*/state")

def drop(seconds):
    """One address is dropped for a while."""
    nft = ["ip", "netns", "exec", "router", "nft"]
    rule = "ip daddr 34.250.11.21 tcp dport 443 drop"
    chain = "{ type filter hook forward priority -5; }"
    subprocess.run([*nft, "add", "chain", "inet", "lab", "aside", chain], check=True)
    subprocess.run([*nft, "add", "rule", "inet", "lab", "aside", *rule.split()], check=True)
    time.sleep(seconds)
    subprocess.run([*nft, "flush", "chain", "inet", "lab", "aside"], check=True)

suite = subprocess.Popen(sys.argv[3:])
(hosts,) = [word.partition("=")[2].split(",") for word in sys.argv if word.startswith("--hosts=")]
wait_for(lambda: {each["vantage"] for each in words("begin")} >= set(hosts) and sampled())
exec(sys.argv[1])
code = suite.wait()
end = time.monotonic() + 30
while (left := spools() + watchers() + shells()) and time.monotonic() < end:
    time.sleep(0.05)  # a watcher sees within a second that it was collected
print("left", left)
sys.exit(code)
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a lab run left."""

    code: int
    output: str
    journal: list[Mapping[str, Any]]
    report: str

    def words(self, what: str) -> list[Mapping[str, Any]]:
        return [record for record in self.journal if record.get("kind") == "watch" and record["what"] == what]

    def verdicts(self) -> dict[str, str]:
        """Layer → verdict on the watch."""
        those = [r for r in self.journal if r["type"] == "verdict" and r["requirement"] == "WATCH-01"]
        return {record["target"].partition(":")[0]: record["verdict"] for record in those}

    @property
    def overall(self) -> str:
        return str(self.journal[-1].get("overall"))


@pytest.fixture
def play(checkout: Path, tmp_path: Path) -> Any:
    def run(aside: str, *options: str, host: str = "--nodes=1") -> Ended:
        home = Path(tempfile.mkdtemp(dir=tmp_path))
        suite = [sys.executable, "-m", "pytest", "--tenant=acme", f"--report-dir={home}", "-p", "no:cacheprovider"]
        lab = [sys.executable, "-m", "lab", "run", host, "--"]
        script = home / "aside.py"
        script.write_text(ASIDE)
        done = subprocess.run(
            [*lab, sys.executable, str(script), aside, str(home), *suite, *options],
            cwd=checkout,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert list(home.glob("acme/*/report.html")), done.stdout
        (journal,) = home.glob("acme/*/journal.jsonl")
        lines = journal.read_text(encoding="utf-8").splitlines()
        report = (journal.parent / "report.html").read_text(encoding="utf-8")
        return Ended(code=done.returncode, output=done.stdout, journal=[json.loads(x) for x in lines], report=report)

    return run


CUT = """
kill(sessions())
wait_for(spools)
drop(1.5)
"""


def test_a_cut_connection_is_no_outage_and_what_happened_meanwhile_is_handed_over(play: Any) -> None:
    ended = play(CUT, "--watch=15s", "--hosts=ssh://node-1")
    assert ended.verdicts() == {"dns": "pass", "tcp": "fail", "tls": "pass", "http": "pass", "registry": "pass"}
    (gap,) = ended.words("control")
    assert gap["back"] > gap["lost"]
    (end,) = ended.words("end")
    assert end["why"] == "planned"
    (bad,) = [run for run in ended.words("run") if run["failed"]]
    assert (bad["layer"], bad["path"]) == ("tcp", "34.250.11.21:443")
    assert 1.0 < bad["to"] - bad["from"] < 2.5
    assert "no control connection from" in ended.output
    assert "Times without a control connection" in ended.report
    assert "roll back" in ended.output
    assert "left []" in ended.output


KILLED = """
kill(pid for pid in watchers() if network(pid) != network("self"))
"""


def test_a_watcher_that_is_killed_leaves_its_host_unknown_and_the_others_alone(play: Any) -> None:
    ended = play(KILLED, "--watch=8s", "--hosts=local,ssh://node-1")
    assert ended.overall == "undetermined", ended.output
    (gap,) = ended.words("control")
    assert (gap["vantage"], gap["back"]) == ("ssh://node-1", None)
    assert [end["vantage"] for end in ended.words("end")] == ["local"]
    by = {
        (r["vantage"], r["verdict"]) for r in ended.journal if r["type"] == "verdict" and r["requirement"] == "WATCH-01"
    }
    assert by == {("local", "pass"), ("ssh://node-1", "notchecked")}
    assert ended.code == 1
    assert "left []" in ended.output


@pytest.mark.parametrize(("before", "word"), [("", "undetermined"), ("drop(2.0)", "not-satisfied")])
def test_ctrl_c_ends_the_watch_early_and_truthfully(play: Any, before: str, word: str) -> None:
    ended = play(f"{before}\nsuite.send_signal(signal.SIGINT)", "--watch=10m", "--hosts=local,ssh://node-1")
    assert ended.overall == word
    assert {end["why"] for end in ended.words("end")} == {"stopped"}
    assert {begin["planned"] for begin in ended.words("begin")} == {600.0}
    assert "of 600.0 s, ended early by whoever ran it" in ended.report
    assert "no tests ran" not in ended.output
    assert ended.code == 1
    assert "left []" in ended.output


BARE = "--cast=bare"


def test_a_host_without_python_is_watched_by_its_shell(play: Any) -> None:
    ended = play("drop(3.5)", "--watch=10s", "--max-outage=2s", "--hosts=ssh://bare", host=BARE)
    found = ended.verdicts()
    assert {layer: found[layer] for layer in ("tcp", "http", "registry")} == {
        "tcp": "fail", "http": "notchecked", "registry": "notchecked",
    }  # fmt: skip
    assert "fail" not in (found["dns"], found["tls"])
    (path,) = {run["path"] for run in ended.words("run") if run["failed"] > 4}
    assert path == "34.250.11.21:443"
    assert {each["layer"] for each in ended.words("unwatched")} == {"http", "registry"}
    assert "http was not watched: a shell does not sample answers" in ended.output
    assert "Not watched from ssh://bare" in ended.report
    assert [each["why"] for each in ended.words("end")] == ["planned"]
    assert "left []" in ended.output


def test_a_watch_by_a_shell_ends_with_its_connection_and_leaves_nothing(play: Any) -> None:
    ended = play("kill(sessions())", "--watch=20s", "--hosts=ssh://bare", host=BARE)
    assert set(ended.verdicts().values()) == {"notchecked"}
    (gap,) = ended.words("control")
    assert gap["back"] is None
    assert "a shell watches no longer than its connection lasts" in gap["text"]
    assert ended.words("end") == []
    assert "left []" in ended.output
