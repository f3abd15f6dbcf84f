"""Certificates: whose they are, who does not take them, why, and who can repair it."""

from __future__ import annotations

from typing import Any

import pytest

from netcompliance import explain
from netcompliance.findings import Team
from netcompliance.judge.certificates import BY_NUMBER, REMEDIES
from netcompliance.judge.evidence import Evidence
from netcompliance.judge.tls import tls_trouble
from netcompliance.model import Result
from tests.unit.judge.records import ADDRESSES, CDN, CHARTS, EVERY, HOST, Record, certificate, chain, error, sha, tls
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.test_registry import OWN, OWN_SETTINGS
from tests.unit.judge.test_registry import untrusted as untrusted_at
from tests.unit.judge.world import altered, exchange, healthy, untrusted, verdict_of

ITS_CHAIN = {"kind": "chain", "host": HOST}
FOREIGN: dict[str, Any] = {"anchor": None, "anchor_name": None, "public_issuer": False}
CORP = certificate(issuer="CN=Corp CA,O=Corp", aia=[])
OWN_HOST = "registry.corp.example"


def judged(rule: str = "", *, takes: bool | None = False, why: str = "a fault", **fields: Any) -> list[Record]:
    """What a Go client makes of the chain that the records' handshakes show."""
    known = {} if takes is None else {"takes": takes}
    return [{"sent": sha(b"leaf"), "anchor": "public", "rule": rule, "why": why, **known, **fields}]


def go_says(*args: Any, records: list[Record] | None = None, **fields: Any) -> list[Record]:
    """The tenant's chain, and what Go says of it; every handshake verifies unless `records` say else."""
    return altered(records or healthy(), ITS_CHAIN, judged=judged(*args, **fields))


def not_verified(*args: Any, chain_fields: dict[str, Any] | None = None, code: int = 20, **fields: Any) -> list[Record]:
    """No handshake verifies with OpenSSL."""
    records = untrusted(error=error("VERIFY", "tls", code=code))
    return altered(go_says(*args, records=records, **fields), ITS_CHAIN, **(chain_fields or {}))


REFUSED = "tls.certificate-refused"
ONLY_GO = {
    f"OpenSSL takes it, Go does not: {rule}": row(go_says(rule), {"HTTPS-02": REFUSED}) for rule in sorted(REMEDIES)
} | {
    "a wildcard that only OpenSSL matches": row(go_says("wrong-name"), {"HTTPS-02": "tls.wrong-name"}),
    "a root that only OpenSSL reads": row(go_says("unknown-authority"), {"HTTPS-02": "tls.untrusted"}),
    "at the last second": row(go_says("expired")),
    "in the first second": row(go_says("not-yet-valid")),
    "Go takes it": row(go_says(takes=True)),
    "the chart repository's, which Helm does not take": row(
        altered(healthy(), {"kind": "chain", "host": CHARTS}, judged=judged("no-alt-name")), {"HELM-01": REFUSED}
    ),
    "a CDN host's that no layer comes from": row(
        altered(healthy(), {"kind": "chain", "host": CDN[5]}, judged=judged("usage")), {"REG-05": REFUSED}
    ),
    "a CDN host's that layers come from": row(
        altered(healthy(), {"kind": "chain", "host": CDN[1]}, judged=judged("usage")),
        {"REG-05": REFUSED, "REG-04": REFUSED},
    ),
    "nobody knows the store": row(go_says(takes=None)),
    "another chain was judged": row(altered(healthy(), ITS_CHAIN, judged=[{**judged("usage")[0], "sent": sha(b"x")}])),
}

NEITHER = {
    f"neither takes it: {rule}": row(not_verified(rule), {"HTTPS-02": REFUSED})
    for rule in sorted(REMEDIES.keys() - {"no-alt-name"})
} | {
    "the name in the common name only": row(
        not_verified("no-alt-name", chain_fields={"covers": False, "certificates": [certificate(names=[])]}, code=62),
        {"HTTPS-02": REFUSED},
    ),
    "a wildcard in the common name only": row(
        not_verified(
            "no-alt-name",
            chain_fields={"covers": False, "certificates": [certificate(subject=f"CN=*.{HOST.split('.', 1)[1]}")]},
        ),
        {"HTTPS-02": REFUSED},
    ),
    "another name in the common name": row(
        not_verified("no-alt-name", chain_fields={"covers": False, "certificates": [certificate(subject="CN=x,O=y")]}),
        {"HTTPS-02": "tls.wrong-name"},
    ),
    "faulty, and somebody else's": row(
        not_verified("usage", chain_fields={"certificates": [CORP], **FOREIGN}), {"HTTPS-02": "tls.intercepted"}
    ),
    "faulty, and declared": row(
        not_verified("usage", chain_fields={"certificates": [CORP], **FOREIGN, "anchor": "declared"}),
        {"HTTPS-02": REFUSED},
    ),
}


