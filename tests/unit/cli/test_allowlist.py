"""`netcompliance allowlist`, as it is typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from netcompliance.change.allowlist.formats import FORMATS
from netcompliance.change.allowlist.head import Checked
from netcompliance.cli.main import main
from netcompliance.model import Settings
from tests.unit.judge.records import ADDRESSES, HOST
from tests.unit.judge.world import SETTINGS, healthy, settings

Keep = Callable[..., Path]
HEADER = {
    "type": "header",
    "schema": 1,
    "run": "0123456789abcdef",
    "started": "2026-11-25T18:01:06.000Z",
    "tool": {"name": "netcompliance", "version": "0.1.0", "python": "3.13.0"},
    "catalogue": 1,
    "catalogue_sha256": "0" * 64,
}
FOOTER = {"type": "footer", "overall": "satisfied", "counts": {}, "finished": "2026-11-25T18:01:16.000Z"}


def written(path: Path, records: Iterable[dict[str, Any]], *, footer: bool = True) -> None:
    """The journal of these records."""
    text = "".join(f"{json.dumps(record)}\n" for record in records)
    last = {**FOOTER, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    path.write_text(text + (f"{json.dumps(last)}\n" if footer else ""))


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """A journal with these observations and verdicts, in a directory of its own."""

    def keep(
        name: str = "20261125T180106Z",
        given: Settings = SETTINGS,
        verdicts: tuple[dict[str, Any], ...] = (),
        *,
        footer: bool = True,
        **header: Any,
    ) -> Path:
        path = tmp_path / given.tenant / name / "journal.jsonl"
        path.parent.mkdir(parents=True)
        records: list[dict[str, Any]] = [
            {**HEADER, "tenant": given.tenant, "endpoint": given.endpoint, "settings": asdict(given), **header},
            *({**record, "at": 1_795_629_666.0} for record in healthy()),
            *(
                {"type": "verdict", "vantage": "local", "target": given.host, "findings": [], **verdict}
                for verdict in verdicts
            ),
        ]
        written(path, records, footer=footer)
        return path

    return keep


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_had(keep: Keep, capsys: pytest.CaptureFixture[str], form: str) -> None:
    assert main(["allowlist", str(keep()), f"--format={form}"]) == 0
    told = capsys.readouterr()
    assert told.out
    assert ("published grammar" in told.err) == (FORMATS[form].checked is Checked.GRAMMAR)


def test_help_says_what_each_format_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["allowlist", "--help"])
    told = capsys.readouterr().out
    assert all(f"  {name:<19}{form.about}" in told for name, form in FORMATS.items())


def test_a_journal_becomes_a_request(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["allowlist", str(keep())]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("# Firewall request for the StackState Agent: acme.app.stackstate.io\n")
    assert f"{ADDRESSES[0]}," in told.out
    assert told.err == ""


def test_journals_of_several_tenants_become_one_list(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    both = [str(keep()), str(keep(given=settings(tenant="other")))]
    assert main(["allowlist", *both, "--format=csv"]) == 0
    out = capsys.readouterr().out
    assert f"{HOST} other.app.stackstate.io" in out


def test_a_directory_is_its_newest_journal(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    keep("20261124T180106Z", given=settings(chart_repository="https://charts.example/old"))
    newest = keep("20261125T180106Z")
    assert main(["allowlist", str(newest.parents[1]), "--format=csv"]) == 0
    assert "helm.stackstate.io" in capsys.readouterr().out


def test_what_could_not_be_asked_for_is_said_and_ends_with_1(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    path = keep(verdicts=({"requirement": "DNS-02", "verdict": "fail"},))
    assert main(["allowlist", str(path), "--format=nftables"]) == 1
    told = capsys.readouterr()
    assert "DNS-02 failed" in told.err
    assert ADDRESSES[0] not in told.out
    assert "# Missing: acme.app.stackstate.io tcp 443: no address was seen" in told.out


def test_a_host_that_could_not_be_visited_is_said_and_ends_with_1(
    keep: Keep, capsys: pytest.CaptureFixture[str]
) -> None:
    path = keep()
    *records, _ = map(json.loads, path.read_text().splitlines())
    lost = {"type": "vantage", "id": "ssh://node-9", "error": "the host refused the login; check user and key"}
    written(path, [*records, lost])
    assert main(["allowlist", str(path)]) == 1
    told = capsys.readouterr()
    assert "* node-9 (node) was not seen, or not whole: the host refused the login" in told.out
    assert "node-9" in told.err


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"footer": False}, "the journal is cut off"),
        ({"schema": 99}, "schema 99"),
        ({"settings": None}, "a header without a usable 'settings'"),
        ({"settings": {"tenant": ["acme"]}}, "settings"),
    ],
)
def test_a_journal_that_is_none_is_refused_in_one_line(
    keep: Keep, capsys: pytest.CaptureFixture[str], change: dict[str, Any], cause: str
) -> None:
    assert main(["allowlist", str(keep(**change))]) == 4
    told = capsys.readouterr()
    assert cause in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_what_is_not_there_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        assert main(["allowlist", str(path)]) == 4
        assert str(path) in capsys.readouterr().err


def test_an_unknown_format_is_refused(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["allowlist", str(keep()), "--format=cisco-ios"])
    assert ended.value.code == 4
    assert "cisco-ios" in capsys.readouterr().err


def test_output_is_a_file_and_nothing_is_printed(
    keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "request.md"
    file.write_text("of yesterday")
    assert main(["allowlist", str(keep()), f"--output={file}"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert file.read_text().startswith("# Firewall request")
    assert main(["allowlist", str(keep("20261126T180106Z")), "--format=csv", f"--output={file}"]) == 0
    assert file.read_bytes().count(b"\n") == file.read_bytes().count(b"\r\n"), "CSV has its own ends of lines"


def test_output_never_replaces_what_was_read(keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal, approved = keep(), tmp_path / "approved"
    approved.write_text("192.0.2.1\n")
    before = journal.read_bytes()
    for file in (journal, approved):
        assert main(["allowlist", str(journal), f"--against={approved}", f"--output={file}"]) == 4
        assert "that is what was read" in capsys.readouterr().err
    assert (journal.read_bytes(), approved.read_text()) == (before, "192.0.2.1\n")


def test_against_prints_what_is_missing_and_what_can_go(
    keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    approved = tmp_path / "approved"
    assert main(["allowlist", str(keep()), "--format=plain", f"--output={approved}"]) == 0
    approved.write_text(approved.read_text().replace(f"{HOST}\n", "").replace(ADDRESSES[0], "192.0.2.1"))
    assert main(["allowlist", str(keep("20261126T180106Z")), "--format=plain", f"--against={approved}"]) == 0
    told = capsys.readouterr()
    asked = [line for line in told.out.splitlines() if line and not line.startswith("#")]
    assert asked == [HOST, ADDRESSES[0]]
    assert "# Can go: 192.0.2.1 (" in told.out


def test_where_nothing_is_missing_that_is_said(keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    approved = tmp_path / "approved"
    journal = keep()
    assert main(["allowlist", str(journal), "--format=plain", f"--output={approved}"]) == 0
    assert main(["allowlist", str(journal), "--format=fortigate", f"--against={approved}"]) == 0
    told = capsys.readouterr()
    assert f"nothing is missing of {approved}" in told.err
    assert "config" not in told.out


def test_the_ticket_and_the_sources_are_as_they_were_typed(keep: Keep, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--requester=Jane Doe", "--justification=CHG-1", "--expires=2027-06-30", "--source=local=10.9.0.0/24"]
    assert main(["allowlist", str(keep()), *asked]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("| Requester | Jane Doe |", "| CHG-1 |", "| 2027-06-30 |", "10.9.0.0/24"))
    assert "10.20.0.4" not in out


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--source=10.0.0.1/8"], "not a network such as 10.20.0.0/24"),
        (["--source=nobody=10.0.0.0/8"], "fits no host that was visited: local"),
        (["--expires=tomorrow"], "a date such as 2027-06-30"),
        (["--expires=2027-02-30"], "a date such as 2027-06-30"),
        (["--requester=Jane\n# evil"], "one line of text"),
        (["--justification= "], "one line of text"),
        (["--against=/nowhere"], "allow-list /nowhere: No such file"),
        (["--against=/dev/null"], "no address and no name in it"),
        (["--output=/nowhere/file"], "--output /nowhere/file: No such file"),
        (["--output=/"], "--output /: "),
        (["--format=azure", "--against=HERE"], "always holds the whole list"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    keep: Keep, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], cause: str
) -> None:
    approved = tmp_path / "approved"
    approved.write_text("192.0.2.1\n")
    typed = [option.replace("HERE", str(approved)) for option in options]
    assert main(["allowlist", str(keep()), *typed]) == 4
    told = capsys.readouterr()
    assert cause in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
