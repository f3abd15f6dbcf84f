"""What a run leaves can be checked: by `netcompliance verify`, and without it by sha256sum and ssh-keygen."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netcompliance import catalogue
from netcompliance.cli.main import main
from netcompliance.journal import checksums, hash_chain, signature
from netcompliance.provenance import tool
from tests.support import journals

SEEN = {"observations": [{"kind": "resolve", "name": "marker.example"}]}


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys: Ann's, Bob's, and one with a passphrase. And a list of who may sign: Ann."""
    directory = tmp_path_factory.mktemp("keys")
    for name, passphrase in (("ann", ""), ("bob", ""), ("locked", "a passphrase")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(directory / name)]
        subprocess.run(command, check=True, timeout=60)
    (directory / "allowed").write_text(f"ann@corp.example {(directory / 'ann.pub').read_text()}")
    (directory / "text").write_text("hello\n")
    return directory


@pytest.fixture
def agent(keys: Path) -> Iterator[dict[str, str]]:
    """An agent that holds Ann's key; the environment that leads to it."""
    told = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True, timeout=60).stdout
    env = dict(part.split("=", 1) for line in told.splitlines() if "=" in (part := line.split(";")[0]))
    try:
        subprocess.run(["ssh-add", "-q", str(keys / "ann")], env={**os.environ, **env}, check=True, timeout=60)
        yield env
    finally:
        os.kill(int(env["SSH_AGENT_PID"]), signal.SIGTERM)


@pytest.fixture
def verified(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, list[str]]]]:
    """Runs `netcompliance verify`; gives its exit code and, for each check, `outcome text`."""

    def run(*arguments: object) -> tuple[int, dict[str, list[str]]]:
        code = main(["verify", "--json", *map(str, arguments)])
        document = json.loads(capsys.readouterr().out)
        assert document["good"] is (code == 0)
        found: dict[str, list[str]] = {}
        for check in document["checks"]:
            found.setdefault(check["check"], []).append(f"{check['outcome']} {check['text']}")
        return code, found

    return run