def over(*, on_path: bool) -> list[Record]:
    """OpenSSL finds an expired certificate in a chain of two: the second one has expired."""
    second = certificate(subject="CN=X1", not_after="2026-09-10T00:00:00Z", on_path=on_path)
    return not_verified("expired", code=10, chain_fields={"certificates": [certificate(), second]})


AUTHORITIES = {
    "the host lacks the public root": row(not_verified("unknown-authority"), {"HTTPS-02": "tls.roots-outdated"}),
    "the host has only an expired root": row(not_verified("expired", code=10), {"HTTPS-02": "tls.roots-outdated"}),
    "a cross-signed certificate that nobody needs is over": row(
        over(on_path=False), {"HTTPS-02": "tls.roots-outdated"}
    ),
    "one that is needed is over": row(over(on_path=True), {"HTTPS-02": "tls.expired"}),
    "an intermediate is not sent here, but elsewhere": row(
        not_verified("unknown-authority", anchor=None), {"HTTPS-02": "tls.chain-incomplete"}
    ),
    "an intermediate of a declared authority is not sent": row(
        not_verified(
            "unknown-authority",
            anchor=None,
            chain_fields={"certificates": [certificate(aia=["http://corp/ca.crt"])], **FOREIGN, "anchor": "declared"},
        ),
        {"HTTPS-02": "tls.chain-incomplete"},
    ),
    "an intermediate of a declared authority is not sent here, but elsewhere": row(
        not_verified(
            "unknown-authority",
            anchor=None,
            chain_fields={"certificates": [CORP], **FOREIGN, "anchor": "declared"},
        ),
        {"HTTPS-02": "tls.chain-incomplete"},
    ),
    "a chain that ends at a root of its own lacks none": row(
        not_verified(
            "unknown-authority",
            anchor=None,
            chain_fields={
                "certificates": [CORP, certificate(subject="CN=Corp CA", self_signed=True)],
                **FOREIGN,
                "anchor": "declared",
            },
        ),
        {"HTTPS-02": "tls.untrusted"},
    ),
    "a declared certificate signed by itself": row(
        not_verified(
            "unknown-authority",
            anchor="declared",
            chain_fields={"certificates": [certificate(self_signed=True)], **FOREIGN, "anchor": "declared"},
        ),
        {"HTTPS-02": "tls.untrusted"},
    ),
    "a declared authority is not installed": row(
        not_verified(
            "unknown-authority",
            anchor="declared",
            chain_fields={"certificates": [CORP], **FOREIGN, "anchor": "declared"},
        ),
        {"HTTPS-02": "tls.untrusted"},
    ),
}


@each(ONLY_GO, NEITHER, AUTHORITIES)
def test_certificates(case: Row) -> None:
    case.check()


def test_what_go_alone_takes_passes_and_says_so() -> None:
    verdict = verdict_of("HTTPS-02", not_verified(takes=True))
    assert verdict.result is Result.PASS
    assert "works in the agent, fails with curl" in verdict.saw


@pytest.mark.parametrize(
    ("code", "minds", "result"),
    [(26, [26], Result.PASS), (10, [9, 10], Result.PASS), (10, [26], Result.FAIL), (62, [], Result.FAIL)],
)
def test_in_tls_1_3_another_server_may_have_shown_the_chain_that_go_takes(
    code: int, minds: list[int], result: Result
) -> None:
    """Behind a load balancer, one server with an expired certificate, and one without."""
    hidden = untrusted(chain=[], error=error("VERIFY", "tls", code=code))
    records = [
        *altered(hidden, ITS_CHAIN, judged=judged(takes=True, minds=minds)),
        *exchange([tls(a, "identify", verified=False) for a in EVERY]),
    ]
    verdict = verdict_of("HTTPS-02", records)
    assert verdict.result is result
    if result is Result.FAIL:
        assert "a second handshake there showed a certificate that is right" in verdict.saw
        code_of = {10: "tls.expired", 62: "tls.wrong-name"}
        assert {str(found.code) for found in verdict.findings} == {code_of[code]}


