"""The tools, each in its documented use: asked about one tenant, and about many healthy ones.

Each is told what its documentation lets one tell it: status 401 or 403, Content-Type JSON, and to verify certificates.
Time-outs are defaults or those of the documentation's examples; no thresholds on response time, as by default.

Rules of reading. Of several checks, the first that fails speaks. A check of one layer names that layer. A check that
goes through all layers is read by its text: the first match in `LAYERS` counts, and without one it names none.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PATH = "/receiver/stsAgent/features"
SEARCH = f"{os.environ.get('PATH', os.defpath)}:/usr/lib/nagios/plugins:/usr/lib64/nagios/plugins"
LIMIT = 180.0
"""Seconds after which a program is killed."""
EXPORTER = "127.0.0.1:9115"
AT_ONCE = 16
LAYERS = {
    "tls": r"x509|certificate|ssl|tls|handshake|HTTP response to HTTPS client",
    "dns": r"no such host|lookup |resolution|resolve|nxdomain|servfail|name or service not known",
    "tcp": r"connection refused|no route|unreachable|failed to connect|connection timed out|dial tcp",
    "http": r"status code|status line|HTTP/1|content-type|header",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a tool said. `layer` is empty if it named none; `broken`: it could not do its work at all."""

    passed: bool
    layer: str
    text: str
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A column of the one table and a row of the other."""

    name: str
    needs: Mapping[str, str]
    """Programs, and the Debian package of each."""
    ask: Callable[[str], Said] | None
    """Look at the tenant of this name."""
    count: Callable[[Sequence[str]], int]
    """Look at all tenants of these names; how many are found right?"""
    does: str
    """What `count` does for each tenant, and how many at once."""
    slow: bool = False
    """Counts once, and large numbers only if asked to."""

    def lacks(self) -> str:
        """What to install; empty if all is there."""
        return "; ".join(filter(None, (lacking(program, package) for program, package in self.needs.items())))


def run(command: Sequence[str], limit: float = LIMIT, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run to the end, output and errors as one text; exit code 124 if it was killed at its limit."""
    kinds = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    settings: dict[str, Any] = {**kinds, "cwd": CHECKOUT, "env": {**os.environ, **variables}, "timeout": limit}
    try:
        return subprocess.run(command, text=True, errors="replace", check=False, **settings)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, f"killed after {limit:.0f} s")


def lacking(name: str, package: str) -> str:
    """What to install so that a program starts; empty if it does."""
    if shutil.which(name, path=SEARCH) is None:
        return f"{name} is missing: apt-get install {package}"
    started = first_line(name)
    return f"{name} does not start: {started}" if "error while loading" in started else ""


def program(name: str) -> str:
    """Where a program or a monitoring plugin is; its bare name if it is nowhere."""
    return shutil.which(name, path=SEARCH) or name


def first_line(name: str, option: str = "--version") -> str:
    """The first line that a program prints."""
    return next(iter(run([program(name), option]).stdout.splitlines()), "")


def layer_of(text: str) -> str:
    """The layer that a text names; empty if it names none."""
    return next((layer for layer, words in LAYERS.items() if re.search(words, text, re.IGNORECASE)), "")


# --- blackbox_exporter and curl ---------------------------------------------------------------------------------------
@contextmanager
def exporter() -> Iterator[None]:
    """blackbox_exporter at work. It runs all the time where it is used, so its start is not measured."""
    command = [program("prometheus-blackbox-exporter"), f"--config.file={HERE / 'blackbox.yml'}"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*command, f"--web.listen-address={EXPORTER}"], **quiet) as process:
        try:
            while process.poll() is None and not _get("/-/healthy"):
                time.sleep(0.02)
            yield
        finally:
            process.kill()


def _probe(name: str, **more: str) -> str:
    return "/probe?" + urlencode({"module": "receiver", "target": f"https://{name}{PATH}", **more})


def _get(path: str) -> str:
    connection = http.client.HTTPConnection(EXPORTER, timeout=LIMIT)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def _blackbox(name: str) -> Said:
    page = _get(_probe(name, debug="true"))
    cause = next((line.partition(" level=")[2] for line in page.splitlines() if "level=error" in line), "")
    return Said(passed="probe_success 1" in page, layer=layer_of(cause), text=cause, broken=not page)


def _curl(urls: Sequence[str], at_once: int, found: str, *options: str) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".curl") as config:
        config.writelines(f'url = "{url}"\n' for url in urls)
        config.flush()
        done = run(["curl", "-sS", "-Z", "--parallel-max", str(at_once), *options, "-K", config.name])
    return len(re.findall(found, done.stdout, re.MULTILINE))


def _blackbox_many(names: Sequence[str]) -> int:
    return _curl([f"http://{EXPORTER}{_probe(name)}" for name in names], AT_ONCE, r"^probe_success 1$")


def _curl_many(names: Sequence[str]) -> int:
    told = ("-m", "10", "-w", "\n=%{http_code} %{content_type}\n")
    return _curl([f"https://{name}{PATH}" for name in names], 50, "^=40[13] application/json", *told)


