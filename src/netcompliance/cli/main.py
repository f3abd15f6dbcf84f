"""The command line of `netcompliance`: finds the action and says bad input in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from netcompliance.inputs import BadInput, printable

USAGE = 4
ACTIONS: tuple[str, ...] = ()
"""In the order of `--help`. Each is a module of this package."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was typed."""
    parsed = _parser().parse_args(arguments)
    module = import_module(f"netcompliance.cli.{parsed.action}")
    try:
        code: int = module.run(parsed)
        sys.stdout.flush()
    except BadInput as error:
        print(f"netcompliance {parsed.action}: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has gone: nothing more to say, not even when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="netcompliance", description=__doc__, allow_abbrev=False)
    parser.description = "Journals of network compliance runs: read, export, check, judge again. No network is used."
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ACTIONS:
        module = import_module(f"netcompliance.cli.{name}")
        module.add(actions.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False))
    return parser
