"""A verdict as a person reads it."""

from __future__ import annotations

import pytest

from netcompliance import explain
from netcompliance.findings import Code
from netcompliance.model import Basis, Case, Finding, Level, Requirement, Result, Verdict
from tests.unit.judge.world import CATALOGUE

CASE = Case(
    requirement="HTTPS-01", target="acme.app.stackstate.io", vantage="ssh://node-1", host="acme.app.stackstate.io"
)
REQUIREMENT = CATALOGUE["HTTPS-01"]
HOSTILE = "\x1b[31m{0.__class__}\r\n\x00\u202e\ud800<b>"
BREAKS = ("\x1b", "\r", "\n", "\x00", "\u202e", "\ud800")


def finding(
    code: Code = Code.TCP_FILTERED, subject: str = "203.0.113.7", detail: str = "no answer", **values: str
) -> Finding:
    return Finding(code=code, subject=subject, detail=detail, values=values)


def failed(*findings: Finding, **fields: object) -> Verdict:
    saw = "; ".join(found.detail for found in findings)
    return Verdict(**{"case": CASE, "result": Result.FAIL, "findings": findings, "saw": saw, **fields})  # type: ignore[arg-type]


# --- every finding (texts are filled with the judges' own values: each of their rows in `judge` says so) --------------


@pytest.mark.parametrize("code", Code)
def test_a_word_that_is_missing_is_left_out_with_a_neutral_one(code: Code) -> None:
    verdict = failed(finding(code))
    for text in (explain.means(verdict), explain.fix(verdict)):
        assert text
        assert not set("{}") & set(text)


@pytest.mark.parametrize("code", Code)
def test_nothing_that_a_terminal_obeys_gets_through(code: Code) -> None:
    names = dict.fromkeys(
        ("issuer", "names", "location", "server", "proxy", "rule", "speaks", "remedy", "cdn"), HOSTILE
    )
    verdict = failed(finding(code, HOSTILE, HOSTILE, **names), reason=HOSTILE, reproduce=HOSTILE)
    lines = explain.paragraph(verdict, REQUIREMENT, 80).split("\n")
    for line in lines:
        assert not any(sign in line for sign in BREAKS)
    for _, text in explain.rows(verdict, REQUIREMENT):
        assert not any(sign in text for sign in BREAKS)
        text.encode()
    assert len(explain.headline(verdict)) <= explain.HEADLINE


def test_values_are_never_format_strings() -> None:
    assert "{0.__class__}" in explain.fix(failed(finding(subject="{0.__class__}")))
    assert "{host}" in explain.means(failed(finding(Code.TLS_INTERCEPTED, issuer="{host}", host="SECRET")))


# --- the first line --------------------------------------------------------------------------------------------------


def test_the_first_line_names_case_subject_and_code() -> None:
    line = "HTTPS-01 acme.app.stackstate.io 203.0.113.7 from ssh://node-1 — tcp.filtered"
    assert explain.headline(failed(finding())) == line


def test_several_subjects_are_not_in_the_first_line() -> None:
    line = "HTTPS-01 acme.app.stackstate.io from ssh://node-1 — tcp.filtered"
    assert explain.headline(failed(finding(), finding(subject="203.0.113.8"))) == line


def test_each_code_is_named_once() -> None:
    verdict = failed(finding(), finding(), finding(Code.TCP_REFUSED))
    assert explain.headline(verdict).endswith("— tcp.filtered, tcp.refused")


@pytest.mark.parametrize("subject", ["acme.app.stackstate.io", "acme", "https://acme.app.stackstate.io/x"])
def test_a_subject_that_is_the_target_is_not_said_again(subject: str) -> None:
    line = "HTTPS-01 acme.app.stackstate.io from ssh://node-1 — tcp.filtered"
    assert explain.headline(failed(finding(subject=subject))) == line


def test_without_findings_the_verdict_is_named() -> None:
    assert explain.headline(failed()) == "HTTPS-01 acme.app.stackstate.io from ssh://node-1 — fail"


@pytest.mark.parametrize("length", [10, 30, 40, 100, 1000])
def test_the_first_line_has_100_columns_at_most(length: int) -> None:
    long = Case(requirement="REG-04", target="r" * length, vantage="v" * length, host="h")
    verdict = failed(finding(subject="s" * length), finding(Code.TCP_REFUSED, "s" * length), case=long)
    line = explain.headline(verdict)
    assert len(line) <= 100
    assert line.startswith("REG-04")
    assert "tcp.filtered, tcp.refused" in line


def test_the_subject_goes_before_the_target_does() -> None:
    verdict = failed(finding(subject="s" * 60))
    assert explain.headline(verdict) == "HTTPS-01 acme.app.stackstate.io from ssh://node-1 — tcp.filtered"


# --- the rows --------------------------------------------------------------------------------------------------------


def labels(verdict: Verdict, requirement: Requirement = REQUIREMENT) -> list[str]:
    return [label for label, _ in explain.rows(verdict, requirement)]


