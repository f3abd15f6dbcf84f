"""One action for all that it concerns."""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.model import Case, Finding, Result, Verdict
from netcompliance.report.actions import actions


def dropped(target: str, *addresses: str, vantage: str = "local", source: str = "node (10.0.0.1)") -> Verdict:
    case = Case(requirement="REG-05", target=target, vantage=vantage, host=target)
    values = {"host": target, "source": source, "vantage": vantage}
    findings = tuple(Finding(code=Code.TCP_FILTERED, subject=a, detail="", values=values) for a in addresses)
    return Verdict(case=case, result=Result.FAIL, findings=findings)


def test_hosts_that_are_dropped_alike_are_one_action_with_all_addresses_in_order() -> None:
    (action,) = actions([dropped("cdn02", "192.0.2.10"), dropped("cdn01", "192.0.2.9"), dropped("cdn03", "192.0.2.10")])
    assert action.text == "allow outbound tcp/443 from node (10.0.0.1) to 192.0.2.9, 192.0.2.10"
    assert [verdict.case.target for verdict in action.verdicts] == ["cdn02", "cdn01", "cdn03"]


def test_another_vantage_is_the_same_action_only_with_the_same_names() -> None:
    here = [dropped("cdn01", "192.0.2.1"), dropped("cdn02", "192.0.2.2")]
    there = {"vantage": "ssh://b", "source": "b (10.0.0.2)"}
    same = [dropped("cdn01", "192.0.2.1", **there), dropped("cdn02", "192.0.2.2", **there)]
    assert [len(action.verdicts) for action in actions([*here, *same])] == [4]
    assert [len(action.verdicts) for action in actions([*here, *same[:1]])] == [2, 1]


def test_another_remedy_is_another_action() -> None:
    case = Case(requirement="REG-05", target="cdn02", vantage="local", host="cdn02")
    found = Finding(code=Code.TLS_STALLED, subject="192.0.2.2", detail="", values={"host": "cdn02"})
    other = Verdict(case=case, result=Result.FAIL, findings=(found,))
    assert len(actions([dropped("cdn01", "192.0.2.1"), other])) == 2
