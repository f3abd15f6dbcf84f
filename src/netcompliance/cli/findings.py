"""What a finding means, what to do about it, and whom to ask."""

from __future__ import annotations

import argparse
import re

from netcompliance.cli import output, suggestions

HELP = "list the findings, or tell what some mean, how to repair it and whom to ask"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument("codes", metavar="CODE", nargs="*", help="a finding, such as tcp.filtered")
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List or tell."""
    from netcompliance.findings import Code

    names = set(suggestions.chosen(arguments.codes, words(), "finding", "netcompliance findings"))
    codes = [code for code in Code if code.value in names]
    if arguments.json:
        output.write_json(
            [{"code": code.value, "means": code.means, "fix": code.fix, "ask": code.ask.value} for code in codes]
        )
        return 0
    longest = max(len(code) for code in codes) + 2
    for code in codes:
        if not arguments.codes:
            print(*output.labelled(code.value, _plain(code.means), room=longest, indent=0), sep="\n")
            continue
        print(code.value)
        for label, text in (("means", code.means), ("fix", code.fix), ("ask", code.ask.value)):
            print(*output.labelled(label, _plain(text)), sep="\n")
    return 0


def words() -> list[str]:
    """What CODE can be."""
    from netcompliance.findings import Code

    return [code.value for code in Code]


def _plain(text: str) -> str:
    """What is filled in from an observation, as a placeholder for people."""
    return re.sub(r"\{(\w+)\}", r"<\1>", text)
