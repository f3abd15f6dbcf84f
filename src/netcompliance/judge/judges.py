"""What a judge is: a pure function for one requirement, and which observations it judges by.

`@judges` stands beside the function, and is all that is to be said of it: the table of judges, what stands behind a
verdict in the report, and why a shell could not see what a verdict needs are read from it.

Rules
* An observation belongs if its kind and its fields fit, and if it is about the case: of its host where the observation
  names one, and of its image. None belong where files of the tenant are judged, not what was seen on a network.
* It would rather show too much than too little: a judge may look at less than what is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from netcompliance.judge.evidence import Evidence, Outcome
from netcompliance.model import Case, Observation, Settings

Decide = Callable[[Case, Evidence, Settings], Outcome]
"""Decides about one case by what its vantage saw. Never raises, and reads no clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Observations of one kind, as far as these fields say which."""

    kind: str
    fields: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    about: tuple[str, ...] = ("host",)
    """Fields that, if they are there, name the case's host or its target."""

    def fits(self, seen: Observation, case: Case) -> bool:
        """Whether this is one of them, and about the case."""
        if seen.get("kind") != self.kind:
            return False
        if any(seen.get(name) not in wanted for name, wanted in self.fields.items()):
            return False
        return all(_is_about(seen.get(name), case) for name in self.about if seen.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """The judge of one requirement."""

    requirement: str
    decide: Decide
    observes: tuple[Observed, ...]
    unseen: tuple[str, ...]
    """What a shell may not have been able to look at (`what` of an `unseen` observation), and this needs."""

    def __call__(self, case: Case, evidence: Evidence, settings: Settings) -> Outcome:
        """What is decided about the case."""
        return self.decide(case, evidence, settings)

    def judges_by(self, seen: Observation, case: Case) -> bool:
        """Whether the observation, made at the case's vantage, is one that the case is judged by."""
        return any(observed.fits(seen, case) for observed in self.observes)


def judges(requirement: str, *, observes: Sequence[Observed], unseen: Sequence[str] = ()) -> Callable[[Decide], Judge]:
    """This function judges the requirement, by these observations."""

    def judge(decide: Decide) -> Judge:
        return Judge(requirement=requirement, decide=decide, observes=tuple(observes), unseen=tuple(unseen))

    return judge


def observed(kind: str, *, about: tuple[str, ...] = ("host",), **fields: object) -> Observed:
    """Observations of this kind; each field is one value or several of them."""
    wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in fields.items()}
    return Observed(kind=kind, fields=wanted, about=about)


def table(modules: Iterable[ModuleType]) -> dict[str, Judge]:
    """Requirement → its judge, of all that stand in these modules. Raises `ValueError` for a second one."""
    found: dict[str, Judge] = {}
    for module in modules:
        for judge in vars(module).values():
            if isinstance(judge, Judge) and found.setdefault(judge.requirement, judge) is not judge:
                raise ValueError(f"{module.__name__}: a second judge of {judge.requirement}")
    return found


DNS = observed("dns", about=("name",))
NAMES = (observed("resolve"), observed("go-resolve"), DNS)
HANDSHAKES = observed("tls", purpose=("verify", "identify"))
CHAIN = observed("chain")
FETCHERS_HELLOS = observed(
    "tls",
    purpose=(
        "agent-hello",
        "agent-hello-again",
        "agent-hello-small-mss",
        "classic-hello",
        "named-hello",
        "large-hello",
    ),
)
"""That of whoever fetches images or charts, and those that differ from it in one thing."""
WAY = (observed("resolve"), observed("tcp"), HANDSHAKES, FETCHERS_HELLOS)


class Index:
    """Cases, found by the observations that they are judged by, without a look at each of them."""

    def __init__(self, judges: Mapping[str, Judge], cases: Iterable[Case]) -> None:
        self._judges = judges
        self._fields: dict[tuple[str, str], set[str]] = {}
        """Vantage and kind → the fields that may name a case; empty for none."""
        self._cases: dict[tuple[str, str, str, str], dict[Case, None]] = {}
        """The same, a field, and what it names; empty for all that it may name."""
        for case in cases:
            for observed in judges[case.requirement].observes if case.requirement in judges else ():
                field = observed.about[-1] if observed.about else ""
                self._fields.setdefault((case.vantage, observed.kind), set()).add(field)
                for name in ("", *_names(case)):
                    self._cases.setdefault((case.vantage, observed.kind, field, name), {})[case] = None

    def cases(self, seen: Observation) -> list[Case]:
        """Those of its vantage that this observation belongs to."""
        place = (str(seen.get("vantage")), str(seen.get("kind")))
        found = dict[Case, None]()
        for names in self._fields.get(place, ()):
            for name in _named_by(seen[names]) if seen.get(names) else ("",):
                found |= self._cases.get((*place, names, name), {})
        return [case for case in found if self._judges[case.requirement].judges_by(seen, case)]


def _is_about(name: object, case: Case) -> bool:
    """Whether a host, an image or a path is the case's."""
    return not _names(case).isdisjoint(_named_by(name))


def _names(case: Case) -> set[str]:
    """What names the case: its host, with and without a port, its target, and the end of that behind any path."""
    host, _, port = case.host.rpartition(":")
    return {case.host, host if port.isdigit() else case.host, case.target, f"/{case.target.rpartition('/')[2]}"}


def _named_by(name: object) -> set[str]:
    """The names under which a case may be known that this one names."""
    _, slash, last = str(name).rpartition("/")
    return {str(name), f"/{last}"} if slash else {str(name)}
