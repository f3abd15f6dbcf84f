"""What a shell saw is less than what Python sees: it must turn into no wrong failure and into no wrong pass."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance.judge.shell_gaps import BY_SHELL, PYTHON
from netcompliance.model import Result
from tests.unit.judge.records import ADDRESSES, EVERY, HOST, SERVERS, Record, error, resolve_nothing, tls
from tests.unit.judge.world import altered, exchange, healthy, unresolved, verdict_of, without

VERIFY = {"kind": "tls", "purpose": "verify", "task": "tenant"}
PROBE = {"kind": "probe"}
FIRST = ADDRESSES[0]
PRIVATE = "10.1.2.3"


def by_shell(records: list[Record]) -> list[Record]:
    """The same, seen by a shell: it watches no packets and has no small segments."""
    less = [r for r in records if r["kind"] not in ("probe", "syn") and "mss" not in str(r.get("purpose"))]
    return [*less, {"type": "observation", "vantage": "local", "kind": "probe", "finished": True, "with": "sh"}]


def unseen(what: str, reason: str, remedy: str) -> Record:
    fields = {"kind": "unseen", "what": what, "reason": reason, "remedy": remedy}
    return {"type": "observation", "vantage": "local", **fields}


def at(address: str, records: list[Record]) -> list[Record]:
    """The same, but the tenant's first address is another one."""

    def there(record: Record) -> Record:
        told = [address if each == FIRST else each for each in record.get("addresses", ())]
        moved = {"address": address} if record.get("address") == FIRST else {}
        return {**record, **({"addresses": told} if "addresses" in record else {}), **moved}

    return [there(record) for record in records if record["kind"] != "dns"]


SOMEBODY = {"vantage": "local", "type": "observation"}
CONTROL_OPEN = altered(healthy(), {"kind": "tcp", "task": "control"}, error=None, seconds=0.01)
INVENTED = {**SOMEBODY, **resolve_nothing("control", "nc-x.invalid."), "addresses": [FIRST], "error": None}
PUBLIC_ELSEWHERE = [record for record in healthy() if record["kind"] != "public-dns"]


def result(requirement: str, records: list[Record]) -> Result:
    return verdict_of(requirement, records).result


def test_where_everything_opens_only_a_handshake_proves_an_address() -> None:
    assert result("HTTPS-01", by_shell(CONTROL_OPEN)) is Result.PASS
    verdict = verdict_of("HTTPS-01", by_shell(without(CONTROL_OPEN, **VERIFY)))
    assert verdict.result is Result.NOTCHECKED
    assert "addresses that cannot exist open too" in verdict.reason


@pytest.mark.parametrize(
    ("records", "fails"),
    [
        (at(PRIVATE, healthy()), "dns.private-address"),
        (at("9.9.9.9", healthy()), "dns.disagrees"),
        ([*without(healthy(), kind="public-dns"), INVENTED], "dns.rewritten"),
    ],
    ids=["private", "elsewhere in public", "so is a name that does not exist"],
)
def test_an_odd_address_may_be_the_tenants_where_tls_was_not_tried(records: list[Record], fails: str) -> None:
    untried = without(records, **VERIFY)
    assert result("DNS-02", by_shell(untried)) is Result.NOTCHECKED
    unproved = altered(untried, {"kind": "tcp", "task": "tenant"}, error=error("TIMEOUT"))
    refused = verdict_of("DNS-02", by_shell(unproved))
    assert [found.code for found in refused.findings] == ([fails] if fails != "dns.disagrees" else [])
    assert result("DNS-02", by_shell(records)) is Result.PASS or fails == "dns.disagrees"


def test_a_certificate_that_verified_unseen_proves_no_odd_address() -> None:
    without_chain = [
        {**record, "chain": []} if record["kind"] == "tls" else record
        for record in at(PRIVATE, healthy())
        if record["kind"] != "chain"
    ]
    assert result("DNS-02", by_shell(without_chain)) is Result.NOTCHECKED


