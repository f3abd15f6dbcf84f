"""A journal made anew as a whole, all links and digests right, in which one place contradicts the rest."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcompliance import provenance, rejudge, verification
from netcompliance.contradictions import visits
from netcompliance.journal import hash_chain, reader
from tests.support import journals

Records = list[dict[str, Any]]
Change = Callable[[Records], object]


def bad(path: Path, name: str) -> list[str]:
    """What `verify` finds bad in this check."""
    checks = verification.verify(path, journals.CATALOGUE, provenance.tool())
    return [each.text for each in checks if each.name == name and each.outcome is verification.Outcome.BAD]


def rewritten(path: Path, change: Change, *, linked: bool = True) -> Path:
    """The journal, changed, and made anew."""
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    change(records)
    before, made_anew = hash_chain.START, b""
    for record in records:
        record.pop(hash_chain.MEMBER, None)
        if record["type"] == "footer":
            record["sha256"] = hashlib.sha256(made_anew).hexdigest()
        body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        before = hash_chain.link(before, body)
        made_anew += hash_chain.linked(body, before) if linked else body + b"\n"
    path.write_bytes(made_anew)
    return path


def first(records: Records, type_: str, /, **fields: Any) -> dict[str, Any]:
    """The first record of this type, with these fields."""
    return next(each for each in records if each["type"] == type_ and fields.items() <= each.items())


def seen(records: Records, /, *, told: bool = True, **fields: Any) -> None:
    """One more observation, made when the first was; `told`: its visit says so."""
    place = records.index(first(records, "observation"))
    record = {"type": "observation", "vantage": "local", **fields}
    for each in records:
        if told and each.get("kind") == "probe" and each["vantage"] == record["vantage"]:
            each["records"] += record["kind"] not in visits.OF_THE_CONTROLLER
    records.insert(place, record)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """What an honest run left."""
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    return path


@pytest.mark.parametrize("change", [len, lambda records: seen(records, kind="http", purpose=["agent"])])
def test_an_honest_journal_does_not_contradict_itself(journal: Path, change: Change):
    rewritten(journal, change)
    assert bad(journal, "consistent") == bad(journal, "chain") == []


def _of_the_first(records: Records, **fields: Any) -> None:
    records[0] |= {"catalogue": 1, "catalogue_sha256": "c" * 64}
    seen(records, **fields)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda records: records[0].update(catalogue=1), "version 1 of the catalogue, and its digest is"),
        (lambda records: records[0].update(catalogue=True), "the catalogue, and its digest is that of version"),
        (lambda records: records[0].pop("catalogue"), "header says version 1 of the catalogue, and its digest"),
        (lambda records: _of_the_first(records, kind="go-resolve"), "nothing of what was seen here: go-resolve"),
        (lambda records: _of_the_first(records, kind="http", purpose="agent"), "what was seen here: http agent"),
    ],
)
def test_a_version_of_the_catalogue_that_it_was_not_made_with_is_found(journal: Path, change: Change, told: str):
    (line,) = bad(rewritten(journal, change), "consistent")
    assert told in line


def _again(records: Records, *behind: str) -> None:
    """Everything of these types that is of the first host, a second time behind its visit."""
    ended = records.index(first(records, "vantage", id="local"))
    records[ended + 1 : ended + 1] = [each for each in records[: ended + 1] if each["type"] in behind]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda records: _again(records, "observation", "vantage"), "an observation of local, whose visit had ended"),
        (lambda records: _again(records, "observation"), "an observation of local, whose visit had ended"),
        (lambda records: _again(records, "vantage"), "a second record of the vantage local"),
    ],
    ids=["visit", "observations", "record"],
)
def test_a_second_visit_is_found(journal: Path, change: Change, told: str):
    """The last one would be judged, and it may be another run's."""
    assert told in bad(rewritten(journal, change), "chain")[0]
    with pytest.raises(reader.BadJournal, match=told):
        reader.read(journal)


