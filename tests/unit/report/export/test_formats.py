"""Every format tells every case in its own words, and is accepted by the tools that people have for it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcompliance.report.export import FORMATS, NotRepresentable, render
from tests.unit.report.export.journals import (
    FOOTER,
    GONE,
    HEADER,
    HERE,
    OUTCOMES,
    TARGET,
    WAIVER,
    Json,
    alone,
    case,
    mixed,
    place,
    saved,
    verdict,
)
from tests.unit.report.export.tools import TOOLS, XCCDF
from tests.unit.report.export.words import WORDS

GREEN = {"pass", "passed", "satisfied pass", "1 pass"}
FORMAT = pytest.mark.parametrize("name", FORMATS)


def word(name: str, requirement: str) -> str:
    """What the format's tool is to read for a requirement of `mixed`."""
    return WORDS[name]["unmet" if requirement == "HTTPS-06" else OUTCOMES[requirement]]


def mixed_words(name: str) -> dict[str, str]:
    """Keyed as the tool has it: markdown sums up by requirement."""
    if name == "markdown":
        return {requirement: word(name, requirement) for requirement in OUTCOMES}
    return {
        f"{requirement} {TARGET} from {GONE if outcome == 'error' else HERE}": word(name, requirement)
        for requirement, outcome in OUTCOMES.items()
    }


def test_there_is_a_tool_and_a_word_for_every_format() -> None:
    assert TOOLS.keys() == FORMATS.keys() == WORDS.keys()
    assert len({each.file for each in FORMATS.values()}) == len(FORMATS)


@FORMAT
def test_every_outcome_is_told_in_the_formats_own_word(name: str) -> None:
    assert TOOLS[name](render(name, saved(mixed()))) == mixed_words(name)


@FORMAT
def test_the_same_journal_gives_the_same_bytes(name: str) -> None:
    assert render(name, saved(mixed())) == render(name, saved(mixed(), "elsewhere/journal.jsonl"))


@FORMAT
def test_a_run_without_its_end_is_never_green(name: str) -> None:
    cut = saved(mixed()[:-1])
    if name in ("xccdf", "in-toto"):
        with pytest.raises(NotRepresentable, match="without an end"):
            render(name, cut)
    else:
        told = TOOLS[name](render(name, cut))
        assert len(told) == len(OUTCOMES)
        assert not set(told.values()) & GREEN


@FORMAT
def test_a_run_that_came_to_nothing_is_never_green(name: str) -> None:
    """A must that was not checked, and nothing that failed: each case by itself looks harmless."""
    content = render(name, saved(alone("notchecked", "undetermined")))
    assert not set(TOOLS[name](content).values()) & GREEN
    sign = {
        "junit": b'errors="1"',
        "xccdf": b"<title>acme: undetermined</title>",
        "oscal": b'"title": "Network of acme.app.stackstate.io: undetermined"',
        "in-toto": b'"result": "FAILED"',
        "prometheus": b'netcompliance_run_overall{tenant="acme",overall="satisfied"} 0',
        "csv": b'"undetermined"',
        "markdown": b": undetermined",
    }
    assert sign[name] in content


@FORMAT
def test_a_run_in_which_nothing_was_planned(name: str) -> None:
    empty = saved([HEADER, {**FOOTER, "overall": "satisfied"}])
    if name == "xccdf":
        with pytest.raises(NotRepresentable, match="nothing was planned"):
            render(name, empty)
    else:
        content = render(name, empty)
        assert b"satisfied pass" not in content
        if name == "junit":
            assert TOOLS[name](content) == {"overall": "error"}
        if name == "in-toto":
            assert json.loads(content)["predicate"]["result"] == "FAILED"


@FORMAT
def test_the_journal_is_named_by_its_digest(name: str) -> None:
    journal = saved(mixed())
    assert journal.sha256.encode() in render(name, journal)


@pytest.mark.parametrize(
    ("records", "result"),
    [
        (alone("pass", "satisfied"), "PASSED"),
        (alone("notapplicable", "satisfied"), "PASSED"),
        (alone("waived", "satisfied", "CLK-01"), "WARNED"),
        (alone("fail", "satisfied", "HTTPS-06"), "WARNED"),
        (alone("fail", "not-satisfied"), "FAILED"),
        (alone("notchecked", "undetermined"), "FAILED"),
    ],
)
def test_the_result_of_a_statement(records: list[Json], result: str) -> None:
    journal = saved(records)
    statement = json.loads(render("in-toto", journal))
    assert statement["predicate"]["result"] == result
    assert statement["subject"] == [{"name": "journal.jsonl", "digest": {"sha256": journal.sha256}}]


