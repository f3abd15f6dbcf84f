"""A journal made anew as a whole, all links and digests right, in which one place contradicts the rest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netcompliance import made, verification
from netcompliance.journal import hash_chain, reader
from tests.fakes import journals

Records = list[dict[str, Any]]
Change = Callable[[Records], object]


def bad(path: Path, name: str) -> list[str]:
    """What `verify` finds bad in this check."""
    checks = verification.verify(path, journals.CATALOGUE, made.tool())
    return [each.text for each in checks if each.name == name and each.outcome is verification.Outcome.BAD]


def rewritten(path: Path, change: Change) -> Path:
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
        made_anew += hash_chain.linked(body, before)
    path.write_bytes(made_anew)
    return path


def first(records: Records, kind: str, **fields: Any) -> dict[str, Any]:
    """The first record of this type, with these fields."""
    return next(each for each in records if each["type"] == kind and fields.items() <= each.items())


def seen(records: Records, **fields: Any) -> None:
    """One more observation, made when the first was."""
    place = records.index(first(records, "observation"))
    records.insert(place, {"type": "observation", "vantage": "local", **fields})


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
        (lambda records: seen(records, kind="probe", vantage="ssh://x"), "ssh://x was looked from, and nothing was"),
        (
            lambda records: records.insert(-1, {"type": "vantage", "id": "ssh://x", "error": "gone"}),
            "ssh://x was looked from, and nothing was planned there",
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
