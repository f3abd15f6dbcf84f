"""`python -m lab`: what it says to people, and what it leaves behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import cli, doctor
from lab.scenarios import SCENARIOS

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required"),
        (["fly"], "invalid choice"),
        (["run"], "what should run"),
        (["run", "--"], "what should run"),
        (["run", "pytest"], "COMMAND comes after --"),
        (["run", "--scenario", "dns-nxdomian", "--", "true"], "did you mean dns-nxdomain"),
        (["run", "--scenario", "$(reboot)", "--", "true"], "no scenario '$(reboot)'"),
        (["run", "--servers", "cardboard", "--", "true"], "--servers is one of"),
        (["run", "--router-rules", "/nowhere", "--", "true"], "/nowhere: No such file"),
        (["run", "--cast", "bare,nobody", "--", "true"], "no host 'nobody'"),
    ],
)
def test_usage_errors_are_one_line_and_exit_4(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert says in err


def test_scenarios_are_listed_with_what_they_find(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenarios"]) == 0
    out = capsys.readouterr().out
    assert all(scenario.name in out and scenario.broken in out for scenario in SCENARIOS)
    assert "finds HTTPS-01 tcp.partly-filtered" in out
    assert "finds nothing" in out


def test_the_doctor_names_what_is_missing_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("nft is not on PATH")

    check = doctor.Check(needs="nft", look=broken, remedy="apt install nftables")
    fine = doctor.Check(needs="python", look=lambda: None, remedy="")
    monkeypatch.setattr(doctor, "CHECKS", (fine, check))
    assert doctor.report() == 1
    out = capfd.readouterr().out
    assert "ok    python" in out
    assert "LACK  nft\n      nft is not on PATH\n      apt install nftables" in out


def lab_command(*command: str, scenario: str = "") -> list[str]:
    chosen = ["--scenario", scenario] if scenario else []
    return [sys.executable, "-m", "lab", "run", *chosen, "--", *command]


def run_in_lab(*command: str, scenario: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        lab_command(*command, scenario=scenario),
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.lab
@pytest.mark.parametrize(
    ("command", "code"),
    [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137), (["no-such"], 127)],
)
def test_the_exit_code_is_the_commands(command: list[str], code: int) -> None:
    assert run_in_lab(*command).returncode == code


@pytest.mark.lab
def test_the_host_sees_the_small_internet_and_nothing_else() -> None:
    script = """
import json, os, socket, ssl, urllib.request
names = sorted({item[4][0] for item in socket.getaddrinfo("acme.app.stackstate.io", 443, type=socket.SOCK_STREAM)})
page = urllib.request.urlopen("https://acme.app.stackstate.io/", timeout=5)
print(json.dumps({
    "addresses": names,
    "status": page.status,
    "log": [json.loads(line)["event"] for line in open(os.environ["NETCOMPLIANCE_LAB"] + "/log.jsonl")],
    "proxies": [name for name in os.environ if name.lower().endswith("_proxy")],
    "resolv.conf": open("/etc/resolv.conf").read(),
    "interfaces": sorted(name for _, name in socket.if_nameindex()),
}))
"""
    done = run_in_lab(sys.executable, "-c", script, HTTPS_PROXY="http://outer:1", https_proxy="http://outer:1")
    assert done.stderr == ""
    seen = json.loads(done.stdout)
    assert seen["addresses"] == ["2a05:d018:11::21", "34.250.11.21", "34.250.11.22", "34.250.11.23"]
    assert seen["status"] == 200
    assert {"dns", "tcp", "tls", "http"} <= set(seen["log"])
    assert seen["proxies"] == []
    assert "nameserver 10.30.0.53\nnameserver 10.30.0.54\nsearch corp.example" in seen["resolv.conf"]
    assert seen["interfaces"] == ["eth0", "lo"]


@pytest.mark.lab
def test_an_address_that_nobody_has_is_silent() -> None:
    script = """
import socket
try:
    socket.create_connection(("192.0.2.1", 443), timeout=1.5)
except TimeoutError:
    print("silent")
"""
    assert run_in_lab(sys.executable, "-c", script).stdout == "silent\n"


@pytest.mark.lab
def test_given_rules_are_all_that_the_router_lets_out(tmp_path: Path) -> None:
    rules = tmp_path / "rules.nft"
    rules.write_text("table inet filter { chain netcompliance { ip daddr 34.250.11.22 tcp dport 443 accept; }; }\n")
    script = (
        "import socket\n"
        "def is_open(address):\n"
        "    try:\n"
        "        socket.create_connection((address, 443), 0.5).close()\n"
        "    except TimeoutError:\n"
        "        return False\n"
        "    return True\n"
        "print([is_open(f'34.250.11.2{n}') for n in (1, 2, 3)])\n"
    )
    command = [sys.executable, "-m", "lab", "run", "--router-rules", str(rules), "--", sys.executable, "-c", script]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[False, True, False]\n", "")


@pytest.mark.lab
def test_rules_of_a_proxy_need_squid(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("http_access allow all\n")
    command = [sys.executable, "-m", "lab", "run", "--proxy-rules", str(rules), "--", "true"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "lab: rules of a proxy are squid's: --servers real\n")


@pytest.mark.lab
def test_options_of_a_scenario_reach_pytest() -> None:
    done = run_in_lab(
        "sh", "-c", 'echo "$PYTEST_ADDOPTS"; cat "$NETCOMPLIANCE_LAB/approved.txt"', scenario="allow-list-stale"
    )
    assert done.stdout.startswith("--allow-list=/run/netcompliance-lab/approved.txt\n34.250.11.21\n")


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    """A lab in which COMMAND runs and waits."""
    process = subprocess.Popen(
        lab_command("sh", "-c", "echo up; exec sleep 600"), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def processes_below(pid: int) -> set[int]:
    """All descendants of a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, todo = set[int](), [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found.update(children)
        todo += children
    return found


@pytest.mark.lab
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_everything_and_leaves_nothing(running: subprocess.Popen[str], signum: signal.Signals) -> None:
    inside = processes_below(running.pid)
    assert len(inside) >= 4, "PID 1, two or more servers, COMMAND"
    watched = [os.pidfd_open(pid) for pid in inside]
    mounts = Path("/proc/self/mounts").read_text()
    running.send_signal(signum)
    assert running.wait(10) == (-signum if signum is signal.SIGKILL else 128 + signum)
    for descriptor in watched:
        ended, _, _ = select.select([descriptor], [], [], 10)
        assert ended, "a process of the lab lives on"
        os.close(descriptor)
    assert Path("/proc/self/mounts").read_text() == mounts
    assert not Path("/run/netcompliance-lab").exists()
