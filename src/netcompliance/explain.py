"""A verdict as the paragraph that a person reads: required, saw, means, fix, ask, source, reproduce.

Pure. Everything that came from a network is cleaned here of control characters, so that no terminal obeys it;
escaping for HTML is the report's business. Findings with the same code are told once, with all their subjects.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from netcompliance.findings import Code
from netcompliance.model import Basis, Finding, Requirement, Result, Verdict

HEADLINE = 100
"""Columns of the first line at most."""
LABEL = 11
"""Columns of the labels."""
UNTOLD = "what was not told"
OPTIONAL = frozenset({"otherwise"})
"""Places of a text that stay empty where there is nothing to add."""
SUBJECTS = 12
"""Names that a text holds before it counts the rest."""
PLACES = ("subject", "cdn", "host")
"""Places of a text that may hold several names."""


def printable(text: object, most: int = 2000) -> str:
    """Text without anything a terminal would obey or a reader could not see, and not endless."""
    text = str(text)
    clean = text[:most]
    if not clean.isprintable():
        clean = "".join(
            " "
            if ch in "\n\r\t"
            else ch
            if unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
            else "\ufffd"
            for ch in clean
        )
    return f"{clean}…" if len(text) > most else clean


class _Words(Formatter):
    """Format strings whose missing names become a neutral word, and whose values are never looked into."""

    def get_field(self, field_name: str, _args: Any, kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        return kwargs.get(field_name) or ("" if field_name in OPTIONAL else UNTOLD), field_name


def _filled(template: str, findings: list[Finding]) -> str:
    several = {place: named(names) for place in PLACES if (names := names_of(place, findings))}
    return printable(_Words().vformat(template, (), {**findings[0].values, **several}))


def names_of(place: str, findings: Iterable[Finding]) -> list[str]:
    """What stands in this place of the text about these findings."""
    values = (found.subject if place == "subject" else found.values.get(place, "") for found in findings)
    return [name for name in dict.fromkeys(values) if name]


def named(names: Iterable[str]) -> str:
    """Names in prose; the rest is counted."""
    every = list(names)
    return ", ".join(every[:SUBJECTS]) + (f" and {len(every) - SUBJECTS} more" if len(every) > SUBJECTS else "")


def grouped(verdict: Verdict) -> dict[Code, list[Finding]]:
    """Findings by code, in the order in which they were made."""
    groups: dict[Code, list[Finding]] = {}
    for found in verdict.findings:
        groups.setdefault(found.code, []).append(found)
    return groups


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(part for part in parts if part))


def means(verdict: Verdict) -> str:
    """What it means for the agent."""
    return verdict.told.get("means") or _joined(_filled(code.means, found) for code, found in grouped(verdict).items())


def fix(verdict: Verdict) -> str:
    """What to do about it."""
    return verdict.told.get("fix") or _joined(_filled(code.fix, found) for code, found in grouped(verdict).items())


def ask(verdict: Verdict) -> str:
    """Who can do it."""
    return verdict.told.get("ask") or ", ".join(
        dict.fromkeys(found.values.get("ask") or str(found.code.ask) for found in verdict.findings)
    )


def headline(verdict: Verdict) -> str:
    """`HTTPS-01 acme.app.stackstate.io 203.0.113.7 from local — tcp.filtered`, at most 100 columns."""
    case = verdict.case
    subjects = dict.fromkeys(found.subject for found in verdict.findings)
    subject = next(iter(subjects)) if len(subjects) == 1 else ""
    subject = "" if subject in case.target or case.target in subject else f" {subject}"
    codes = ", ".join(dict.fromkeys(str(found.code) for found in verdict.findings)) or verdict.result
    for line in (
        f"{case.requirement} {case.target}{subject} from {case.vantage} — {codes}",
        f"{case.requirement} {case.target} from {case.vantage} — {codes}",
    ):
        if len(line) <= HEADLINE:
            return printable(line)
    return printable(f"{case.requirement} — {codes}")[:HEADLINE]


def rows(verdict: Verdict, requirement: Requirement, remedy: str = "") -> list[tuple[str, str]]:
    """The paragraph as (label, text), without labels that have nothing to say. `remedy`: instead of its own."""
    unmet = verdict.result in (Result.FAIL, Result.WAIVED)
    derived = " (derived)" if requirement.basis is Basis.DERIVED else ""
    origin = f"Network configuration, {requirement.source}" if not derived else f"{requirement.source}{derived}"
    labelled = [
        ("required", requirement.says),
        ("saw", printable(verdict.saw)),
        ("means", means(verdict) if unmet else ""),
        ("fix", (remedy or fix(verdict)) if unmet else ""),
        ("ask", ask(verdict) if unmet else ""),
        ("because", printable(verdict.reason)),
        ("source", origin),
        ("reproduce", printable(verdict.reproduce)),
    ]
    return [(label, text) for label, text in labelled if text]


def paragraph(verdict: Verdict, requirement: Requirement, width: int = 100, remedy: str = "") -> str:
    """Headline and rows, wrapped to the width, except for the command, which must stay in one piece to be copied."""
    lines = [headline(verdict)]
    for label, text in rows(verdict, requirement, remedy):
        start = f"  {label:<{LABEL}}"
        if label == "reproduce":
            lines.append(start + text)
            continue
        lines += textwrap.wrap(
            text,
            max(width, 40),
            initial_indent=start,
            subsequent_indent=" " * len(start),
            break_on_hyphens=False,
            break_long_words=False,
        )
    return "\n".join(lines)
