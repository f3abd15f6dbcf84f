"""What people see of a watch: the display while it goes on, the picture, and the section of the page."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from netcompliance import outages
from netcompliance.journal.redact import Redactor
from netcompliance.model import LAYERS, Basis, Case, Criteria, Level, Requirement, Result, Settings, Verdict, Watch
from netcompliance.outages import Path, Stretch
from netcompliance.report import timeline, watched
from netcompliance.report.html import Material
from netcompliance.report.html.account import Account
from netcompliance.report.html.markup import Markup
from netcompliance.report.watching import Screen
from netcompliance.results import Entry

AT = 1_790_000_000.0
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\x1b[2J"
SETTINGS = Settings(
    tenant="acme",
    watch=Watch(
        duration=60, every=0.1, rarely=5, criteria=tuple(Criteria(layer=each, max_outage=1.0) for each in LAYERS)
    ),
)
ACCOUNT = Account(
    Material(
        settings=SETTINGS,
        entries=(),
        identities={},
        head={},
        started=datetime.fromtimestamp(AT, UTC),
        finished=datetime.fromtimestamp(AT, UTC),
        redactor=Redactor(),
    )
)


def path(name: str = "192.0.2.1:443", *, outage: float = 0.5, layer: str = "tcp") -> Path:
    stretches = [
        Stretch(first=AT, last=AT + 20, samples=200, failed=0),
        Stretch(first=AT + 20.1, last=AT + 20 + outage, samples=5, failed=5, how="drop"),
        Stretch(first=AT + 20.1 + outage, last=AT + 60, samples=390, failed=0),
    ]
    return outages.path(layer, name, 0.1, stretches, AT + 60)


@dataclass(frozen=True, kw_only=True)
class Seen:
    planned: float = 60.0
    begin: float | None = AT
    lasted: float = 60.0
    why: str = "planned"
    paths: tuple[Path, ...] = (path(),)
    gaps: tuple[tuple[float, float | None], ...] = ()
    ahead: float = 0.0
    unable: tuple[tuple[str, str], ...] = ()


def entry(result: Result | None, layer: str = "tcp") -> Entry:
    case = Case(requirement="WATCH-01", target=f"{layer}:x", vantage="local", host="x")
    requirement = Requirement(id="WATCH-01", says="x", level=Level.MUST, basis=Basis.DERIVED, source="x")
    return Entry(
        case=case, requirement=requirement, verdict=None if result is None else Verdict(case=case, result=result)
    )


@pytest.mark.parametrize(
    ("results", "word"),
    [
        ([Result.PASS, Result.NOTAPPLICABLE, Result.WAIVED], "go"),
        ([Result.PASS, Result.FAIL, Result.NOTCHECKED], "roll back"),
        ([Result.PASS, Result.NOTCHECKED], "undetermined"),
        ([Result.PASS, None], "undetermined"),
        ([Result.NOTAPPLICABLE], ""),
        ([], ""),
    ],
)
def test_go_is_only_said_when_all_is_known_and_kept(results: list[Result | None], word: str) -> None:
    assert watched.decision([entry(result) for result in results]) == word


def shapes(picture: str, colour: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(picture).iter(f"{SVG}rect") if each.get("fill") == colour]


def test_the_picture_shows_each_outage_where_it_was() -> None:
    picture = timeline.svg("local", [path(outage=6.0), path("198.51.100.1:443", outage=0.2)], AT, AT + 60)
    long, short = shapes(picture, "#c4161c")
    assert float(long.get("x", 0)) == pytest.approx(timeline.LABEL + timeline.WIDTH * 20.05 / 60, abs=0.2)
    assert float(long.get("width", 0)) == pytest.approx(timeline.WIDTH * 6 / 60, abs=0.2)
    assert float(short.get("width", 0)) >= timeline.LEAST
    assert "6.00 s ± 0.10 s (drop)" in picture


def test_the_picture_shows_gaps_and_unknown_time_apart() -> None:
    hole = outages.path("tcp", "x", 0.1, [Stretch(first=AT, last=AT + 5, samples=50, failed=0)], AT + 60)
    picture = timeline.svg("local", [hole], AT, AT + 60, [(AT + 10, AT + 20), (AT + 30, None)])
    assert len(shapes(picture, "#b5b5b5")) == 1
    assert len(shapes(picture, "#7a6fb0")) == 2
    assert shapes(picture, "#c4161c") == []


def test_the_picture_is_well_formed_whatever_a_host_calls_its_paths() -> None:
    picture = timeline.svg("<&>", [path("a<b>&\"c'")], AT, AT)
    assert "".join(ET.fromstring(picture).itertext()).count("a<b>&\"c'") == 1


def test_the_section_is_escaped_and_says_what_was_cut() -> None:
    seen = Seen(paths=(path(HOSTILE),), why="stopped", lasted=12.0, gaps=((AT + 3, AT + 9), (AT + 20, None)))
    section = watched.section(SETTINGS, [entry(Result.NOTCHECKED)], {HOSTILE: seen})
    text = "".join(section.parts(ACCOUNT, Markup(Redactor(), "t0")))
    assert "<script" not in text
    assert "\x1b" not in text
    assert "watched 12.0 s of 60.0 s, ended early by whoever ran it" in text
    assert "(6.0 s)" in text
    assert "it never came back" in text
    assert section.title == "Watch: undetermined"


def test_what_cannot_be_proved_is_said_beforehand() -> None:
    assert SETTINGS.watch
    fine = tuple(Criteria(layer=layer, max_outage=30.0) for layer in LAYERS)
    one = tuple(Criteria(layer=layer, max_outage=1.0) for layer in LAYERS)
    asked = replace(SETTINGS.watch, every=0.1, rarely=5.0, seldom=None)
    assert list(watched.unprovable(replace(SETTINGS, watch=replace(asked, rarely=0.5, criteria=fine)))) == []
    said = list(watched.unprovable(replace(SETTINGS, watch=replace(asked, criteria=one))))
    assert [line.partition(":")[0] for line in said] == [
        "tls, http are sampled every 5 s", "registry is sampled every 30 s",
    ]  # fmt: skip
    assert (
        "accept 6.5 s (--max-outage, or [watch.tls] in the profile), for not more than 12 requests a minute" in said[0]
    )
    assert any(
        "can go unseen" in line for line in watched.lines(replace(SETTINGS, watch=replace(asked, criteria=one)), [], {})
    )


def test_shares_that_no_sample_may_meet_are_said_beforehand() -> None:
    assert SETTINGS.watch
    assert list(watched.shares(replace(SETTINGS, watch=replace(SETTINGS.watch, every=0.0625)))) == []
    (line,) = watched.shares(SETTINGS)
    assert "an interruption of 1 s of one connection in four can go unseen" in line


def test_without_a_watch_there_is_no_section() -> None:
    section = watched.section(Settings(tenant="acme"), [], {})
    assert list(section.parts(ACCOUNT, Markup(Redactor(), "t0"))) == []
    assert list(watched.lines(Settings(tenant="acme"), [], {})) == []


def test_what_is_not_watched_is_said_before_and_after() -> None:
    assert "requests of more than 2 kB" in watched.unwatched()
    assert f"watch    {watched.unwatched()}" in watched.lines(SETTINGS, [], {})


def test_rates_are_stated() -> None:
    text = watched.rates(SETTINGS)
    assert "every 0.1 s" in text
    assert "each address every 5 s" in text
    assert "registry every 30 s" in text


@dataclass
class Shown:
    """A screen, and what it wrote."""

    terminal: bool
    now: float = 0.0
    text: str = ""
    screen: Screen = field(init=False)

    def __post_init__(self) -> None:
        self.screen = Screen(self.write, lambda: self.now, duration=60.0, terminal=self.terminal, width=100)

    def write(self, text: str) -> None:
        self.text += text

    def run(self, number: int, begin: float, end: float, how: str = "", name: str = "192.0.2.1:443") -> None:
        samples = max(1, round((end - begin) * 10))
        run = {
            "run": number, "layer": "tcp", "path": name, "every": 0.1, "from": AT + begin, "to": AT + end,
            "samples": samples, "failed": samples if how else 0,
        }  # fmt: skip
        self.screen.sample("local", run, how)


def test_without_a_terminal_changes_are_lines() -> None:
    shown = Shown(terminal=False)
    shown.run(1, 0, 5)
    shown.run(2, 5.1, 5.1, "drop")
    shown.run(2, 5.1, 8, "drop")
    shown.run(3, 8.1, 8.1)
    shown.screen.connection("local", "cut")
    shown.screen.connection("local", "")
    first, second, third, fourth = shown.text.splitlines()
    assert first.endswith("local tcp 192.0.2.1:443  down: drop")
    assert second.endswith("local tcp 192.0.2.1:443  up again after 3.0 s (drop)")
    assert third.endswith("the control connection is lost: cut")
    assert fourth.endswith("the control connection is back")
    assert "\x1b" not in shown.text


def test_a_late_word_on_an_old_run_changes_nothing_that_is_shown() -> None:
    shown = Shown(terminal=False)
    shown.run(1, 0, 5)
    shown.run(2, 5.1, 5.1, "drop")
    shown.run(1, 0, 5)
    assert len(shown.text.splitlines()) == 1


def test_on_a_terminal_the_worst_comes_first_and_is_redrawn() -> None:
    shown = Shown(terminal=True)
    shown.run(1, 0, 50, name="203.0.113.9:443")
    shown.run(2, 0, 5, name=HOSTILE)
    shown.run(3, 5.1, 50, "reset", name=HOSTILE)
    shown.now = 50.0
    shown.screen.tick()
    summary, _, worst, other = shown.text.splitlines()
    assert "2 paths, 1 down" in summary
    assert "Ctrl-C ends the watch" in summary
    assert "reset" in worst
    assert "203.0.113.9:443" in other
    assert "100 %" in other
    assert "\x1b" not in shown.text
    shown.now = 51.0
    shown.screen.tick()
    assert shown.text.count("\x1b[4A\x1b[J") == 1
    shown.screen.over()
    assert shown.text.endswith("\x1b[4A\x1b[J")


def test_hours_of_quiet_and_many_outages_keep_little() -> None:
    shown = Shown(terminal=False)
    for number in range(1, 2000):
        shown.run(number, number * 10, number * 10 + 9)
    (line,) = shown.screen._lines.values()
    assert len(line.stretches) < 5
