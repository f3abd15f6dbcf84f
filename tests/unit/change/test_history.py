"""`netcompliance history`: what is told over many runs, in each format, and what is left out."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcompliance.change import history, picture
from netcompliance.change.archive import Archive
from netcompliance.change.history import History
from netcompliance.cli.main import main
from netcompliance.results import CaseStatus
from tests.unit.change.journals import HOST, case, records, resolved, verdict, write

Say = Callable[..., tuple[int, str, str]]
MET = {"HTTPS-01": "pass", "REG-01": "pass", "DNS-05": "notapplicable"}


def issued(issuer: str) -> dict[str, Any]:
    certificates = [{"issuer": issuer}, {"issuer": "x"}]
    return {"type": "observation", "vantage": "local", "kind": "chain", "host": HOST, "certificates": certificates}


class Runs:
    """Runs of November 2026, one a day."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.day = 0

    def add(
        self, *addresses: str, issuer: str = "CN=Public CA", overall: str | None = "satisfied", **more: Any
    ) -> Path:
        self.day += 1
        words = more.pop("words", MET)
        seen = [resolved(*addresses), issued(issuer)]
        listed = records(
            words, seen, **{"run": f"r{self.day}", "started": f"2026-11-{self.day:02}T08:00:00.000Z", **more}
        )
        return write(self.path / f"dir{99 - self.day}" / "journal.jsonl", listed, overall)

    def history(self) -> History:
        (one,) = history.histories(Archive(self.path).runs())
        return one


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    (tmp_path / "reports").mkdir()
    return Runs(tmp_path / "reports")


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: Any) -> tuple[int, str, str]:
        code = main(["history", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_when_an_address_came_and_went(runs: Runs) -> None:
    for addresses in (["192.0.2.1"], ["192.0.2.1", "192.0.2.2"], [], ["192.0.2.2"]):
        runs.add(*addresses)
    first, second = runs.history().spans(lambda run: run.addresses)
    assert (first.value, first.runs, first.first.day, first.last.day) == ("192.0.2.1", 2, 1, 2)
    assert first.gone_since is not None
    assert first.gone_since.day == 4, "the run of the third saw no address at all, so it says nothing"
    assert (second.value, second.runs, second.gone_since) == ("192.0.2.2", 2, None)


def test_what_each_run_changed(runs: Runs) -> None:
    runs.add("192.0.2.1")
    runs.add("192.0.2.1")
    runs.add("192.0.2.2", issuer="CN=Firewall CA", words={**MET, "HTTPS-01": "fail", "NEW-01": "pass"})
    runs.add(words={**MET, "HTTPS-01": "none", "NEW-01": "pass"}, issuer="CN=Firewall CA")
    runs.add("192.0.2.3", issuer="CN=Firewall CA", words={**MET, "NEW-01": "pass"})
    assert [changed for _, changed in runs.history().changes()] == [
        ["first run"],
        [],
        [
            "address + 192.0.2.2",
            "address − 192.0.2.1",
            "issuer + CN=Firewall CA",
            "issuer − CN=Public CA",
            "pass → fail: HTTPS-01",
            "not-planned → pass: NEW-01",
        ],
        ["fail → no-verdict: HTTPS-01"],
        ["address + 192.0.2.3", "address − 192.0.2.2", "no-verdict → pass: HTTPS-01"],
    ]


@pytest.mark.parametrize(
    ("words", "worst"),
    [
        (["pass", "fail", "waived"], CaseStatus.FAIL),
        (["pass", "none", "notchecked"], CaseStatus.NO_VERDICT),
        (["pass", "notchecked", "waived"], CaseStatus.NOTCHECKED),
        (["pass", "waived"], CaseStatus.WAIVED),
        (["pass", "notapplicable"], CaseStatus.PASS),
        (["notapplicable"], CaseStatus.NOTAPPLICABLE),
    ],
)
def test_a_requirement_ended_as_the_worst_of_its_cases(runs: Runs, words: list[str], worst: CaseStatus) -> None:
    listed = records({})
    listed[1:1] = [case("HTTPS-01", vantage=str(number)) for number in range(len(words))]
    listed += [verdict("HTTPS-01", w, vantage=str(n)) for n, w in enumerate(words) if w != "none"]
    write(runs.path / "journal.jsonl", listed)
    (run,) = runs.history().runs
    assert run.statuses == (("HTTPS-01", worst),)


def test_what_is_unmet_is_so_whatever_its_level(runs: Runs) -> None:
    listed = records({})
    listed[1:1] = [case("HTTPS-01", vantage="a", level="should"), case("HTTPS-01", vantage="b", level="should")]
    write(runs.path / "journal.jsonl", [*listed, verdict("HTTPS-01", "fail", vantage="a")])
    (run,) = runs.history().runs
    assert run.statuses == (("HTTPS-01", CaseStatus.FAIL),)


def test_the_table(runs: Runs, say: Say) -> None:
    runs.add("192.0.2.1")
    for _ in range(5):
        runs.add("192.0.2.1")
    runs.add("192.0.2.1", words={**MET, "HTTPS-01": "fail"}, overall="not-satisfied")
    code, out, err = say(runs.path)
    assert (code, err) == (0, "")
    assert "7 runs, 2026-11-01 08:00:00 … 2026-11-07 08:00:00" in out
    assert re.search(r"^… 5 without a change$", out, re.MULTILINE)
    assert re.search(r"^2026-11-07 08:00:00 +not-satisfied +1 +1 +pass → fail: HTTPS-01$", out, re.MULTILINE)
    assert re.search(r"^192\.0\.2\.1 +2026-11-01 08:00:00 +2026-11-07 08:00:00 +7 of 7$", out, re.MULTILINE)
    assert re.search(r"^HTTPS-01 +1 of 7 +2026-11-07 08:00:00 +fail$", out, re.MULTILINE)


def test_json_and_csv_have_every_run(runs: Runs, say: Say) -> None:
    runs.add("192.0.2.1")
    runs.add("192.0.2.2", "192.0.2.3", words={**MET, "HTTPS-01": "fail", "REG-01": "none"})
    (told,) = json.loads(say("--json", runs.path)[1])["histories"]
    assert [run["addresses"] for run in told["runs"]] == [["192.0.2.1"], ["192.0.2.2", "192.0.2.3"]]
    assert told["runs"][1]["verdicts"]["REG-01"] == "no-verdict"
    gone = told["addresses"][0]
    assert (gone["value"], gone["gone_since"]) == ("192.0.2.1", "2026-11-02T08:00:00.000Z")
    assert told["issuers"][0]["value"] == "CN=Public CA"
    rows = list(csv.DictReader(io.StringIO(say("--csv", runs.path)[1])))
    assert [row["addresses"] for row in rows] == ["192.0.2.1", "192.0.2.2 192.0.2.3"]
    assert (rows[1]["unmet"], rows[1]["unanswered"]) == ("HTTPS-01", "REG-01")


def test_no_cell_is_a_formula(runs: Runs, say: Say) -> None:
    runs.add("=cmd|' /C calc'!A0", issuer="@SUM(1)", run="+1")
    (row,) = csv.DictReader(io.StringIO(say("--csv", runs.path)[1]))
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def test_tenants_are_kept_apart(runs: Runs, say: Say) -> None:
    runs.add("192.0.2.1")
    runs.add("192.0.2.9", tenant="other", endpoint="https://other.app.stackstate.io/receiver/stsAgent")
    out = say(runs.path)[1]
    assert out.index("https://acme.") < out.index("https://other.")
    assert "acme" not in say("--tenant=other", runs.path)[1]


def test_what_is_broken_is_named_and_the_rest_told(runs: Runs, say: Say) -> None:
    good = runs.add("192.0.2.1")
    runs.add("192.0.2.1", overall=None)
    edited = runs.add("192.0.2.1")
    edited.write_text(edited.read_text().replace('"pass"', '"fail"', 1))
    (runs.path / "copy.jsonl").write_bytes(good.read_bytes())
    (runs.path / "other.jsonl").write_text('{"event": "http"}\n')
    (runs.path / "empty.jsonl").write_text("")
    (runs.path / "newer.jsonl").write_text('{"type": "header", "schema": 99}\n')
    (runs.path / "deep.jsonl").write_text("[" * 100_000 + "\n")
    os.mkfifo(runs.path / "fifo.jsonl")
    (runs.path / "nowhere.jsonl").symlink_to(runs.path / "gone")
    code, out, err = say(runs.path)
    assert code == 0
    assert "1 run," in out
    named = dict(line.removeprefix("left out: ").split(": ", 1) for line in err.splitlines())
    assert named.keys() - {"fifo.jsonl", "nowhere.jsonl"} == {
        "dir96/journal.jsonl",
        "dir97/journal.jsonl",
        "dir98/journal.jsonl",
        "other.jsonl",
        "empty.jsonl",
        "newer.jsonl",
        "deep.jsonl",
    }
    assert named["dir98/journal.jsonl"] == "the same run as copy.jsonl"
    assert "cut off" in named["dir97/journal.jsonl"]


@pytest.mark.parametrize("arguments", [["nowhere"], ["."], ["--tenant=a.b", "."], ["--tenant=nobody", "."]])
def test_nothing_to_tell_is_one_line_and_exit_4(tmp_path: Path, say: Say, arguments: list[str], monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = say(*arguments)
    assert (code, out, err.count("\n")) == (4, "", 1)


def lanes(told: History) -> dict[str, str]:
    letters = {"met": "m", "unmet": "u", "waived": "w", "open": "o", "seen": "s", None: "."}
    return {lane.label: "".join(letters[each] for each in lane.classes) for lane in picture.lanes(told)}


def test_the_picture_has_a_lane_for_what_changed(runs: Runs) -> None:
    runs.add("192.0.2.1", overall="satisfied")
    runs.add("192.0.2.1", "192.0.2.2", words={**MET, "HTTPS-01": "fail", "REG-01": "none"}, overall="not-satisfied")
    runs.add("192.0.2.2", words={**MET, "HTTPS-01": "waived", "NEW-01": "notchecked"}, overall="undetermined")
    assert lanes(runs.history()) == {
        "overall": "muo",
        "192.0.2.1": "ss.",
        "192.0.2.2": ".ss",
        "CN=Public CA": "sss",
        "HTTPS-01": "muw",
        "REG-01": "mom",
        "NEW-01": "..o",
    }


def svg(markup: str) -> ET.Element:
    found = re.search(r'<div class="picture".*?(<svg.*?</svg>)</div>', markup, re.DOTALL)
    assert found
    return ET.fromstring(found[1])


def test_the_page_is_one_file_that_asks_for_nothing(runs: Runs, say: Say, tmp_path: Path) -> None:
    runs.add("192.0.2.1")
    runs.add("192.0.2.1")
    runs.add("192.0.2.2", words={**MET, "HTTPS-01": "fail"})
    target = tmp_path / "history.html"
    code, out, err = say("--html", target, runs.path)
    assert (code, out, err.strip()) == (0, "", f"written: {target}")
    markup = target.read_text()
    assert not re.search(r"<script|<link|<img|src=|@import|url\((?!#)", markup)
    rectangles = [each.get("class") for each in svg(markup).iter("rect")]
    assert rectangles == ["ground", "met", "seen", "seen", "seen", "met", "unmet"], "one for each stretch"
    titles = [each.text for each in svg(markup).iter("title")]
    assert "192.0.2.1: seen, 2026-11-01 08:00:00 to 2026-11-02 08:00:00" in titles
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.html", "reports"]


def test_a_page_that_cannot_be_written_is_one_line_and_leaves_nothing(runs: Runs, say: Say, tmp_path: Path) -> None:
    runs.add("192.0.2.1")
    code, _, err = say("--html", tmp_path / "reports", runs.path)
    assert (code, err.count("\n")) == (4, 1)
    assert say("--html", tmp_path / "none" / "x.html", runs.path)[0] == 4
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]


def test_hostile_texts_stay_text(runs: Runs, say: Say, tmp_path: Path) -> None:
    evil = "\x1b[31m</title></svg><script>alert(1)</script>\u202e"
    runs.add(evil, issuer=evil, run=evil, words={**MET, evil: "fail"}, overall=evil)
    code, out, _ = say(runs.path)
    assert code == 0
    assert all(line.isprintable() for line in out.splitlines())
    say("--html", tmp_path / "x.html", runs.path)
    markup = (tmp_path / "x.html").read_text()
    assert "<script" not in markup
    assert "alert(1)" in markup
    svg(markup)


def test_runs_that_are_alike_take_next_to_no_room(runs: Runs) -> None:
    words = {f"REQ-{number:02}": "pass" for number in range(30)}
    addresses = [f"192.0.2.{number}" for number in range(100)]
    for number in range(200):
        runs.add(*addresses, words=words, run=f"x{number}", started="2026-11-01T08:00:00.000Z")
    kept = list(Archive(runs.path).runs())
    assert len(kept) == 200
    assert len({id(run.statuses) for run in kept}) == len({id(run.addresses) for run in kept}) == 1
    room = len(pickle.dumps(kept)) - len(pickle.dumps(kept[:1]))
    assert room / 199 < 300, "bytes for each further run, what they share written once"
