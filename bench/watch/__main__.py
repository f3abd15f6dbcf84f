"""How well does the watch measure, and what does it cost? Everything in the lab, on this machine.

    python bench/watch              20 outages of each length, kind and extent, beside blackbox_exporter
    python bench/watch --verdicts   20 of each length that few samples see: is *go* ever said wrongly? (`verdicts`)
    python bench/watch --quick      2 of each
    python bench/watch --cost       50 addresses for ten minutes: share of a core, memory of the watcher

Outages are injected in the lab's router, by library call, so when they began and ended is known to a millisecond or
so. Each kind and extent has a node of its own, and all nodes are watched at once, over ssh, by the suite as it is
(`pytest --tenant=acme --hosts=… --watch=…`); what it reported is read from its journal. On each node
blackbox_exporter is polled every second; the length that it shows is the time between the last success before and the
first one after, in whole polls.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "src"), str(Path(__file__).resolve().parent)]

import verdicts  # noqa: E402 - the checkout need not be installed
from rules import Rules  # noqa: E402

from lab import changes, linux, network  # noqa: E402
from lab.healthy import RIGHT, TENANT, TENANT_V4, TENANT_V6  # noqa: E402
from lab.hosts import Wanted  # noqa: E402
from lab.real import play  # noqa: E402
from lab.run import command_environment, run  # noqa: E402
from lab.world import Machine  # noqa: E402
from netcompliance.judge.watch import watched  # noqa: E402
from netcompliance.outages import Outage  # noqa: E402

POLLED = str(Path(__file__).resolve().parent / "polled.py")
LENGTHS = (0.3, 1.0, 3.0, 10.0)
KINDS = {"drop": "drop", "reset": "reject with tcp reset", "reject": "reject with icmpx admin-prohibited"}
EXTENTS = {"one": TENANT_V4[:1], "all": TENANT_V4 + TENANT_V6}
PAUSE = 2.5
"""Seconds between two outages of a node."""
SETTLED = 3.0
WITHIN = 0.1
MINUTES = 10
MANY = tuple(f"34.250.11.{number}" for number in range(21, 71))
OPTIONS = ("-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """An outage that was made."""

    node: int
    kind: str
    extent: str
    length: float
    begin: float
    end: float


def main() -> None:
    """Enter the lab with what was asked for."""
    parser = argparse.ArgumentParser(prog="python bench/watch", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--verdicts", action="store_true")
    parser.add_argument("--kinds", help="with --verdicts: some of them, with commas between them")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--inject", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.kinds:
        verdicts.KINDS = tuple(asked.kinds.split(","))
    repetitions = 2 if asked.quick else asked.repetitions
    if asked.inject:
        verdicts.inject(asked.inject) if asked.verdicts else _inject(asked.inject)
        return
    if asked.inside:
        work = _judge if asked.verdicts else _measure
        _cost(asked.minutes) if asked.cost else work(repetitions)
        return
    world, nodes = RIGHT, len(KINDS) * len(EXTENTS)
    if asked.verdicts:
        world, nodes = verdicts.world(RIGHT), len(verdicts.KINDS)
    if asked.cost:
        more = changes.site("tenant", addresses=MANY + TENANT_V6)(RIGHT)
        world, nodes = changes.record(TENANT, "A", *MANY)(more), 0
    command = [sys.executable, __file__, *sys.argv[1:], "--inside"]
    environment = {**command_environment(os.environ, world), "PYTHONPATH": str(CHECKOUT / "src")}
    os.chdir(CHECKOUT)
    sys.exit(run(world, play, command, environment, replace(Wanted(), nodes=nodes)))


def _measure(repetitions: int) -> None:
    plan = [(kind, extent) for kind in KINDS for extent in EXTENTS]
    seconds = repetitions * sum(length + PAUSE + 1 for length in LENGTHS) + 2 * SETTLED + 5
    with tempfile.TemporaryDirectory() as directory:
        hosts = ",".join(f"ssh://node-{number}" for number in range(1, len(plan) + 1))
        pollers = [_poller(number, Path(directory)) for number in range(1, len(plan) + 1)]
        suite = _suite(directory, f"--hosts={hosts}", f"--watch={seconds:.0f}s")
        _wait_for_begin(suite, directory, len(plan))
        time.sleep(SETTLED)
        injector = subprocess.run(
            [sys.executable, __file__, f"--inject={repetitions}"], stdout=subprocess.PIPE, text=True, check=True
        )
        output, _ = suite.communicate()
        for poller in pollers:
            poller.terminate()
        made = [Injected(**each) for each in json.loads(injector.stdout)]
        records = _journal(directory)
        if not any(record["type"] == "footer" for record in records):
            raise SystemExit(output)
        polls = {number: _polls(Path(directory) / f"polls-{number}") for number in range(1, len(plan) + 1)}
        _report(made, records, polls, repetitions)


def _judge(repetitions: int) -> None:
    nodes = len(verdicts.KINDS)
    with tempfile.TemporaryDirectory() as directory:
        hosts = ",".join(f"ssh://node-{number}" for number in range(1, nodes + 1))
        length = verdicts.seconds(repetitions) + 2 * SETTLED + 5
        suite = _suite(directory, f"--hosts={hosts}", f"--watch={length:.0f}s")
        _wait_for_begin(suite, directory, nodes)
        time.sleep(SETTLED)
        chosen = f"--kinds={','.join(verdicts.KINDS)}"
        command = [sys.executable, __file__, "--verdicts", f"--inject={repetitions}", chosen]
        injector = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        output, _ = suite.communicate()
        records = _journal(directory)
        if not any(record["type"] == "footer" for record in records):
            raise SystemExit(output)
        verdicts.report([verdicts.Made(**each) for each in json.loads(injector.stdout)], records, repetitions)


def _inject(repetitions: int) -> None:
    """In the router: make all outages, those of different nodes side by side, and print when they were."""
    linux.setns(str(network.NETNS / Machine.ROUTER))
    rules = Rules()
    plan = list(enumerate(((kind, extent) for kind in KINDS for extent in EXTENTS), start=1))
    for node, (kind, _) in plan:
        for family, kind_of_address, source in (("ip", "ipv4", "10.21.0.{}"), ("ip6", "ipv6", "fd21::{:x}")):
            rules.run(f"add set inet lab {family}-{node} {{ type {kind_of_address}_addr; }}")
            which = f"{family} saddr {source.format(node + 1)} {family} daddr @{family}-{node}"
            rules.run(f"insert rule inet lab forward {which} tcp dport 443 {KINDS[kind]}")
    made: list[dict[str, Any]] = []
    for repetition in range(repetitions):
        for length in LENGTHS:
            begun = {}
            for node, (_, extent) in plan:
                time.sleep(0.037 * (1 + repetition % 3))
                begun[node] = rules.run("; ".join(f"add element {_element(node, each)}" for each in EXTENTS[extent]))
            for node, (kind, extent) in plan:
                time.sleep(max(0.0, begun[node][0] + length - time.time()))
                ended = rules.run("; ".join(f"delete element {_element(node, each)}" for each in EXTENTS[extent]))
                times = {"begin": sum(begun[node]) / 2, "end": sum(ended) / 2}
                made.append({"node": node, "kind": kind, "extent": extent, "length": length, **times})
            time.sleep(PAUSE)
    print(json.dumps(made))


def _element(node: int, address: str) -> str:
    return f"inet lab {'ip6' if ':' in address else 'ip'}-{node} {{ {address} }}"


def _report(
    made: Sequence[Injected],
    records: Sequence[Mapping[str, Any]],
    polls: Mapping[int, Sequence[tuple[float, bool]]],
    repetitions: int,
) -> None:
    seen = {
        number: watched((r for r in records if r.get("vantage") == f"ssh://node-{number}"), TENANT) for number in polls
    }
    print(f"{repetitions} outages of each row, reported by the watch for each address that was affected\n")
    print(
        f"{'kind':<8}{'on':<5}{'length':>7}{'reports':>9}{'missed':>8}{'start, worst':>14}{'length, worst':>15}"
        f"{'within ±0.1 s':>15}{'right kind':>12}   blackbox_exporter, every second"
    )
    used: set[int] = set()
    for kind in KINDS:
        for extent in EXTENTS:
            for length in LENGTHS:
                those = [each for each in made if (each.kind, each.extent, each.length) == (kind, extent, length)]
                print(_row(kind, extent, length, those, seen, polls, used))
    tcp = [path for one in seen.values() for path in one.paths if path.layer == "tcp"]
    false = sum(id(outage) not in used for path in tcp for outage in path.outages)
    print(f"\noutages reported that nobody made: {false}")


def _row(
    kind: str, extent: str, length: float, those: Sequence[Injected], seen: Mapping[int, Any],
    polls: Mapping[int, Sequence[tuple[float, bool]]], used: set[int],
) -> str:  # fmt: skip
    starts, lengths, missed, right = [], [], 0, 0
    for each in those:
        for address in EXTENTS[extent]:
            outage = next(_outages(each, seen[each.node], _name(address)), None)
            if outage is None:
                missed += 1
                continue
            used.add(id(outage))
            starts.append(abs(outage.begin.at - each.begin))
            lengths.append(abs(outage.length - (each.end - each.begin)))
            right += outage.how == (kind,)
    within = sum(s <= WITHIN and n <= WITHIN for s, n in zip(starts, lengths, strict=True))
    told = [_polled(each, polls[each.node]) for each in those]
    unseen = sum(value == 0 for value in told)
    beside = f"{unseen} of {len(told)} not seen; shown as {min(told):.0f} … {max(told):.0f} s"
    return (
        f"{kind:<8}{extent:<5}{length:>6.1f}s{len(starts) + missed:>9}{missed:>8}{max(starts, default=0):>12.3f} s"
        f"{max(lengths, default=0):>13.3f} s{within:>8} of {len(starts) + missed:<3}{right:>10}    {beside}"
    )


def _outages(each: Injected, seen: Any, name: str) -> Iterator[Outage]:
    """Those of the path that overlap what was made."""
    for path in seen.paths:
        if (path.layer, path.name) == ("tcp", name):
            yield from (o for o in path.outages if o.begin.after < each.end + 0.2 and o.end.before > each.begin - 0.2)


def _name(address: str) -> str:
    return f"[{address}]:443" if ":" in address else f"{address}:443"


def _polled(each: Injected, polls: Sequence[tuple[float, bool]]) -> float:
    """Seconds that the polls show: one for each that failed."""
    return float(sum(not success for at, success in polls if each.begin - 1 <= at <= each.end + 1))


def _polls(file: Path) -> list[tuple[float, bool]]:
    rows = (line.split() for line in file.read_text().splitlines())
    return [(float(row[0]), row[1] == "1") for row in rows if len(row) == 2]


def _poller(number: int, directory: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, POLLED, str(directory / f"polls-{number}")]
    return subprocess.Popen(["ip", "netns", "exec", f"node-{number}", *command], start_new_session=True)


def _suite(directory: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", *OPTIONS, "--tenant=acme", f"--report-dir={directory}", *options]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _journal(directory: str) -> list[dict[str, Any]]:
    """The whole lines that are there."""
    texts = [path.read_text() for path in Path(directory).glob("acme/*/journal.jsonl")]
    return [json.loads(line) for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _wait_for_begin(suite: subprocess.Popen[str], directory: str, vantages: int) -> list[dict[str, Any]]:
    while suite.poll() is None:
        begun = [record for record in _journal(directory) if record.get("what") == "begin"]
        if len(begun) == vantages:
            return begun
        time.sleep(0.2)
    raise SystemExit(suite.communicate()[0])


def _cost(minutes: float) -> None:
    with tempfile.TemporaryDirectory() as directory:
        suite = _suite(directory, f"--watch={minutes * 60:.0f}s")
        (begun,) = _wait_for_begin(suite, directory, 1)
        memory, own = [], []
        while suite.poll() is None:
            memory += _resident(begun["pid"])
            own += _resident(suite.pid)
            time.sleep(min(10.0, minutes * 6))
        (end,) = [record for record in _journal(directory) if record.get("what") == "end"]
        seen = watched((r for r in _journal(directory) if r.get("kind") == "watch"), TENANT)
        size = sum(path.stat().st_size for path in Path(directory).glob("acme/*/journal.jsonl"))
    layers = {
        layer: sum(path.layer == layer for path in seen.paths) for layer in ("dns", "tcp", "tls", "http", "registry")
    }
    print(f"paths            {len(seen.paths)}: {', '.join(f'{number} {layer}' for layer, number in layers.items())}")
    print(f"watched          {end['seconds']:.0f} s, {sum(path.samples for path in seen.paths)} samples")
    print(f"share of a core  {100 * end['cpu'] / end['seconds']:.1f} %")
    fifth = max(1, len(memory) // 5)
    print(
        f"watcher, MB      {max(memory[:fifth]):.1f} at most in the first fifth, {max(memory[-fifth:]):.1f} in the last"
    )
    print(f"controller, MB   {max(own[:fifth]):.1f} at most in the first fifth, {max(own[-fifth:]):.1f} in the last")
    print(f"journal          {size / 1024:.0f} KiB, the visit's part included")


def _resident(pid: int) -> list[float]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return []
    return [int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")]


if __name__ == "__main__":
    main()
