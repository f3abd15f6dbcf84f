"""What is said of the journals that are kept: every export, and what `show`, `compare` and `history` print."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from netcompliance.cli.main import main
from netcompliance.report.export import FORMATS
from tests.support import journals

RECORDED = Path(__file__).resolve().parents[1] / "recorded"
KEPT = RECORDED / "outputs.xz"
"""JSON: name → text."""


def outputs(below: Path) -> dict[str, str]:
    """All of it, by what was typed. The journals are put there first."""
    for path in RECORDED.joinpath("journals").glob("*.jsonl.xz"):
        _put(below, path.name.partition(".")[0], lzma.decompress(path.read_bytes()))
    _put(below, "later", _later())
    _put(below, "newer", _later("feedc0d1", "of.a-later-version"))
    _put(below, "cut", b"".join(_later().splitlines(keepends=True)[:-1]))
    with contextlib.chdir(below), mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}):
        return {" ".join(typed): _said(typed) for typed in _typed(sorted(path.name for path in below.iterdir()))}


def packed(said: dict[str, str]) -> bytes:
    """As it is kept."""
    return lzma.compress(json.dumps(said, ensure_ascii=False, indent=0).encode(), preset=9)


def _typed(names: list[str]) -> Iterator[list[str]]:
    for name in names:
        yield from (["export", "--format", each, name] for each in FORMATS)
        yield from (["show", *options, name] for options in ([], ["--json"]))
        yield from (["compare", *options, "schema-1", name] for options in ([], ["--json"], ["--markdown"]))
    yield from (["history", *options, "."] for options in ([], ["--json"], ["--csv"]))


def _said(typed: list[str]) -> str:
    """Exit code, standard output and standard error."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(typed)
    out.seek(0)
    return f"exit code {code}\n{out.read()}{err.getvalue()}"


def _put(below: Path, name: str, content: bytes) -> None:
    (below / name).mkdir()
    (below / name / "journal.jsonl").write_bytes(content)


def _later(run: str = "feedc0de", code: str = "tcp.refused") -> bytes:
    """A later run in which cases ended in every way there is; some because of this finding."""
    records = [json.loads(line) for line in journals.of_schema_1().splitlines()]
    gone = [{**record, "vantage": "ssh://gone"} for record in records if record["type"] == "case"][::9]
    records[1:1] = [*gone, {"type": "vantage", "id": "ssh://gone", "error": "the host refuses connections"}]
    records[0] |= {"run": run, "started": "2027-01-05T12:00:00.000Z"}
    verdicts = [record for record in records if record["type"] == "verdict"]
    for number, record in enumerate(verdicts):
        record.update(_ended(number, record["verdict"], code))
    untold = {id(record) for record in verdicts[::11]}
    for record in records:
        if record["type"] == "case" and record["requirement"].startswith("REG-"):
            record["level"] = "should"
        if record.get("kind") == "resolve" and record.get("addresses"):
            record["addresses"] = [*record["addresses"][1:], "203.0.113.9"]
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records[:-1] if id(record) not in untold)
    footer = records[-1] | {"finished": "2027-01-05T12:00:09.000Z", "sha256": hashlib.sha256(body).hexdigest()}
    return body + json.dumps(footer).encode() + b"\n"


def _ended(number: int, word: str, code: str) -> dict[str, Any]:
    if word == "pass" and number % 5 == 1:
        codes = ["tcp.filtered", code][number % 2 :]
        found = [{"code": each, "subject": f"192.0.2.{number}", "detail": "no answer"} for each in codes]
        return {"verdict": "fail", "findings": found, "means": "dropped", "fix": f"allow {number % 3}", "ask": "team x"}
    if word == "pass" and number % 7 == 1:
        return {"verdict": "waived", "reason": "Ann accepts this"}
    return {"verdict": "pass", "findings": []} if word == "fail" else {}
