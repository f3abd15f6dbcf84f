"""What terminal and HTML tell alike: which cells a table has, and what is grouped under which reason (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from netcompliance.conclusion import RANK, Entry, Overall, Standing
from netcompliance.model import Level, Requirement

OVERALL_TEXT: Mapping[Overall, str] = {
    Overall.SATISFIED: "satisfied",
    Overall.NOT_SATISFIED: "not satisfied",
    Overall.UNDETERMINED: "undetermined",
}

_COUNTED = (
    (Standing.FAIL, "unmet"),
    (Standing.ERROR, "not looked at"),
    (Standing.NO_VERDICT, "without a verdict"),
    (Standing.UNMET_SHOULD, "should unmet"),
    (Standing.NOTCHECKED, "not evaluated"),
    (Standing.WAIVED, "waived"),
    (Standing.PASS, "passed"),
    (Standing.NOTAPPLICABLE, "not applicable"),
)


def vantages(entries: Iterable[Entry]) -> list[str]:
    """Every vantage, sorted."""
    return sorted({entry.case.vantage for entry in entries})


def rows(entries: Iterable[Entry]) -> dict[str, tuple[Requirement, dict[str, list[Entry]]]]:
    """Requirement id → (requirement, vantage → entries), in the order of the plan."""
    table: dict[str, tuple[Requirement, dict[str, list[Entry]]]] = {}
    for entry in entries:
        _, cells = table.setdefault(entry.requirement.id, (entry.requirement, {}))
        cells.setdefault(entry.case.vantage, []).append(entry)
    return table


def cell(entries: Sequence[Entry]) -> tuple[str, Standing | None]:
    """A cell's text and the standing that colours it: the worst, and of how many targets."""
    if not entries:
        return "", None
    standings = [entry.standing for entry in entries]
    worst = min(standings, key=RANK.__getitem__)
    if len(set(standings)) == 1:
        return str(worst), worst
    return f"{worst} {standings.count(worst)} of {len(standings)}", worst


def by_reason(entries: Iterable[Entry], standing: Standing) -> dict[str, list[Entry]]:
    """Reason → entries of this standing."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.standing is standing:
            reason = entry.verdict.reason if entry.verdict else entry.trouble or "deselected or interrupted"
            groups.setdefault(reason.removeprefix("not evaluated: "), []).append(entry)
    return groups


def names(entries: Iterable[Entry]) -> str:
    """The requirements of the entries, each once, with the number of its cases if there are several."""
    tally = Counter(entry.requirement.id for entry in entries)
    return ", ".join(name if number == 1 else f"{name} ×{number}" for name, number in tally.items())


def counted(entries: Sequence[Entry]) -> str:
    """`2 unmet, 14 not evaluated, 20 passed`: cases, the worst first."""
    tally = Counter(entry.standing for entry in entries)
    return ", ".join(f"{tally[standing]} {word}" for standing, word in _COUNTED if tally[standing])


def why_undetermined(entries: Iterable[Entry]) -> str:
    """What keeps the run from an answer."""
    listed = list(entries)
    tally = Counter(entry.standing for entry in listed)
    missing = tally[Standing.ERROR] + tally[Standing.NO_VERDICT]
    if missing:
        return f"{missing} of {len(listed)} planned cases have no verdict"
    must = {e.requirement.id for e in listed if e.standing is Standing.NOTCHECKED and e.requirement.level is Level.MUST}
    return f"not checked: {', '.join(sorted(must))}" if must else "nothing was planned"
