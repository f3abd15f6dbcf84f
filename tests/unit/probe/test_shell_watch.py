"""A watch without Python, against peers on loopback: its records, its end, and what it says that it cannot do."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import jsonschema
import pytest

from netcompliance.judge.watch import watched
from netcompliance.probe import bundle
from netcompliance.probe.shell import shell
from tests.support.nameserver import nameserver
from tests.support.peers import Issued, authority, leaf, serving, silent

Record = dict[str, Any]
HOST = "acme.app.stackstate.io"
"""A label of it is as long as a newline's number: a query must go out in one piece all the same."""
LONGEST = 30.0


def plan(port: int, *, dns_port: int = 1, seconds: float = 60.0, addresses: tuple[str, ...] = ("127.0.0.1",)) -> Record:
    query = dns.message.make_query(f"{HOST}.", "A", use_edns=0, payload=1232)
    return {
        "schema": 1, "agent": "test/1", "deadline": seconds + 60, "limits": {"addresses": 64}, "proxy": None,
        "trust": None, "tasks": [],
        "watch": {
            "id": "0f" * 8, "seconds": seconds, "every": 0.05, "rarely": 0.5, "seldom": 60.0, "host": HOST,
            "port": port, "addresses": list(addresses), "query": base64.b64encode(query.to_wire()).decode(),
            "dns_port": dns_port, "request": {}, "registry": None,
        },
    }  # fmt: skip


class Watcher:
    """The script as the controller has it: spoken to over standard input, heard over standard output."""

    def __init__(self, asked: Record, tmp_path: Path, sh: str = "") -> None:
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        script = shell.watch_parcel(asked).replace("/etc/resolv.conf", str(tmp_path / "resolv.conf"))
        script = script.replace("RESOLVER=getent", "RESOLVER=''").replace("RESOLVER=nslookup", "RESOLVER=''")
        self.here = tmp_path / "here"
        self.here.mkdir(exist_ok=True)
        interpreter, *applet = sh.split() or ["sh"]
        reader = 'eval "$(cat)"' if sh else 'IFS= read -r next; eval "$next"'
        self.process = subprocess.Popen(
            [str(shutil.which(interpreter)), *applet, "-c", reader],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self.here,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.here), "SSL_CERT_FILE": str(tmp_path / "store.pem")},
            start_new_session=True,
        )
        self.heard: list[Record] = []
        self.ended = threading.Event()
        parcel = script if sh else f"{bundle.UP_TO_ITS_END}\n{script}{bundle.END_OF_SCRIPT}\n"
        self.say(parcel.rstrip("\n"))
        if sh:
            self.hang_up()
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def say(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(word.encode() + b"\n")
        self.process.stdin.flush()

    def hang_up(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.heard.append(json.loads(line))
        self.ended.set()

    def those(self, what: str, **fields: Any) -> list[Record]:
        return [
            each
            for each in list(self.heard)
            if each.get("what") == what and all(each.get(name) == value for name, value in fields.items())
        ]

    def wait_for(self, what: Callable[[], Any]) -> Any:
        end = time.monotonic() + LONGEST
        while not (found := what()):
            assert time.monotonic() < end, self.heard
            assert not self.ended.is_set(), self.heard
            time.sleep(0.02)
        return found

    def stop(self) -> list[Record]:
        """All that it said, once it was told to stop and has ended."""
        self.say("stop")
        assert self.ended.wait(LONGEST)
        self.process.wait(LONGEST)
        assert list(self.here.iterdir()) == []
        return self.heard

    def close(self) -> None:
        self.process.wait(LONGEST)
        self._listening.join(LONGEST)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            with contextlib.suppress(OSError):
                stream.close()

    def is_left(self) -> list[str]:
        """What still runs of all that it started."""
        group = self.process.pid
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(words[3]) == group and words[0] != "Z":
                    found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
        return found


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Callable[..., Watcher]]:
    made: list[Watcher] = []

    def begin(asked: Record, sh: str = "") -> Watcher:
        made.append(Watcher(asked, tmp_path, sh))
        return made[-1]

    yield begin
    for each in made:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.process.pid, 9)
        each.close()