# --- monitoring-plugins -----------------------------------------------------------------------------------------------
def _services(plugin: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """What one would define for a tenant: layer (empty: all of them) and command."""
    ask = [program(plugin), "-H", name, "--sni"]
    exchange = [*ask, "-S", "-u", PATH, "-e", "HTTP/1.1 401,HTTP/1.1 403", "-d", "application/json"]
    if shutil.which("check_dns", path=SEARCH):
        yield "dns", [program("check_dns"), "-H", name]
    yield "tcp", [program("check_tcp"), "-H", name, "-p", "443"]
    yield "", [*exchange, *(["--verify-cert"] if plugin == "check_curl" else [])]
    if plugin == "check_http":
        yield "tls", [*ask, "-C", "7"]


def _plugins(plugin: str, name: str) -> Said:
    done = [(layer, run(command)) for layer, command in _services(plugin, name)]
    layer, first = next(((layer, each) for layer, each in done if each.returncode), done[-1])
    return Said(passed=first.returncode == 0, layer=layer or layer_of(first.stdout), text=first.stdout)


def _plugins_many(plugin: str, names: Sequence[str]) -> int:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(lambda name: _plugins(plugin, name).passed, names))


# --- pytest, plain and with this suite --------------------------------------------------------------------------------
def _pytest(file: str, names: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """One of the files here, as in a virtual environment that holds nothing else."""
    own = ["-p", "testinfra.plugin"] if "testinfra" in file else []
    pytest = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={HERE}", "-p", "no:cacheprovider", *own]
    variables = {"PEERS_NAMES": " ".join(names), "PEERS_PATH": PATH, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return run([*pytest, "-q", "-rf", "--tb=line", str(HERE / file)], COLUMNS="1000", **variables)


def _plain(file: str, name: str) -> Said:
    done = _pytest(file, [name])
    failed = re.search(r"^FAILED \S*::test_(\w+)\[.*? - (.*)", done.stdout, re.MULTILINE)
    if not failed:
        return Said(passed=done.returncode == 0, layer="", text=done.stdout, broken=done.returncode != 0)
    layer = layer_of(failed[2]) if failed[1] == "http" else failed[1]
    return Said(passed=False, layer=layer, text=failed[0])


def _plain_many(file: str, names: Sequence[str]) -> int:
    done = _pytest(file, names)
    failed = set(re.findall(r"^FAILED .*?\[(.*?)\]", done.stdout, re.MULTILINE))
    return len(names) - len(failed) if done.returncode in (0, 1) else 0


def _suite(names: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """As the README says, --strict, so that what is only warned of counts too: what it printed, and its journals."""
    options = ["-q", "--strict", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    tenants = [f"--tenant={name.partition('.')[0]}" for name in names]
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "pytest", *options, *tenants, f"--report-dir={reports}"]
        printed = run(command, 10 * LIMIT).stdout
        journals = [path.read_text().splitlines() for path in Path(reports).glob("*/*/journal.jsonl")]
    return printed, [json.loads(line) for journal in journals for line in journal]


def _suite_one(name: str) -> Said:
    printed, records = _suite([name])
    verdicts = [each for each in records if each["type"] == "verdict" and each["verdict"] == "fail"]
    codes = [f"{each['requirement']} {finding['code']}" for each in verdicts for finding in each["findings"]]
    broken = not any(each["type"] == "footer" and each["overall"] != "undetermined" for each in records)
    layer = codes[0].split()[1].partition(".")[0] if codes else ""
    return Said(passed=not codes, layer=layer, text=printed if broken else "; ".join(codes), broken=broken)


def _suite_many(names: Sequence[str]) -> int:
    return sum(each["type"] == "footer" and each["overall"] == "satisfied" for each in _suite(names)[1])


BASIC, STANDARD = "monitoring-plugins-basic", "monitoring-plugins-standard"
DNS = {"check_dns": STANDARD, "nslookup": "bind9-dnsutils"}
"""The plugins' columns do without it."""
TOOLS = (
    Tool(
        "blackbox",
        {"prometheus-blackbox-exporter": "prometheus-blackbox-exporter"},
        _blackbox,
        _blackbox_many,
        f"1 probe through 4 layers, {AT_ONCE} at once",
    ),
    Tool("curl -Z", {"curl": "curl"}, None, _curl_many, "1 exchange through 4 layers, 50 at once"),
    Tool(
        "check_http",
        {"check_tcp": BASIC, "check_http": BASIC},
        partial(_plugins, "check_http"),
        partial(_plugins_many, "check_http"),
        f"check_dns, check_tcp, check_http twice, {AT_ONCE} at once",
    ),
    Tool(
        "check_curl",
        {"check_tcp": BASIC, "check_curl": STANDARD},
        partial(_plugins, "check_curl"),
        partial(_plugins_many, "check_curl"),
        f"check_dns, check_tcp, check_curl, {AT_ONCE} at once",
    ),
    Tool(
        "requests",
        {},
        partial(_plain, "plain_requests.py"),
        partial(_plain_many, "plain_requests.py"),
        "4 tests of plain pytest, one after the other",
    ),
    Tool(
        "testinfra",
        {"curl": "curl", "nc": "netcat-openbsd"},
        partial(_plain, "plain_testinfra.py"),
        partial(_plain_many, "plain_testinfra.py"),
        "3 tests of plain pytest-testinfra, one after the other",
    ),
    Tool("this suite", {}, _suite_one, _suite_many, "all its cases, by --tenant repeated", slow=True),
)