def test_what_a_watch_sees_comes_behind_the_visits(journal: Path):
    def change(records: Records) -> None:
        ended = records.index(first(records, "vantage", id="local"))
        records.insert(ended + 1, {"type": "observation", "vantage": "local", "kind": "watch", "what": "begin"})

    assert bad(rewritten(journal, change), "chain") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda records: seen(records, kind="probe", vantage="ssh://x", records=0),
            "ssh://x was looked from, and nothing was",
        ),
        (
            lambda records: records.insert(-1, {"type": "vantage", "id": "ssh://x", "error": "gone"}),
            "ssh://x was looked from, and nothing was planned there",
        ),
        (
            lambda records: records.remove(first(records, "vantage", id="ssh://node-1")),
            "ssh://node-1 is planned, and has no record of its visit",
        ),
        (
            lambda records: seen(records, kind="public-dns", vantage="ssh://node-1"),
            "what only the workstation asks was seen from ssh://node-1",
        ),
    ],
)
def test_somebody_who_was_not_to_look_is_found(journal: Path, change: Change, told: str):
    (line,) = bad(rewritten(journal, change), "consistent")
    assert line.startswith(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tenant": "globex"}, "the header's tenant is globex, and acme by its settings"),
        (
            {"endpoint": "https://globex.example/receiver"},
            "the header's endpoint is https://globex.example/receiver, and",
        ),
        (
            {"settings": {"tenant": "acme", "domain": "corp.example"}},
            "and https://acme.corp.example/receiver/stsAgent by",
        ),
    ],
    ids=["tenant", "endpoint", "domain"],
)
def test_another_tenants_name_is_found_by_whoever_reads_it(journal: Path, change: dict[str, Any], told: str):
    rewritten(journal, lambda records: records[0].update(change))
    (line,) = bad(journal, "chain")
    assert line.startswith("line 1: the header's ")
    assert told in line
    with pytest.raises(reader.BadJournal, match=re.escape(told)):
        reader.read(journal)


def _day(records: Records, days: int) -> None:
    at = journals.STARTED.timestamp() + 86400 * days
    seen(records, kind="tcp", at=at)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda records: records[-1].update(finished="2026-11-25T11:59:59.000Z"),
            "the run ended at 2026-11-25 11:59:59",
        ),
        (lambda records: records[-1].update(finished="then"), "the footer does not say when the run ended"),
        (lambda records: _day(records, 2), "this machine saw something more than a day before the run began, or after"),
        (
            lambda records: _day(records, -2),
            "this machine saw something more than a day before the run began, or after",
        ),
    ],
    ids=["backwards", "never", "later", "earlier"],
)
def test_a_time_that_cannot_be_is_found(journal: Path, change: Change, told: str):
    (line,) = bad(rewritten(journal, change), "consistent")
    assert line.startswith(told)


def test_another_host_may_have_any_clock(journal: Path):
    rewritten(journal, lambda records: seen(records, kind="tcp", vantage="ssh://node-1", at=1.0))
    assert bad(journal, "consistent") == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"hostname": "other"}, "hostname"),
        ({"source_address": "203.0.113.9"}, "source_address"),
        ({"vantage_kind": "pod", "clock_offset": 4000.0}, "vantage_kind, clock_offset"),
    ],
)
def test_a_vantage_that_is_not_who_was_seen_is_found(journal: Path, change: dict[str, Any], fields: str):
    def rewrite(records: Records) -> None:
        records[0]["tool"]["judge"] = provenance.tool()["judge"]
        first(records, "vantage", id="local").update(change)

    (line,) = bad(rewritten(journal, rewrite), "consistent")
    assert line == f"local: its record says something else than was seen there ({fields} differ)"