def test_a_handshake_that_fails_for_another_reason_is_not_about_the_certificate() -> None:
    records = untrusted(received="FgMD", error={**error("SSL", "tls"), "reason": "WRONG_SIGNATURE_TYPE"})
    good = altered(records, ITS_CHAIN, judged=judged(takes=True))
    assert verdict_of("HTTPS-02", good).result is Result.NOTCHECKED


def test_a_chain_of_another_handshake_excuses_none() -> None:
    """One address sends the whole chain, another the leaf alone; what Go takes is told of the first."""
    first = {"kind": "tls", "address": ADDRESSES[0], "purpose": "verify"}
    broken = altered(
        healthy(), first, verified=False, chain=["bGVhZg==", "eA=="], error=error("VERIFY", "tls", code=20)
    )
    records = altered(broken, ITS_CHAIN, judged=judged(takes=True))
    assert verdict_of("HTTPS-02", records).result is Result.FAIL


@pytest.mark.parametrize("rule", sorted(REMEDIES))
def test_each_rule_has_its_own_remedy_and_says_where_it_works(rule: str) -> None:
    verdict = verdict_of("HTTPS-02", go_says(rule, why="this and that", subject="CN=odd"))
    assert "works with curl, fails in the agent" in verdict.saw
    assert "this and that" in verdict.saw
    fix = explain.fix(verdict)
    assert fix not in (explain.fix(verdict_of("HTTPS-02", go_says(other))) for other in REMEDIES if other != rule)
    assert "{" not in fix


def by_number(code: int) -> str:
    """The code that an error number of OpenSSL's leads to, where no certificate could be read."""
    records = untrusted(chain=[], error=error("VERIFY", "tls", code=code))
    return str(verdict_of("HTTPS-02", records).findings[0].code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (2, "tls.untrusted"), (7, REFUSED), (9, "tls.not-yet-valid"), (10, "tls.expired"), (18, "tls.self-signed"),
        (19, "tls.untrusted"), (20, "tls.untrusted"), (21, "tls.untrusted"), (22, REFUSED), (24, REFUSED),
        (25, REFUSED), (26, REFUSED), (27, "tls.untrusted"), (30, REFUSED), (32, REFUSED), (34, REFUSED), (47, REFUSED),
        (48, REFUSED), (62, "tls.wrong-name"), (64, "tls.wrong-name"), (66, REFUSED), (67, REFUSED), (68, REFUSED),
        (79, REFUSED),
    ],
)  # fmt: skip
def test_openssls_numbers_decide_where_nothing_else_is_known(code: int, expected: str) -> None:
    assert by_number(code) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"text": "[SSL] ASN1 lib (_ssl.c:1006)"}, REFUSED),
        ({"reason": "CERT_LENGTH_MISMATCH"}, REFUSED),
        ({"text": "error:0A0000B7:SSL routines::bad asn1 encoding"}, REFUSED),
        ({"text": "error:0A000102:SSL routines::unsupported protocol"}, "tls.version"),
    ],
)
def test_a_certificate_that_openssl_cannot_read_is_not_called_an_old_version(
    said: dict[str, str], expected: str
) -> None:
    records = untrusted(chain=[], received="FgMD", error={**error("SSL", "tls"), **said})
    assert str(verdict_of("HTTPS-02", records).findings[0].code) == expected


def test_every_rule_of_a_number_has_a_remedy_or_a_code() -> None:
    named = {"not-yet-valid", "expired", "self-signed", "wrong-name"}
    assert set(BY_NUMBER.values()) <= REMEDIES.keys() | named


def own(*certificates: Record, **fields: Any) -> list[Record]:
    """One's own registry shows these, and they do not verify."""
    records = [r for r in untrusted_at(OWN, OWN_HOST) if not (r["kind"] == "chain" and r["host"] == OWN_HOST)]
    return [*records, *exchange([chain(b"leaf", OWN_HOST, certificates=list(certificates), **{**FOREIGN, **fields})])]


