"""What people see of a watch: the display while it goes on, the picture, and the section of the page."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from netcompliance import outages
from netcompliance.cli import main as cli
from netcompliance.journal import reader
from netcompliance.journal.reader import BadJournal, Walker
from netcompliance.journal.redact import Redactor
from netcompliance.journal.writer import Journal
from netcompliance.judge import watch as judge_watch
from netcompliance.model import LAYERS, Basis, Case, Criteria, Level, Requirement, Result, Settings, Verdict, Watch
from netcompliance.outages import Stretch
from netcompliance.report import timeline, watched
from netcompliance.report.html.markup import Markup
from netcompliance.report.html.view_model import Account
from netcompliance.report.watching import Screen
from netcompliance.results import Entry
from netcompliance.vantage.admission import WATCH_MOST, weight_of
from tests.support import journals

AT = 1_790_000_000.0
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\x1b[2J"
SETTINGS = Settings(
    tenant="acme",
    watch=Watch(
        duration=60.0, every=0.1, rarely=5.0, criteria=tuple(Criteria(layer=each, max_outage=1.0) for each in LAYERS)
    ),
)


def path(name: str = "192.0.2.1:443", *, outage: float = 0.5, layer: str = "tcp") -> outages.Path:
    stretches = [
        Stretch(first=AT, last=AT + 20, samples=200, failed=0),
        Stretch(first=AT + 20.1, last=AT + 20 + outage, samples=5, failed=5, how="drop"),
        Stretch(first=AT + 20.1 + outage, last=AT + 60, samples=390, failed=0),
    ]
    return outages.path(layer, name, 0.1, stretches, AT + 60)


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


def run_of(number: int, begin: float, end: float, **fields: Any) -> dict[str, Any]:
    """A run of samples, as a watcher says it."""
    samples = max(1, round((end - begin) * 10))
    return {
        "what": "run", "run": number, "layer": "tcp", "path": "192.0.2.1:443", "every": 0.1, "from": AT + begin,
        "to": AT + end, "samples": samples, "failed": samples if "error" in fields else 0, **fields,
    }  # fmt: skip


BEGIN = {"what": "begin", "at": AT, "heard": AT, "planned": 60.0, "seldom": 30.0}
WATCHED = (
    BEGIN,
    run_of(1, 0, 5, open=True),
    run_of(1, 0, 20),
    run_of(2, 20.1, 20.5, error={"name": "TIMEOUT", "phase": "tcp"}),
    {"what": "control", "lost": AT + 3, "back": AT + 9},
    {"what": "control", "lost": AT + 20},
    run_of(3, 20.6, 60),
)
"""As a journal has it: of a run, whatever was told of it, the last word last."""


@pytest.fixture
def account(tmp_path: Path) -> Callable[..., Account]:
    """A journal of a watch, ready to be told."""

    def made(*records: Mapping[str, Any], vantage: str = "local", settings: Settings = SETTINGS) -> Account:
        journal = Journal(tmp_path / "journal.jsonl", Redactor())
        journal.header("0123456789abcdef", datetime.fromtimestamp(AT, UTC), settings, journals.HEAD)
        case = Case(requirement="WATCH-01", target=f"tcp:{settings.host}", vantage=vantage, host=settings.host)
        journal.case(case, journals.CATALOGUE["WATCH-01"])
        for record in records:
            journal.observation({"vantage": vantage, "kind": "watch", **record})
        verdict = Verdict(case=case, result=Result.NOTCHECKED, reason="it was cut short")
        journal.verdict(verdict, journals.CATALOGUE["WATCH-01"])
        journal.footer([], datetime.fromtimestamp(AT + 60, UTC))
        return Account(reader.read(journal.path))

    return made


def told(account: Account) -> str:
    return "".join(watched.parts(account, Markup(Redactor(), "t0")))


def test_the_section_is_made_of_the_journal(account: Callable[..., Account]) -> None:
    given = account(*WATCHED, {"what": "end", "at": AT + 60, "why": "planned"})
    text = told(given)
    assert watched.word(given) == "undetermined"
    assert "watched 60.0 s of 60.0 s</p>" in text
    assert re.search(r"<th scope=\"row\">tcp 192.0.2.1:443</th><td>99.\d+ %</td><td>598</td><td>1</td>", text)
    assert "(6.0 s)" in text
    assert "it never came back" in text
    assert len(shapes(text[text.index("<svg") : text.index("</svg>") + 6], "#c4161c")) == 1


def test_the_section_is_escaped_and_says_what_was_cut(account: Callable[..., Account]) -> None:
    down = run_of(2, 5.1, 8, path=HOSTILE, error={"name": HOSTILE, "phase": "tcp"})
    up = run_of(3, 8.1, 12, path=HOSTILE)
    records = (BEGIN, run_of(1, 0, 5, path=HOSTILE), down, up, {"what": "end", "at": AT + 12, "why": "stopped"})
    text = told(account(*records, vantage=HOSTILE))
    assert "<script" not in text
    assert "\x1b" not in text
    assert "&lt;script&gt;" in text
    assert "watched 12.0 s of 60.0 s, ended early by whoever ran it" in text


@pytest.mark.parametrize("at", [1e12, -1e12, 9e12])
def test_a_time_that_no_calendar_has_is_drawn_all_the_same(account: Callable[..., Account], at: float) -> None:
    records = [
        BEGIN,
        run_of(1, 0, at - AT, error={"name": "TIMEOUT"}),
        run_of(2, at - AT, at - AT + 1),
        {"what": "end", "at": at, "why": "planned"},
    ]
    assert "<svg" in told(account(*records))


def test_more_than_a_run_makes_is_refused(account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch) -> None:
    given = account(*(run_of(1, 0, end) for end in range(1, 100)))
    monkeypatch.setattr(watched, "HELD_LIMIT", 10_000)
    assert told(given), "of a run only its last word is held"
    monkeypatch.setattr(watched, "HELD_LIMIT", 100)
    with pytest.raises(BadJournal, match="more of a watch than one run makes"):
        told(given)


def test_what_others_say_in_a_watch_takes_no_room_of_ones_own(
    account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = account(*({**each, "vantage": name} for name in ("a", "b", "c", "local") for each in WATCHED))
    own = [line.weight for line in Walker(given.run.path) if (line.record or {}).get("kind") == "watch"]
    weight = sum(own) // 4
    monkeypatch.setattr(watched, "HELD_LIMIT", weight + 100)
    assert told(given)
    monkeypatch.setattr(watched, "MOST_WORDS", 3 * len(WATCHED))
    with pytest.raises(BadJournal, match="more of a watch than one run makes"):
        told(given)


def test_a_host_may_say_a_third_of_what_is_read_of_its_watch() -> None:
    said = json.loads(json.dumps({"type": "observation", "vantage": "ssh://a", "kind": "watch", **run_of(1, 0, 1)}))
    assert reader._weight(said) < 3 * weight_of(said)
    assert 3 * WATCH_MOST <= watched.HELD_LIMIT


def test_one_vantage_of_a_watch_is_held_at_a_time(
    account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = account(*({**each, "vantage": name} for name in ("a", "b", "local") for each in WATCHED))
    heard: list[int] = []
    monkeypatch.setattr(watched, "watched", lambda *of: heard.append(1) or judge_watch.watched(*of))
    begun = [len(heard) for piece in watched.parts(given, Markup(Redactor(), "t0")) if piece.startswith("<h4>")]
    assert begun == [1, 2, 3]


def test_a_watch_that_comes_through_a_pipe_is_told_to_its_end(
    account: Callable[..., Account], monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run = account(*WATCHED, {"what": "end", "at": AT + 60, "why": "planned"}).run
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(run.path.read_bytes())))
    assert cli.main(["report", "-", "--output=-"]) == 0
    sys.stdout.flush()
    assert b"watched 60.0 s of 60.0 s</p>" in capfdbinary.readouterr().out


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


def test_without_a_watch_there_is_no_section(account: Callable[..., Account]) -> None:
    assert told(account(settings=Settings(tenant="acme"))) == ""
    assert list(watched.lines(Settings(tenant="acme"), [], {})) == []


def test_what_is_not_watched_is_said_before_and_after() -> None:
    assert "requests of more than 2 kB" in watched.unwatched(SETTINGS.watch)
    assert f"watch    {watched.unwatched(SETTINGS.watch)}" in watched.lines(SETTINGS, [], {})


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
