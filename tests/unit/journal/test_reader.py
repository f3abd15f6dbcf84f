"""A journal is read back as it was written, and not at all where a byte of it was changed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcompliance.journal import hash_chain, reader
from netcompliance.journal.reader import BadJournal
from netcompliance.journal.writer import LINE_LIMIT
from netcompliance.results import Overall
from tests.support import journals


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal that is in order."""
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    return path


def refusal(path: Path) -> str:
    """Why the journal is not read: one line that names the file."""
    with pytest.raises(BadJournal) as caught:
        reader.read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert len(text.splitlines()) == 1
    return text.removeprefix(f"{path}: ")


def test_what_was_written_is_read(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    planned = journals.written(path)
    read = reader.read(path, complete=True)
    assert read.settings == journals.SETTINGS
    assert read.plan == tuple((entry.case, entry.requirement) for entry in planned)
    plain = [replace(e, verdict=e.verdict and replace(e.verdict, told={})) for e in read.entries]
    assert [e for e in plain if e.verdict] == [e for e in planned if e.verdict]
    assert [e.trouble for e in plain] == [e.trouble for e in planned]
    assert read.overall is Overall.NOT_SATISFIED
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.counted == {"header": 1, "case": 6, "observation": 4, "vantage": 3, "verdict": 4, "footer": 1}
    assert [seen["kind"] for seen in read.observations()] == ["host", "probe"] * 2


def test_what_a_journal_told_is_told_again(path: Path):
    (failed,) = (e.verdict for e in reader.read(path).entries if e.verdict and e.verdict.result == "fail")
    assert failed.told["fix"] == "allow outbound tcp/443 from node-1 (10.20.0.4) to 34.250.11.21"


def test_a_journal_of_schema_1_is_read(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1())
    read = reader.read(path, complete=True)
    assert read.schema == 1
    assert read.overall is Overall.NOT_SATISFIED
    assert len(read.entries) == 57
    (failed,) = (e.verdict for e in read.entries if e.verdict and e.verdict.result == "fail")
    assert "allow outbound tcp/443 from lab-host (10.20.0.4) to 34.250.11.21" in failed.told["fix"]
    path.write_bytes(journals.of_schema_1().replace(b"34.250.11.21", b"34.250.11.99"))
    assert "line 262: the footer's digest is not that" in refusal(path)


def test_a_link_is_what_the_documents_say(path: Path):
    before = "0" * 64
    for line in path.read_bytes().splitlines():
        body, _, tail = line.rpartition(b',"link":"')
        link = hashlib.sha256(before.encode() + b"\n" + body + b"}").hexdigest()
        assert tail == f'{link}"}}'.encode()
        before = link


def test_every_changed_byte_is_found_and_its_line_named(path: Path):
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        line = whole.count(b"\n", 0, place) + 1
        if place == len(whole) - 1:
            assert reader.read(path).footer is None
        elif line == 1:
            refusal(path)
        else:
            assert refusal(path).startswith(f"line {line}: ")


def test_every_line_that_is_missing_is_found(path: Path):
    lines = path.read_bytes().splitlines(keepends=True)
    for gone in range(1, len(lines) - 1):
        path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
        assert refusal(path).startswith(f"line {gone + 1}: does not follow the line before it")


def test_lines_that_changed_places_are_found(path: Path):
    lines = path.read_bytes().splitlines(keepends=True)
    for first in range(1, len(lines) - 1):
        swapped = [*lines[:first], lines[first + 1], lines[first], *lines[first + 2 :]]
        path.write_bytes(b"".join(swapped))
        assert refusal(path).startswith(f"line {first + 1}: ")


@pytest.mark.parametrize("extra", [b"{}\n", b'{"type":"case"}\n', b"\n", b'{"type":"x","link":"' + b"0" * 64 + b'"}\n'])
def test_a_line_that_was_added_is_found(path: Path, extra: bytes):
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(1, len(lines) + 1):
        path.write_bytes(b"".join([*lines[:place], extra, *lines[place:]]))
        assert refusal(path).startswith(f"line {place + 1}: ")


@pytest.mark.parametrize("extra", [b"{", b"{}", b'{"type":"case"}', b" ", b"x"])
def test_half_a_line_behind_the_footer_is_found(path: Path, extra: bytes):
    """Nothing is cut off there: somebody added it."""
    whole = path.read_bytes()
    path.write_bytes(whole + extra)
    number = whole.count(b"\n")
    assert refusal(path) == f"line {number + 1}: there is more behind the footer in line {number}"


def test_a_journal_that_ends_anywhere_is_never_complete(path: Path):
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for length in range(header, len(whole)):
        path.write_bytes(whole[:length])
        read = reader.read(path)
        assert (read.footer, read.overall) == (None, Overall.UNDETERMINED)
        with pytest.raises(BadJournal, match="cut off: it has no footer"):
            reader.read(path, complete=True)
    for length in range(header):
        path.write_bytes(whole[:length])
        refusal(path)


def test_who_makes_all_links_anew_still_has_to_make_the_footer_anew(path: Path):
    def whitewash(_: int, record: dict[str, Any]) -> None:
        if record.get("verdict") == "fail":
            record["verdict"] = "pass"

    path.write_bytes(journals.relinked(path.read_bytes().splitlines(), whitewash))
    assert refusal(path) == "line 19: the footer's digest is not that of the lines before it"


HEADER = (
    b'{"type":"header","schema":1,"tenant":"a","endpoint":"https://a.app.stackstate.io/receiver/stsAgent",'
    b'"started":"s","settings":{"tenant":"a"},"tool":{},"catalogue_sha256":"0"}\n'
)
FOREIGN = {
    "empty": (b"", "an empty file is no journal"),
    "text": (b"hello\nworld\n", "no journal: its first line is no whole header"),
    "binary": (bytes(range(256)) * 9, "no journal: its first line"),
    "utf-16": (HEADER.decode().encode("utf-16"), "no journal: its first line"),
    "a list": (b"[]\n", "no journal: its first line"),
    "no header": (b'{"type":"case"}\n', "no journal: its first line"),
    "no schema": (b'{"type":"header"}\n', "no journal: its header names no schema"),
    "schema true": (b'{"type":"header","schema":true}\n', "no journal: its header names no schema"),
    "newer": (b'{"type":"header","schema":3}\n', "a newer netcompliance wrote this (schema 3; up to 2 is read here)"),
    "lacks a tenant": (HEADER.replace(b'"tenant":"a",', b"", 1), "line 1: a header without a usable 'tenant'"),
    "two headers": (HEADER * 2, "line 2: a second header"),
    "nested": (HEADER + b'{"type":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n", "line 2: no JSON"),
    "many values": (HEADER + b'{"type":"x","y":[' + b"0," * 1_100_000 + b"0]}\n", "line 2: more values"),
    "a long line": (HEADER + b" " * (LINE_LIMIT + 1) + b"\n", "line 2 is longer than 4 MiB"),
    "a long last line": (HEADER + b" " * (LINE_LIMIT + 1), "line 2 is longer than 4 MiB"),
    "not a number": (HEADER + b'{"type":"x","y":NaN}\n', "line 2: no JSON"),
    "endless": (HEADER + b'{"type":"x","y":1e999}\n', "line 2: no JSON"),
    "many digits": (HEADER + b'{"type":"x","y":' + b"9" * 5000 + b"}\n", "line 2: no JSON"),
    "a name twice": (HEADER + b'{"type":"x","type":"y"}\n', "line 2: no JSON"),
    "half a letter": (HEADER + b'{"type":"x","y":"\\ud800"}\n', "line 2: no JSON"),
    "no type": (HEADER + b'{"y":1}\n', "line 2: no record"),
    "a case of nothing": (HEADER + b'{"type":"case"}\n', "line 2: a case without a usable 'requirement'"),
}


@pytest.mark.parametrize(("content", "told"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path, content: bytes, told: str):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    assert refusal(path).startswith(told)


def test_what_is_no_file_is_refused(tmp_path: Path):
    assert refusal(tmp_path) == "a directory, and not a journal"
    assert refusal(tmp_path / "gone") == "No such file or directory"
    os.mkfifo(tmp_path / "fifo")
    assert refusal(tmp_path / "fifo") == "no regular file, and not a journal"


def test_a_record_that_is_not_known_here_is_passed_over(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(HEADER + b'{"type":"sample","at":1}\n')
    assert reader.read(path).counted == {"header": 1, "sample": 1}


def misfits() -> dict[str, Callable[[int, dict[str, Any]], None]]:
    def settings(name: str, value: object) -> Callable[[int, dict[str, Any]], None]:
        return lambda number, record: record["settings"].update({name: value}) if number == 0 else None

    def verdict(name: str, value: object) -> Callable[[int, dict[str, Any]], None]:
        return lambda number, record: record.update({name: value}) if record["type"] == "verdict" else None

    return {
        "settings.tenant is of the wrong type": settings("tenant", 1),
        "settings.strict is of the wrong type": settings("strict", "yes"),
        "settings.images is no list": settings("images", "quay.io/x:1"),
        "settings.images[0] has no 'registry'": settings("images", [{}]),
        "settings.waivers[0].owner is missing": settings("waivers", [{"requirement": "*", "owner": None}]),
        "settings.registry_mode is 'sideways', and not one of direct, proxy, copy": settings(
            "registry_mode", "sideways"
        ),
        "settings.vantage_kinds[0] has 1 members, and not 2": settings("vantage_kinds", [["x"]]),
        "verdict.verdict is 'green'": verdict("verdict", "green"),
        "findings[0] is no object": verdict("findings", [1]),
        "the finding 'x.y' is not known here: a newer version wrote this": verdict(
            "findings", [{"code": "x.y", "subject": "", "detail": ""}]
        ),
        "verdict.saw is of the wrong type": verdict("saw", 7),
    }


@pytest.mark.parametrize("told", misfits())
def test_a_record_of_the_wrong_shape_is_refused_and_named(path: Path, told: str):
    lines = path.read_bytes().splitlines()[:-1]
    path.write_bytes(journals.relinked(lines, misfits()[told]))
    read = reader.read(path)
    with pytest.raises(BadJournal) as caught:
        _ = read.settings, read.entries
    assert str(caught.value).startswith(f"{path}: {told}")


def test_what_a_later_version_found_is_told_and_not_explained(path: Path):
    change = misfits()["the finding 'x.y' is not known here: a newer version wrote this"]
    path.write_bytes(journals.relinked(path.read_bytes().splitlines()[:-1], change))
    read = reader.read(path)
    found = [found.code for e in read.entries_as_written if e.verdict for found in e.verdict.findings]
    assert found == ["x.y"] * 4
    assert read.entries_as_written[3].texts["fix"].startswith("allow outbound tcp/443")
    with pytest.raises(BadJournal, match="is not known here"):
        _ = read.entries


def test_fields_of_a_later_version_are_ignored(path: Path):
    def add(number: int, record: dict[str, Any]) -> None:
        record["novel"] = {"x": [1]}
        if number == 0:
            record["settings"]["novel"] = 1

    path.write_bytes(journals.relinked(path.read_bytes().splitlines()[:-1], add))
    read = reader.read(path)
    assert read.settings == journals.SETTINGS
    assert len(read.entries) == 6


def test_more_than_is_kept_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reader, "KEPT_LIMIT", 10_000)
    assert "more cases and verdicts than are read here" in refusal(path)


def test_what_many_records_say_is_kept_once(path: Path):
    read = reader.read(path)
    says = [record["says"] for record in read.cases]
    assert len({id(text) for text in says}) == len(set(says)) < len(says)
    words = [found.values for e in read.entries if e.verdict for found in e.verdict.findings]
    assert len({id(each) for each in words}) < len(words)


def test_walking_goes_on_behind_bad_lines(path: Path):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b"DNS", b"dns")
    lines[9] = lines[9].replace(b"{", b"[", 1)
    path.write_bytes(b"".join(lines))
    bad = {line.number: line.problem for line in reader.Walker(path) if line.problem}
    assert bad.keys() == {5, 10, 19}


def test_a_member_of_that_name_is_never_taken_from_a_host(path: Path):
    (first, *_) = (line for line in path.read_text(encoding="utf-8").splitlines() if '"observation"' in line)
    assert "theirs" not in first
    assert json.loads(first)["chain"] == ["AAAA"]
    assert hash_chain.parted(first.encode() + b"\n")


def test_nothing_comes_behind_the_footer(tmp_path: Path, path: Path):
    old = tmp_path / "old.jsonl"
    old.write_bytes(journals.of_schema_1() + b'{"type":"note"}\n')
    assert refusal(old) == "line 263: there is more behind the footer in line 262"
    lines = path.read_bytes().splitlines(keepends=True)
    parted = hash_chain.parted(lines[-1])
    assert parted
    body = b'{"type":"note"}'
    path.write_bytes(b"".join(lines) + hash_chain.linked(body, hash_chain.link(parted[1], body)))
    assert refusal(path) == f"line {len(lines) + 1}: there is more behind the footer in line {len(lines)}"