SELF = certificate(subject=f"CN={OWN_HOST}", issuer=f"CN={OWN_HOST}", self_signed=True, names=[OWN_HOST], aia=[])
HOUSE = {
    "self-signed": row(own(SELF), {"REG-01": "tls.own-self-signed"}, settings=OWN_SETTINGS),
    "self-signed for another name": row(own(SELF, covers=False), {"REG-01": "tls.self-signed"}, settings=OWN_SETTINGS),
    "an intermediate is missing": row(
        own(certificate(names=[OWN_HOST], aia=["http://corp/ca.crt"])),
        {"REG-01": "tls.chain-incomplete"},
        settings=OWN_SETTINGS,
    ),
    "the authority is missing": row(own(CORP), {"REG-01": "tls.untrusted"}, settings=OWN_SETTINGS),
    "weak": row(own(CORP, judged=judged("weak-signature")), {"REG-01": REFUSED}, settings=OWN_SETTINGS),
}


@each(HOUSE)
def test_ones_own_registry(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("requirement", "records", "settings", "team"),
    [
        ("HTTPS-02", not_verified("unknown-authority"), None, Team.HOST),
        ("HTTPS-02", not_verified("unknown-authority", anchor=None), None, Team.VENDOR),
        ("HTTPS-02", go_says("negative-serial"), None, Team.VENDOR),
        (
            "HTTPS-02",
            not_verified("usage", chain_fields={"certificates": [CORP], **FOREIGN, "anchor": "declared"}),
            None,
            Team.PROXY,
        ),
        ("REG-01", own(SELF), OWN_SETTINGS, Team.REGISTRY),
        ("REG-01", own(CORP, judged=judged("usage")), OWN_SETTINGS, Team.REGISTRY),
        ("REG-01", own({**CORP, "not_after": "2026-09-10T00:00:00Z"}), OWN_SETTINGS, Team.REGISTRY),
        ("REG-01", own(certificate(aia=["http://x/y"])), OWN_SETTINGS, Team.REGISTRY),
    ],
)
def test_who_is_asked(requirement: str, records: list[Record], settings: Any, team: Team) -> None:
    given = verdict_of(requirement, records, *([settings] if settings else []))
    assert explain.ask(given) == str(team)


def test_another_key_under_the_same_name_is_said() -> None:
    why = "an authority of the same name has another key"
    records = own(CORP, judged=judged("another-key", anchor=None, why=why))
    verdict = verdict_of("REG-01", records, OWN_SETTINGS)
    assert [str(f.code) for f in verdict.findings] == ["tls.untrusted"]
    assert f"{why} in the trust store of this host" in verdict.saw


def test_where_the_stores_differ_it_is_said_who_fails() -> None:
    host = {"kind": "host"}
    found = altered(go_says(takes=True, curl=False), host, system_trust="/c.pem /d")
    passing = verdict_of("HTTPS-02", found)
    assert passing.result is Result.PASS
    assert passing.saw.endswith("; works in the agent, fails with curl: the authority is not in /c.pem /d")
    refused = altered(not_verified("unknown-authority", curl=True), host, system_trust="/c.pem /d")
    said = "; works with curl, fails in the agent: the authority is in /c.pem /d, and Go programs do not read it there"
    assert verdict_of("HTTPS-02", refused).saw.endswith(said)
    private = own(CORP, judged=judged("unknown-authority", anchor=None, curl=True))
    assert "works with curl, fails in the agent" in verdict_of("REG-01", private, OWN_SETTINGS).saw
    assert "works" not in verdict_of("HTTPS-02", not_verified("unknown-authority")).saw


UNREADABLE = {"certificates": [], "covers": False, "anchor": None, "anchor_name": None, "unreadable": 1}


def test_a_leaf_that_cannot_be_read_is_never_the_tenants() -> None:
    """OpenSSL verified it, and so would Go: an interception that the host trusts may be behind it."""
    records = altered(healthy(), ITS_CHAIN, **UNREADABLE, judged=judged(takes=True, anchor=None))
    assert verdict_of("HTTPS-03", records).result is Result.NOTCHECKED
    assert verdict_of("HTTPS-02", records).result is Result.PASS
    refused = altered(healthy(), ITS_CHAIN, **UNREADABLE, judged=judged("malformed"))
    assert verdict_of("HTTPS-02", refused).result is Result.FAIL
    assert verdict_of("HTTPS-03", refused).result is not Result.PASS


def test_where_a_certificate_cannot_be_read_nobody_is_called_an_interception() -> None:
    records = altered(healthy(), ITS_CHAIN, certificates=[CORP], **FOREIGN, unreadable=1)
    assert verdict_of("HTTPS-03", records).result is Result.NOTCHECKED
    whole = altered(healthy(), ITS_CHAIN, certificates=[CORP], **FOREIGN, unreadable=0)
    assert verdict_of("HTTPS-03", whole).result is Result.FAIL


