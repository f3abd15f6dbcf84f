"""`netcompliance allowlist`: what a network team is asked for, from the journals of runs.

A directory stands for the newest journal below it, so that a live run is `pytest --tenant=acme`, and then
`netcompliance allowlist reports/acme`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from netcompliance.config.validation import BadInput
from netcompliance.journal import JOURNAL

HELP = "the allow-list that journals give rise to: a request for a ticket, or rules"
FORMATS = (
    "markdown", "csv", "nftables", "iptables-save", "networkpolicy", "cilium", "calico", "aws", "azure", "squid",
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "journals", nargs="+", type=Path, metavar="JOURNAL", help="a journal, or a directory: the newest below it"
    )
    parser.add_argument("--format", choices=FORMATS, default="markdown", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument(
        "--with-checks",
        action="store_true",
        help="also what only the suite needs: one public resolver (DNS-04), the source of a copied registry (REG-06)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the list to standard output; 1 where something that is needed could not be asked for."""
    from netcompliance import catalogue
    from netcompliance.change.allowlist.flows import derive
    from netcompliance.change.allowlist.formats import FORMATS as WRITERS

    looks = (look for path in arguments.journals for look in _looks(_newest(path)))
    allowed = derive(looks, catalogue.load(), checks=arguments.with_checks)
    if not allowed.flows:
        raise BadInput(f"{arguments.journals[0]}: nobody could look, so there is nothing to ask for")
    sys.stdout.write(WRITERS[arguments.format](allowed))
    for note in allowed.notes:
        print(f"netcompliance allowlist: {note}", file=sys.stderr)
    return 1 if allowed.incomplete else 0


def _newest(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = max(path.rglob(JOURNAL), key=lambda each: each.parent.name, default=None)
    if found is None:
        raise BadInput(f"{path}: no {JOURNAL} below it")
    return found


def _looks(path: Path) -> Iterator[Any]:
    from netcompliance.change.allowlist.flows import Looked
    from netcompliance.journal import reader
    from netcompliance.judge import SHARED
    from netcompliance.model import HERE

    seen: dict[str, list[Mapping[str, Any]]] = {}
    public = []

    def observe(_: Mapping[str, Any], observation: Mapping[str, Any]) -> None:
        seen.setdefault(observation["vantage"], []).append(observation)
        if observation["kind"] in SHARED:
            public.append(observation)

    journal = reader.read(path, complete=True, observe=observe)
    troubles = {str(vantage.get("id")): str(vantage.get("error") or "") for vantage in journal.vantages}
    unvisited: dict[str, list[Mapping[str, Any]]] = {vantage: [] for vantage, trouble in troubles.items() if trouble}
    for vantage, observations in (unvisited | seen).items():
        elsewhere = public if vantage != HERE else []
        yield Looked(
            vantage=vantage,
            settings=journal.settings,
            observations=[*observations, *elsewhere],
            failed=frozenset(
                str(verdict.get("requirement"))
                for verdict in journal.verdicts
                if (verdict.get("vantage"), verdict.get("verdict")) == (vantage, "fail")
            ),
            trouble=troubles.get(vantage, ""),
        )
