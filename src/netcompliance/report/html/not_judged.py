"""What has no verdict that a reader could rely on, and why: not looked at, not evaluated, not asked, waived."""

from __future__ import annotations

from collections.abc import Iterator

from netcompliance.model import Waiver
from netcompliance.report import summary
from netcompliance.report.html.markup import Markup, many, table
from netcompliance.report.html.view_model import Account
from netcompliance.results import CaseStatus

_TOLD = (CaseStatus.ERROR, CaseStatus.NO_VERDICT, CaseStatus.NOTCHECKED, CaseStatus.NOTAPPLICABLE)


def parts(account: Account, markup: Markup) -> Iterator[str]:
    """Each reason with the cases that it leaves out, the worst first."""
    reasons = [(standing, told) for standing in _TOLD for told in summary.by_reason(account.entries, standing).items()]
    places = summary.Places(account.entries)
    rows = [
        (markup.status_mark(standing), markup.text(reason), markup.text(places.of(entries)), f"{len(entries)}")
        for standing, (reason, entries) in reasons
    ]
    if rows:
        yield from table(("verdict", "why", "which", "cases"), rows, "unjudged")


def waivers(account: Account, markup: Markup) -> Iterator[str]:
    """Every waiver of the profile, with owner, expiry, and what it stands for in this run."""
    declared = account.run.settings.waivers
    if not declared:
        return
    rows = ((*_waiver(waiver, markup), _effect(account, waiver, markup)) for waiver in declared)
    yield from table(
        ("requirement", "target", "vantage", "owner", "until (UTC)", "reason", "in this run"), rows, "waivers"
    )


def _waiver(waiver: Waiver, markup: Markup) -> tuple[str, ...]:
    fields = (waiver.requirement, waiver.target, waiver.vantage, waiver.owner, waiver.expires, waiver.reason)
    return tuple(markup.text("any" if field == "*" else field) for field in fields)


def _effect(account: Account, waiver: Waiver, markup: Markup) -> str:
    """What it covers, by status."""
    from netcompliance.catalogue import covers

    covered = [entry for entry in account.entries if covers(waiver, entry.case)]
    expired = waiver.expires < f"{account.run.started:%Y-%m-%d}"
    told = [f"{many(len(covered), 'case')}: {summary.counted(covered)}"] if covered else ["no case"]
    return markup.text("; ".join([*told, "expired"] if expired else told))
