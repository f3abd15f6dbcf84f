"""Is this evidence whole, unchanged, signed by whom it should be, and do its verdicts follow from what was seen?"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from netcompliance.cli import journal_argument, output
from netcompliance.config.validation import BadInput

if TYPE_CHECKING:
    from netcompliance.verification import Outcome

HELP = (
    "check the evidence of a run: chain, plan, verdicts, files, report, signature, contradictions; "
    "exit code 1 if it is not good"
)


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument(
        "evidence",
        metavar="DIR",
        help="the directory of a run; or a journal alone (- for standard input), without report and signature",
    )
    parser.add_argument(
        "--allowed-signers",
        metavar="FILE",
        help="who may sign, as ssh-keygen(1) describes it: then a signature is needed",
    )
    parser.add_argument("--identity", metavar="NAME", help="who of them must have signed (default: any of them)")
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check."""
    from netcompliance.catalogue import load
    from netcompliance.provenance import tool
    from netcompliance.verification import Outcome, verify

    named = Path(arguments.evidence)
    directory = named if arguments.evidence != journal_argument.STDIN and named.is_dir() else None
    allowed = _allowed(arguments)
    if allowed and directory is None:
        raise BadInput("--allowed-signers: a signature is over a run's directory: name that")
    with journal_argument.journal(arguments.evidence) as path:
        checks = verify(path, load(), tool(), directory=directory, allowed=allowed, identity=arguments.identity)
    outcomes = {check.outcome for check in checks}
    good = not outcomes & {Outcome.BAD, Outcome.OPEN}
    if arguments.json:
        told = [{"check": check.name, "outcome": check.outcome, "text": check.text} for check in checks]
        output.write_json({"good": good, "checks": told})
    else:
        for check in checks:
            print(*output.labelled(f"{check.outcome:<6}{check.name}", check.text, room=17, indent=0), sep="\n")
        print("the evidence is good" if good else _why_not(outcomes))
    return 0 if good else 1


def _why_not(outcomes: Collection[Outcome]) -> str:
    from netcompliance.verification import Outcome

    if Outcome.BAD in outcomes:
        return "the evidence is not good"
    return "the evidence is not proved: nothing is wrong with it, and this program cannot check all of it"


def _allowed(arguments: argparse.Namespace) -> Path | None:
    if arguments.identity and not arguments.allowed_signers:
        raise BadInput("--identity: name the file of allowed signers too (--allowed-signers)")
    if not arguments.allowed_signers:
        return None
    path = Path(arguments.allowed_signers)
    try:
        if path.is_fifo():
            raise BadInput(f"--allowed-signers {path}: a pipe, and ssh-keygen reads it more than once")
        path.open("rb").close()
    except OSError as error:
        raise BadInput(f"--allowed-signers {path}: {error.strerror or error}") from None
    return path
