"""What the suite says of the tenant from this machine, as far as the oracle can contradict it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oracle import Testimony

from lab.healthy import TENANT
from netcompliance import catalogue
from netcompliance.model import Level

_PREFIXES = ("DNS-", "HTTPS-", "RCV-")
_MUSTS = frozenset(r.id for r in catalogue.load().requirements if r.level is Level.MUST)


def of_tenant(journal: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The verdicts from `local` on every *must* that says whether the agent can deliver to the tenant."""
    return [
        record
        for record in journal
        if record["type"] == "verdict" and record["vantage"] == "local" and _concerns_tenant(record)
    ]


def _concerns_tenant(record: Mapping[str, Any]) -> bool:
    requirement = record["requirement"]
    if requirement not in _MUSTS:
        return False
    return requirement.startswith(_PREFIXES) or (requirement.startswith("PRX-") and record["target"] == TENANT)


def failing(journal: Iterable[Mapping[str, Any]]) -> list[str]:
    """The failed ones with their codes, a line each."""
    return sorted(
        {
            f"{record['requirement']} {' '.join(sorted({each['code'] for each in record['findings']}))}"
            for record in of_tenant(journal)
            if record["verdict"] == "fail"
        }
    )


def unknown(journal: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that were not checked though nothing that they require failed."""
    return sorted(
        {
            f"{record['requirement']} {record['reason']}"
            for record in of_tenant(journal)
            if record["verdict"] == "notchecked" and not record["reason"].startswith("not evaluated")
        }
    )


def disagreement(seen: Testimony, journal: Iterable[Mapping[str, Any]]) -> str:
    """What one says and the other does not; empty if both say the same."""
    records = list(journal)
    failed, failures = failing(records), seen.failures()
    if failed and not failures:
        return f"everything was delivered, and {', '.join(failed)} fails"
    if failures and not failed and not unknown(records):
        return f"no requirement of the tenant's fails, and {len(failures)} steps did: {failures[0]}"
    return ""


def of_chart(journal: Iterable[Mapping[str, Any]]) -> str:
    """The verdict on HELM-01."""
    return next(str(r["verdict"]) for r in journal if r["type"] == "verdict" and r["requirement"] == "HELM-01")
