"""What strangers and people give us, broken at random: it is read, or refused with a word, at once, in little memory.

Each target takes bytes. What it may raise is what it documents; anything else, more than two seconds, or more than
300 MB is a failure. For a longer run: `FUZZ_EXAMPLES=100000 .venv/bin/pytest -c tests/pytest.toml tests/fuzz`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import lzma
import os
import random
import resource
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import pytest

from netcompliance import pages
from netcompliance.catalogue import load
from netcompliance.config import profile
from netcompliance.config.allow_list import reading
from netcompliance.config.images import sources
from netcompliance.config.validation import BadInput
from netcompliance.journal import reader
from netcompliance.journal.reader import BadJournal
from netcompliance.judge import nameservers
from netcompliance.model import Result
from netcompliance.observations import Dns
from netcompliance.probe.onhost import dnsmessage, http1
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.limits import Deadline, with_defaults
from netcompliance.provenance import tool
from netcompliance.vantage.admission import Admission, NotAdmitted
from netcompliance.vantage.probe_process import record_of
from netcompliance.verification import verify
from tests.unit.judge.world import healthy, verdicts
from tests.unit.probe.test_http1 import Script

ROOT = Path(__file__).resolve().parents[2]
MEMORY_KIB = 300 << 10
SECONDS = 2.0
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "200"))
SPLICES = (
    *(b"\x00", b"\xff" * 5, b"-" * 300, b"[" * 3000, b"{" * 3000, b"9" * 5000, b"1e999", b'"', b"'", b"\n", b"\r\n\t"),
    *(b"\\u0000", b"*&a", b"!!python/object:x", b"0/0", b"::", b"@@", b"%%", b"/0", b"\xc3\x28"),
)


def corpus_of(kind: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((ROOT / "tests" / "fuzz" / "corpus" / kind).iterdir()))


def broken(corpus: tuple[bytes, ...], chance: random.Random) -> bytes:
    """One of these, with pieces cut out, doubled, and put in."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randint(0, len(data)), chance.randint(0, 40)
        match chance.randint(0, 3):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length] * chance.randint(1, 50)
            case 2:
                data[at:at] = chance.choice(SPLICES)
            case _:
                data[at : at + length] = chance.randbytes(chance.randint(0, 40))
    return bytes(data)


@contextlib.contextmanager
def file(data: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, name)
        path.write_bytes(data)
        yield path


def of_a_host(data: bytes) -> None:
    """Lines as a visited host writes them: admitted or not, and no verdict of what is damaged is a pass."""
    admission, kept = Admission(), [r for r in healthy() if r["kind"] not in ("tcp", "http")]
    with contextlib.suppress(NotAdmitted):
        for line in data.split(b"\n"):
            record = record_of(line)
            if record is not None and (admitted := admission.admit(line, record)) is not None:
                kept.append({**admitted, "vantage": "local"})
    given_back = verdicts(kept)
    assert {v.case.requirement for v in given_back if v.result is Result.PASS} <= {r.id for r in load().requirements}
    json.dumps(kept)


def journal(data: bytes) -> None:
    """`netcompliance verify`: an answer, or one line."""
    with file(data, "journal.jsonl") as path, contextlib.suppress(BadJournal):
        checks = verify(path, load(), tool())
        assert checks


def rules(data: bytes) -> None:
    """`--allow-list`."""
    with file(data, "rules") as path, contextlib.suppress(BadInput):
        assert isinstance(reading.read(path), tuple)


def values(data: bytes) -> None:
    """`--values` and `--images`."""
    with file(data, "values.yaml") as path, contextlib.suppress(BadInput):
        sources.gather(path, None)


def of_a_profile(data: bytes) -> None:
    """`--profile`."""
    with file(data, "p.toml") as path, contextlib.suppress(BadInput):
        profile.load(path)


def of_a_nameserver(data: bytes) -> None:
    """Bytes of a DNS answer, on the host and in the judge."""
    if dnsmessage.answers(QUERY, data):
        dnsmessage.truncated(data)
        dnsmessage.addresses(data)
    seen = Dns.decode({"kind": "dns", "server": "10.0.0.1", "response": base64.b64encode(data).decode()})
    assert seen
    nameservers.read(seen)


def of_a_web_server(data: bytes) -> None:
    """Bytes of an HTTP answer."""
    head = http1.request_head("GET", "/", [("Host", "h")])
    with contextlib.suppress(Failure):
        http1.exchange(Script(data), head, b"", http1.Answer(100, 1000), with_defaults({}), Deadline(5))


QUERY = dns.message.make_query("acme.app.stackstate.io.", "A", use_edns=0).to_wire()
LINES = b"\n".join(json.dumps({k: v for k, v in r.items() if k != "vantage"}).encode() for r in healthy())
RECORDED = lzma.decompress((ROOT / "tests" / "recorded" / "journals" / "schema-2.jsonl.xz").read_bytes())
PROFILE = (ROOT / "fixtures" / "tenants" / "example.toml").read_bytes()


