"""Is a healthy network always satisfied, and does it always give the same text?

    python bench/steady [RUNS]     200 runs if no number is given

Runs in a row in the healthy small internet, spread over round trips of 0, 1, 20 and 200 ms, each with the machine idle
and with four busy processes beside. Prints how many were satisfied, and how the texts of terminal and verdicts differ,
but for times, dates, rates and how many connections were met.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ROUND_TRIPS = (0, 1, 20, 200)
BUSY = 4
RUNS = 200
LONGEST = 120.0
TIMES = re.compile(
    r"\d{8}T\d{6}Z|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?Z?)?"
    r"|\d+(?:\.\d+)? ?(?:ms|s|[kM]B/s|Mbit/s|connections in)\b"
)
CONTROL = re.compile(r"\x1b\[[0-9;]*m|/tmp/\S+")
PROGRESS = re.compile(r"^.*(?:\[ *\d+%\]|=====).*$", re.MULTILINE)


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many processes that use all the processor time they get."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def once(round_trip: int) -> tuple[int, str]:
    """Exit code and text of one run."""
    with tempfile.TemporaryDirectory() as reports:
        lab = [sys.executable, "-m", "lab", "run", f"--round-trip={round_trip}", "--"]
        suite = [sys.executable, "-m", "pytest", "--tenant=acme", f"--report-dir={reports}", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*lab, *suite], cwd=CHECKOUT, capture_output=True, text=True, timeout=LONGEST, check=False
        )
        journals = Path(reports).glob("acme/*/journal.jsonl")
        records = [json.loads(line) for journal in journals for line in journal.read_text().splitlines()]
    said = [f"{r['requirement']} {r['target']}: {r['saw']} {r['reason']}" for r in records if r["type"] == "verdict"]
    return done.returncode, "\n".join([done.stdout + done.stderr, *said])


def plain(text: str) -> str:
    """The text without times and dates."""
    return TIMES.sub("TIME", CONTROL.sub("", PROGRESS.sub("", text)))


def main() -> None:
    """Run, and say what differed."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    kinds = [(round_trip, number) for round_trip in ROUND_TRIPS for number in (0, BUSY)]
    texts: Counter[str] = Counter()
    unlike: list[str] = []
    satisfied = 0
    for number in range(runs):
        round_trip, beside = kinds[number % len(kinds)]
        with busy(beside):
            code, text = once(round_trip)
        good = code == 0 and "acme: satisfied" in text
        satisfied += good
        texts[plain(text)] += 1
        print(f"{round_trip} ms, {beside} busy: {'satisfied' if good else f'exit code {code}'}", flush=True)
        if not good:
            unlike.append(f"round trip {round_trip} ms, {beside} busy processes: exit code {code}\n{text}")
    print(f"{satisfied} of {runs} satisfied, {len(texts)} texts but for times and dates")
    usual = texts.most_common(1)[0][0].splitlines()
    for other, count in texts.most_common()[1:]:
        print(f"--- {count} ×")
        print("\n".join(difflib.unified_diff(usual, other.splitlines(), lineterm="", n=0)))
    print("\n".join(unlike))
    sys.exit(satisfied != runs or len(texts) > 1)


if __name__ == "__main__":
    main()
