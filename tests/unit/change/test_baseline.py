"""Which run may be a baseline, and what is said of one that may not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from netcompliance.change import baseline
from netcompliance.change.archive import Archive
from netcompliance.change.compare import codes
from netcompliance.config.validation import BadInput
from netcompliance.results import CaseStatus
from tests.unit.change.journals import ENDPOINT, HOST, case, header, records, resolved, verdict, write

KEY = ("HTTPS-01", HOST, "local")
LATER = datetime(2026, 11, 26, tzinfo=UTC)


def refused(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        baseline.side(path)
    text = str(caught.value)
    assert text.isprintable()
    return text


def test_a_complete_journal_and_its_directory_are_the_same_side(tmp_path: Path) -> None:
    journal = write(tmp_path / "journal.jsonl", records(seen=[resolved("192.0.2.1")]))
    side = baseline.side(journal)
    assert side == baseline.side(tmp_path)
    assert (side.run, side.tenant, side.endpoint, side.overall) == ("a1", "acme", ENDPOINT, "satisfied")
    assert {entry.status for entry in side.entries.values()} == {CaseStatus.PASS}
    assert {key[0] for key in side.facts.known} == {"addresses", "alias", "vantage", "resolvers"}
    assert side.made_with["registry"] == "quay.io"


def test_a_run_that_was_cut_off_is_no_evidence(tmp_path: Path) -> None:
    assert "no footer" in refused(write(tmp_path / "journal.jsonl", records(), overall=None))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace('"pass"', '"fail"', 1),
        lambda text: text.replace("\n", "\n\n", 1).replace("\n\n", "\n \n"),
        lambda text: "\n".join([*text.splitlines()[:3], *text.splitlines()[4:], ""]),
        lambda text: (
            "\n".join([*text.splitlines()[:2], text.splitlines()[3], text.splitlines()[2], ""])
            + "\n".join([*text.splitlines()[4:], ""])
        ),
        lambda text: text + json.dumps(verdict("HTTPS-01", "pass")) + "\n",
        lambda text: text + "\n",
        lambda text: text.replace('"sha256": "', '"sha256": "0', 1) if text.count('"sha256"') == 1 else text[:-2],
    ],
    ids=["verdict", "blank line", "line removed", "lines swapped", "line behind the footer", "newline", "footer"],
)
def test_an_edited_journal_is_refused(tmp_path: Path, edit: Any) -> None:
    journal = write(tmp_path / "journal.jsonl", records())
    text = journal.read_text()
    journal.write_text(edit(text))
    assert journal.read_text() != text
    assert refused(journal)


def test_an_edited_verdict_is_called_that(tmp_path: Path) -> None:
    journal = write(tmp_path / "journal.jsonl", records())
    journal.write_text(journal.read_text().replace('"pass"', '"fail"', 1))
    assert "not that of the lines before it" in refused(journal)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no json\n", b"[]\n", b'{"type": 7}\n', b"\xff\xfe\n", b'{"type":"header","schema":99}\n']
)
def test_what_is_no_journal(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    assert str(path) in refused(path)


@pytest.mark.parametrize("started", [None, 7, "yesterday", "2026-11-25T18:00:00"])
def test_a_header_without_a_time(tmp_path: Path, started: Any) -> None:
    assert refused(write(tmp_path / "journal.jsonl", records(started=started)))


def test_a_side_is_the_planned_cases(tmp_path: Path) -> None:
    found = {"code": "tcp.filtered", "subject": "192.0.2.1", "detail": "no answer"}
    novel = {"code": "novel.code", "subject": "192.0.2.2", "detail": "of a later version"}
    listed = [header(), case("HTTPS-01"), case("HTTPS-02"), case("REG-01", level="should")]
    listed += [verdict("HTTPS-01", "fail", findings=[novel, found, found]), verdict("UNPLANNED", "pass")]
    side = baseline.side(write(tmp_path / "journal.jsonl", listed))
    assert [(key[0], entry.status) for key, entry in side.entries.items()] == [
        ("HTTPS-01", CaseStatus.FAIL),
        ("HTTPS-02", CaseStatus.NO_VERDICT),
        ("REG-01", CaseStatus.NO_VERDICT),
    ]
    assert codes(side.entries[KEY]) == ("novel.code 192.0.2.2", "tcp.filtered 192.0.2.1")


@pytest.mark.parametrize("word", ["excellent", 7])
def test_a_verdict_that_is_none_is_refused(tmp_path: Path, word: Any) -> None:
    assert refused(write(tmp_path / "journal.jsonl", [header(), case("HTTPS-01"), verdict("HTTPS-01", word)]))


def test_a_directory_without_a_journal_and_a_path_to_nothing(tmp_path: Path) -> None:
    assert "no journal.jsonl in it" in refused(tmp_path)
    assert "No such file" in refused(tmp_path / "nowhere")


def pair(tmp_path: Path, before: dict[str, Any], after: dict[str, Any]) -> tuple[baseline.Side, baseline.Side]:
    first = write(tmp_path / "before" / "journal.jsonl", records(**before))
    second = write(tmp_path / "after" / "journal.jsonl", records(**after))
    return baseline.side(first), baseline.side(second)


BEFORE = {"run": "a1", "started": "2026-11-25T18:00:00.000Z"}
AFTER = {"run": "b2", "started": "2026-11-25T19:00:00.000Z"}


def test_a_run_before_and_one_after_may_be_compared(tmp_path: Path) -> None:
    baseline.check(*pair(tmp_path, BEFORE, AFTER))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (BEFORE, BEFORE, "the same run"),
        (BEFORE, {**AFTER, "run": "a1"}, "the same run"),
        (AFTER, BEFORE, "not before the run"),
        (BEFORE, {**BEFORE, "run": "b2"}, "not before the run"),
        ({**BEFORE, "tenant": "other"}, AFTER, "tenant other, not of acme"),
        ({**BEFORE, "endpoint": "https://acme.example/receiver/stsAgent"}, AFTER, "against https://acme.example"),
    ],
)
def test_what_would_prove_nothing(tmp_path: Path, before: Any, after: Any, word: str) -> None:
    sides = pair(tmp_path, before, after)
    with pytest.raises(BadInput, match=word):
        baseline.check(*sides)


def test_a_copy_is_the_same_run(tmp_path: Path) -> None:
    one, _ = pair(tmp_path, BEFORE, AFTER)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(Path(one.path).read_bytes())
    with pytest.raises(BadInput, match="the same run"):
        baseline.check(one, baseline.side(copy))


def test_runs_without_an_id_are_told_apart_by_their_digest(tmp_path: Path) -> None:
    sides = pair(tmp_path, {**BEFORE, "run": ""}, {**AFTER, "run": ""})
    baseline.check(*sides)
    with pytest.raises(BadInput, match="the same run"):
        baseline.check(sides[0], sides[0])


class Reports:
    """`reports/acme/…`, filled by hour."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, hour: int, overall: str | None = "satisfied", **head: Any) -> Path:
        """A run that began at this hour."""
        listed = records(run=f"run{hour}", started=f"2026-11-25T{hour:02}:00:00.000Z", **head)
        return write(self.path / "acme" / f"dir{99 - hour}" / "journal.jsonl", listed, overall)

    def latest(self, started: datetime = LATER, vantages: set[str] | None = None) -> baseline.Found:
        return baseline.find("latest", self.path, "acme", ENDPOINT, started, vantages or {"local"})


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports")