COMPARISON: dict[str, Any] = {
    "type": "comparison",
    "outcome": "unharmed",
    "baseline": {"run": "b", "sha256": "0" * 64, "started": "2026-11-24T12:00:00.000Z"},
    "counts": {"same": 6, "fixed": 0, "regressed": 0, "newly-checked": 0, "no-longer-checked": 0, "drift": 0},
    "regressed": [],
    "drift": [],
}
FAILED = {"requirement": "HTTPS-01", "target": journals.SETTINGS.host, "vantage": "local"}
WORSE = COMPARISON | {
    "outcome": "regressed",
    "regressed": [FAILED],
    "counts": COMPARISON["counts"] | {"same": 5, "regressed": 1},
}


@pytest.mark.parametrize("record", [COMPARISON, WORSE], ids=["unharmed", "regressed"])
def test_an_honest_comparison_fits(journal: Path, record: dict[str, Any]):
    assert bad(rewritten(journal, lambda records: records.insert(-1, record)), "consistent") == []


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (WORSE | {"outcome": "unharmed"}, "its outcome is unharmed, which does not follow from what it lists"),
        (COMPARISON | {"outcome": "regressed"}, "its outcome is regressed, which does not follow"),
        (COMPARISON | {"outcome": "drifted"}, "its outcome is drifted, which does not follow"),
        (COMPARISON | {"outcome": "fine"}, "its outcome is fine, which does not follow"),
        (WORSE | {"regressed": []}, "its counts are not those of its cases"),
        (COMPARISON | {"counts": COMPARISON["counts"] | {"same": 5}}, "its counts are not those of its cases"),
        (COMPARISON | {"counts": {}}, "it does not say what came of it"),
        (
            WORSE | {"regressed": [FAILED | {"requirement": "DNS-01"}]},
            "is said to have regressed, and its verdict is pass",
        ),
        (WORSE | {"regressed": [FAILED | {"target": "x"}]}, "is said to have regressed, and its verdict is none"),
        (
            COMPARISON | {"baseline": {"started": "2026-11-26T12:00:00.000Z"}},
            "its baseline did not begin before this run",
        ),
    ],
    ids=range(10),
)
def test_a_comparison_that_does_not_fit_the_verdicts_is_found(journal: Path, record: dict[str, Any], told: str):
    (line,) = bad(rewritten(journal, lambda records: records.insert(-1, record)), "consistent")
    assert line.startswith("the comparison with a baseline: ")
    assert told in line


def test_a_run_is_compared_with_one_baseline(journal: Path):
    twice = bad(
        rewritten(journal, lambda records: records.extend([COMPARISON, COMPARISON, records.pop()])), "consistent"
    )
    assert twice == ["it was compared with two baselines"]


def _to_schema_1(records: Records, *kept: str) -> None:
    """The header says schema 1 and an old catalogue; all that came later is gone, but for what is kept."""
    records[0] |= {"schema": 1, "catalogue": 1, "catalogue_sha256": "c" * 64}
    for record in records:
        for name in ("targets", "when", "from", "records"):
            if name not in kept:
                record.pop(name, None)
        for found in record.get("findings", ()):
            if "values" not in kept:
                found.pop("values")


@pytest.mark.parametrize("later", [[], ["when"], ["values"]], ids=str)
def test_schema_1_knows_nothing_of_what_came_later(journal: Path, later: list[str]):
    lines = bad(rewritten(journal, lambda records: _to_schema_1(records, *later), linked=False), "consistent")
    told = [f"{'finding' if name == 'values' else 'case'}.{name}" for name in later]
    assert lines == [f"the header says schema 1, which knows nothing of {name}" for name in told]


def test_schema_1_and_this_programs_catalogue_do_not_go_together(journal: Path):
    def change(records: Records) -> None:
        kept = {name: records[0][name] for name in ("catalogue", "catalogue_sha256")}
        _to_schema_1(records)
        records[0] |= kept

    (line,) = bad(rewritten(journal, change, linked=False), "consistent")
    assert line == "the header says schema 1, which knows nothing of version 2 of the catalogue"