def test_a_shell_may_find_that_a_large_hello_is_dropped_and_no_more() -> None:
    def padded(**fields: Any) -> list[Record]:
        kept = without(healthy(), kind="tls", purpose="agent-hello")
        return by_shell([*kept, *exchange([tls(address, "large-hello", **fields) for address in EVERY])])

    assert result("HTTPS-05", padded()) is Result.NOTCHECKED
    verdict = verdict_of("HTTPS-05", padded(error=error("TIMEOUT", "tls")))
    assert verdict.result is Result.NOTCHECKED
    assert "not tried in small segments" in verdict.reason
    assert [found.code for found in verdict_of("HTTPS-05", padded(error=error("ECONNRESET", "tls"))).findings] == [
        "tls.large-hello-dropped"
    ] * len(EVERY)


def test_who_watches_no_packets_does_not_say_that_none_came() -> None:
    table = {**SOMEBODY, "kind": "sockets", "samples": 2, "listening": [["0.0.0.0", 22]], "own": [], "error": None}
    seen = [*without(healthy(), kind="sockets"), table]
    assert result("OUT-02", by_shell(seen)) is Result.NOTCHECKED
    assert result("OUT-02", altered(seen, {"kind": "syn"}, own=False, error=error("EPERM", "run"))) is Result.PASS


@pytest.mark.parametrize(
    ("rcode", "code"),
    [
        ("NXDOMAIN", "dns.nxdomain"),
        ("SERVFAIL", "dns.servfail"),
        ("REFUSED", "dns.refused"),
        ("FORMERR", "dns.servfail"),
    ],
)
def test_the_words_of_a_tool_are_an_answer_too(rcode: str, code: str) -> None:
    words = [
        {**SOMEBODY, "kind": "dns", "server": server, "transport": "udp", "name": HOST, "rdtype": "A"}
        | {"response": None, "rcode": rcode, "addresses": [], "error": None}
        for server in SERVERS
    ]
    records = [*(r for r in unresolved() if r["kind"] != "dns"), *words]
    assert {found.code for found in verdict_of("DNS-01", by_shell(records)).findings} == {code}
    served = [
        {**each, "rcode": "NOERROR", "addresses": [FIRST, "no address"]} if each["server"] == SERVERS[0] else each
        for each in words
    ]
    found = verdict_of("DNS-03", by_shell([*without(healthy(), kind="dns"), *served])).findings
    assert [(each.code, each.subject) for each in found] == [(code, SERVERS[1])]


def test_no_address_without_a_reason_is_nobodys_fault() -> None:
    bare = {"kind": "resolve", "purpose": "bare"}
    mute = altered(unresolved(), bare, error={"phase": "resolve", "name": "GAI", "text": "nslookup: no address"})
    records = without(mute, kind="dns")
    assert result("DNS-01", by_shell(records)) is Result.NOTCHECKED
    assert result("DNS-01", by_shell(mute)) is Result.NOTCHECKED
    refusing = [
        {**record, "response": None, "rcode": "NXDOMAIN"} if record["kind"] == "dns" else record for record in mute
    ]
    assert result("DNS-01", by_shell(refusing)) is Result.FAIL


def test_what_a_shell_could_not_see_comes_with_what_to_install() -> None:
    left_out = (
        unseen("tls", "neither openssl nor curl is there", "install openssl and curl"),
        unseen("registry", "curl is not there", "install curl"),
    )
    records = by_shell([*without(healthy(), kind="tls"), *left_out])
    assert verdict_of("HTTPS-02", records).reason.endswith(
        f"; {BY_SHELL}, and neither openssl nor curl is there: install openssl and curl, or {PYTHON}"
    )
    nothing_said = by_shell(without(healthy(), kind="tls"))
    assert verdict_of("HTTPS-02", nothing_said).reason.endswith(f"; {BY_SHELL}: {PYTHON}")
    by_python = without(healthy(), kind="tls")
    assert BY_SHELL not in verdict_of("HTTPS-02", by_python).reason