def bad(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is bad, by check."""
    every = {
        name: [text.removeprefix("bad ") for text in texts if text.startswith("bad ")] for name, texts in found.items()
    }
    return {name: texts for name, texts in every.items() if texts}


@pytest.fixture
def signed(run_suites, keys: Path) -> Path:
    """The directory of a run that Ann signed. Its verdicts are scripted, so they do not follow from what was seen."""
    ended = run_suites(f"--sign={keys / 'ann'}", script=SEEN)
    assert (ended.code, ended.err) == (0, "")
    assert f"signed   with the key {signature.key(keys / 'ann').fingerprint}" in ended.out
    return ended.directory()


def test_the_fields_own_tools_can_check_it(signed: Path, keys: Path):
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=signed, capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stdout) == (0, "journal.jsonl: OK\nreport.html: OK\n")
    who = ["-f", str(keys / "allowed"), "-I", "ann@corp.example", "-n", "netcompliance"]
    command = ["ssh-keygen", "-Y", "verify", *who, "-s", "SHA256SUMS.sig"]
    for change, code in ((b"", 0), (b"\n", 255)):
        data = (signed / "SHA256SUMS").read_bytes() + change
        assert subprocess.run(command, cwd=signed, input=data, capture_output=True, check=False).returncode == code


def test_signed_evidence_is_what_the_run_left_and_whose_it_is(signed: Path, keys: Path, verified):
    _, found = verified(signed, "--allowed-signers", keys / "allowed")
    assert bad(found).keys() == {"verdicts"}, "the script's verdicts are not the judge's"
    assert found["files"] == ["ok journal.jsonl, report.html: as they were at the end of the run"]
    assert found["report"] == ["ok carries this journal's digest"]
    fingerprint = signature.key(keys / "ann").fingerprint
    assert found["signature"] == [f"ok by ann@corp.example, key {fingerprint}"]
    _, found = verified(signed)
    assert found["signature"] == [f"note by the key {fingerprint}; whose it is was not checked (--allowed-signers)"]
    _, found = verified(signed, "--allowed-signers", keys / "allowed", "--identity", "bob@corp.example")
    assert "is not bob@corp.example's in" in bad(found)["signature"][0]


@pytest.mark.parametrize("name", ["journal.jsonl", "report.html", "SHA256SUMS", "SHA256SUMS.sig"])
def test_a_changed_byte_of_any_file_is_found_and_the_file_named(signed: Path, keys: Path, verified, name: str):
    path = signed / name
    whole = path.read_bytes()
    for place in sorted({0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 3, len(whole) - 1}):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        if name == "journal.jsonl" and place < whole.index(b"\n"):
            continue  # then it is no journal at all: exit code 4
        code, found = verified(signed, "--allowed-signers", keys / "allowed")
        assert code == 1
        wrong = bad(found)
        if name == "journal.jsonl":
            line = whole.count(b"\n", 0, place) + 1
            assert wrong["chain"][0].startswith(f"line {line}: ")
            assert wrong["files"] == ["journal.jsonl was changed after the run"]
        elif name == "report.html":
            assert wrong["files"] == ["report.html was changed after the run"]
        else:
            assert ("files" if name == "SHA256SUMS" else "signature") in wrong
    path.write_bytes(whole)
    assert "files" not in bad(verified(signed)[1])


@pytest.mark.parametrize("name", ["journal.jsonl", "report.html", "SHA256SUMS", "SHA256SUMS.sig"])
def test_a_file_that_is_missing_or_a_link_is_found(signed: Path, keys: Path, verified, name: str, capsys):
    (signed / name).rename(signed.parent / "elsewhere")
    if name == "journal.jsonl":
        assert main(["verify", str(signed)]) == 4
        assert "a directory without a journal.jsonl" in capsys.readouterr().err
        return
    assert verified(signed)[0] == 1
    wrong = bad(verified(signed, "--allowed-signers", keys / "allowed")[1])
    assert {"files", "signature"} & wrong.keys()
    if name == "report.html":
        (signed / name).symlink_to("/dev/zero")
        assert "report.html: report.html is no regular file" in bad(verified(signed)[1])["files"]


def test_all_files_from_another_run_are_not_the_signers(signed: Path, run_suites, keys: Path, verified, tmp_path: Path):
    """Everything made anew and consistent, but without the key."""
    shutil.move(signed.parent.parent, tmp_path / "kept")
    forged = run_suites(script=SEEN).directory()
    shutil.copy(tmp_path / "kept" / "acme" / signed.name / "SHA256SUMS.sig", forged)
    wrong = bad(verified(forged, "--allowed-signers", keys / "allowed")[1])
    assert wrong["signature"] == ["the signature is not that of these sums"]
    (forged / "SHA256SUMS.sig").unlink()
    _, found = verified(forged)
    assert found["signature"] == [
        "note not signed: nothing says who made this, nor that it was not made anew as a whole"
    ]
    assert bad(verified(forged, "--allowed-signers", keys / "allowed")[1])["signature"] == ["not signed"]


def test_a_signature_that_was_taken_away_or_replaced_is_missed(signed: Path, keys: Path, verified):
    (signed / "SHA256SUMS.sig").unlink()
    assert "and there is no signature" in bad(verified(signed)[1])["signature"][0]
    data = (signed / "SHA256SUMS").read_bytes()
    (signed / "SHA256SUMS.sig").write_bytes(signature.sign(data, signature.key(keys / "bob")))
    assert "was to be signed with the key" in bad(verified(signed)[1])["signature"][0]


def test_a_report_of_another_journal_is_found(signed: Path, verified):
    page = (signed / "report.html").read_text(encoding="utf-8")
    (signed / "report.html").write_text(
        page.replace(checksums.sha256(signed / "journal.jsonl"), "0" * 64), encoding="utf-8"
    )
    (signed / "SHA256SUMS").unlink()
    checksums.write(signed)
    assert "was made from another one" in bad(verified(signed)[1])["report"][0]


def test_files_that_were_put_there_later_are_named(signed: Path, verified):
    (signed / "notes.txt").write_text("mine")
    assert verified(signed)[1]["files"][0] == "note not part of the evidence: notes.txt"


def test_a_key_in_an_agent_signs_by_its_public_half(run_suites, keys: Path, agent: dict[str, str], tmp_path: Path):
    shutil.copy(keys / "ann.pub", tmp_path / "only.pub")
    ended = run_suites(f"--sign={tmp_path / 'only.pub'}", script=SEEN, env=agent)
    assert ended.code == 0
    signature.check((ended.directory() / checksums.NAME).read_bytes(), ended.directory() / checksums.SIGNATURE)


@pytest.mark.parametrize(
    ("key", "reason"),
    [("locked", "has a passphrase: put it into an agent"), ("gone", "No such file"), ("text", "no key that")],
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_written(run_suites, keys: Path, key: str, reason: str):
    ended = run_suites(f"--sign={keys / key}", script={"crash": "looked"})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    (line,) = ended.err.strip().splitlines()
    assert line.startswith(f"ERROR: --sign {keys / key}: ")
    assert reason in line
    assert not ended.reports.exists()


def test_evidence_that_could_not_be_signed_says_so_and_is_not_green(run_suites, keys: Path, tmp_path: Path, verified):
    for name in ("ann", "ann.pub"):
        shutil.copy(keys / name, tmp_path / name)
    ended = run_suites(f"--sign={tmp_path / 'ann'}", script={**SEEN, "lose": str(tmp_path / "ann")})
    assert ended.code == 1
    assert "evidence not signed: " in ended.out
    assert "signed   with" not in ended.out
    assert sorted(path.name for path in ended.directory().iterdir()) == ["SHA256SUMS", "journal.jsonl", "report.html"]
    assert "and there is no signature" in bad(verified(ended.directory())[1])["signature"][0]


def test_who_rewrites_a_journal_with_all_its_digests_is_found_by_its_own_observations(tmp_path: Path, verified):
    """Schema 1 has no links: only the footer's digest has to be made anew."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.of_schema_1())
    assert verified(path)[0] == 0
    lines = path.read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    failed = next(record for record in records if record.get("verdict") == "fail")
    failed |= {"verdict": "pass", "findings": []}
    path.write_bytes(_with_digest(records))
    wrong = bad(verified(path)[1])
    assert wrong["plan"][0].startswith("the footer says 'not-satisfied', the verdicts say")
    assert wrong["verdicts"][0].startswith(
        "HTTPS-01 acme.app.stackstate.io from local: the journal says pass, judged ag"
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda records: records.pop(1), "has a verdict and was not planned"),
        (lambda records: records.insert(2, records[1]), "is planned twice"),
        (lambda records: records.insert(-1, records[-2]), "has two verdicts"),
        (lambda records: records[-1]["counts"].update({"pass": 99}), "the footer's counts are not those"),
        (
            lambda records: records[-1].update(overall="satisfied"),
            "the footer says 'satisfied', the verdicts say not-sat",
        ),
    ],
)
def test_a_plan_that_does_not_add_up_is_found(tmp_path: Path, verified, change: Callable[[Any], Any], told: str):
    records = [json.loads(line) for line in journals.of_schema_1().splitlines()]
    change(records)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(_with_digest(records))
    assert told in bad(verified(path)[1])["plan"][0]