def test_latest_is_the_newest_by_when_it_began(reports: Reports) -> None:
    for hour in (7, 9, 8):
        reports.run(hour)
    found = reports.latest()
    assert (found.side.run, found.passed_over) == ("run9", ())


def test_latest_is_before_the_run(reports: Reports) -> None:
    reports.run(7)
    reports.run(9)
    assert reports.latest(datetime(2026, 11, 25, 8, tzinfo=UTC)).side.run == "run7"


def test_latest_takes_a_run_that_is_not_satisfied(reports: Reports) -> None:
    reports.run(7)
    reports.run(8, "not-satisfied")
    assert reports.latest().side.run == "run8"


def test_latest_passes_over_what_is_no_baseline_with_a_word_for_each(reports: Reports) -> None:
    reports.run(6)
    reports.run(7, None)
    edited = reports.run(8)
    edited.write_text(edited.read_text().replace('"pass"', '"fail"', 1))
    reports.run(9, "undetermined")
    found = reports.latest()
    assert found.side.run == "run6"
    undetermined, changed, cut_off = found.passed_over
    assert "undetermined" in undetermined
    assert "not that of the lines before it" in changed
    assert "no footer" in cut_off


def test_latest_passes_over_runs_from_elsewhere(reports: Reports) -> None:
    extra = [case("HTTPS-01", vantage="ssh://node-1"), verdict("HTTPS-01", "pass", vantage="ssh://node-1")]
    write(reports.path / "acme" / "hosts" / "journal.jsonl", [header(started="2026-11-25T05:00:00Z"), *extra])
    reports.run(9)
    found = reports.latest(vantages={"ssh://node-1"})
    assert found.side.run == "a1"
    assert "nobody looked from ssh://node-1" in found.passed_over[0]


