"""`netcompliance export` and `--export`, as people type them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netcompliance.journal.reader import read
from netcompliance.report.export import FORMATS, render
from tests.conftest import RunSuites
from tests.unit.report.export.journals import HEADER, case, mixed, written

Type = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def typed() -> Type:
    """Runs `netcompliance` with these arguments."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        main = "import sys; from netcompliance.cli.main import main; sys.exit(main())"
        command = [sys.executable, "-c", main, *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)

    return run


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return written(tmp_path, mixed())


def test_a_file_a_directory_and_standard_input_are_the_same_journal(typed: Type, journal: Path) -> None:
    expected = render("csv", read(journal))
    given = [(journal, b""), (journal.parent, b""), ("-", journal.read_bytes())]
    for path, stdin in given:
        done = typed("export", "--format", "csv", path, stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, b"")


def test_to_a_file(typed: Type, journal: Path, tmp_path: Path) -> None:
    done = typed("export", "--format=junit", "--output", tmp_path / "x.xml", journal)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "x.xml").read_bytes() == render("junit", read(journal))


def test_to_a_device(typed: Type, journal: Path) -> None:
    done = typed("export", "--format=junit", "--output=/dev/stdout", journal)
    assert (done.returncode, done.stdout) == (0, render("junit", read(journal)))


def test_an_incomplete_run_is_exported_and_said_to_be_one(typed: Type, tmp_path: Path) -> None:
    done = typed("export", "--format=csv", written(tmp_path, mixed()[:-1]))
    assert done.returncode == 1
    assert done.stdout.count(b"\r\n") == len(mixed()[1:-1]) - 7
    assert done.stderr.endswith(b"the run has no end and is no evidence\n")


def test_help_names_every_format(typed: Type) -> None:
    done = typed("export", "--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout.decode() for name in FORMATS)


REFUSED = {
    "a format that is none": (["--format=sarif", "J"], "--format 'sarif': it is one of junit"),
    "no format": (["J"], "required: --format"),
    "no journal": (["--format=csv"], "required: JOURNAL"),
    "a journal that is gone": (["--format=csv", "D/gone"], "gone: No such file"),
    "a directory without one": (["--format=csv", "D/empty"], "journal.jsonl"),
    "no journal at all": (["--format=csv", "/dev/null"], "/dev/null"),
    "binary": (["--format=csv", sys.executable], sys.executable),
    "one that contradicts itself": (["--format=csv", "D/twice/journal.jsonl"], "planned twice: DNS-01"),
    "a run without an end": (["--format=xccdf", "D/twice/../cut/journal.jsonl"], "xccdf has no word for a run without"),
    "an output that is a directory": (["--format=csv", "--output=D", "J"], "Is a directory"),
    "the journal itself": (["--format=csv", "--output=D/journal.jsonl", "J"], "--output is the journal itself"),
    "an output in no directory": (["--format=csv", "--output=D/gone/x", "J"], "gone/x: No such file"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(
    typed: Type, journal: Path, tmp_path: Path, refused: str
) -> None:
    for name, records in {
        "twice": [HEADER, case("DNS-01"), case("DNS-01")],
        "cut": mixed()[:-1],
        "empty": None,
    }.items():
        (tmp_path / name).mkdir()
        if records:
            written(tmp_path / name, records)
    before, bytes_before = sorted(tmp_path.rglob("*")), journal.read_bytes()
    arguments, words = REFUSED[refused]
    places = {"J": str(journal), "D": str(tmp_path)}
    spelled = [
        argument.replace("=D", f"={tmp_path}") if argument.startswith("--") else places.get(argument, argument)
        for argument in arguments
    ]
    done = typed("export", *(each.replace("D/", f"{tmp_path}/") for each in spelled))
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (4, b"")
    assert words in line
    assert (sorted(tmp_path.rglob("*")), journal.read_bytes()) == (before, bytes_before)


def test_a_reader_that_goes_away_is_no_defect(journal: Path) -> None:
    main = "import sys; from netcompliance.cli.main import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", main, "export", "--format=oscal", str(journal)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_run_exports_its_journal(run_suites: RunSuites, tmp_path: Path) -> None:
    elsewhere = tmp_path / "x.prom"
    ended = run_suites("--export=junit", f"--export=prometheus={elsewhere}", script={})
    journal = read(ended.directory() / "journal.jsonl")
    assert (ended.directory() / "junit.xml").read_bytes() == render("junit", journal)
    assert elsewhere.read_bytes() == render("prometheus", journal)
    assert ended.out.count("\nexport   ") == 2


def test_each_tenant_has_exports_of_its_own(run_suites: RunSuites) -> None:
    ended = run_suites("--export=csv", script={}, tenant=("acme", "other"))
    for tenant in ("acme", "other"):
        assert f'"{tenant}",'.encode() in (ended.directory(tenant) / "verdicts.csv").read_bytes()


def test_an_export_that_fails_fails_the_run(run_suites: RunSuites, tmp_path: Path) -> None:
    ended = run_suites("--export=csv=/dev/full", script={})
    assert ended.code == 1
    assert "not exported: /dev/full: No space left on device" in ended.out


SCRIPTS = {
    "unmet": {"verdicts": {"HTTPS-01": {"result": "fail", "codes": ["tcp.filtered", "tcp.refused"], "saw": "nothing"}}},
    "nobody could look": {"trouble": ["the host refuses connections", "check that sshd runs there"]},
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_pytests_own_junit_report_names_what_was_asked(run_suites: RunSuites, tmp_path: Path, script: str) -> None:
    own = tmp_path / "own.xml"
    ended = run_suites(f"--junitxml={own}", "--export=junit", script=SCRIPTS[script])
    cases = list(ElementTree.parse(own).iter("testcase"))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    assert _asked(own) == _asked(ended.directory() / "junit.xml")
    assert ("HTTPS-01", "error" if script == "nobody could look" else "fail") in {
        (requirement, verdict) for requirement, _, _, _, verdict, _ in _asked(own)
    }


def _asked(report: Path) -> list[tuple[str, ...]]:
    names = ("requirement", "level", "target", "vantage", "verdict", "codes")
    told = [
        {str(each.get("name")): str(each.get("value")) for each in case.iter("property")}
        for case in ElementTree.parse(report).iter("testcase")
    ]
    return sorted(tuple(properties[name] for name in names) for properties in told)
