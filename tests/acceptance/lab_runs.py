"""Running the suite in the lab as anybody would, and reading what it left.

Theory. A lab run is one process: `python -m lab run … -- pytest --tenant=acme`, whose journal and lab log are read when
it ended. Half of what that costs is loading programs, so it is done once and forked (`forkserver`). Most of it is
waiting for packets that never come, so the lab runs that the selected tests need are started ahead, a few at a time,
and each test waits for its own. On a machine that is drowned in work every server of the lab is slow, which is what the
suite would then rightly say: so a lab run begins when a processor is free.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import helm
import oracle
from oracle import Testimony
from shells import ALL_IMAGES, BY_BUSYBOX, BY_SHELL, BY_SSH, NOT_BY_BUSYBOX, ONE_IMAGE

from lab.healthy import HELM, HOST_ADDRESSES, LAB_KEY, TENANT

AT_ONCE = 4
LOOKS, PAUSE = 10, 0.05
"""So often, and so many seconds apart, it is counted how much wants to run before a lab run begins."""
LONGEST_WAIT = 20.0
"""Seconds after which a lab run begins all the same: somebody else may keep the machine busy."""
CHART = "suse-observability-agent"
LONGEST = 120.0
"""Seconds after which a lab run is killed. None takes a tenth of it, but machines can be busy."""
_NOT_PASSED_ON = ("PYTEST_", "COV_", "COVERAGE_", "STS_API_KEY", "PYTHONDONTWRITEBYTECODE")
_AS_PEOPLE_HAVE_IT = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""Without the plugins of a developer's environment, which take longer to load than the suite itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabRun:
    """What to run: a scenario, with which servers, from which hosts, with which options."""

    scenario: str | None = None
    servers: str = "embedded"
    options: tuple[str, ...] = ()
    """Added to pytest's."""
    hosts: tuple[str, ...] = ()
    """Where to look from; this machine if there are none."""
    nodes: int = 0
    cast: tuple[str, ...] = ()
    """Hosts out of the ordinary, by name."""
    containers: bool = False
    router_rules: Path | None = None
    proxy_rules: Path | None = None
    oracle: str = ""
    """Whether the Go client and Helm are run too: `beside` or `after` the suite."""

    def lab_arguments(self) -> list[str]:
        """What follows `python -m lab`, up to the command."""
        chosen = ["--scenario", self.scenario] if self.scenario else []
        hosts = [f"--nodes={self.nodes}"]
        hosts += [f"--cast={','.join(self.cast)}"] if self.cast else []
        hosts += ["--containers"] if self.containers else []
        named = {"--router-rules": self.router_rules, "--proxy-rules": self.proxy_rules}
        rules = [f"{option}={file}" for option, file in named.items() if file]
        return ["run", "--servers", self.servers, *chosen, *hosts, *rules, "--"]

    def suite_options(self) -> list[str]:
        """What follows `pytest --tenant=acme`."""
        return [*([f"--hosts={','.join(self.hosts)}"] if self.hosts else []), *self.options]


OVER_SSH = "ssh://lab-host"
BARE = "ssh://bare"
"""A host without Python."""
BUSYBOX = "ssh://busybox"
"""A host with nothing else."""


_ROUTERS = "a router says only so often that it refuses"
_UPLINK = "they would share what the way to the tenant carries"
ALONE: Mapping[str, str] = {
    "addresses-fail-differently": _ROUTERS,
    "tcp-prohibited": _ROUTERS,
    "tcp-no-route": _ROUTERS,
    "tcp-loop": _ROUTERS,
    "ipv6-refused": _ROUTERS,
    "new-connections-limited": "what one of them connects, the other may not any more",
    "first-two-syns-dropped": "a port that one of them has used before opens at once for the other",
    "bursts-limited": "each would be held back by the other's connections",
    "uplink-half-a-megabit": _UPLINK,
    "uplink-one-and-a-half-megabits": _UPLINK,
    "uplink-four-megabits": _UPLINK,
}
"""Scenarios in which the oracle waits until the suite is done → what one would do to the other."""


def images(scenario: str) -> tuple[str, ...]:
    """Options: as many images as matter."""
    return () if scenario in ALL_IMAGES else (ONE_IMAGE,)


def of_scenario(name: str) -> LabRun:
    """One scenario, looked at from several hosts one after the other, so that none disturbs the others."""
    others = {
        OVER_SSH: name in BY_SSH,
        BARE: name in BY_SHELL,
        BUSYBOX: name in (*BY_BUSYBOX, *NOT_BY_BUSYBOX) and ALONE.get(name) != _ROUTERS,
    }
    hosts = [host for host, looks in others.items() if looks]
    return LabRun(
        scenario=name,
        hosts=("local", *hosts),
        nodes=int(OVER_SSH in hosts),
        cast=tuple(host.removeprefix("ssh://") for host in hosts if host != OVER_SSH),
        options=("--visits=1", *images(name)),
        oracle="after" if name in ALONE else "beside",
    )