def test_the_chain_of_the_second_handshake_is_judged_too() -> None:
    """TLS 1.3 shows no chain to a client that refuses it; the one that identifies the peer gets it."""
    hidden = untrusted(chain=[], error=error("VERIFY", "tls", code=20))
    records = [
        *altered(hidden, ITS_CHAIN, judged=judged("usage")),
        *exchange([tls(a, "identify", verified=False) for a in ADDRESSES]),
    ]
    codes = {f.subject: str(f.code) for f in verdict_of("HTTPS-02", records).findings}
    assert {codes[a] for a in ADDRESSES} == {REFUSED}


ANEW = "again with the extended key usage serverAuth, or without any"
PUBLIC_ROOT = "issued by CN=Public Root,O=Public Trust"


@pytest.mark.parametrize(
    ("records", "values", "detail"),
    [
        (
            go_says("usage", subject="odd"),
            {
                "effect": "works with curl, fails in the agent",
                "fault": "a fault",
                "remedy": f"issue the certificate odd {ANEW}",
            },
            f"works with curl, fails in the agent: the certificate odd: a fault; {PUBLIC_ROOT}",
        ),
        (
            not_verified("usage", subject=""),
            {
                "effect": "the agent cannot connect",
                "remedy": f"issue the certificate CN={HOST} {ANEW}",
            },
            f"the agent cannot connect: the certificate CN={HOST}: a fault; {PUBLIC_ROOT}",
        ),
        (
            not_verified("unknown-authority", anchor=None),
            {"issuer": "CN=Public Issuing CA,O=Public Trust"},
            "[VERIFY]; it does not send the certificate of CN=Public Issuing CA,O=Public Trust",
        ),
        (
            not_verified("unknown-authority"),
            {"issuer": "CN=Public Root,O=Public Trust"},
            "[VERIFY]; the chain leads to CN=Public Root,O=Public Trust, a public authority",
        ),
        (
            go_says("unknown-authority", why="nobody knows it"),
            {"issuer": "CN=Public Root,O=Public Trust"},
            "works with curl, fails in the agent: nobody knows it; issued by CN=Public Root,O=Public Trust",
        ),
    ],
)
def test_what_is_told(records: list[Record], values: dict[str, str], detail: str) -> None:
    verdict = verdict_of("HTTPS-02", records)
    assert {name: verdict.findings[0].values.get(name) for name in values} == values
    assert verdict.saw.endswith(f": {detail}")


def test_what_is_told_of_ones_own_registry() -> None:
    alone = verdict_of("REG-01", own(SELF), OWN_SETTINGS)
    assert alone.saw.endswith(f" shows a certificate of CN={OWN_HOST} that is signed by itself")
    unknown = verdict_of("REG-01", own(CORP), OWN_SETTINGS)
    assert unknown.findings[0].values["issuer"] == "CN=Corp CA,O=Corp"
    assert unknown.saw.endswith("; issued by CN=Corp CA,O=Corp")


def test_the_name_of_a_host_is_one_of_several_in_its_subject() -> None:
    named = certificate(subject=f"O=Acme,CN={HOST.upper()},C=DE", names=[])
    records = not_verified("no-alt-name", chain_fields={"covers": False, "certificates": [named]})
    assert str(verdict_of("HTTPS-02", records).findings[0].code) == REFUSED


def test_an_older_journal_says_what_it_said() -> None:
    found = tls_trouble(Evidence(untrusted(), 1), "tenant", HOST, ADDRESSES[0])
    assert found is not None
    assert str(found.code) == "tls.untrusted"
    assert found.values["issuer"] == "CN=Public Root,O=Public Trust"


def test_a_certificate_that_is_refused_is_shown_in_words() -> None:
    """OpenSSL's own verdict would not show what Go does not take."""
    command = verdict_of("HTTPS-02", go_says("negative-serial")).reproduce
    assert command.startswith(f"openssl s_client -connect {ADDRESSES[0]}:443 -servername {HOST} -showcerts </dev/null ")
    assert command.endswith("| openssl pkcs7 -print_certs -text -noout")
    of_registry = verdict_of("REG-01", own(CORP, judged=judged("usage")), OWN_SETTINGS).reproduce
    assert "-print_certs" in of_registry
    assert "-showcerts" not in verdict_of("HTTPS-02", not_verified("unknown-authority")).reproduce