def test_an_outage_is_told_as_long_as_it_was_and_as_the_journal_documents(
    watch: Callable[..., Watcher], checkout: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        port = listening.getsockname()[1]
        watcher = watch(plan(port))
        watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=0))
        began = time.time()
    watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=1))
    time.sleep(1.0)
    with socket.create_server(("127.0.0.1", port), backlog=500):
        ended = time.time()
        watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=0, open=True)[1:])
        heard = watcher.stop()
    (path,) = [each for each in watched(heard, HOST, strict=True).paths if each.layer == "tcp"]
    (outage,) = path.outages
    assert outage.how == ("reset",)
    assert abs(outage.length - (ended - began)) <= outage.plus_minus + 0.4
    schema = json.loads((checkout / "docs" / "journal.schema.json").read_text(encoding="utf-8"))
    for record in heard[1:]:
        if record["what"] != "alive":
            jsonschema.validate({"type": "observation", "vantage": "ssh://bare", "link": "0" * 64, **record}, schema)
    (end,) = watcher.those("end")
    assert end["why"] == "stopped"
    assert [record["seq"] for record in heard if "seq" in record] == list(range(1, heard[-1]["seq"] + 1))


def test_what_is_interrupted_at_the_end_is_watched_until_it_is_not(watch: Callable[..., Watcher]) -> None:
    with nameserver(lambda query: [answer_of(query, "192.0.2.10")]) as dns_port:
        with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
            port = listening.getsockname()[1]
            asked = plan(port, dns_port=dns_port, seconds=1.0)
            asked["watch"]["beyond"] = 6.0
            watcher = watch(asked)
            watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=0))
        began = time.time()
        watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=1))
        time.sleep(1.0)
        with socket.create_server(("127.0.0.1", port), backlog=500):
            watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=0, open=True)[1:])
            assert watcher.ended.wait(LONGEST)
    assert [run["from"] > began + 1.0 for run in watcher.those("run", layer="tcp", failed=0)][-1]
    assert [each["why"] for each in watcher.those("end")] == ["planned"]


