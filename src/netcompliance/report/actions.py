"""What is to be done, once for all that it concerns (pure).

Verdicts whose remedies differ in names alone (seven hosts of a CDN, six images behind one) are one action with all the
names. From another vantage it is the same action only if all the names are the same there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from netcompliance import explain
from netcompliance.model import Verdict

MARK = "\0"
SHORTEST = 3
"""Characters of a name that can be told from other text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A remedy, and all verdicts that it is for, in the order of the plan."""

    text: str
    verdicts: tuple[Verdict, ...]


def actions(verdicts: Sequence[Verdict]) -> list[Action]:
    """The actions that failed verdicts of one requirement ask for, in the order in which they are asked for."""
    alike: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        alike.setdefault((verdict.case.vantage, _template(verdict)), []).append(verdict)
    found: dict[str, tuple[str, list[Verdict]]] = {}
    for (_, template), those in alike.items():
        text = _with_all_names(template, those)
        found.setdefault(_anywhere(text, those[0]), (text, []))[1].extend(those)
    return [Action(text=text, verdicts=tuple(those)) for text, those in found.values()]


def _names(verdict: Verdict) -> list[tuple[str, list[str]]]:
    """What fills each place of the remedy that may hold several names, code by code."""
    return [
        (f"{MARK}{code} {place}{MARK}", explain.names_of(place, findings))
        for code, findings in explain.grouped(verdict).items()
        for place in explain.PLACES
    ]


def _template(verdict: Verdict) -> str:
    text = explain.fix(verdict)
    filled = [(mark, explain.printable(explain.named(names))) for mark, names in _names(verdict)]
    for mark, names in sorted(filled, key=lambda pair: -len(pair[1])):
        if len(names) >= SHORTEST:
            text = text.replace(names, mark)
    return text


def _with_all_names(template: str, verdicts: Sequence[Verdict]) -> str:
    every: dict[str, dict[str, None]] = {}
    for verdict in verdicts:
        for mark, names in _names(verdict):
            every.setdefault(mark, {}).update(dict.fromkeys(names))
    for mark, merged in every.items():
        listed = list(merged) if len(verdicts) == 1 else sorted(merged, key=_order)
        template = template.replace(mark, explain.printable(explain.named(listed)))
    return template


def _order(name: str) -> tuple[int, int, str]:
    """Names by their letters, addresses by their value."""
    try:
        address = ip_address(name)
    except ValueError:
        return 0, 0, name
    return address.version, int(address), ""


def _anywhere(text: str, verdict: Verdict) -> str:
    """The text without target and vantage, so that what differs only in them counts as the same."""
    values = verdict.findings[0].values if verdict.findings else {}
    for own in (verdict.case.target, values.get("source", ""), values.get("vantage", "")):
        text = text.replace(explain.printable(own), "") if own else text
    return text
