"""A journal's records as the nouns they were written from (pure).

Rules
* A record is a stranger's until it fits: a value of the wrong type is `DecodeError`, which names the field.
* Fields that are not known here are ignored; those that an older journal lacks have their defaults.
* What was told when the journal was written is kept as it was told (`Verdict.told`), not told anew.
* A finding that only a later version knows is kept with its code (`UnknownCode`); who explains or judges refuses it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from netcompliance.catalogue import Catalogue
from netcompliance.findings import Code
from netcompliance.model import AskedFrom, Basis, Case, Finding, Level, Requirement, Result, Settings, Verdict, Waiver
from netcompliance.results import Entry, Overall

Record = Mapping[str, Any]
Key = tuple[str, str, str]
"""Requirement, target, vantage: what names a case."""


_CODES = frozenset(map(str, Code))


class DecodeError(Exception):
    """A record that is not what it says it is. The text says where."""


class UnknownCode(str):
    """The code of a finding that is not known here. What it means stands beside it in the journal."""

    __slots__ = ()
    means = fix = ask = ""


def settings(record: Record) -> Settings:
    """What the run was told, from the header's `settings`."""
    found: Settings = _noun(Settings, record, "settings")
    return found


def waivers(settings: Record) -> tuple[Waiver, ...]:
    """Only its waivers: an export says no more of the settings."""
    found: tuple[Waiver, ...] = _value(tuple[Waiver, ...], settings.get("waivers", ()), "settings.waivers")
    return found


def case(record: Record) -> Case:
    """A planned case."""
    found: Case = _noun(Case, record, "case")
    return found


def key(record: Record) -> Key:
    """Which case a record is about."""
    return record["requirement"], record["target"], record["vantage"]


def requirement(record: Record, catalogue: Catalogue | None = None) -> Requirement:
    """The requirement of a `case` record. What an old journal does not say of it comes from `catalogue`."""
    name = _value(str, record.get("requirement"), "case.requirement")
    known = catalogue[name] if catalogue and name in catalogue else None
    return Requirement(
        id=name,
        says=_value(str, record.get("says"), "case.says"),
        level=_value(Level, record.get("level"), "case.level"),
        basis=_value(Basis, record.get("basis"), "case.basis"),
        source=_value(str, record.get("source"), "case.source"),
        requires=_value(tuple[str, ...], record.get("requires", ()), "case.requires"),
        targets=_value(str, record.get("targets", known.targets if known else "tenant"), "case.targets"),
        when=_value(str, record.get("when", known.when if known else "always"), "case.when"),
        asked_from=_value(
            AskedFrom, record.get("from", known.asked_from if known else AskedFrom.ANYWHERE), "case.from"
        ),
    )


def verdict(record: Record, of: Case) -> Verdict:
    """What was decided about a case."""
    return Verdict(
        case=of,
        result=_value(Result, record.get("verdict"), "verdict.verdict"),
        findings=tuple(
            _finding(each) for each in _value(tuple[dict[str, Any], ...], record.get("findings"), "findings")
        ),
        saw=_value(str, record.get("saw", ""), "verdict.saw"),
        reason=_value(str, record.get("reason", ""), "verdict.reason"),
        reproduce=_value(str, record.get("reproduce", ""), "verdict.reproduce"),
        told={name: _value(str, record.get(name, ""), f"verdict.{name}") for name in ("means", "fix", "ask")},
    )


def entries(
    plan: Sequence[tuple[Case, Requirement]],
    verdicts: Iterable[Record],
    vantages: Iterable[Record],
    *,
    strict: bool,
) -> list[Entry]:
    """Every planned case and what became of it, in the order of the plan."""
    given = {key(record): record for record in verdicts}
    troubles = {record["id"]: str(record["error"]) for record in vantages if record.get("error")}
    return [
        Entry(
            case=of,
            requirement=required,
            verdict=verdict(record, of) if (record := given.get((of.requirement, of.target, of.vantage))) else None,
            trouble=troubles.get(of.vantage),
            strict=strict,
        )
        for of, required in plan
    ]


def known(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries. Raises `DecodeError` if a finding of theirs is not known here."""
    for entry in entries:
        for found in entry.verdict.findings if entry.verdict else ():
            if found.code not in _CODES:
                raise DecodeError(f"the finding {str(found.code)!r} is not known here: a newer version wrote this")
    return entries


def overall(footer: Record) -> Overall:
    """What a footer says the run came to."""
    found: Overall = _value(Overall, footer.get("overall"), "footer.overall")
    return found


def _finding(record: Record) -> Finding:
    code, values = _value(str, record.get("code"), "finding.code"), record.get("values", {})
    _value(dict[str, str], values, "finding.values")
    return Finding(
        code=cast("Code", Code(code) if code in _CODES else UnknownCode(code)),  # type: ignore[call-arg]
        subject=_value(str, record.get("subject"), "finding.subject"),
        detail=_value(str, record.get("detail"), "finding.detail"),
        values=values,  # one for all findings that have it in common
    )


def _noun(noun: Any, record: object, where: str) -> Any:
    if not isinstance(record, Mapping):
        raise DecodeError(f"{where} is no object")
    found: dict[str, Any] = {}
    for each, hint in _hints(noun):
        if each.name in record:
            found[each.name] = _value(hint, record[each.name], f"{where}.{each.name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise DecodeError(f"{where} has no {each.name!r}")
    return noun(**found)


@cache
def _hints(noun: Any) -> tuple[tuple[Any, Any], ...]:
    hints = get_type_hints(noun)
    return tuple((each, hints[each.name]) for each in fields(noun))


def _value(hint: Any, value: object, where: str) -> Any:
    """The value as the type says it is. Raises `DecodeError`."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _value(next(arg for arg in get_args(hint) if arg is not _NONE), value, where)
    if origin in _MANY:
        return _MANY[origin](hint, value, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        if value not in list(hint):
            raise DecodeError(f"{where} is {str(value)[:60]!r}, and not one of {', '.join(hint)}")
        return hint(str(value))
    if is_dataclass(hint) and isinstance(hint, type):
        return _noun(hint, value, where)
    if hint is not Any and type(value) is not hint:
        raise DecodeError(f"{where} is missing" if value is None else f"{where} is of the wrong type")
    return value


_NONE = type(None)


def _row(hint: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise DecodeError(f"{where} is no list")
    wanted = get_args(hint)
    if wanted[-1] is Ellipsis:
        return tuple(_value(wanted[0], each, f"{where}[{number}]") for number, each in enumerate(value))
    if len(value) != len(wanted):
        raise DecodeError(f"{where} has {len(value)} members, and not {len(wanted)}")
    return tuple(
        _value(each, one, f"{where}[{number}]") for number, (each, one) in enumerate(zip(wanted, value, strict=True))
    )


def _table(hint: Any, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DecodeError(f"{where} is no object")
    return {name: _value(get_args(hint)[1], each, f"{where}.{str(name)[:60]}") for name, each in value.items()}


_MANY: Mapping[Any, Callable[[Any, object, str], Any]] = {tuple: _row, dict: _table}
