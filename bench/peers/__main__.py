"""What other tools say about broken networks, and how long they take, in one run on one machine.

    python bench/peers             17 situations and one more, then 50 and 500 tenants
    python bench/peers --quick     some of the situations, 50 tenants, each once
    python bench/peers --once      all situations, each once
    python bench/peers --many      many tenants alone
    python bench/peers --full      this suite at 500 tenants too: about ten times what it takes at 50

`--markdown` prints tables for a document, `--texts` also what each tool said, and `--servers` says who plays the lab's
servers (if not given: embedded for the situations, real for many tenants). As root on Debian, after
`lab/install-daemons --with-peers`. What is missing is named. Compare only figures of one run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from typing import Any

import tools
from situations import HEALTHY, SITUATIONS, Situation

ME = str(Path(__file__).parent)
NOWHERE = ("goss", "osd-network-verifier")
PACKAGES = ("netcompliance", "pytest", "pytest-testinfra", "requests", "dnspython")
RIGHT, PASSES, BROKEN = "right", "PASSES", "NO VERDICT"
LEGEND = """
right: fails and names the layer, or passes where nothing is wrong. PASSES: although it is broken. FALSE ALARM: fails
although nothing is wrong. says X: fails and blames another layer. no layer: fails and names none. NO VERDICT: could not
do its work. Asked more than once, the worst is shown, and how often. Then the seconds, in the mean.
"""
Answers = dict[str, Any]


def main() -> None:
    """Enter the lab for each situation and each number of tenants, and print."""
    parser = argparse.ArgumentParser(prog="bench/peers", description="What other tools say and how long they take.")
    for flag in ("quick", "once", "many", "full", "markdown", "texts"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--servers", choices=("embedded", "real"))
    options = parser.parse_args()
    programs = dict.fromkeys(name for tool in tools.TOOLS for name in tool.needs if name != "nc")
    there = [tools.first_line(name) for name in programs if not tools.lacking(name, "")]
    print(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Linux {os.uname().release}")
    print("; ".join([*(line.partition(" (")[0] for line in there), *(f"{each} {version(each)}" for each in PACKAGES)]))
    missing = {tool.name: lacks for tool in tools.TOOLS if (lacks := tool.lacks())}
    missing |= {name: lacks for name, package in tools.DNS.items() if (lacks := tools.lacking(name, package))}
    missing |= dict.fromkeys(NOWHERE, "neither in Debian nor on PyPI")
    for name, reason in missing.items():
        print(f"not compared: {name} ({reason})")
    if not options.many:
        situations(options)
    many(options)


def situations(options: argparse.Namespace) -> None:
    """The first table."""
    seen: list[tuple[Situation, Answers]] = []
    for row in [row for row in SITUATIONS if row.quick or not options.quick]:
        print(f"… {row.says}", file=sys.stderr)
        chosen = [] if row.scenario == HEALTHY else ["--scenario", row.scenario]
        inside = ["--", sys.executable, ME, "inside-situation", str(1 if options.quick or options.once else row.times)]
        seen.append((row, in_lab("-m", "lab", "run", "--servers", options.servers or "embedded", *chosen, *inside)))
    columns = [tool.name for tool in tools.TOOLS if tool.ask and not tool.lacks()]
    rows = [[row.says, *(cell(row, answers.get(name, [])) for name in columns)] for row, answers in seen]
    counted = [(row, answers) for row, answers in seen if row.counted]
    rows.append([f"right, of {len(counted)}"])
    rows.append(["PASSES"])
    rows.append(["seconds in all"])
    for name in columns:
        grades = Counter(worst(row, answers.get(name, [])) for row, answers in counted)
        took = sum(mean(each["seconds"] for each in answers[name]) for _, answers in counted if name in answers)
        for row, figure in zip(rows[-3:], (grades[RIGHT], grades[PASSES], f"{took:.1f}"), strict=True):
            row.append(str(figure))
    table(["situation", *columns], rows, markdown=options.markdown)
    print(LEGEND)
    for row, answers in seen if options.texts else []:
        for name, each in ((name, each) for name, some in answers.items() for each in some):
            print(f"[{row.says}] {name}: {' '.join(each['text'].split())[:600]}")


def grade(row: Situation, answer: Answers) -> str:
    """One answer, judged."""
    if answer["broken"]:
        return BROKEN
    if answer["passed"]:
        return PASSES if row.layer else RIGHT
    if not row.layer:
        return "FALSE ALARM"
    named = f"says {answer['layer']}" if answer["layer"] else "no layer"
    return RIGHT if answer["layer"] == row.layer else named


def worst(row: Situation, some: Sequence[Answers]) -> str:
    """The worst grade: no verdict, then PASSES, then a wrong layer."""
    grades = [grade(row, each) for each in some] or [BROKEN]
    return min(grades, key=lambda each: (each != BROKEN, each != PASSES, each == RIGHT))


def cell(row: Situation, some: Sequence[Answers]) -> str:
    """Grade and seconds."""
    found = worst(row, some)
    often = f" {sum(grade(row, each) == found for each in some)}/{len(some)}" if len(some) > 1 else ""
    return f"{found}{often} {mean(each['seconds'] for each in some):.2f}" if some else found


def many(options: argparse.Namespace) -> None:
    """The second table."""
    servers, counts, times = options.servers or "real", (50,) if options.quick else (50, 500), 1 if options.quick else 3
    rows = [[tool.name, tool.does] for tool in tools.TOOLS if not tool.lacks()]
    for count in counts:
        print(f"… {count} tenants", file=sys.stderr)
        leave_out = "" if options.full or count <= 50 else "slow"
        answers = in_lab(ME, "enter-many", str(count), servers, str(times), leave_out)
        fastest = min((each["seconds"] for each in answers.values()), default=0.0)
        for row in rows:
            row.append(speed(answers[row[0]], fastest, count) if row[0] in answers else "not run")
    heads = [f"N={count}: s (× fastest)" for count in counts]
    table(["runner", "for each tenant", *heads], rows, markdown=options.markdown)
    print(f"\nServers: {servers}, on the same cores. Median of {times}; this suite once, and at 500 only with --full.")


def speed(answer: Answers, fastest: float, count: int) -> str:
    """Seconds and ratio, and what was not found right."""
    wrong = "" if answer["right"] == count else f", {count - answer['right']} WRONG"
    return f"{answer['seconds']:.2f} ({answer['seconds'] / fastest:.1f}){wrong}"


def in_lab(*arguments: str) -> Answers:
    """What a part of this program left, which runs inside the lab; nothing if it did not come so far."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        paths = f"{tools.CHECKOUT / 'src'}:{tools.CHECKOUT}"
        environment = {**os.environ, "PYTHONPATH": paths, "PEERS_ANSWERS": file.name}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        subprocess.run([sys.executable, *arguments], cwd=tools.CHECKOUT, env=environment, check=False)
        text = Path(file.name).read_text()
    return dict(json.loads(text)) if text else {}


