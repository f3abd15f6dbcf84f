"""`netcompliance compare`: formats, exit codes, one line for what cannot be compared, and nothing hostile obeyed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from netcompliance.change import baseline, page, text, wording
from netcompliance.change.compare import Comparison, compare
from netcompliance.cli.main import main
from netcompliance.journal.redact import Redactor
from netcompliance.report.html.markup import Markup
from tests.unit.change.journals import HOST, case, header, leaf, records, resolved, shown, verdict, write

FOUND = [{"code": "tcp.filtered", "subject": "192.0.2.1", "detail": "no answer"}]
MET = {"HTTPS-01": "pass", "REG-01": "pass", "CLK-01": "fail", "DNS-03": "none"}
WORSE = {"HTTPS-01": "fail", "REG-01": "notchecked", "CLK-01": "pass", "DNS-03": "fail"}

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*arguments: Any) -> tuple[int, str, str]:
        code = main(["compare", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def runs(tmp_path: Path, after: dict[str, str], address: str = "192.0.2.1") -> tuple[Path, Path]:
    first = records(MET, [resolved("192.0.2.1")], run="a1")
    second = records(after, [resolved(address)], run="b2", started="2026-11-25T19:00:00.000Z")
    return write(tmp_path / "before" / "journal.jsonl", first), write(tmp_path / "after" / "journal.jsonl", second)


def test_worse_is_exit_1_and_a_paragraph(tmp_path: Path, say: Say) -> None:
    code, out, err = say(*runs(tmp_path, WORSE, "192.0.2.9"))
    assert (code, err) == (1, "")
    paragraph = out.partition("\n\n")[0].splitlines()
    assert paragraph[0] == "regressed: met before, unmet now"
    assert paragraph[1] == "HTTPS-01 acme.app.stackstate.io from local — fail"
    labels = {line.split()[0]: line for line in paragraph[2:]}
    assert "pass: HTTPS-01 seen" in labels["before"]
    assert "fail: HTTPS-01 seen" in labels["now"]
    assert "192.0.2.1 became 192.0.2.9" in labels["underneath"]
    for title in (
        "no longer checked",
        "newly checked, and unmet",
        "fixed: unmet before, met now",
        "changed underneath",
    ):
        assert f"\n{title}\n" in out
    unwrapped = " ".join(out.split())
    assert "1 regressed, 1 no longer checked, 1 newly checked, 1 fixed; 1 change underneath" in unwrapped
    assert "acme: 1 case was met before and is unmet now; newly checked and unmet: 1 case" in unwrapped


def test_unharmed_is_exit_0_and_drift_is_told(tmp_path: Path, say: Say) -> None:
    both = runs(tmp_path, MET, "192.0.2.9")
    code, out, _ = say(*both)
    assert code == 0
    assert "acme: nothing that was met before is unmet now" in out
    assert "192.0.2.1 became 192.0.2.9" in out
    code, out, _ = say("--fail-on-drift", *both)
    assert code == 1
    assert "nothing regressed, but what was not to change did: addresses of the tenant" in out
    assert say("--fail-on-drift", *runs(tmp_path, MET))[0] == 0


def test_undetermined_is_exit_1(tmp_path: Path, say: Say) -> None:
    code, out, _ = say(*runs(tmp_path, {**MET, "REG-01": "none"}))
    assert code == 1
    assert "undetermined: 1 case met before, without an answer now" in out


def test_json_holds_every_case_with_both_verdicts(tmp_path: Path, say: Say) -> None:
    code, out, _ = say("--json", *runs(tmp_path, WORSE))
    whole = json.loads(out)
    assert code == 1
    assert whole["outcome"] == "regressed"
    told_of = {
        each["requirement"]: (each["change"], each["before"]["verdict"], each["after"]["verdict"])
        for each in whole["cases"]
    }
    assert told_of == {
        "HTTPS-01": ("regressed", "pass", "fail"),
        "REG-01": ("no-longer-checked", "pass", "notchecked"),
        "CLK-01": ("fixed", "fail", "pass"),
        "DNS-03": ("newly-checked", "no-verdict", "fail"),
    }
    assert whole["before"]["run"] == "a1"
    assert whole["after"]["sha256"] == baseline.side(tmp_path / "after").sha256


def test_markdown_says_the_same(tmp_path: Path, say: Say) -> None:
    code, out, _ = say("--markdown", *runs(tmp_path, WORSE))
    assert code == 1
    assert out.startswith("## acme: 1 case was met before and is unmet now")
    assert "### regressed: met before, unmet now" in out
    assert "* HTTPS-01 acme.app.stackstate.io from local" in out
    assert "  * **before**: pass: HTTPS-01 seen" in out


def test_all_refusals_are_one_line_and_exit_4(tmp_path: Path, say: Say) -> None:
    before, after = runs(tmp_path, MET)
    cut = write(tmp_path / "cut" / "journal.jsonl", records(), overall=None)
    edited = tmp_path / "edited.jsonl"
    edited.write_text(before.read_text().replace('"pass"', '"fail"', 1))
    other = write(tmp_path / "other.jsonl", records(run="o", tenant="other", started="2026-11-24T00:00:00Z"))
    for arguments, word in (
        ((before, before), "same run"),
        ((after, before), "not before the run"),
        ((cut, after), "no footer"),
        ((before, cut), "no footer"),
        ((edited, after), "not that of the lines before it"),
        ((other, after), "tenant other"),
        ((tmp_path, after), "no journal.jsonl in it"),
        ((before, tmp_path / "none"), "No such file"),
    ):
        code, out, err = say(*arguments)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert err.startswith("netcompliance compare: ")
        assert word in err


@pytest.mark.parametrize(
    "arguments", [[], ["one"], ["a", "b", "c"], ["--json", "--markdown", "a", "b"], ["--csv", "a"]]
)
def test_what_is_typed_wrong_is_exit_4(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from netcompliance.cli.main import main; main()", "compare", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)


EVIL = "\x1b[31m</td><script>alert(1)</script> | `x` [a](http://evil) *b* \u202e\n# head\nend"


def hostile(tmp_path: Path) -> Comparison:
    fields = {"saw": EVIL, "means": EVIL, "fix": EVIL, "ask": EVIL, "reason": EVIL, "reproduce": EVIL}
    found = [{"code": EVIL, "subject": EVIL, "detail": EVIL}]

    def run(name: str, word: str, started: str, issuer: str) -> baseline.Side:
        listed = [
            header(run=name, started=started, catalogue=EVIL),
            case("HTTPS-01", target=EVIL, vantage=EVIL),
            {**case("DNS-01"), "says": EVIL},
            shown(leaf(issuer, issuer), host=EVIL, vantage=EVIL),
            {**resolved(EVIL if word == "fail" else "192.0.2.1"), "canonical": f"{EVIL}{name}"},
            verdict("HTTPS-01", word, target=EVIL, vantage=EVIL, findings=found, **fields),
            *([verdict("DNS-01", "pass", **fields)] if word == "pass" else []),
        ]
        return baseline.side(write(tmp_path / name / "journal.jsonl", listed))

    before = run("a1", "pass", "2026-11-25T18:00:00Z", "Public CA")
    return compare(before, run("b2", "fail", "2026-11-25T19:00:00Z", "Firewall CA"))


def test_nothing_hostile_reaches_the_terminal(tmp_path: Path) -> None:
    comparison = hostile(tmp_path)
    lines = ["".join(part for part, _ in line) for line in text.lines(comparison, Redactor(), 80)]
    assert all(line.isprintable() for line in lines)
    assert any("alert(1)" in line for line in lines)
    assert all(
        row.isprintable() for section in wording.sections(comparison) for item in section.items for row in [item.head]
    )


def test_nothing_hostile_is_markup_in_a_ticket(tmp_path: Path, say: Say) -> None:
    hostile(tmp_path)
    _, out, _ = say("--markdown", tmp_path / "a1", tmp_path / "b2")
    assert all(line.isprintable() for line in out.splitlines())
    tags = _Tags()
    tags.feed(MarkdownIt("commonmark").enable("table").render(out))
    assert tags.open == []
    assert tags.seen == {"h2", "h3", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "code"}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_nothing_hostile_is_markup_in_the_page(tmp_path: Path) -> None:
    markup = "".join(page.html_pieces(hostile(tmp_path), Markup(Redactor(), "t0")))
    tags = _Tags()
    tags.feed(markup)
    assert tags.open == []
    assert tags.seen == {"div", "p", "h4", "dl", "dt", "dd", "ul", "li", "code"}
    assert "alert(1)" in markup


def test_a_secret_that_an_edited_field_brought_along_is_cut(tmp_path: Path, say: Say) -> None:
    before, after = runs(tmp_path, MET)
    listed = records(WORSE, run="b2", started="2026-11-25T19:00:00.000Z")
    listed[-1] |= {"saw": "http://user:hunter2@proxy:3128/ said no", "verdict": "fail"}
    listed[-4] |= {"saw": "Authorization: Bearer abcdef0123456789abcdef"}
    write(after, listed)
    for form in ((), ("--json",), ("--markdown",)):
        _, out, _ = say(*form, before, after)
        assert "hunter2" not in out
        assert "abcdef0123456789" not in out


def test_fifty_hosts_that_regressed_alike_are_one_paragraph(tmp_path: Path, say: Say) -> None:
    places = [f"ssh://node-{number}" for number in range(1, 51)]

    def run(name: str, word: str, started: str) -> Path:
        listed = [header(run=name, started=started), *(case("HTTPS-01", vantage=place) for place in places)]
        listed += [verdict("HTTPS-01", word, vantage=place, findings=FOUND) for place in places]
        return write(tmp_path / name / "journal.jsonl", listed)

    code, out, _ = say(run("a1", "pass", "2026-11-25T18:00:00Z"), run("b2", "fail", "2026-11-25T19:00:00Z"))
    assert code == 1
    assert out.count("HTTPS-01 acme") == 1
    assert "also        from ssh://node-2 … node-50" in out
    assert "50 cases were met before and are unmet now" in out


def test_a_waived_regression_is_a_paragraph_too(tmp_path: Path, say: Say) -> None:
    code, out, _ = say(*runs(tmp_path, {**MET, "HTTPS-01": "waived"}))
    assert code == 0
    assert out.startswith("regressed, and accepted by a waiver\nHTTPS-01 acme.app.stackstate.io from local — waived")


def test_digests_are_told_by_their_beginning_and_nothing_else_is_cut(tmp_path: Path, say: Say) -> None:
    long = "CN=" + "x" * 61
    first = write(tmp_path / "1.jsonl", records(MET, [shown(leaf())], run="a1"))
    names = [shown(leaf(key_name="two")), {**resolved("192.0.2.1"), "canonical": long}]
    second = write(tmp_path / "2.jsonl", records(MET, names, run="b2", started="2026-11-25T19:00:00.000Z"))
    _, out, _ = say(first, second)
    assert re.search(r"acme\.app\.stackstate\.io  sha256:[0-9a-f]{12}… became sha256:[0-9a-f]{12}…$", out, re.MULTILINE)
    third = write(tmp_path / "3.jsonl", records(MET, [resolved("192.0.2.1")], run="a1"))
    assert f"{HOST} became {long}" in " ".join(say(third, second)[1].split())


def test_drift_names_the_vantages_where_there_are_several(tmp_path: Path, say: Say) -> None:
    def run(name: str, address: str, started: str) -> Path:
        listed = records(MET, [resolved(address)], run=name, started=started)
        listed += [case("HTTPS-01", vantage="ssh://node-1"), verdict("HTTPS-01", "pass", vantage="ssh://node-1")]
        return write(tmp_path / name / "journal.jsonl", listed)

    _, out, _ = say(run("a1", "192.0.2.1", "2026-11-25T18:00:00Z"), run("b2", "192.0.2.2", "2026-11-25T19:00:00Z"))
    assert "192.0.2.1 became 192.0.2.2 (from local)" in out
    assert "(from" not in say(*runs(tmp_path, MET, "192.0.2.9"))[1]