def of_busybox(name: str) -> LabRun:
    """The lab run in which busybox looks at a scenario: its own where a router's answers would be used up by others."""
    play = of_scenario(name)
    if BUSYBOX in play.hosts:
        return play
    return replace(play, hosts=("local", BUSYBOX), cast=("busybox",), oracle="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a lab run left. Its files are read when they are asked for: those of all lab runs would fill gigabytes."""

    code: int
    output: str
    results: Path
    """Where it left everything."""
    directory: Path
    """The run's directory; it is not there if the run left nothing."""
    peak_kib: int
    """Resident memory of the largest process."""
    oracle: Testimony | None
    """What the Go client says, if it was run."""
    helm: str | None
    """Why Helm could not fetch the chart, empty if it could; None if it was not run."""

    @property
    def journal(self) -> tuple[Mapping[str, Any], ...]:
        """The journal's records."""
        return _lines(self.directory / "journal.jsonl")

    @property
    def log(self) -> tuple[Mapping[str, Any], ...]:
        """What the servers saw."""
        return _lines(self.results / "log.jsonl")

    @property
    def report(self) -> str:
        """report.html; empty if there is none."""
        page = self.directory / "report.html"
        return page.read_text() if page.exists() else ""

    def failing(self, vantage: str = "local") -> dict[str, frozenset[str]]:
        """The codes of the failing verdicts of a vantage, by requirement."""
        codes: dict[str, set[str]] = {}
        for record in self.journal:
            if (record["type"], record.get("vantage"), record.get("verdict")) == ("verdict", vantage, "fail"):
                codes.setdefault(record["requirement"], set()).update(each["code"] for each in record["findings"])
        return {requirement: frozenset(some) for requirement, some in codes.items()}

    def verdicts(self, vantage: str) -> dict[tuple[str, str], str]:
        """Requirement and target → verdict."""
        return {
            (record["requirement"], record["target"]): record["verdict"]
            for record in self.journal
            if record["type"] == "verdict" and record["vantage"] == vantage
        }

    def trouble(self, vantage: str) -> str:
        """Why the vantage could not be visited; empty if it was."""
        records = [r for r in self.journal if r["type"] == "vantage" and r["id"] == vantage]
        return str(records[0].get("error", "")) if records else "no record of it"

    @property
    def overall(self) -> str | None:
        """What the footer says; None without a footer."""
        return next((record["overall"] for record in self.journal if record["type"] == "footer"), None)

    def requests(self, *sites: str) -> list[Mapping[str, Any]]:
        """The HTTP requests from the host that reached these sites."""
        return [
            record
            for record in self.log
            if record["event"] == "http" and record["site"] in sites and record["from"][0] in HOST_ADDRESSES
        ]


class Forks:
    """Runs labs in forks of a process that has loaded everything (see `forkserver`), which the first one begins."""

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._directory = Path(tempfile.mkdtemp(prefix="forks-"))
        self._beginning = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._running: set[int] = set()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path) -> int | None:
        """Do what `python -m lab` does with these arguments; its exit code, or None if it had to be killed."""
        job = {
            "arguments": arguments,
            "environment": dict(environment),
            "directory": str(self._checkout),
            "output": str(output),
        }
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(LONGEST)
            connection.connect(self._begun())
            connection.sendall(json.dumps(job).encode() + b"\n")
            said = connection.makefile()
            pid = int(said.readline())
            self._running.add(pid)
            try:
                return int(said.readline() or -signal.SIGKILL)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                return None
            finally:
                self._running.discard(pid)

    def end(self) -> None:
        """End what still runs, the labs with their keepers, and the server."""
        for pid in list(self._running):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._server:
            self._server.communicate()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _begun(self) -> str:
        """The server's socket."""
        place = self._directory / "socket"
        with self._beginning:
            if self._server is None:
                paths = [str(self._checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
                self._server = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("forkserver.py")), str(place)],
                    cwd=self._checkout,
                    env={**_passed_on(), "PYTHONPATH": os.pathsep.join(paths)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                assert self._server.stdout is not None
                assert self._server.stdout.readline(), "the fork server did not start; see its words above"
        return str(place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Makes lab runs, in the lab of this checkout."""

    checkout: Path
    directory: Path
    forks: Forks | None = None
    """Where lab runs are forked from; without it, each is a command as people type it."""
    _running: dict[int, subprocess.Popen[str]] = field(default_factory=dict)

    def run(self, play: LabRun, interpreter: Sequence[str] = (sys.executable,)) -> Outcome:
        """Make one, to its end. `interpreter` may be a command in front of a Python."""
        results = Path(tempfile.mkdtemp(prefix=f"{play.scenario or 'healthy'}-{play.servers}-", dir=self.directory))
        results.chmod(0o777)
        python = interpreter[-1]
        suite = [python, "-m", "pytest", "--tenant=acme", f"--report-dir={results}", *_AS_PEOPLE_HAVE_IT]
        inside = [python, str(self.checkout / "tests" / "acceptance" / "inside.py"), str(results)]
        arguments = [*play.lab_arguments(), *inside, *suite, *play.suite_options()]
        environment = _passed_on() | _oracle_variables(play)
        output = results / "output"
        output.touch()
        code = (
            self.forks.run(arguments, environment, output)
            if self.forks
            else self._command([*interpreter, "-m", "lab", *arguments], environment, output)
        )
        directory = next(results.glob("acme/*"), results / "none")
        return Outcome(
            directory=directory,
            results=results,
            code=-signal.SIGKILL if code is None else code,
            output=output.read_text() + (f"\nkilled after {LONGEST:.0f} s" if code is None else ""),
            peak_kib=int((results / "peak").read_text()) if (results / "peak").exists() else 0,
            oracle=_testimony(results),
            helm=_helms_trouble(results),
        )

    def _command(self, command: Sequence[str], environment: Mapping[str, str], output: Path) -> int | None:
        """Run a command; its exit code, or None if it had to be killed."""
        with output.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=self.checkout,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
            )
        self._running[process.pid] = process
        try:
            return process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None
        finally:
            del self._running[process.pid]

    def kill(self) -> None:
        """End what still runs; the labs end with their keepers."""
        for process in list(self._running.values()):
            process.kill()
        if self.forks:
            self.forks.end()


class LabRuns:
    """The outcome of each lab run; those that are named at the beginning are run ahead."""

    def __init__(self, stage: Stage, ahead: Sequence[LabRun]) -> None:
        self._stage = stage
        self._door = threading.Lock()
        self._closed = False
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="lab-run")
        self._futures: dict[LabRun, Future[Outcome]] = {}
        for play in ahead:
            self._begin(play)

    def __getitem__(self, play: LabRun) -> Outcome:
        return self._begin(play).result()

    def close(self) -> None:
        """Forget what has not begun, kill what runs."""
        self._closed = True
        for future in self._futures.values():
            future.cancel()
        self._stage.kill()
        self._pool.shutdown()

    def _begin(self, play: LabRun) -> Future[Outcome]:
        if play not in self._futures:
            self._futures[play] = self._pool.submit(self._run, play)
        return self._futures[play]

    def _run(self, play: LabRun) -> Outcome:
        with self._door:
            patience = time.monotonic() + LONGEST_WAIT
            while not self._closed and time.monotonic() < patience:
                if _wanting_to_run() <= len(os.sched_getaffinity(0)):
                    break
        return self._stage.run(play)


def _wanting_to_run() -> float:
    """Threads on this machine that run or could, other than the one that counts them; the mean of some time."""
    counts = []
    for _ in range(LOOKS):
        time.sleep(PAUSE)
        (line,) = (each for each in Path("/proc/stat").read_text().splitlines() if each.startswith("procs_running"))
        counts.append(int(line.split()[1]) - 1)
    return sum(counts) / LOOKS


def _passed_on() -> dict[str, str]:
    """The environment, without what concerns the tests themselves."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}


def _oracle_variables(play: LabRun) -> dict[str, str]:
    """What asks `inside.py` for the clients."""
    program, chart_client = (oracle.binary(), helm.binary()) if play.oracle else (None, None)
    variables = {"ORACLE_KEY": LAB_KEY}
    if program:
        variables[f"ORACLE_{play.oracle.upper()}"] = shlex.join([str(program), f"-seconds={oracle.SECONDS}", TENANT])
    if chart_client:
        variables["ORACLE_HELM"] = shlex.join(helm.pull(chart_client, f"https://{HELM}", CHART))
    return variables


def _testimony(results: Path) -> Testimony | None:
    said = results / "oracle.json"
    text = said.read_text() if said.exists() else ""
    return oracle.testimony(json.loads(text), _lines(results / "log.jsonl")) if text else None


def _helms_trouble(results: Path) -> str | None:
    code, output = results / "helm.code", results / "helm.out"
    if not code.exists():
        return None
    said = output.read_text().partition("\n")[0][:300] or "no answer in time"
    return "" if code.read_text() == "0" else said


@lru_cache(maxsize=8)
def _lines(path: Path) -> tuple[Mapping[str, Any], ...]:
    if not path.exists():
        return ()
    return tuple(json.loads(line) for line in path.read_text().splitlines())