def test_a_failure_has_all_its_rows_in_order() -> None:
    verdict = failed(finding(), reproduce="nc", reason="the waiver expired")
    expected = ["required", "saw", "means", "fix", "ask", "because", "source", "reproduce"]
    assert labels(verdict) == expected


def test_rows_that_have_nothing_to_say_are_left_out() -> None:
    assert labels(failed(finding(detail=""))) == ["required", "means", "fix", "ask", "source"]


@pytest.mark.parametrize(
    ("result", "remedy"),
    [
        (Result.FAIL, True),
        (Result.WAIVED, True),
        (Result.PASS, False),
        (Result.NOTCHECKED, False),
        (Result.NOTAPPLICABLE, False),
    ],
)
def test_a_remedy_is_for_what_is_unmet(result: Result, remedy: bool) -> None:
    assert ("fix" in labels(failed(finding(), result=result))) is remedy


def test_the_source_says_whether_the_page_asks_for_it() -> None:
    def source(basis: Basis) -> str:
        requirement = Requirement(id="X-01", says="s", level=Level.MUST, basis=basis, source="Heading")
        return dict(explain.rows(failed(finding()), requirement))["source"]

    assert source(Basis.DOCUMENTED) == "Network configuration, Heading"
    assert source(Basis.DERIVED) == "Heading (derived)"


def test_findings_of_one_code_are_told_once_with_their_subjects() -> None:
    two = failed(finding(source="node-1"), finding(subject="203.0.113.8", source="node-1"))
    assert explain.fix(two) == "allow outbound tcp/443 from node-1 to 203.0.113.7, 203.0.113.8"
    assert explain.means(two) == "packets to this address are dropped without an answer"


def test_many_subjects_are_counted() -> None:
    many = failed(*(finding(subject=f"10.0.0.{n}", source="x") for n in range(15)))
    expected = f"{', '.join(f'10.0.0.{n}' for n in range(12))} and 3 more"
    assert explain.fix(many) == f"allow outbound tcp/443 from x to {expected}"
    assert explain.fix(failed(*(finding(subject=str(n), source="x") for n in range(6)))).endswith("0, 1, 2, 3, 4, 5")


def test_two_codes_are_told_one_after_the_other_and_each_team_once() -> None:
    both = failed(finding(source="x"), finding(Code.TCP_REFUSED, source="x"), finding(Code.TLS_INTERCEPTED, host="h"))
    assert explain.fix(both).count("; ") >= 2
    assert explain.ask(both) == "firewall team, proxy team"


# --- the paragraph ---------------------------------------------------------------------------------------------------


PARAGRAPH = """\
HTTPS-01 acme.app.stackstate.io 203.0.113.7 from ssh://node-1 — tcp.filtered
  required   TCP port 443 opens at every address of the tenant
  saw        no answer to 3 SYNs in 5.0 s
  means      packets to this address are dropped without an answer
  fix        allow outbound tcp/443 from node-1 to 203.0.113.7
  ask        firewall team
  source     Network configuration, StackState Agent communication
  reproduce  nc -vz -w 5 203.0.113.7 443"""


def test_the_paragraph() -> None:
    found = finding(detail="no answer to 3 SYNs in 5.0 s", source="node-1")
    assert explain.paragraph(failed(found, reproduce="nc -vz -w 5 203.0.113.7 443"), REQUIREMENT) == PARAGRAPH


@pytest.mark.parametrize("width", [40, 80, 100])
def test_lines_are_wrapped_under_their_text(width: int) -> None:
    verdict = failed(finding(detail="word " * 90))
    lines = explain.paragraph(verdict, REQUIREMENT, width).split("\n")[1:]
    assert max(map(len, lines)) <= width
    assert sum(line.startswith(" " * 13) for line in lines) > 3


def test_a_narrow_terminal_is_not_taken_at_its_word() -> None:
    verdict = failed(finding(detail="word " * 60))
    assert explain.paragraph(verdict, REQUIREMENT, 5) == explain.paragraph(verdict, REQUIREMENT, 40)


def test_the_command_stays_in_one_piece() -> None:
    command = "openssl s_client " + "-x " * 60
    assert f"  reproduce  {command}" in explain.paragraph(failed(finding(), reproduce=command), REQUIREMENT, 80).split(
        "\n"
    )


# --- cleaning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain – ünïcode 日本", "plain – ünïcode 日本"),
        ("a\nb\rc\td", "a b c d"),
        ("\x1b[31m\x07\x00\x7f\x9b", "\ufffd[31m\ufffd\ufffd\ufffd\ufffd"),
        ("\u202e\u200b\u2028\u2029", "\ufffd" * 4),
        ("\ud800\ue000\U000e0001\uffff", "\ufffd" * 4),
        (7, "7"),
    ],
)
def test_printable(text: object, clean: str) -> None:
    assert explain.printable(text) == clean


def test_printable_is_not_endless() -> None:
    assert explain.printable("x" * 2000) == "x" * 2000
    assert explain.printable("x" * 2001) == "x" * 2000 + "…"
    assert explain.printable("abc", 2) == "ab…"
