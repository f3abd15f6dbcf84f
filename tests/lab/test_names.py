"""What the lab's DNS says."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from lab.embedded.dns import respond
from lab.names import Names
from lab.servers import Record

RECORDS = (
    Record(name="acme.example", type="A", values=("1.2.3.4", "1.2.3.5")),
    Record(name="alias.example", type="CNAME", values=("acme.example",)),
    Record(name="lost.example", type="CNAME", values=("nowhere.invalid",)),
    Record(name="circle.example", type="CNAME", values=("circle.example",)),
    Record(name="*.wild.example", type="A", values=("9.9.9.9",)),
    Record(name="deep.below.example", type="A", values=("5.5.5.5",)),
)
NAMES = Names(RECORDS)


@pytest.mark.parametrize(
    ("name", "rdtype", "exists", "values"),
    [
        ("acme.example", "A", True, ("1.2.3.4", "1.2.3.5")),
        ("ACME.Example", "A", True, ("1.2.3.4", "1.2.3.5")),
        ("acme.example", "AAAA", True, None),
        ("alias.example", "A", True, ("1.2.3.4", "1.2.3.5")),
        ("alias.example", "CNAME", True, ("acme.example",)),
        ("x.wild.example", "A", True, ("9.9.9.9",)),
        ("x.y.wild.example", "A", True, ("9.9.9.9",)),
        ("below.example", "A", True, None),
        ("other.example", "A", False, None),
        ("x.acme.example", "A", False, None),
    ],
)
def test_look_up(name: str, rdtype: str, exists: bool, values: tuple[str, ...] | None) -> None:
    answer = NAMES.look_up(name, rdtype)
    assert answer.exists is exists
    assert (answer.records[-1].values if answer.records else None) == values


def test_an_alias_to_nowhere_has_no_data() -> None:
    assert not NAMES.look_up("lost.example", "A").positive


def test_an_alias_of_itself_comes_to_an_end() -> None:
    assert not NAMES.look_up("circle.example", "A").positive


def test_an_override_hides_the_truth() -> None:
    names = Names(RECORDS, (Record(name="acme.example", type="A", values=()),))
    assert names.look_up("acme.example", "A").exists
    assert not names.look_up("acme.example", "A").positive


def ask(name: str, rdtype: str = "A", **options: object) -> dns.message.Message:
    return respond(dns.message.make_query(name, rdtype), NAMES, **options)  # type: ignore[arg-type]


def test_a_positive_answer_is_a_recursive_servers() -> None:
    answer = ask("alias.example")
    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.flags & dns.flags.RA
    assert [dns.rdatatype.to_text(rrset.rdtype) for rrset in answer.answer] == ["CNAME", "A"]


@pytest.mark.parametrize(
    ("name", "rcode"), [("gone.example", dns.rcode.NXDOMAIN), ("below.example", dns.rcode.NOERROR)]
)
def test_a_negative_answer_carries_an_soa(name: str, rcode: dns.rcode.Rcode) -> None:
    answer = ask(name)
    assert answer.rcode() == rcode
    assert answer.answer == []
    assert answer.authority[0].rdtype == dns.rdatatype.SOA


def test_a_rewriting_resolver_invents_ipv4_addresses_only() -> None:
    invented = ask("gone.example", rewrites_to=("92.242.140.21",))
    assert invented.answer[0][0].address == "92.242.140.21"
    assert ask("gone.example", "AAAA", rewrites_to=("92.242.140.21",)).rcode() == dns.rcode.NXDOMAIN