def test_schema_1_has_no_links(journal: Path):
    line, *_ = bad(rewritten(journal, _to_schema_1), "chain")
    assert line == "line 1: a link, which no journal of schema 1 has"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda failed: failed.pop("fix"), "fix"),
        (lambda failed: failed.pop("reproduce"), "reproduce"),
        (lambda failed: failed["findings"][0].update(values={"vantage": "somebody else"}), "findings"),
        (lambda failed: failed["findings"][0].pop("values"), "findings"),
    ],
    ids=["no fix", "no command", "other words", "no words"],
)
def test_what_was_told_of_a_verdict_and_is_gone_or_other_is_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], field: str
):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lzma.decompress(journals.SCHEMA_1.with_name("schema-2.jsonl.xz").read_bytes()))

    def changes() -> list[rejudge.Change]:
        saved = reader.read(path)
        found = rejudge.rejudge(saved, journals.CATALOGUE, rejudge.run_date(saved), pinned=True).changes
        return [each for each in found if each.before["verdict"] == "fail"]

    def as_judged_now(records: Records) -> None:
        for each in changes():
            first(records, "verdict", **dict(each.before)).update(each.after or {})

    rewritten(path, as_judged_now)
    assert changes() == []
    rewritten(path, lambda records: change(first(records, "verdict", verdict="fail")))
    (found,) = changes()
    assert found.fields == (field,)


NAMED = ["local", "ssh://node-1", "ssh://node-2"]


def _without(records: Records, vantage: str) -> None:
    """As if nobody had been there."""
    records[:] = [each for each in records if vantage not in (each.get("vantage"), each.get("id"))]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda records: _without(records, "ssh://node-1"), "ssh://node-1 is named in the header, and nothing"),
        (lambda records: records[0]["vantages"].pop(), "ssh://node-2 is planned, and not named in the header"),
    ],
    ids=["taken away", "added"],
)
def test_a_host_that_was_taken_away_whole_is_missed(journal: Path, change: Change, told: str):
    def named(records: Records) -> None:
        records[0]["vantages"] = NAMED[:]

    assert bad(rewritten(journal, named), "consistent") == []
    (line,) = bad(rewritten(journal, change), "consistent")
    assert line.startswith(told)


FINE = {"at": journals.STARTED.timestamp() + 0.721392, "seconds": 0.0113532}
"""A moment that no two exchanges have in common."""


def _told(records: Records, number: object) -> None:
    first(records, "observation", kind="probe", vantage="local")["records"] = number


def _left_out(records: Records) -> None:
    seen(records, kind="tcp", vantage="ssh://node-1")
    records.remove(first(records, "observation", kind="tcp"))


def _by_shell(records: Records) -> None:
    first(records, "observation", kind="probe", vantage="ssh://node-1")["with"] = "sh"
    seen(records, kind="http2", vantage="ssh://node-1")


def _of_another(records: Records, number: int, at: float = FINE["at"]) -> None:
    """Exchanges that two hosts have in common."""
    for vantage in ("local", "ssh://node-1"):
        for each in range(number):
            seen(records, kind="tcp", vantage=vantage, **{**FINE, "at": at + each})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_left_out, "ssh://node-1: its visit told 2 records, and 1 are there"),
        (lambda records: seen(records, told=False, kind="tcp"), "local: its visit told 1 records, and 2 are there"),
        (lambda records: _told(records, "1"), "local: its visit told 1 records, and 1 are there"),
        (lambda records: _told(records, None), "local: its visit does not say how many records there were"),
        (lambda records: seen(records, told=False, kind="probe", records=1), "local: its visit ended 2 times"),
        (_by_shell, "ssh://node-1: a shell looked, which sees nothing of http2"),
        (
            lambda records: first(records, "observation", kind="probe", vantage="local").update({"with": "sh"}),
            "local: a shell looked, and Python is what looks there",
        ),
        (
            lambda records: _of_another(records, 3),
            "local and ssh://node-1 have 3 exchanges in common, to the same moment",
        ),
    ],
    ids=["left out", "added", "no number", "not counted", "two ends", "shell", "shell here", "copied"],
)
def test_a_visit_that_is_not_what_it_told_is_found(journal: Path, change: Change, told: str):
    assert bad(rewritten(journal, change), "consistent") == [told]


