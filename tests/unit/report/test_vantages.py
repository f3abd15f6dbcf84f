"""Many vantages stay readable: what is alike is told once, and nobody is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netcompliance import catalogue
from netcompliance.findings import Code
from netcompliance.journal.redact import Redactor
from netcompliance.model import Case, Finding, Result, Settings, Verdict
from netcompliance.report import summary, terminal
from netcompliance.results import Entry

SETTINGS = Settings(tenant="acme")
CATALOGUE = catalogue.load()
NODES = tuple(f"ssh://node-{number}" for number in range(1, 48))


@pytest.mark.parametrize(
    ("vantages", "expected"),
    [
        ((), ""),
        (("local",), "local"),
        (("ssh://node-1", "ssh://node-2"), "ssh://node-1, ssh://node-2"),
        (NODES, "ssh://node-1 … node-47"),
        ((*NODES[:3], *NODES[5:9], "ssh://db"), "ssh://db, ssh://node-1 … node-3, ssh://node-6 … node-9"),
        (("ssh://a9", "ssh://a10", "ssh://a11"), "ssh://a9 … a11"),
        (("ssh://a1", "ssh://b2", "ssh://c3"), "ssh://a1, ssh://b2, ssh://c3"),
        (("ssh://a1", "ssh://a3", "ssh://a5"), "ssh://a1, ssh://a3, ssh://a5"),
        (("ssh://10.0.0.1", "ssh://10.0.0.2", "ssh://10.0.0.3"), "ssh://10.0.0.1 … 10.0.0.3"),
        (("ssh://a01", "ssh://a02", "ssh://a03"), "ssh://a01 … a03"),
    ],
)
def test_names_that_run_on_are_a_range(vantages: tuple[str, ...], expected: str) -> None:
    assert summary.folded(reversed(vantages)) == expected


def test_more_names_than_fit_are_counted() -> None:
    assert summary.folded([f"ssh://{letter}" for letter in "abcdef"], most=4) == (
        "ssh://a, ssh://b, ssh://c, ssh://d and 2 more"
    )


def entries(verdict: Callable[[Case], Verdict | None], *vantages: str) -> list[Entry]:
    """What becomes of every case of these vantages."""
    return [
        Entry(
            case=case,
            requirement=CATALOGUE[case.requirement],
            verdict=(given := verdict(case)),
            trouble=None if given else "the host refused the login; check the key",
        )
        for case in catalogue.expand(CATALOGUE, SETTINGS, vantages)
    ]


def passes(case: Case) -> Verdict:
    return Verdict(case=case, result=Result.PASS, saw=f"fine from {case.vantage}")


def fails(case: Case) -> Verdict:
    number = case.vantage.rpartition("-")[2]
    values = {"host": case.host, "vantage": case.vantage, "source": f"{case.vantage} (10.0.0.{number})"}
    found = Finding(code=Code.TCP_FILTERED, subject="34.0.0.1", detail="no answer", values=values)
    return Verdict(case=case, result=Result.FAIL, findings=(found,), saw=f"no answer at {case.vantage}")


def broken(*requirements: str, at: tuple[str, ...] = NODES) -> Callable[[Case], Verdict]:
    return lambda case: (fails if case.requirement in requirements and case.vantage in at else passes)(case)


def told(given: list[Entry], width: int = 80) -> list[str]:
    lines = terminal.lines(SETTINGS, given, {"report": Path("report.html")}, Redactor(), width)
    return ["".join(text for text, _ in line) for line in lines]


def test_one_cause_on_many_hosts_is_one_paragraph_with_all_of_them() -> None:
    text = "\n".join(told(entries(broken("HTTPS-01"), *NODES)))
    assert text.count("required   TCP port 443 opens") == 1
    assert "also       from ssh://node-2 … node-47 (10.0.0.2 … 10.0.0.47)" in text
    assert "fix        allow outbound tcp/443 from ssh://node-1 (10.0.0.1)" in text


def test_a_remedy_that_differs_is_told_for_those_whom_it_concerns() -> None:
    def verdict(case: Case) -> Verdict:
        given = broken("HTTPS-01")(case)
        if given.findings and case.vantage == "ssh://node-7":
            (found,) = given.findings
            other = Finding(code=found.code, subject="34.0.0.2", detail=found.detail, values=found.values)
            return Verdict(case=case, result=Result.FAIL, findings=(other,), saw=given.saw)
        return given

    text = " ".join(" ".join(told(entries(verdict, *NODES))).split())
    assert "from ssh://node-7: allow outbound tcp/443 from ssh://node-7 (10.0.0.7) to 34.0.0.2" in text
    assert "from ssh://node-2 … node-6, ssh://node-8 … node-47 (10.0.0.2 … 10.0.0.6, 10.0.0.8 … 10.0.0.47)" in text


def test_addresses_are_named_where_the_fix_is_for_one_address_only() -> None:
    without = entries(lambda case: _elsewhere(broken("HTTPS-01")(case)), *NODES[:3])
    assert "also       from ssh://node-2, ssh://node-3\n" in "\n".join(told(without))


def _elsewhere(verdict: Verdict) -> Verdict:
    """The same by a finding whose remedy is the service's business, not of the host's address."""
    found = tuple(replace(each, code=Code.HTTP_SERVER_ERROR) for each in verdict.findings)
    return replace(verdict, findings=found)


def test_hosts_that_are_alike_are_one_column_and_all_are_named_below() -> None:
    text = told(entries(broken("HTTPS-01", at=NODES[40:]), "local", *NODES))
    (head,) = [line for line in text if "A (" in line and "B (" in line]
    assert head.split() == ["A", "(7)", "B", "(40)", "C", "(1)"]
    assert {"A (7)    ssh://node-41 … node-47", "B (40)   ssh://node-1 … node-40", "C (1)    local"} <= set(text)
    (row,) = [line for line in text if line.startswith("HTTPS-01  must")]
    assert row.split()[-3:] == ["FAIL", "pass", "pass"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 50, 200])
def test_it_fits_the_width_however_many_there_are(count: int) -> None:
    nodes = tuple(f"ssh://a-node-with-a-long-name-{number}" for number in range(count))
    lines = told(entries(lambda case: fails(case) if hash(case.target) % 3 else passes(case), *nodes))
    table = lines[: len(CATALOGUE.requirements) + 1]
    if count > 3:
        assert max(map(len, table)) <= 80


def test_two_hundred_hosts_with_one_cause_are_less_than_150_lines() -> None:
    nodes = tuple(f"ssh://node-{number}" for number in range(200))
    assert len(told(entries(broken("HTTPS-01", "RCV-02", at=nodes), *nodes))) < 150


def test_hosts_that_could_not_be_visited_are_named_once_with_the_reason() -> None:
    gone = NODES[:5]
    text = " ".join(" ".join(told(entries(lambda c: None if c.vantage in gone else passes(c), *NODES))).split())
    reason = "the host refused the login; check the key: all cases from ssh://node-1 … node-5"
    assert text.count(reason) == 1


def test_which_cases_are_concerned_is_told_without_another_look_at_the_run() -> None:
    """Reasons may be as many as cases, and a run has many cases."""
    looks = 0

    class Counted(list[Entry]):
        def __iter__(self) -> Iterator[Entry]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    every = Counted(entries(lambda _: None, *NODES))
    places = summary.Places(every)
    mine = [entry for entry in list(every) if entry.case.vantage == NODES[0]]
    before = looks
    assert places.of(mine[:1]) == f"{mine[0].requirement.id} from {NODES[0]}"
    assert places.of(mine) == f"all cases from {NODES[0]}"
    assert places.of(every.copy()) == "all cases"
    assert looks == before