def test_what_stays_interrupted_is_watched_for_as_long_as_is_accepted(watch: Callable[..., Watcher]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        asked = plan(listening.getsockname()[1], seconds=1.0)
        asked["watch"]["beyond"] = 2.0
        watcher = watch(asked)
        watcher.wait_for(lambda: watcher.those("run", layer="tcp", failed=0))
    assert watcher.ended.wait(LONGEST)
    (last,) = [run for run in watcher.those("run", layer="tcp", open=False) if run["failed"]]
    assert last["to"] - last["from"] >= 1.75
    assert [each["why"] for each in watcher.those("end")] == ["planned"]


def test_layers_that_it_cannot_sample_are_named(watch: Callable[..., Watcher]) -> None:
    watcher = watch(plan(1, seconds=0.1))
    assert watcher.ended.wait(LONGEST)
    assert {each["layer"] for each in watcher.those("unwatched")} == {"http", "registry"}
    assert [each["why"] for each in watcher.those("end")] == ["planned"]


@pytest.mark.parametrize("sh", ["busybox sh", "dash"])
def test_without_bash_every_layer_is_named_and_it_ends(watch: Callable[..., Watcher], sh: str) -> None:
    watcher = watch(plan(1), sh)
    assert watcher.ended.wait(LONGEST)
    assert {each["layer"] for each in watcher.those("unwatched")} == {"dns", "tcp", "tls", "http", "registry"}
    assert [each["why"] for each in watcher.those("end")] == ["unable"]


def test_where_its_connection_is_lost_nothing_is_left(watch: Callable[..., Watcher], tmp_path: Path) -> None:
    with serving(silent, tmp_path, (leaf(authority("Root"), HOST),)) as server:
        watcher = watch(plan(server.port))
        watcher.wait_for(lambda: watcher.those("run", layer="tls"))
        watcher.hang_up()
        assert watcher.ended.wait(LONGEST)
        end = time.monotonic() + LONGEST
        while left := watcher.is_left():
            assert time.monotonic() < end, left
            time.sleep(0.05)
    assert watcher.those("end") == []
    assert list(watcher.here.iterdir()) == []


def test_where_nobody_acknowledges_anything_it_ends(watch: Callable[..., Watcher], monkeypatch: Any) -> None:
    whole = shell.watch_parcel
    monkeypatch.setattr(shell, "watch_parcel", lambda asked: whole(asked).replace("SILENCE=1500", "SILENCE=50"))
    watcher = watch(plan(1))
    assert watcher.ended.wait(LONGEST)
    assert watcher.those("end") == []


def answer_of(wire: bytes, *addresses: str, rcode: int = 0) -> bytes:
    told = dns.message.make_response(dns.message.from_wire(wire))
    told.set_rcode(dns.rcode.Rcode(rcode))
    if addresses:
        told.answer.append(dns.rrset.from_text(f"{HOST}.", 60, "IN", "CNAME", "lb.example."))
        told.answer.append(dns.rrset.from_text("lb.example.", 60, "IN", "A", *addresses))
    return told.to_wire()


@pytest.mark.parametrize(
    ("addresses", "rcode", "answer"),
    [
        (("192.0.2.10", "192.0.2.13"), 0, {"rcode": 0, "addresses": True, "private": False}),
        (("0.0.0.0",), 0, {"rcode": 0, "addresses": True, "private": True}),
        (("10.1.0.0",), 0, {"rcode": 0, "addresses": True, "private": True}),
        ((), 2, {"rcode": 2, "addresses": False, "private": False}),
        ((), 0, {"rcode": 0, "addresses": False, "private": False}),
    ],
)
def test_a_nameservers_answers_are_read_as_bytes(
    watch: Callable[..., Watcher], addresses: tuple[str, ...], rcode: int, answer: Record
) -> None:
    with nameserver(lambda query: [answer_of(query, *addresses, rcode=rcode)]) as port:
        watcher = watch(plan(1, dns_port=port, addresses=("192.0.2.10", "192.0.2.13")))
        (run, *_) = watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1"))
    assert (run["path"], run["error"], run["answer"]) == ("127.0.0.1", None, answer)


def test_aaaa_is_asked_for_beside(watch: Callable[..., Watcher]) -> None:
    def answers(query: bytes) -> list[bytes]:
        asked = dns.message.from_wire(query).question[0].rdtype
        return [answer_of(query, "192.0.2.10")] if asked == dns.rdatatype.A else []

    with nameserver(answers) as port:
        watcher = watch(plan(1, dns_port=port, addresses=("192.0.2.10",)))
        (run, *_) = watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1 AAAA"))
        (beside, *_) = watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1"))
    assert (run["error"]["name"], beside["error"]) == ("TIMEOUT", None)


def test_an_answer_that_is_cut_short_is_no_sample(watch: Callable[..., Watcher]) -> None:
    def cut(query: bytes) -> list[bytes]:
        told = dns.message.make_response(dns.message.from_wire(query))
        told.flags |= dns.flags.TC
        asked.append(query)
        return [told.to_wire()]

    asked: list[bytes] = []
    with nameserver(cut) as port:
        watcher = watch(plan(1, seconds=1.5, dns_port=port, addresses=("192.0.2.10",)))
        assert watcher.ended.wait(LONGEST)
    assert len(asked) > 4
    assert watcher.those("run", layer="dns") == []


@pytest.mark.parametrize(
    ("resolver", "proxy", "why"),
    [
        ("search corp.example\noptions ndots:5\n", None, "the search list comes before the name"),
        ("", {"url": "http://localhost:3128", "no_proxy": ""}, "the proxy's name"),
        ("search corp.example\n", {"url": "http://127.0.0.1:3128", "no_proxy": ""}, ""),
    ],
)
def test_names_that_a_shell_does_not_ask_for_are_told(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch, resolver: str, proxy: Record | None, why: str
) -> None:
    write = Path.write_text
    monkeypatch.setattr(Path, "write_text", lambda file, text: write(file, text + resolver))
    watcher = watch({**plan(1, seconds=0.1), "proxy": proxy})
    assert watcher.ended.wait(LONGEST)
    assert [each["reason"] for each in watcher.those("unwatched", layer="dns") if why in each["reason"]][:1] == [
        each["reason"] for each in watcher.those("unwatched", layer="dns")
    ]
    assert bool(watcher.those("unwatched", layer="dns")) == bool(why)


def test_a_nameserver_that_is_not_there_and_one_that_is_silent_have_failed(watch: Callable[..., Watcher]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        watcher = watch(plan(1, dns_port=mute.getsockname()[1], addresses=()))
        (run, *_) = watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1"))
        assert run["error"]["name"] == "TIMEOUT"
    gone = watch(plan(1, dns_port=1, addresses=()))
    (run, *_) = gone.wait_for(lambda: gone.those("run", layer="dns", path="127.0.0.1"))
    assert run["error"]["name"] == "ECONNREFUSED"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_handshake_counts_if_it_verifies(watch: Callable[..., Watcher], tmp_path: Path, trusted: bool) -> None:
    ca: Issued = authority("Root")
    (tmp_path / "store.pem").write_bytes((ca if trusted else authority("Other")).pem)
    with serving(silent, tmp_path, (leaf(ca, HOST),)) as server:
        watcher = watch(plan(server.port))
        (run, *_) = watcher.wait_for(lambda: watcher.those("run", layer="tls"))
    assert (run["error"] or {}).get("name") == (None if trusted else "VERIFY")
    assert not trusted or "Root" in run["answer"]["issuer"]


@pytest.mark.parametrize(
    ("watched_address", "trusted", "stranger"),
    [("192.0.2.9", True, False), ("192.0.2.9", False, True), ("127.0.0.1", False, False)],
    ids=["it proves itself", "it does not", "it is watched"],
)
def test_an_address_that_is_given_and_not_watched_has_to_prove_itself(
    watch: Callable[..., Watcher], tmp_path: Path, watched_address: str, trusted: bool, stranger: bool
) -> None:
    """Whether it is private or not: a tenant may be at a private endpoint."""
    ca: Issued = authority("Root")
    (tmp_path / "store.pem").write_bytes((ca if trusted else authority("Other")).pem)
    with (
        nameserver(lambda query: [answer_of(query, "127.0.0.1")]) as dns_port,
        serving(silent, tmp_path, (leaf(ca, HOST),)) as server,
    ):
        watcher = watch(plan(server.port, dns_port=dns_port, addresses=(watched_address,)))
        (run, *_) = watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1"))
    assert run["answer"] == {"rcode": 0, "addresses": True, "private": stranger}


def test_where_the_name_leads_elsewhere_that_is_seen_when_it_does(
    watch: Callable[..., Watcher], tmp_path: Path
) -> None:
    (tmp_path / "store.pem").write_bytes(authority("Root").pem)
    given = ["192.0.2.9"]
    with nameserver(lambda query: [answer_of(query, *given)]) as dns_port:
        watcher = watch(plan(1, dns_port=dns_port, addresses=("192.0.2.9",)))
        watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1"))
        given[:] = ["192.0.2.9", "127.0.0.1"]
        watcher.wait_for(lambda: watcher.those("run", layer="dns", path="127.0.0.1")[1:])
    runs = watcher.those("run", layer="dns", path="127.0.0.1")
    assert [run["answer"]["private"] for run in runs if run["open"]] == [False, True]


def test_without_openssl_nobody_knows_who_is_at_a_new_address(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shell.watch_parcel
    without = "begin_paths() {\nOPENSSL="
    monkeypatch.setattr(shell, "watch_parcel", lambda asked: whole(asked).replace("begin_paths() {", without, 1))
    with nameserver(lambda query: [answer_of(query, "127.0.0.1")]) as dns_port:
        watcher = watch(plan(1, dns_port=dns_port, addresses=("192.0.2.9",)))
        (unable,) = watcher.wait_for(lambda: watcher.those("unwatched", layer="dns"))
    assert unable["reason"].startswith("127.0.0.1 was given, which is not watched")
    assert watcher.those("run", layer="dns", path="127.0.0.1") == []


def test_no_line_of_the_script_is_a_word_to_the_watch_in_python() -> None:
    """It reads them from the same standard input, and must pass over them."""
    lines = shell.watch_parcel(plan(1)).splitlines()
    assert not [line for line in lines if line.split() == ["stop"] or line.split()[:1] == ["ack"]]
    assert bundle.END_OF_SCRIPT not in lines
