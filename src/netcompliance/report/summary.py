"""What terminal and HTML tell alike: which cells a table has, and what is grouped under which reason (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from netcompliance.model import Level, Requirement
from netcompliance.results import RANK, CaseStatus, Entry, Overall

OVERALL_TEXT: Mapping[Overall, str] = {
    Overall.SATISFIED: "satisfied",
    Overall.NOT_SATISFIED: "not satisfied",
    Overall.UNDETERMINED: "undetermined",
}

_COUNTED = (
    (CaseStatus.FAIL, "unmet"),
    (CaseStatus.ERROR, "not looked at"),
    (CaseStatus.NO_VERDICT, "without a verdict"),
    (CaseStatus.UNMET_SHOULD, "should unmet"),
    (CaseStatus.NOTCHECKED, "not evaluated"),
    (CaseStatus.WAIVED, "waived"),
    (CaseStatus.PASS, "passed"),
    (CaseStatus.NOTAPPLICABLE, "not applicable"),
)


def vantages(entries: Iterable[Entry]) -> list[str]:
    """Every vantage, sorted; node-2 before node-10."""
    return sorted({entry.case.vantage for entry in entries}, key=by_number)


def rows(entries: Iterable[Entry]) -> dict[str, tuple[Requirement, dict[str, list[Entry]]]]:
    """Requirement id → (requirement, vantage → entries), in the order of the plan."""
    table: dict[str, tuple[Requirement, dict[str, list[Entry]]]] = {}
    for entry in entries:
        _, cells = table.setdefault(entry.requirement.id, (entry.requirement, {}))
        cells.setdefault(entry.case.vantage, []).append(entry)
    return table


def cell(entries: Sequence[Entry]) -> tuple[str, CaseStatus | None]:
    """A cell's text and the status that colours it: the worst, and of how many targets."""
    if not entries:
        return "", None
    statuses = [entry.status for entry in entries]
    worst = min(statuses, key=RANK.__getitem__)
    if len(set(statuses)) == 1:
        return str(worst), worst
    return f"{worst} {statuses.count(worst)} of {len(statuses)}", worst


def by_reason(entries: Iterable[Entry], status: CaseStatus) -> dict[str, list[Entry]]:
    """Reason → entries of this status."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.status is status:
            reason = entry.verdict.reason if entry.verdict else entry.trouble or "deselected or interrupted"
            groups.setdefault(reason.removeprefix("not evaluated: "), []).append(entry)
    return groups


def folded(vantages: Iterable[str], most: int = 12) -> str:
    """`ssh://node-1 … node-47, ssh://db`: vantages in prose, numbers that run on as a range, `most` of them at most."""
    parts: list[str] = []
    run: list[str] = []

    def close() -> None:
        parts.extend([f"{run[0]} … {run[-1].rpartition('/')[2]}"] if len(run) > 2 else run)
        run.clear()

    for vantage in sorted(set(vantages), key=by_number):
        if run and by_number(vantage) != _next(run[-1]):
            close()
        run.append(vantage)
    close()
    rest = len(parts) - most
    return ", ".join(parts[:most]) + (f" and {rest} more" if rest > 0 else "")


def by_number(vantage: str) -> tuple[str, int]:
    """Text and final number, so that node-2 comes before node-10."""
    text = vantage.rstrip("0123456789")
    digits = vantage[len(text) :]
    return (text, int(digits)) if digits.isascii() and digits and len(digits) < 10 else (vantage, -1)


def _next(vantage: str) -> tuple[str, int]:
    text, number = by_number(vantage)
    return text, number + 1 if number >= 0 else -2


class Places:
    """Says which of a run's cases some are. Reasons may be as many as cases: the run is looked at once."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._cases = Counter(entry.case.vantage for entry in entries)

    def of(self, concerned: Sequence[Entry]) -> str:
        """All, all of some vantages, or so many of some requirements."""
        if len(concerned) == self._cases.total():
            return "all cases"
        where = vantages(concerned)
        if len(concerned) == sum(self._cases[vantage] for vantage in where):
            return f"all cases from {folded(where)}"
        several = f" from {folded(where)}" if len(where) < len(self._cases) else ""
        return f"{names(concerned)}{several}"


def names(entries: Iterable[Entry]) -> str:
    """The requirements of the entries, each once, with the number of its cases if there are several."""
    tally = Counter(entry.requirement.id for entry in entries)
    return ", ".join(name if number == 1 else f"{name} ×{number}" for name, number in tally.items())


def counted(entries: Sequence[Entry]) -> str:
    """`2 unmet, 14 not evaluated, 20 passed`: cases, the worst first."""
    tally = Counter(entry.status for entry in entries)
    return ", ".join(f"{tally[status]} {word}" for status, word in _COUNTED if tally[status])


def warnings(entries: Iterable[Entry]) -> int:
    """The number of recommended requirements that failed."""
    return len({entry.requirement.id for entry in entries if entry.status is CaseStatus.UNMET_SHOULD})


def concluded(word: Overall, warned: int) -> str:
    """The word over all; `satisfied` never stands alone above warnings, of which there are so many."""
    if word is not Overall.SATISFIED or not warned:
        return OVERALL_TEXT[word]
    return f"{OVERALL_TEXT[word]}, {warned} warning{'s' if warned > 1 else ''}"


def why_undetermined(entries: Iterable[Entry]) -> str:
    """What keeps the run from an answer."""
    listed = list(entries)
    tally = Counter(entry.status for entry in listed)
    missing = tally[CaseStatus.ERROR] + tally[CaseStatus.NO_VERDICT]
    if missing:
        return f"{missing} of {len(listed)} planned cases have no verdict"
    must = {e.requirement.id for e in listed if e.status is CaseStatus.NOTCHECKED and e.requirement.level is Level.MUST}
    return f"not checked: {', '.join(sorted(must))}" if must else "nothing was planned"
