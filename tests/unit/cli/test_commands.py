"""The console command: what it says, to whom, and how it ends."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from netcompliance import catalogue as catalogues
from netcompliance.cli import main as cli
from netcompliance.findings import Code
from tests.support import journals

RESOURCES = "catalogue.toml"


class Ended(NamedTuple):
    """An action that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs `netcompliance …`, without any network."""

    connect = socket.socket.connect

    def no_network(*_: object) -> None:
        raise AssertionError("the network was used")

    def connect_here(one: socket.socket, address: Any) -> None:
        """Lab runs that go on beside this test ask for theirs by a file."""
        connect(one, address) if one.family is socket.AF_UNIX else no_network()

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: object) -> Ended:
        try:
            code = cli.main([str(each) for each in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return Ended(code, told.out, told.err)

    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The journal of a run of the first schema, in which one requirement is not met."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1())
    return path


def refused(ended: Ended) -> str:
    """The one line of bad input."""
    assert (ended.code, ended.out) == (4, "")
    (line,) = ended.err.splitlines()
    assert line.isprintable()
    return line


def test_every_action_has_help_and_its_own_exit_code_for_what_it_does_not_know(command: Command):
    for action in cli.ACTIONS:
        ended = command(action, "--help")
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.startswith(f"usage: netcompliance {action} ")
        assert refused(command(action, "--no-such-option")).startswith("netcompliance")


def test_without_an_action_one_line_names_them(command: Command):
    assert refused(command()) == "netcompliance: the following arguments are required: ACTION"
    assert "invalid choice: 'jugde'" in refused(command("jugde"))


def test_it_tells_its_version(command: Command):
    ended = command("--version")
    assert ended.code == 0
    assert ended.out.startswith("netcompliance ")


# --- requirements and findings ----------------------------------------------------------------------------------------


def test_requirements_are_listed_and_told(command: Command):
    listed = command("requirements").out.splitlines()
    assert [line.split()[0] for line in listed] == [each.id for each in catalogues.load().requirements]
    told = command("requirements", "https-05").out
    assert "HTTPS-05  the agent's own TLS ClientHello, larger than one segment, is answered" in told
    assert "must, derived" in told
    assert "not applicable" not in told
    document = command("requirements", "--json", "DNS-05", "REG-01").document
    assert document["sha256"] == catalogues.load().sha256
    assert [(each["id"], each["when"], each["from"]) for each in document["requirements"]] == [
        ("DNS-05", "allow-list", "anywhere"),
        ("REG-01", "always", "node"),
    ]


def test_findings_are_listed_and_told(command: Command):
    assert len(command("findings", "--json").document) == len(Code)
    assert command("findings").out.count("\n") >= len(Code)
    told = command("findings", "TCP.filtered").out
    assert told.startswith("tcp.filtered\n  means      packets to this address are dropped")
    assert "allow outbound tcp/443 from <source> to <subject>" in told
    assert "firewall team" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("findings", "tcp.filtred"), "there is no finding 'tcp.filtred': did you mean tcp.filtered, "),
        (("findings", "zzz"), "there is no finding 'zzz': netcompliance findings lists them"),
        (("requirements", "HTTPS-1"), "there is no requirement 'HTTPS-1': did you mean HTTPS-01"),
        (("requirements", "\x1b[2J"), "there is no requirement"),
    ],
)
def test_what_is_in_no_list_has_neighbours(command: Command, arguments: tuple[str, ...], told: str):
    assert told in refused(command(*arguments))


# --- show -------------------------------------------------------------------------------------------------------------


def test_a_summary_is_shown_again(command: Command, path: Path):
    ended = command("show", path)
    assert (ended.code, ended.err) == (1, "")
    assert "tenant   acme, https://acme.app.stackstate.io/receiver/stsAgent" in ended.out
    assert "from     local: lab-host, 10.20.0.4, linux/amd64" in ended.out
    assert "HTTPS-01 acme.app.stackstate.io 34.250.11.21 from local — tcp.partly-filtered" in ended.out
    assert "allow outbound tcp/443 from lab-host (10.20.0.4) to 34.250.11.21" in " ".join(ended.out.split())
    assert "acme: not satisfied" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100
    assert "\x1b" not in ended.out


def test_a_summary_for_programs(command: Command, path: Path):
    document = command("show", "--json", path).document
    assert (document["overall"], document["complete"], document["counts"]["fail"]) == ("not-satisfied", True, 1)
    (failed,) = (case for case in document["cases"] if case["verdict"] == "fail")
    assert failed["requirement"] == "HTTPS-01"
    assert failed["findings"][0]["code"] == "tcp.partly-filtered"
    assert failed["says"] == "TCP port 443 opens at every address of the tenant"


def test_a_journal_that_was_cut_off_is_shown_as_such(command: Command, tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    journals.written(path, footer=False)
    ended = command("show", path)
    assert ended.code == 1
    assert "undetermined (exit 1): the journal has no footer, so it is no evidence" in " ".join(ended.out.split())
    assert "cut off" in ended.err
    document = command("show", "--json", path).document
    assert (document["overall"], document["complete"], document["finished"]) == ("undetermined", False, None)


def test_waivers_and_what_nobody_could_look_at_are_shown(command: Command, tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    told = " ".join(command("show", path).out.split())
    assert "waived Ann accepts this until 2099-01-31: moves in May: DNS-01" in told
    assert "could not look the host refused the login; check user and key: all cases from ssh://node-2" in told


# --- judge ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def catalogue(tmp_path: Path) -> Callable[..., Path]:
    """Another catalogue: the packaged one with words replaced."""

    def made(*changes: tuple[str, str]) -> Path:
        text = (Path(catalogues.__file__).parent / RESOURCES).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "newer.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return made


def test_judged_again_by_its_own_requirements_nothing_changes(command: Command, path: Path):
    for options in ((), ("--pinned",)):
        ended = command("judge", *options, path)
        assert (ended.code, ended.err) == (0, "")
        assert "57 cases judged again, as of 2026-11-25: 0 came out in another way" in ended.out
        assert "overall: not-satisfied then, not-satisfied now" in ended.out


def test_a_newer_catalogue_changes_what_depends_on_it(command: Command, path: Path, catalogue: Callable[..., Path]):
    """What was not evaluated because a port did not open is evaluated where it no longer depends on that."""
    newer = catalogue(('requires = ["HTTPS-01"]\n\n[OUT-02]', "requires = []\n\n[OUT-02]"))
    ended = command("judge", "--json", "--catalogue", newer, path)
    assert ended.code == 1
    document = ended.document
    (change,) = [change for change in document["changes"] if change["requirement"] == "OUT-01"]
    assert change["then"]["verdict"] == "notchecked"
    assert change["now"]["verdict"] == "pass"
    assert document["catalogue"]["now"]["sha256"] != document["catalogue"]["then"]["sha256"]
    told = command("judge", "--catalogue", newer, path).out
    assert "OUT-01 acme.app.stackstate.io from local: notchecked then, pass now" in " ".join(told.split())
    assert "written with another catalogue" in told


def test_a_level_that_changed_is_told(command: Command, path: Path, catalogue: Callable[..., Path]):
    newer = catalogue(
        (
            'says = "TCP port 443 opens at every address of the tenant"\nlevel = "must"',
            'says = "TCP port 443 opens at every address of the tenant"\nlevel = "should"',
        )
    )
    document = command("judge", "--json", "--catalogue", newer, path).document
    (change,) = [change for change in document["changes"] if change["requirement"] == "HTTPS-01"]
    assert (change["then"]["level"], change["now"]["level"], change["now"]["verdict"]) == ("must", "should", "fail")
    assert document["overall"]["now"] != "not-satisfied"


def test_requirements_that_came_and_went_are_told(command: Command, path: Path, catalogue: Callable[..., Path]):
    newer = catalogue(("[CLK-01]", "[CLK-09]"))
    ended = command("judge", "--json", "--catalogue", newer, path)
    assert ended.code == 1
    assert ended.document["dropped"] == ["CLK-01"]
    assert "CLK-09" in ended.document["unasked"]
    told = command("judge", "--catalogue", newer, path).out
    assert "no longer required: CLK-01" in told
    assert "not asked then: " in told
    assert "CLK-09" in told


def test_a_requirement_that_nobody_here_can_judge_is_told(command: Command, tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1().replace(b'"requirement":"CLK-01"', b'"requirement":"CLK-77"'))
    lines = path.read_bytes().splitlines(keepends=True)
    footer = json.loads(lines[-1]) | {"sha256": hashlib.sha256(b"".join(lines[:-1])).hexdigest()}
    path.write_bytes(b"".join(lines[:-1]) + json.dumps(footer).encode() + b"\n")
    document = command("judge", "--json", "--pinned", path).document
    assert document["unjudged"] == ["CLK-77"]
    assert document["overall"]["now"] == "undetermined"
    assert [(change["requirement"], change["now"]) for change in document["changes"]] == [("CLK-77", None)]


@pytest.mark.parametrize(
    ("today", "verdict", "reason"),
    [("2099-01-31", "waived", "accepts this until"), ("2099-02-01", "fail", "expired on 2099-01-31")],
)
def test_waivers_expire_by_the_date_that_is_named(command: Command, path: Path, today: str, verdict: str, reason: str):
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    waiver = {
        "requirement": "HTTPS-0?",
        "target": "*",
        "vantage": "*",
        "owner": "Ann",
        "reason": "r",
        "expires": "2099-01-31",
    }
    records[0]["settings"]["waivers"] = [waiver]
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    records[-1]["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    path.write_bytes(b"".join(lines[:-1]) + json.dumps(records[-1]).encode() + b"\n")
    changes = command("judge", "--json", "--today", today, path).document["changes"]
    (failed,) = (
        (change for change in changes if change["requirement"] == "HTTPS-01") if verdict == "waived" else (None,)
    )
    if failed:
        assert failed["now"]["verdict"] == verdict
        assert reason in failed["now"]["reason"]
    else:
        assert "HTTPS-01" not in {change["requirement"] for change in changes}


RECORDED = sorted(journals.SCHEMA_1.parent.glob("*.xz"))


def test_each_catalogue_that_is_kept_has_a_journal_here_that_shows_that_it_still_asks_for_the_same():
    headers = [json.loads(lzma.decompress(path.read_bytes()).partition(b"\n")[0]) for path in RECORDED]
    assert {header["catalogue_sha256"] for header in headers} == {each.sha256 for each in catalogues.every()[:-1]}


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: path.name)
def test_what_was_left_by_any_version_is_verified_judged_and_shown(command: Command, tmp_path: Path, recorded: Path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lzma.decompress(recorded.read_bytes()))
    told = command("verify", path)
    assert told.code == 0
    assert "what catalogue 1 asks for with these settings" in told.out
    assert command("judge", path).code == 0
    assert command("show", path).code == 1
    record = next(json.loads(line) for line in path.read_bytes().splitlines() if b'"verdict":"fail"' in line)
    assert record["fix"] in " ".join(command("show", path).out.split())


# --- report -----------------------------------------------------------------------------------------------------------


def test_a_report_is_made_of_a_journal_of_schema_1(command: Command, path: Path):
    ended = command("report", path.parent)
    assert (ended.code, ended.out, ended.err) == (0, "", f"written: {path.with_name('report.html')}\n")
    page = path.with_name("report.html").read_text(encoding="utf-8")
    assert "<title>acme: not satisfied · Network compliance</title>" in page
    assert hashlib.sha256(path.read_bytes()).hexdigest() in page
    again = command("report", path)
    assert (again.code, again.err) == (0, f"the same as is there: {path.with_name('report.html')}\n")


@pytest.mark.parametrize("kind", ["another page", "directory", "pipe", "link to nowhere"])
def test_a_report_replaces_nothing_else(command: Command, path: Path, kind: str):
    there = path.with_name("report.html")
    if kind == "another page":
        there.write_text("<p>as another release made it")
    elif kind == "directory":
        there.mkdir()
    elif kind == "pipe":
        os.mkfifo(there)
    else:
        there.symlink_to("/gone/x")
    line = refused(command("report", path.parent))
    assert (
        line == f"netcompliance report: {there} is there and is another page: say with --output where to put this one"
    )
    elsewhere = path.with_name("other.html")
    assert command("report", path, "--output", elsewhere).code == 0
    assert "Network compliance" in elsewhere.read_text(encoding="utf-8")


def test_a_report_of_a_run_that_was_cut_off_is_made_and_says_so(command: Command, tmp_path: Path):
    journals.written(tmp_path / "journal.jsonl", footer=False)
    ended = command("report", tmp_path)
    assert ended.code == 1
    assert ended.err.splitlines()[1] == f"netcompliance report: {tmp_path}: the run has no end and is no evidence"
    assert "the run did not come to its end" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_report_from_and_to_a_pipe(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert "say with --output where to put it" in refused(command("report", "-"))
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdout", out)
    assert cli.main(["report", "-", "--output=-"]) == 0
    monkeypatch.undo()
    assert command("report", path).code == 0
    assert out.buffer.getvalue() == path.with_name("report.html").read_bytes()  # type: ignore[attr-defined]


def test_a_report_does_not_go_where_the_journal_is(command: Command, path: Path):
    assert "--output is the journal itself" in refused(command("report", path, "--output", path))
    assert "No such file or directory" in refused(command("report", path, "--output", path.parent / "gone" / "x"))


# --- input and output -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["show", "report", "judge", "verify"])
def test_bad_journals_are_one_line_and_exit_code_4(command: Command, tmp_path: Path, action: str):
    (tmp_path / "binary").write_bytes(os.urandom(5000))
    (tmp_path / "newer").write_bytes(b'{"type":"header","schema":99}\n')
    (tmp_path / "empty").write_bytes(b"")
    for name, told in (
        ("binary", "no journal"),
        ("newer", "a newer netcompliance wrote this (schema 99"),
        ("empty", "an empty file is no journal"),
        ("gone", "No such file or directory"),
        ("", "a directory without a journal.jsonl"),
    ):
        line = refused(command(action, tmp_path / name))
        assert line.startswith(f"netcompliance {action}: {tmp_path / name}")
        assert told in line


def test_an_edited_journal_is_shown_and_judged_by_nobody(command: Command, tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    path.write_bytes(path.read_bytes().replace(b'"verdict":"fail"', b'"verdict":"pass"'))
    for action in ("show", "report", "judge"):
        assert ": line 17: does not follow the line before it" in refused(command(action, path))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("judge", "--today=tomorrow"), "--today 'tomorrow': a date is 2027-01-31"),
        (("judge", "--catalogue=/gone.toml"), "catalogue /gone.toml: No such file"),
        (("judge", "--catalogue=/dev/null"), "--catalogue /dev/null: catalogue: needs a version"),
        (("judge", "--pinned", "--catalogue=x"), "not allowed with argument --pinned"),
        (("verify", "--identity=ann"), "--identity: name the file of allowed signers too"),
        (("verify", "--allowed-signers=/gone"), "--allowed-signers /gone: No such file"),
        (("verify", "--allowed-signers=/dev/null"), "a signature is over a run's directory: name that"),
    ],
)
def test_options_that_do_not_fit(command: Command, path: Path, arguments: tuple[str, ...], told: str):
    assert told in refused(command(*arguments, path))


def test_an_unreadable_journal(command: Command, path: Path, monkeypatch: pytest.MonkeyPatch):
    opened = Path.open

    def denied(file: Path, *how: Any, **more: Any) -> Any:
        if file == path:
            raise PermissionError(13, "Permission denied")
        return opened(file, *how, **more)  # lab runs go on beside this

    monkeypatch.setattr(Path, "open", denied)
    assert refused(command("show", path)) == f"netcompliance show: {path}: Permission denied"


def test_the_directory_of_a_run_names_its_journal(command: Command, path: Path):
    assert command("show", path.parent).out == command("show", path).out


@pytest.mark.parametrize("action", ["show", "judge", "verify"])
def test_standard_input_and_pipes_are_read_like_files(
    command: Command, path: Path, action: str, monkeypatch: pytest.MonkeyPatch
):
    expected = command(action, path)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert command(action, "-") == expected
    fifo = path.with_name("fifo")
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(path.read_bytes(),))
    writer.start()
    assert command(action, fifo) == expected
    writer.join()


def test_what_is_wrong_with_standard_input_names_it(command: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hello\n")))
    assert refused(command("show", "-")) == (
        "netcompliance show: standard input: no journal: its first line is no whole header"
    )


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "netcompliance.cli", *arguments],
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        **options,
    )


def test_a_full_disk_behind_standard_output_is_one_line():
    with Path("/dev/full").open("wb") as full:
        done = run("requirements", stdout=full)
    assert (done.returncode, done.stderr) == (4, b"netcompliance requirements: No space left on device\n")


def test_a_reader_who_goes_away_hears_nothing_more():
    reader, writer = os.pipe()
    os.close(reader)
    done = run("findings", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_without_our_letters_gets_others(path: Path):
    done = run("show", str(path), stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, b"")
    assert rb"\u2014" in done.stdout


def test_markup_and_escapes_in_a_journal_reach_no_terminal(command: Command, tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    hostile = "\x1b[2J\x1b]0;owned\x07\u202e\x9b31m\r\n"

    def spoil(_: int, record: dict[str, Any]) -> None:
        for name in ("saw", "reason", "hostname", "reproduce", "says", "source", "error"):
            if name in record:
                record[name] = hostile
        for found in record.get("findings", ()):
            found.update(subject=hostile, detail=hostile)

    path.write_bytes(journals.relinked(path.read_bytes().splitlines()[:-1], spoil))
    ended = command("show", path)
    assert not set(ended.out + ended.err) & {"\x1b", "\x07", "\x9b", "\u202e", "\r"}
