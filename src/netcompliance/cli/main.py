"""The command line of `netcompliance`: finds the action and says bad input in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

from netcompliance.config.validation import BadInput, printable
from netcompliance.journal.reader import BadJournal
from netcompliance.provenance import version

DESCRIPTION = "Journals of network compliance runs: read, export, check, judge again. No network is used."
USAGE = 4
ACTIONS: tuple[str, ...] = (
    "requirements",
    "findings",
    "allowlist",
    "show",
    "report",
    "export",
    "verify",
    "judge",
    "compare",
    "history",
    "completion",
)
"""In the order of `--help`. Each is a module of this package."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was typed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parsed = parser().parse_args(arguments)
    module = import_module(f"netcompliance.cli.{parsed.action}")
    try:
        code: int = module.run(parsed)
        sys.stdout.flush()
    except (BadInput, BadJournal) as error:
        print(f"netcompliance {parsed.action}: {printable(str(error))}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read our output has gone: nothing more to say, not even when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        # Only output is left: what was handed in has been refused as bad input by whoever read it.
        print(f"netcompliance {parsed.action}: {printable(error.strerror or str(error))}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USAGE
    except KeyboardInterrupt:
        return 130
    return code


def parser() -> argparse.ArgumentParser:
    """Everything that can be typed."""
    top = _Parser(prog="netcompliance", description=DESCRIPTION, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"netcompliance {version()}")
    actions = top.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ACTIONS:
        module = import_module(f"netcompliance.cli.{name}")
        module.add(actions.add_parser(name, help=module.HELP, description=module.HELP, allow_abbrev=False))
    return top