def test_a_case_that_was_planned_after_looking_is_found(tmp_path: Path, verified):
    records = [json.loads(line) for line in journals.of_schema_1().splitlines()]
    records.insert(-60, records.pop(1))
    path = tmp_path / "journal.jsonl"
    path.write_bytes(_with_digest(records))
    assert "planned after somebody had looked" in bad(verified(path)[1])["chain"][0]


@pytest.mark.parametrize("judge", [tool()["judge"], "0" * 64])
def test_other_words_are_found_where_the_same_judge_would_have_used_its_own(tmp_path: Path, verified, judge: str):
    records = [json.loads(line) for line in journals.of_schema_1().splitlines()]
    records[0]["tool"]["judge"] = judge
    records[0]["catalogue_sha256"] = catalogue.load().sha256
    next(record for record in records if record.get("verdict") == "pass")["saw"] = "all was well"
    path = tmp_path / "journal.jsonl"
    path.write_bytes(_with_digest(records))
    wrong = bad(verified(path)[1]).get("verdicts", [])
    assert any("(saw differ)" in text for text in wrong) == (judge == tool()["judge"])


def test_one_page_for_several_tenants_belongs_to_each_journal(run_suites, verified):
    ended = run_suites(script=SEEN, tenant=("acme", "beta"))
    for tenant in ("acme", "beta"):
        _, found = verified(ended.directory(tenant))
        assert found["report"] == ["ok carries this journal's digest"]
        assert found["files"][0].startswith("ok ")