def test_latest_looks_at_no_other_endpoint(reports: Reports) -> None:
    reports.run(7)
    reports.run(9, endpoint="https://acme.elsewhere.example/receiver/stsAgent")
    assert reports.latest().side.run == "run7"


def test_latest_lives_with_rubbish_beside_the_runs(reports: Reports) -> None:
    reports.run(7)
    (reports.path / "acme" / "rubbish").mkdir()
    (reports.path / "acme" / "rubbish" / "journal.jsonl").write_bytes(b"\x00" * 100)
    (reports.path / "acme" / "odd" / "journal.jsonl").mkdir(parents=True)
    assert reports.latest().side.run == "run7"


@pytest.mark.parametrize("overall", [None, "undetermined", "nothing"])
def test_no_baseline_is_one_line_that_says_what_was_passed_over(reports: Reports, overall: str | None) -> None:
    if overall != "nothing":
        reports.run(7, overall)
    with pytest.raises(BadInput) as caught:
        reports.latest()
    text = str(caught.value)
    assert "no run of acme" in text
    assert ("passed over" in text) is (overall != "nothing")


def test_an_undetermined_run_that_is_named_is_taken(reports: Reports) -> None:
    named = reports.run(7, "undetermined")
    found = baseline.find(str(named), reports.path, "acme", ENDPOINT, LATER)
    assert found.side.overall == "undetermined"


def test_a_named_baseline_is_held_to_the_run(reports: Reports) -> None:
    named = str(reports.run(7))
    for tenant, endpoint, started in (
        ("other", ENDPOINT, LATER),
        ("acme", "https://x", LATER),
        ("acme", ENDPOINT, datetime(2026, 11, 25, 6, tzinfo=UTC)),
    ):
        with pytest.raises(BadInput):
            baseline.find(named, reports.path, tenant, endpoint, started)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were opened since."""
    opened, reads = Path.open, list[Path]()
    monkeypatch.setattr(Path, "open", lambda path, *rest, **more: reads.append(path) or opened(path, *rest, **more))
    return reads


def test_a_side_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    journal = write(tmp_path / "journal.jsonl", records(seen=[resolved("192.0.2.1")]))
    reads.clear()
    assert baseline.side(journal).facts.known
    assert reads == [journal]


def test_a_journal_of_the_archive_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    journal = write(tmp_path / "a" / "journal.jsonl", records())
    reads.clear()
    (run,) = Archive(tmp_path).runs()
    assert run.tenant == "acme"
    assert reads == [journal]