@pytest.mark.parametrize(
    "change",
    [
        lambda records: seen(records, kind="chain"),
        lambda records: seen(records, kind="chart"),
        lambda records: _of_another(records, 2),
        lambda records: _of_another(records, 9, journals.STARTED.timestamp()),
    ],
    ids=["chain", "chart", "chance", "coarse"],
)
def test_what_the_controller_adds_and_what_two_hosts_see_by_chance_fits(journal: Path, change: Change):
    assert bad(rewritten(journal, change), "consistent") == []


def test_of_a_visit_that_was_cut_short_nothing_is_expected(journal: Path):
    def cut(records: Records) -> None:
        _left_out(records)
        first(records, "vantage", id="ssh://node-1")["error"] = "the connection was lost; run again"

    assert not [line for line in bad(rewritten(journal, cut), "consistent") if "records" in line]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "registry", "task": "registry", "image": "quay.io/x/y:1"}, "the images quay.io/x/y:1 were looked at"),
        ({"kind": "registry", "task": "source", "image": "quay.io/x/y:1"}, "the images quay.io/x/y:1 were looked at"),
        ({"kind": "tls", "task": "tenant", "host": "globex.example"}, "the tenants globex.example were looked at"),
        ({"kind": "tcp", "task": "cdn", "host": "cdn01.quay.io"}, "the hosts of layers cdn01.quay.io were looked at"),
    ],
)
def test_what_neither_settings_nor_plan_name_is_found(journal: Path, change: dict[str, Any], told: str):
    (line,) = bad(rewritten(journal, lambda records: seen(records, **change)), "consistent")
    assert line == f"{told}, and neither settings nor plan name them"


def _with_an_image(records: Records) -> None:
    image = {"registry": "quay.io", "repository": "x/y", "reference": "1"}
    records[0]["settings"] |= {"images": [image], "source_images": [image]}
    seen(records, kind="registry", task="registry", image="quay.io/x/y:1")


@pytest.mark.parametrize(
    "change",
    [
        _with_an_image,
        lambda records: seen(records, kind="registry", task="registry", step="ping", image=None),
        lambda records: seen(records, kind="resolve", task="tenant", host="proxy.corp.example"),
        lambda records: seen(records, kind="tcp", task="cdn", host=journals.SETTINGS.host),
    ],
    ids=["an image of the settings", "a ping", "the proxy's name", "a host of the plan"],
)
def test_what_settings_or_plan_name_fits(journal: Path, change: Change):
    assert bad(rewritten(journal, change), "consistent") == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda records: records[0].update(vantages=["local", "ssh://node-1", "ssh://node-2"]), "header.vantages"),
        (lambda records: records[0].update(by={"user": "ann"}), "header.by"),
        (lambda records: first(records, "vantage").update(clock_offset=None), "vantage.clock_offset"),
        (lambda records: first(records, "observation", kind="host").update(runtime=False), "host.runtime"),
        (lambda records: first(records, "observation", kind="probe").update(records=1), "probe.records"),
        (lambda records: seen(records, told=False, kind="http", caller="main"), "http.caller"),
    ],
)
def test_schema_1_knows_no_field_of_today(journal: Path, change: Change, name: str):
    def old(records: Records) -> None:
        _to_schema_1(records)
        change(records)

    assert f"the header says schema 1, which knows nothing of {name}" in bad(
        rewritten(journal, old, linked=False), "consistent"
    )