def _dns_answers() -> tuple[bytes, ...]:
    asked = dns.message.from_wire(QUERY)
    plain = dns.message.make_response(asked)
    full = dns.message.make_response(asked)
    full.answer.append(dns.rrset.from_text("acme.app.stackstate.io.", 60, "IN", "A", "34.250.11.21", "34.250.11.22"))
    return plain.to_wire(), full.to_wire()


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "host": (of_a_host, (LINES,)),
    "journal": (journal, (RECORDED,)),
    "rules": (rules, corpus_of("rules")),
    "values": (values, corpus_of("values")),
    "profile": (of_a_profile, (PROFILE,)),
    "nameserver": (of_a_nameserver, _dns_answers()),
    "web server": (of_a_web_server, corpus_of("answers")),
}


@pytest.mark.parametrize("name", TARGETS)
def test_broken_input_is_read_or_refused(name: str) -> None:
    target, corpus = TARGETS[name]
    for whole in corpus:
        target(whole)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(EXAMPLES):
        data = broken(corpus, random.Random(f"{name} {number}"))
        began = time.process_time()
        try:
            target(data)
        except Exception as error:
            raise AssertionError(f"{name} {number}: {data[:2000]!r}") from error
        assert time.process_time() - began < SECONDS, f"{name} {number}: {data[:2000]!r}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_KIB


WATCH = (
    {"what": "begin", "at": 1.79e9, "heard": 1.79e9, "planned": 60.0, "seldom": 30.0},
    {"what": "run", "run": 1, "layer": "tcp", "path": "192.0.2.1:443", "every": 0.1, "from": 1.79e9, "to": 1.79e9 + 9,
     "samples": 90, "failed": 90, "error": {"name": "TIMEOUT", "phase": "tcp"}},
    {"what": "control", "lost": 1.79e9 + 3, "back": 1.79e9 + 4},
    {"what": "end", "at": 1.79e9 + 60, "why": "planned"},
)  # fmt: skip
COMPARISON = {
    "type": "comparison",
    "baseline": {"run": "a1", "sha256": "0" * 64, "started": "2026-01-01T00:00:00.000Z", "overall": "satisfied"},
    "outcome": "regressed",
    "counts": {"regressed": 1, "same": 56, "fixed": 0, "newly-checked": 0, "no-longer-checked": 0, "drift": 1},
    "lost_vantages": ["ssh://node-9"],
    "asked": {"registry": ["quay.io", "mirror"]},
    "regressed": [{"requirement": "HTTPS-01", "target": "acme.app.stackstate.io", "vantage": "local"}],
    "changed": [
        {"requirement": "HTTPS-01", "target": "acme.app.stackstate.io", "vantage": "local",
         "before": {"verdict": "pass", "findings": ["x y"], "saw": "it"}},
    ],
    "drift": [{"kind": "addresses", "vantage": "local", "subject": "x", "before": ["1"], "after": ["2"]}],
}  # fmt: skip
ODD = (None, True, -1, 0, 7.5, 1e300, 10**400, "", "x" * 5000, "\x1b[2J<script>", "\u202e", [], [[]], {}, {"": None})


def altered(value: Any, chance: random.Random) -> Any:
    """The value with one of its parts replaced by something odd, or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice([*value])
        others = {key: each for key, each in value.items() if key != name}
        return others if chance.random() < 0.1 else others | {name: altered(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return [*value[:at], altered(value[at], chance), *value[at + 1 :]]
    return chance.choice(ODD)


def test_any_journal_becomes_a_page_or_one_line(tmp_path: Path) -> None:
    """`netcompliance report`. Without links and a footer, which would refuse every journal that was altered."""
    lines = lzma.decompress((ROOT / "tests" / "recorded" / "journals" / "schema-1.jsonl.xz").read_bytes()).splitlines()
    first, *records = map(json.loads, lines)
    watch = {"duration": 60.0, "every": 0.1, "rarely": 5.0, "criteria": [{"layer": "tcp", "max_outage": 1.0}]}
    header = {**first, "settings": {**first["settings"], "watch": watch}}
    seen = [{"type": "observation", "vantage": "local", "kind": "watch", **each} for each in WATCH]
    whole = [header, *(each for each in records if each["type"] != "footer"), *seen, COMPARISON]
    told = 0
    for number in range(EXAMPLES):
        chance = random.Random(f"page {number}")
        now = list(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.choice([0, chance.randrange(len(now)), *range(len(now) - 6, len(now))])
            now[at] = altered(now[at], chance) if isinstance(now[at], dict) else now[at]
        path = tmp_path / "journal.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in now))
        began = time.process_time()
        try:
            page = b"".join(pages.page(reader.read(path)))
        except BadJournal:
            continue
        except Exception as error:
            changes = [each for each, was in zip(now, whole, strict=True) if each is not was]
            raise AssertionError(f"{number}: {changes!r:.3000}") from error
        assert time.process_time() - began < SECONDS
        assert b"\x1b" not in page
        told += 1
    assert told > EXAMPLES / 4


def test_the_corpus_is_sound() -> None:
    assert tomllib.loads(PROFILE.decode())
    known: Any = [json.loads(line) for line in LINES.splitlines()]
    assert len(known) > 50