def test_a_run_that_was_cut_off_is_no_evidence(run_suites, verified):
    ended = run_suites(script={**SEEN, "signal": "SIGKILL"})
    code, found = verified(ended.directory())
    assert code == 1
    assert "the run was cut off, and this is no evidence" in bad(found)["chain"][0]
    assert "the run did not come to its end" in bad(found)["files"][0]


@pytest.mark.parametrize("name", ["SHA256SUMS", "SHA256SUMS.sig", "report.html", "journal.jsonl"])
def test_a_pipe_is_no_evidence_and_nobody_waits_for_it(signed: Path, verified, name: str, capsys):
    (signed / name).unlink()
    os.mkfifo(signed / name)
    if name == "journal.jsonl":
        assert main(["verify", str(signed)]) == 4
        assert "no regular file, and not a journal" in capsys.readouterr().err
        return
    wrong = bad(verified(signed)[1])
    assert any("is no regular file" in text for texts in wrong.values() for text in texts)


@pytest.mark.parametrize("name", ["SHA256SUMS", "report.html", "journal.jsonl"])
def test_a_file_without_an_end_to_speak_of_is_no_evidence(signed: Path, verified, name: str, capsys):
    """A hole takes no room on a disk, and would be read for minutes."""
    os.truncate(signed / name, 1 << 36)
    if name == "journal.jsonl":
        assert main(["verify", str(signed)]) == 4
        assert "no journal has such" in capsys.readouterr().err
        return
    assert "larger than 1 GiB" in bad(verified(signed)[1])["files"][0]


def test_allowed_signers_are_no_pipe(signed: Path, tmp_path: Path, capsys):
    os.mkfifo(tmp_path / "allowed")
    assert main(["verify", f"--allowed-signers={tmp_path / 'allowed'}", str(signed)]) == 4
    assert "a pipe, and ssh-keygen reads it more than once" in capsys.readouterr().err


def test_the_first_line_says_which_run_it_is(run_suites, verified):
    ended = run_suites(script=SEEN)
    _, found = verified(ended.directory())
    (told,) = found["run"]
    started = ended.journal()[0]["started"]
    assert told.startswith(f"ok acme.app.stackstate.io from local, {started} to ")
    assert told.endswith(": satisfied")


def test_the_header_says_from_where_it_was_to_be_looked(run_suites, verified):
    """This machine may look for the others alone: then it is asked what the workstation is asked, and no more."""
    ended = run_suites("--hosts=ssh://node-1", script=SEEN)
    header, *records = ended.journal()
    assert header["vantages"] == ["ssh://node-1"]
    assert {record["id"] for record in records if record["type"] == "vantage"} == {"local", "ssh://node-1"}
    _, found = verified(ended.directory())
    assert bad(found).keys() == {"verdicts"}, "the script's verdicts are not the judge's"
    assert found["run"][0].startswith("ok acme.app.stackstate.io from ssh://node-1, ")


def _made_should(records: list[dict[str, Any]]) -> None:
    for record in records:
        if record["type"] in ("case", "verdict"):
            record["level"] = "should"


def _never_planned(records: list[dict[str, Any]]) -> None:
    records[:] = [record for record in records if record.get("requirement") != "HTTPS-03"]