def test_what_is_waived_says_who_accepts_it() -> None:
    journal = saved(mixed())
    root = ElementTree.fromstring(render("xccdf", journal))
    waived, complete = root.findall(f"{XCCDF}TestResult")
    assert len(complete.findall(f"{XCCDF}rule-result")) == len(OUTCOMES)
    assert complete.find(f".//{XCCDF}override") is None
    (result,) = waived.findall(f"{XCCDF}rule-result")
    override = result.find(f"{XCCDF}override")
    assert override is not None
    assert override.get("authority") == "Ann"
    assert [each.text for each in override] == ["fail", "fail", "because it is waived"]
    chosen = {each.get("idref") for each in root.iter(f"{XCCDF}select") if each.get("selected") == "true"}
    assert chosen == {result.get("idref")}

    risks = json.loads(render("oscal", journal))["assessment-results"]["results"][0]["risks"]
    assert [(risk["status"], risk.get("deadline")) for risk in risks] == [
        ("open", None),
        ("open", None),
        ("deviation-approved", "2027-02-01T00:00:00.000Z"),
    ]
    expiry = f'netcompliance_waiver_expires_timestamp_seconds{{tenant="acme",requirement="CLK-01",level="should",target="{TARGET}",vantage="local"}} 1801440000\n'  # noqa: E501
    assert expiry in render("prometheus", journal).decode()


def test_the_score_counts_what_was_evaluated() -> None:
    score = ElementTree.fromstring(render("xccdf", saved(mixed()))).findall(f".//{XCCDF}score")[-1]
    assert (score.text, score.get("maximum"), score.get("system")) == ("1", "6", "urn:xccdf:scoring:flat")


def test_every_count_is_there_also_those_that_are_zero() -> None:
    text = render("prometheus", saved(alone("pass", "satisfied"))).decode()
    for outcome in OUTCOMES.values():
        assert f'netcompliance_cases{{tenant="acme",verdict="{outcome}"}} {int(outcome == "pass")}\n' in text


def test_a_failure_says_what_to_do() -> None:
    journal = saved(mixed())
    for name in ("junit", "xccdf", "oscal", "csv", "markdown"):
        assert b"allow outbound tcp/443 to 203.0.113.7" in render(name, journal), name


def test_what_names_a_case_is_the_same_in_the_next_run() -> None:
    """Names and labels stay; in OSCAL so do components and inventory items, while the observations are new ones."""
    again = [{**HEADER, "run": "beef", "started": "2026-11-26T18:00:00Z"}, *mixed()[1:-1]]
    again.append({**FOOTER, "finished": "2026-11-26T18:00:09Z"})
    for name, tool in TOOLS.items():
        assert tool(render(name, saved(mixed()))) == tool(render(name, saved(again))), name
    first, second = (
        json.loads(render("oscal", saved(records)))["assessment-results"]["results"][0] for records in (mixed(), again)
    )
    assert first["local-definitions"] == second["local-definitions"]
    uuids = [{each["uuid"] for each in result["observations"]} for result in (first, second)]
    assert not uuids[0] & uuids[1]


def test_many_hosts_with_the_same_trouble_are_one_paragraph_of_a_ticket() -> None:
    nodes = [f"ssh://node-{number}" for number in range(1, 48)]
    cases = [case("HTTPS-01", vantage=node) for node in nodes]
    found = [verdict("HTTPS-01", "fail", vantage=node, fix=f"allow outbound tcp/443 from {node}") for node in nodes]
    ticket = render("markdown", saved([HEADER, *cases, *map(place, nodes), *found, FOOTER])).decode()
    assert ticket.count("## `HTTPS-01` FAIL") == 1
    assert ticket.count("required ") == 1
    assert "from ssh://node-1 … node-47" in ticket
    assert all(f"from {node}\n" in ticket for node in nodes)


def hosts_dropped(*vantages: str) -> list[dict[str, Any]]:
    """Seven hosts of a CDN are dropped, from everywhere."""
    records: list[dict[str, Any]] = []
    for vantage in vantages:
        for number in range(1, 8):
            host, address = f"cdn0{number}.example", f"198.51.100.{number}"
            found = {"code": "tcp.filtered", "subject": address, "detail": "", "values": {"source": vantage}}
            fix = f"allow outbound tcp/443 from {vantage} to {address}"
            records += [
                case("REG-05", host, vantage),
                verdict("REG-05", "fail", host, vantage, findings=[found], fix=fix, saw=f"no answer from {address}"),
            ]
    return [HEADER, *map(place, vantages), *records, FOOTER]