def ask_all(times: int) -> Answers:
    """Inside the lab: each tool in turn about the tenant."""
    from lab.healthy import TENANT

    return {
        tool.name: [timed(tool.ask, TENANT) for _ in range(times)]
        for tool in tools.TOOLS
        if tool.ask and not tool.lacks()
    }


def timed(ask: Any, what: Any) -> Answers:
    """An answer and its seconds."""
    begin = time.monotonic()
    said = ask(what)
    fields = {"right": said} if isinstance(said, int) else {name: getattr(said, name) for name in said.__slots__}
    return {**fields, "seconds": time.monotonic() - begin}


def count_all(count: int, times: int, leave_out: str) -> Answers:
    """Inside the lab: each tool in turn about many tenants."""
    from world import names

    found = {}
    for tool in tools.TOOLS:
        if not tool.lacks() and not (leave_out and tool.slow):
            some = [timed(tool.count, names(count)) for _ in range(1 if tool.slow else times)]
            seconds = median(each["seconds"] for each in some)
            found[tool.name] = {"seconds": seconds, "right": min(each["right"] for each in some)}
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    """Print rows under a head."""
    print()
    widths = [0 if markdown else max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, *([["---"] * len(head)] if markdown else []), *rows]
    for line in lines:
        cells = [each.ljust(width) for each, width in zip(line, widths, strict=True)]
        print(f"| {' | '.join(cells)} |" if markdown else "  ".join(cells).rstrip())


def inside(answer: Any, *arguments: Any) -> None:
    """Write down what was found, with the exporter at work."""
    blackbox = tools.TOOLS[0]
    with nullcontext() if blackbox.lacks() else tools.exporter():
        Path(os.environ["PEERS_ANSWERS"]).write_text(json.dumps(answer(*arguments)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["inside-situation", times]:
            inside(ask_all, int(times))
        case ["inside-many", count, times, leave_out]:
            inside(count_all, int(count), int(times), leave_out)
        case ["enter-many", count, servers, times, leave_out]:
            from world import enter

            sys.exit(enter(int(count), servers, [sys.executable, ME, "inside-many", count, times, leave_out]))
        case _:
            main()