def _resting_on_nothing(records: list[dict[str, Any]]) -> None:
    next(record for record in records if record.get("requirement") == "RCV-01")["requires"] = []


def _one_more(records: list[dict[str, Any]]) -> None:
    first = next(record for record in records if record["type"] == "case")
    records.insert(1, {**first, "target": "other.app.stackstate.io"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_made_should, "DNS-01 acme.app.stackstate.io from local: level is should, and must in the catalogue"),
        (_never_planned, "HTTPS-03 acme.app.stackstate.io from local was never planned"),
        (_resting_on_nothing, "RCV-01 acme.app.stackstate.io from local: requires is ()"),
        (_one_more, "DNS-01 other.app.stackstate.io from local is not asked for by the catalogue"),
    ],
)
def test_a_plan_that_is_not_the_catalogues_is_found(
    run_suites, verified, tmp_path: Path, change: Callable[[Any], None], told: str
):
    lines = (run_suites(script=SEEN).directory() / "journal.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    change(records)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.relinked([json.dumps(record).encode() for record in records], lambda *_: None))
    path.write_bytes(_with_own_digest(path.read_bytes()))
    wrong = bad(verified(path)[1])
    assert any(text.startswith(told) for text in wrong["plan"]), wrong


def test_what_was_waived_is_said_first(run_suites, verified, tmp_path: Path):
    """A waiver is a line of the header: whoever makes a journal anew may write one."""
    lines = (run_suites(script=SEEN).directory() / "journal.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    passed = next(record for record in records if record["type"] == "verdict" and record["verdict"] == "pass")
    passed["verdict"] = "waived"
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.relinked([json.dumps(record).encode() for record in records], lambda *_: None))
    path.write_bytes(_with_own_digest(path.read_bytes()))
    assert verified(path)[1]["run"][0].endswith(f", {passed['requirement']} waived")


@pytest.mark.parametrize("change", [lambda _: None, _made_should, _never_planned])
def test_by_a_catalogue_that_is_not_known_no_plan_is_proved_and_nobody_blamed(
    run_suites, verified, tmp_path: Path, capsys, change: Callable[[Any], None]
):
    """A newer program's digest, or one that somebody changed: whether all was planned cannot be told."""
    lines = (run_suites(script=SEEN).directory() / "journal.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines if b'"type":"verdict"' not in line]
    records[0]["catalogue_sha256"] = "c5" * 32
    records[-1] |= {"overall": "undetermined", "counts": {**dict.fromkeys(records[-1]["counts"], 0)}}
    change(records)
    records[-1]["counts"]["error"] = sum(record["type"] == "case" for record in records)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(journals.relinked([json.dumps(record).encode() for record in records], lambda *_: None))
    path.write_bytes(_with_own_digest(path.read_bytes()))
    code, found = verified(path)
    assert (code, bad(found)) == (1, {})
    (told,) = [text for text in found["plan"] if text.startswith("open ")]
    assert f"does not have the catalogue of this run (version {catalogue.load().version}, SHA-256 {'c5' * 32})" in told
    assert told.endswith(f"ask the program that made the run, netcompliance {tool()['version']}")
    assert main(["verify", str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("the evidence is not proved: nothing is wrong with it")


def _with_own_digest(journal: bytes) -> bytes:
    """The journal, all of whose links are right, with the footer's digest and link made anew too."""
    *lines, last = journal.splitlines(keepends=True)
    before = hash_chain.parted(lines[-1])
    assert before
    record = json.loads(last)
    record.pop(hash_chain.MEMBER)
    record["sha256"] = hashlib.sha256(b"".join(lines)).hexdigest()
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join([*lines, hash_chain.linked(body, hash_chain.link(before[1], body))])


def _with_digest(records: list[dict[str, Any]]) -> bytes:
    """The journal with its footer's digest made anew."""
    lines = [json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records]
    records[-1]["sha256"] = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return b"".join(lines[:-1]) + json.dumps(records[-1]).encode() + b"\n"