def test_one_cause_at_seven_hosts_is_one_paragraph_of_a_ticket_with_all_names() -> None:
    ticket = render("markdown", saved(hosts_dropped("local"))).decode()
    assert ticket.count("## `REG-05`") == 1
    told = " ".join(ticket.split())
    assert "REG-05 cdn01.example and 6 more from local" in told
    assert all(f"cdn0{number}.example" in told for number in range(1, 8))
    addresses = ", ".join(f"198.51.100.{number}" for number in range(1, 8))
    assert f"fix allow outbound tcp/443 from local to {addresses}" in told


def test_the_same_from_two_hosts_has_what_to_do_for_each() -> None:
    ticket = render("markdown", saved(hosts_dropped("ssh://a", "ssh://b"))).decode()
    assert ticket.count("## `REG-05`") == 1
    assert [ticket.count(f"tcp/443 from {vantage} to 198.51.100.1,") for vantage in ("ssh://a", "ssh://b")] == [1, 1]


def test_prometheus_counts_what_is_to_be_done() -> None:
    text = render("prometheus", saved(hosts_dropped("local"))).decode()
    assert 'netcompliance_actions{tenant="acme",requirement="REG-05"} 1\n' in text


FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "=cmd|' /C calc'!A0",
    "＝1",
    '=HYPERLINK("http://x")',
)


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_is_a_formula(formula: str) -> None:
    content = render("csv", saved([HEADER, case("DNS-01"), verdict("DNS-01", "pass", saw=formula), FOOTER]))
    (row,) = csv.DictReader(io.StringIO(content.decode(), newline=""))
    assert row["saw"] == f"'{formula.strip()}"


HOSTILE = (
    "</testcase></message>",
    "]]><!--",
    "<script>alert(1)</script>",
    "&lt;&#0;&amp;",
    '"} 1\n# TYPE x counter\nx{y="\\',
    "\\",
    "`` ` ```",
    "x` <img src=x onerror=alert(1)> `x",
    "x `` <b> ` </b> `` x",
    "```\n# heading\n",
    "a | b \\| c",
    "\\`|`\\",
    "@everyone #1 www.example.com https://example.com/ a@example.com",
    "![x](http://example.com/x.png) [x](javascript:1) <http://example.com>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE",
    '","=1+1',
    "\x00\x1b[2J\x9b\u202e\ud800\uffff",
    "é 漢 🙂",
    "{{7*7}} ${7*7} %s {0}",
    "x" * 3000,
)
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40), st.text("`|\\<>&\"'\n@=-*_[]() ax", max_size=20))


def attacked(texts: list[str]) -> list[Json]:
    """Every text of a journal that a network or an editor could have put there."""
    one, two, three, four = texts
    target, vantage = f"{TARGET}/{one}", f"ssh://{two}"
    names = {"target": target, "vantage": vantage}
    found = [{"code": f"c{three}", "subject": four, "detail": one}]
    said = dict(
        zip(("saw", "means", "fix", "ask", "reason", "reproduce"), (one, two, three, four, one, two), strict=True)
    )
    waiver = {**WAIVER, "owner": f"Ann {one}", "reason": f"so {two}"}
    header = {**HEADER, "tenant": f"t{three}", "endpoint": f"https://{four}x/", "settings": {"waivers": [waiver]}}
    return [
        header,
        *(case(name, says=f"says {one}", source=two, **names) for name in OUTCOMES),
        place(vantage, hostname=three, source_address=four, platform=one),
        *(
            verdict(name, outcome, findings=found, **said, **names)
            for name, outcome in OUTCOMES.items()
            if outcome not in ("error", "unknown")
        ),
        FOOTER,
    ]


def holds(name: str, texts: list[str]) -> None:
    """The tool reads as many cases as were planned, with the words that they have."""
    told = TOOLS[name](render(name, saved(attacked(texts))))
    expected = {requirement: word(name, requirement) for requirement in OUTCOMES} | {"REG-01": word(name, "OUT-01")}
    assert {case.partition(" ")[0]: seen for case, seen in told.items()} == expected
    assert len(told) == len(OUTCOMES)


@FORMAT
@settings(max_examples=30, deadline=None)
@given(texts=st.lists(hostile, min_size=4, max_size=4))
def test_hostile_text_stays_text(name: str, texts: list[str]) -> None:
    holds(name, texts)


@FORMAT
@pytest.mark.parametrize("text", HOSTILE)
def test_each_known_trick_stays_text(name: str, text: str) -> None:
    holds(name, [text] * 4)
