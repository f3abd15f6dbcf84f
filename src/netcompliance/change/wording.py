"""What a comparison comes to, in words: the sections that terminal, ticket and page show alike (pure).

Rules
* A regression is a paragraph: before, now, and what to do about it. Everything else is a line.
* What is alike is told once, with all its targets and vantages.
* Control characters are removed here; escaping is the business of whoever writes a format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from netcompliance.change import drift
from netcompliance.change.compare import Change, Compared, Comparison, Outcome, Side, codes, word
from netcompliance.change.drift import Drift
from netcompliance.explain import printable
from netcompliance.model import DriftKind, Level
from netcompliance.report import summary
from netcompliance.results import CaseStatus, Entry

MOST = 8
"""Values, targets and the like that are named before the rest is counted."""


class Tone(StrEnum):
    """How a section is to be read."""

    BAD = "bad"
    WARN = "warn"
    GOOD = "good"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line, and what is told under it."""

    head: str
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Items of one kind."""

    title: str
    tone: Tone
    items: tuple[Item, ...]


TONES: Mapping[Outcome, Tone] = {
    Outcome.REGRESSED: Tone.BAD,
    Outcome.DRIFTED: Tone.BAD,
    Outcome.UNDETERMINED: Tone.WARN,
    Outcome.UNHARMED: Tone.GOOD,
}

_COUNTED = {
    Change.REGRESSED: "regressed",
    Change.NO_LONGER_CHECKED: "no longer checked",
    Change.NEWLY_CHECKED: "newly checked",
    Change.FIXED: "fixed",
    Change.SAME: "the same",
}


_ONE = "1 case was met before and is unmet now"


def sections(comparison: Comparison) -> list[Section]:
    """Everything that is worth a word, the worst first."""
    regressed = comparison.of(Change.REGRESSED)
    newly = comparison.of(Change.NEWLY_CHECKED)
    accepted = [each for each in regressed if each.accepted]
    unmet = [each for each in newly if each.newly_unmet]
    forbidden = comparison.forbidden_drifts
    drifted = [each for each in comparison.drifts if each.kind not in comparison.forbidden]
    listed = (
        ("regressed: met before, unmet now", Tone.BAD, _paragraphs(comparison, comparison.regressions)),
        ("regressed, and accepted by a waiver", Tone.WARN, _paragraphs(comparison, accepted)),
        ("changed underneath, and was not to", Tone.BAD, drifts(comparison, forbidden)),
        ("no longer checked", Tone.WARN, _lines(comparison.of(Change.NO_LONGER_CHECKED), _why_no_longer)),
        ("newly checked, and unmet", Tone.WARN, _lines(unmet, _why_newly)),
        ("newly checked", Tone.PLAIN, _lines([each for each in newly if not each.newly_unmet], _why_newly)),
        ("fixed: unmet before, met now", Tone.GOOD, _lines(comparison.of(Change.FIXED), _why_fixed)),
        ("changed underneath", Tone.WARN, drifts(comparison, drifted)),
        ("asked differently", Tone.PLAIN, _asked(comparison)),
    )
    return [Section(title=title, tone=tone, items=tuple(items)) for title, tone, items in listed if items]


def conclusion(comparison: Comparison) -> str:
    """One line: what came of it, and how often."""
    unmet = sum(each.newly_unmet for each in comparison.cases)
    also = f"; newly checked and unmet: {_number(unmet, 'case')}" if unmet else ""
    return f"{comparison.after.tenant}: {_answer(comparison)}{also}"


def counted(comparison: Comparison) -> str:
    """`1 regressed, 14 no longer checked, 42 the same; 3 changes underneath`."""
    tally = comparison.counts
    cases = ", ".join(f"{tally[change]} {word}" for change, word in _COUNTED.items() if tally[change]) or "none"
    return f"{cases}; {_number(tally['drift'], 'change')} underneath"


def side(one: Side, *, path: bool = True) -> str:
    """A run, for people: when, which, how it ended, and where its journal is."""
    ended = f", {one.overall}" if one.overall else ""
    return printable(f"{one.started} (run {one.run}{ended}){f' {one.path}' if path else ''}")


def regressions(comparison: Comparison) -> list[Item]:
    """A paragraph for each cause."""
    return _paragraphs(comparison, comparison.regressions)


def _answer(comparison: Comparison) -> str:
    match comparison.outcome:
        case Outcome.REGRESSED:
            number = len(comparison.regressions)
            return f"{number} cases were met before and are unmet now" if number > 1 else _ONE
        case Outcome.DRIFTED:
            return f"nothing regressed, but what was not to change did: {_kinds(comparison.forbidden_drifts)}"
        case Outcome.UNDETERMINED:
            return f"undetermined: {_why_undetermined(comparison)}"
        case Outcome.UNHARMED:
            return "nothing that was met before is unmet now"


def _why_undetermined(comparison: Comparison) -> str:
    if comparison.lost_vantages and comparison.lost:
        return f"nobody looked from {printable(summary.folded(comparison.lost_vantages))} this time"
    if comparison.lost:
        return f"{_number(len(comparison.lost), 'case')} met before, without an answer now"
    return "the two runs have no case in common"


def _kinds(drifts: Iterable[Drift]) -> str:
    return ", ".join(dict.fromkeys(drift.SAYS[each.kind] for each in drifts))


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


# --- regressions ------------------------------------------------------------------------------------------------------


def _paragraphs(comparison: Comparison, cases: Sequence[Compared]) -> list[Item]:
    groups: dict[tuple[object, ...], list[Compared]] = {}
    for case in cases:
        groups.setdefault((case.key[0], _codes(case.after), _text(case.after, "reason")), []).append(case)
    return [_paragraph(comparison, group) for group in groups.values()]


def _paragraph(comparison: Comparison, cases: Sequence[Compared]) -> Item:
    first = cases[0]
    requirement, target, vantage = first.key
    now = first.latest
    should = " (should)" if now.requirement.level is Level.SHOULD else ""
    texts = now.texts
    rows = (
        ("required", now.requirement.says),
        ("before", _ended(first.before)),
        ("now", _ended(now)),
        *((label, texts.get(label, "")) for label in ("means", "fix", "ask")),
        ("because", texts["reason"]),
        ("underneath", "; ".join(_drift(comparison, first))),
        ("also", _also(first, cases[1:])),
        ("reproduce", texts["reproduce"]),
    )
    return Item(
        head=printable(f"{requirement}{should} {target} from {vantage} — {', '.join(_codes(now)) or _word(now)}"),
        rows=tuple((label, printable(text)) for label, text in rows if text),
    )


def _ended(entry: Entry | None) -> str:
    saw = _text(entry, "saw")
    return f"{_word(entry)}: {saw}" if saw else _word(entry)


def _word(entry: Entry | None) -> str:
    return word(entry.status if entry else None)


def _codes(entry: Entry | None) -> tuple[str, ...]:
    """Each once, without subjects."""
    return tuple(dict.fromkeys(code.partition(" ")[0] for code in codes(entry)))


def _text(entry: Entry | None, name: str) -> str:
    return entry.texts.get(name, "") if entry else ""


def _drift(comparison: Comparison, case: Compared) -> Iterator[str]:
    for each in comparison.drift_of(case):
        told = (each.before, each.after) if each.kind is DriftKind.SLOWER else (each.gone, each.new)
        yield f"{drift.SAYS[each.kind]}: {_became(*told)}"


def _also(first: Compared, others: Sequence[Compared]) -> str:
    targets: dict[str, list[str]] = {}
    for case in others:
        targets.setdefault("" if case.key[1] == first.key[1] else f"{case.key[1]} ", []).append(case.key[2])
    told = [f"{target}from {summary.folded(vantages)}" for target, vantages in targets.items()]
    return _named(told, "; ")


# --- everything else --------------------------------------------------------------------------------------------------


def _lines(cases: Sequence[Compared], why: Callable[[Compared], str]) -> list[Item]:
    groups: dict[str, list[Compared]] = {}
    for case in cases:
        groups.setdefault(why(case), []).append(case)
    return [Item(head=printable(f"{reason}: {_which(group)}")) for reason, group in groups.items()]


def _which(cases: Sequence[Compared]) -> str:
    tally = Counter(case.key[0] for case in cases)
    names = ", ".join(name if number == 1 else f"{name} ×{number}" for name, number in tally.items())
    return f"{names} from {summary.folded(case.key[2] for case in cases)}"


_WAS = {"pass": "met", "fail": "unmet", "waived": "waived"}


def _why_no_longer(case: Compared) -> str:
    return f"was {_WAS[_word(case.before)]}; {_unanswered(case.after, 'not asked in the later run')}"


def _why_newly(case: Compared) -> str:
    return f"{_with_codes(case.after)}; before: {_unanswered(case.before, 'not asked in the earlier run')}"


def _why_fixed(case: Compared) -> str:
    return f"was {_with_codes(case.before)}"


def _with_codes(entry: Entry | None) -> str:
    listed = ", ".join(_codes(entry))
    return _WAS[_word(entry)] + (f" ({listed})" if listed else "")


def _unanswered(entry: Entry | None, not_planned: str) -> str:
    if entry is None:
        return not_planned
    match entry.status:
        case CaseStatus.NOTAPPLICABLE:
            return f"did not apply: {_text(entry, 'reason')}"
        case CaseStatus.NOTCHECKED:
            return _text(entry, "reason") or "not checked"
        case _:
            return "no verdict: nobody could look, or the run was cut short"


def drifts(comparison: Comparison, some: Sequence[Drift]) -> list[Item]:
    """What changed, by kind."""
    rows: dict[DriftKind, list[tuple[str, str]]] = {}
    everywhere = {vantage for _, _, vantage in comparison.after.entries}
    for (kind, subject, gone, new), vantages in drift.folded(some).items():
        where = f" (from {_places(vantages, everywhere)})" if len(everywhere) > 1 else ""
        rows.setdefault(kind, []).append((printable(subject), printable(f"{_became(gone, new)}{where}")))
    return [Item(head=drift.SAYS[kind], rows=tuple(told)) for kind, told in rows.items()]


def _places(vantages: Sequence[str], everywhere: set[str]) -> str:
    return f"all {len(everywhere)} vantages" if set(vantages) == everywhere else summary.folded(vantages)


def _became(gone: Sequence[str], new: Sequence[str]) -> str:
    if len(gone) == len(new) == 1:
        return f"{_short(gone[0])} became {_short(new[0])}"
    return "; ".join(f"{word}: {_named(values)}" for word, values in (("gone", gone), ("new", new)) if values)


def _short(value: str) -> str:
    """A digest by its beginning: people compare that, machines have the JSON."""
    name, _, digest = value.rpartition(":")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        return value
    return f"{name or 'sha256'}:{digest[:12]}…"


def _asked(comparison: Comparison) -> list[Item]:
    return [
        Item(head=printable(f"{name.replace('_', ' ')}: {before or 'nothing'} became {after or 'nothing'}"))
        for name, (before, after) in comparison.asked.items()
    ]


def _named(values: Sequence[str], between: str = ", ") -> str:
    rest = len(values) - MOST
    return between.join(map(_short, values[:MOST])) + (f" and {rest} more" if rest > 0 else "")
