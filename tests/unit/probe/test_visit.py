"""The probe against peers on loopback: what it tries, in which order of cases, and what it must never do."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import pytest

from netcompliance.judge import serverhello
from netcompliance.probe.onhost import exchanges, nameservers, shares, uploads, urls
from netcompliance.probe.onhost import main as program
from netcompliance.probe.onhost.dial import begin, dial, dial_any
from netcompliance.probe.onhost.failures import Failure
from netcompliance.probe.onhost.fetch import Fetcher
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import Output, Visit
from netcompliance.vantage import gohello
from netcompliance.vantage.records import decoded
from tests.support.nameserver import nameserver
from tests.support.peers import Issued, answer, authority, leaf, serving, silent

SECRET = "key-that-nobody-may-see"
LIMITS = {"tls": 2.0, "hedge": 0.2, "first_byte": 2.0, "stall": 1.0, "exchange": 3.0, "connect": 2.0}

Seen = list[dict[str, Any]]
Run = Callable[..., Seen]


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Issued:
    """The authority that the host trusts."""
    root = authority("Root")
    store = tmp_path / "store.pem"
    store.write_bytes(root.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return root


@pytest.fixture
def run() -> Run:
    """Run tasks and give back what was observed."""

    def run(*tasks: dict[str, Any], key: str | None = None, deadline: float = 20.0, **more: Any) -> Seen:
        lines: list[str] = []
        plan = {"agent": "test/1", "deadline": deadline, "limits": {**LIMITS, **more.pop("limits", {})}, "tasks": tasks}
        visit = Visit({**plan, **more}, Output(lines.append), (key, "test" if key else None), Trust(None))
        program.run(visit)
        seen = [json.loads(line) for line in lines]
        for record in seen:
            assert decoded(record, of_watch=False) == record
        return seen

    return run


def of(seen: Seen, kind: str, **fields: Any) -> Seen:
    """Observations of a kind at 127.0.0.1 (the name localhost may have ::1 too), or without any address."""
    return [
        o
        for o in seen
        if o["kind"] == kind and o.get("address") != "::1" and all(o.get(k) == v for k, v in fields.items())
    ]


def endpoint(port: int, **more: Any) -> dict[str, Any]:
    requests = [
        {"purpose": "receiver", "method": "GET", "path": "/features", "at": "each"},
        {"purpose": "key", "method": "GET", "path": "/validate", "at": "one", "key": True},
    ]
    return {"kind": "endpoint", "id": "tenant", "host": "localhost", "port": port, "requests": requests, **more}


def test_a_verified_peer_is_asked_everything_and_the_key_goes_to_its_own_request_alone(
    ca: Issued, run: Run, tmp_path: Path
) -> None:
    middle = authority("Middle", ca)
    server = leaf(middle, "localhost")
    with serving(answer("403 Forbidden", b"{}"), tmp_path, (server, middle)) as peer:
        seen = run(endpoint(peer.port), key=SECRET)
    (tls,) = of(seen, "tls")
    assert (tls["purpose"], tls["verified"], tls["error"]) == ("verify", True, None)
    assert [base64.b64decode(each) for each in tls["chain"]][:2] == [server.der, middle.der]
    assert {(o["purpose"], o["status"], o["verified"]) for o in of(seen, "http")} == {
        ("receiver", 403, True),
        ("key", 403, True),
    }
    with_key = [head for head in peer.heads if f"Sts-Api-Key: {SECRET}" in head]
    assert [head.split()[1] for head in with_key] == ["/validate"]
    assert SECRET not in json.dumps(seen)


ASKED = 12
MANY = [
    {"purpose": "receiver", "method": "GET", "path": "/features", "at": "each"},
    *(
        {"purpose": "path", "method": "POST", "path": f"/{number}", "at": "one", "body": "{}"}
        for number in range(1, ASKED)
    ),
]
SAID = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LATER = 0.05


class Keeping:
    """A handler that answers every request of a connection, and counts connections. `leave`: its last words."""

    def __init__(self, said: bytes = SAID, *, most: int = ASKED, leave: bytes = b"") -> None:
        self.connections = 0
        self.heads: list[str] = []
        self._said = said
        self._most = most
        self._leave = leave

    def __call__(self, head: bytes, connection: socket.socket) -> None:
        self.connections += 1
        for _ in range(self._most):
            self.heads.append(head.decode("latin-1"))
            connection.sendall(self._said)
            if self._leave:
                time.sleep(LATER)
                connection.sendall(self._leave)
                return
            head = b""
            while not head.endswith(b"\r\n\r\n" if head.startswith(b"GET") else b"\r\n\r\n{}"):
                if not (data := connection.recv(65536)):
                    return
                head += data


def test_requests_share_connections(ca: Issued, run: Run, tmp_path: Path) -> None:
    keeping = Keeping()
    with serving(keeping, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port, requests=MANY))
    assert [(o["status"], o["error"]) for o in of(seen, "http")] == [(200, None)] * ASKED
    assert sorted(head.split()[1] for head in keeping.heads) == sorted(str(request["path"]) for request in MANY)
    assert keeping.connections < ASKED
    assert not any("connection: close" in head.lower() for head in keeping.heads)


@pytest.mark.parametrize(
    "keeping",
    [
        pytest.param(Keeping(most=1), id="closed without a word"),
        pytest.param(Keeping(leave=b"HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\n\r\n"), id="leave taken"),
        pytest.param(Keeping(SAID + b"HTTP/1.1 500 Never asked\r\n\r\n"), id="more was said than asked"),
        pytest.param(Keeping(SAID.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")), id="closed as announced"),
        pytest.param(Keeping(SAID.replace(b"1.1", b"1.0")), id="an old version"),
    ],
)
def test_where_a_connection_cannot_be_used_again_each_request_is_answered_all_the_same(
    ca: Issued, run: Run, tmp_path: Path, keeping: Keeping
) -> None:
    with serving(keeping, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port, requests=MANY))
    assert [(o["status"], o["error"]) for o in of(seen, "http")] == [(200, None)] * ASKED


def test_a_small_payload_is_waited_for_as_long_as_any_small_request(ca: Issued, run: Run, tmp_path: Path) -> None:
    def slow(head: bytes, connection: socket.socket) -> None:
        time.sleep(0.5)
        connection.sendall(SAID)

    with serving(slow, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port, requests=MANY[1:2]), limits={"stall": 0.2, "first_byte": 20.0, "exchange": 20.0})
    assert [(o["method"], o["status"]) for o in of(seen, "http")] == [("POST", 200)]


def test_silence_on_a_connection_that_was_used_before_is_told_and_not_tried_again(
    ca: Issued, run: Run, tmp_path: Path
) -> None:
    def forgetful(head: bytes, connection: socket.socket) -> None:
        connection.sendall(SAID)
        silent(head, connection)

    with serving(forgetful, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port, requests=MANY[:2]), limits={"first_byte": 0.3, "parallel": 1, "hedge": 20.0})
    assert [o["error"] and o["error"]["name"] for o in of(seen, "http")] == [None, "TIMEOUT"]
    assert len(peer.heads) == 1


def test_a_peer_that_does_not_verify_is_identified_and_never_gets_the_key(ca: Issued, run: Run, tmp_path: Path) -> None:
    stranger = authority("Stranger")
    server = leaf(stranger, "localhost")
    with serving(answer("200 OK", b"hello"), tmp_path, (server, stranger)) as peer:
        seen = run(
            endpoint(peer.port, upload={"method": "POST", "path": "/intake", "sizes": [1000]}),
            key=SECRET,
        )
    verify, identify = of(seen, "tls")
    assert (verify["purpose"], verify["error"]["name"], verify["error"]["reason"]) == (
        "verify",
        "VERIFY",
        "CERTIFICATE_VERIFY_FAILED",
    )
    assert (identify["purpose"], identify["verified"]) == ("identify", False)
    assert [base64.b64decode(each) for each in identify["chain"]] == [server.der, stranger.der]
    assert [(o["purpose"], o["verified"], o["status"]) for o in of(seen, "http")] == [("receiver", False, 200)]
    assert not [head for head in peer.heads if SECRET in head]


def test_where_a_second_connection_of_many_verifies_it_is_asked_there(
    ca: Issued, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "TRIES", 2)
    monkeypatch.setattr(exchanges, "TRIES", 2)
    monkeypatch.setattr(exchanges, "FEWEST", 2)
    old, first = leaf(ca, "localhost", days=(-9, -3)), []

    def is_first(port: int) -> bool:
        if not first:
            first.append(port)
        return port in first

    answers = answer("403 Forbidden", b"{}")
    with serving(answers, tmp_path, (leaf(ca, "localhost"),), other=(old,), shows_other=is_first) as peer:
        seen = run(endpoint(peer.port, shares=True))
    verify, again = of(seen, "tls")
    assert (verify["purpose"], verify["error"]["name"]) == ("verify", "VERIFY")
    assert (again["purpose"], again["verified"]) == ("verify-again", True)
    assert [(o["purpose"], o["verified"]) for o in of(seen, "http")] == [("receiver", True)]
    assert of(seen, "exchanges")


@pytest.mark.parametrize(("names", "days", "code"), [(("other.example",), (-1, 5), 62), (("localhost",), (-9, -3), 10)])
def test_why_a_certificate_does_not_verify_is_kept_as_openssl_says_it(
    ca: Issued, run: Run, tmp_path: Path, names: tuple[str, ...], days: tuple[int, int], code: int
) -> None:
    with serving(answer("200 OK"), tmp_path, (leaf(ca, *names, days=days),)) as peer:
        seen = run(endpoint(peer.port))
    (verify,) = of(seen, "tls", purpose="verify")
    assert (verify["error"]["name"], verify["error"]["code"]) == ("VERIFY", code)


def test_a_peer_that_speaks_plain_http_is_shown_by_its_first_bytes(ca: Issued, run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_answer_in_clear, args=(listening,), daemon=True)
        thread.start()
        seen = run(endpoint(listening.getsockname()[1]))
        thread.join(5)
    (verify,) = of(seen, "tls", purpose="verify")
    assert verify["error"]["name"] == "SSL"
    assert base64.b64decode(verify["received"]).startswith(b"HTTP/1.1 400")


def _answer_in_clear(listening: socket.socket) -> None:
    for _ in range(2):
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP")


def test_a_silent_peer_is_tried_with_small_segments_too(ca: Issued, run: Run) -> None:
    with serving(silent) as peer:
        seen = run(endpoint(peer.port), limits={"tls": 0.6, "tls_small": 0.6})
    tried = {(o["purpose"], o["mss"], o["error"]["name"]) for o in of(seen, "tls")}
    assert tried == {("verify", None, "TIMEOUT"), ("small-mss", 536, "TIMEOUT")}


def test_the_hello_of_a_go_program_is_larger_than_a_segment_and_is_answered(
    ca: Issued, run: Run, tmp_path: Path
) -> None:
    wires = {name: base64.b64encode(wire).decode() for name, wire in gohello.hellos("localhost", "x").items()}
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port, hellos=wires))
    plain, hello = sorted((o for o in of(seen, "tls") if o["purpose"] != "verify"), key=lambda o: o["hello_bytes"])
    assert (plain["purpose"], plain["error"], plain["hello_bytes"]) == ("plain-hello", None, 1501)
    assert (hello["purpose"], hello["error"], hello["hello_bytes"]) == ("agent-hello", None, 1519)
    choice = serverhello.server_hello(base64.b64decode(hello["received"]))
    assert choice is not None
    assert choice.serves_the_agent


def _refuse_large(head: bytes, connection: socket.socket) -> None:
    if b"Content-Length: 1000\r\n" in head:
        answer("403 Forbidden", b"{}")(head, connection)
    else:
        answer("413 Content Too Large", b"too large")(head, connection)


def test_an_upload_that_is_refused_early_is_read_and_no_larger_one_follows(
    ca: Issued, run: Run, tmp_path: Path
) -> None:
    task = endpoint(0, requests=[], upload={"method": "POST", "path": "/intake", "sizes": [1000, 2_000_000, 4_000_000]})
    with serving(_refuse_large, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run({**task, "port": peer.port})
    uploads = of(seen, "http", purpose="upload")
    assert [(o["status"], o["request_bytes"]) for o in uploads] == [(403, 1000), (413, 2_000_000)]


@pytest.mark.parametrize("reads_on", [True, False])
def test_a_body_that_is_refused_before_it_has_arrived_is_sent_to_its_end(
    ca: Issued, run: Run, tmp_path: Path, reads_on: bool
) -> None:
    """What came of it says whether all of it arrived."""
    arrived = []

    def refuse(head: bytes, connection: socket.socket) -> None:
        answer("403 Forbidden", b"{}")(head, connection)
        while reads_on and (data := connection.recv(65536)):
            arrived.append(len(data))

    task = endpoint(0, requests=[], upload={"method": "POST", "path": "/intake", "sizes": [6_000_000]})
    with serving(refuse, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run({**task, "port": peer.port})
    (upload,) = of(seen, "http", purpose="upload")
    assert upload["status"] == 403
    left = upload["request_bytes"] - upload["sent_bytes"] + (upload["unacknowledged_bytes"] or 0)
    assert (left == 0 and upload["error"] is None) is reads_on
    assert sum(arrived) >= (5_900_000 if reads_on else 0)
    assert reads_on or upload["error"]["phase"] == "send"


def test_a_stalled_upload_is_repeated_in_small_segments_and_its_rest_is_counted(
    ca: Issued, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "STILL", 0.5)
    looked = threading.Event()

    def stall(head: bytes, connection: socket.socket) -> None:
        if b"Content-Length: 1000\r\n" in head:
            answer("403 Forbidden", b"{}")(head, connection)
        else:
            looked.wait(20)

    task = endpoint(0, requests=[], upload={"method": "POST", "path": "/intake", "sizes": [8_000_000, 9_000_000]})
    with serving(stall, tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run({**task, "port": peer.port}, limits={"stall": 6.0})
        looked.set()
    (upload,) = of(seen, "http", purpose="upload")
    (small,) = of(seen, "http", purpose="upload-small-mss")
    assert upload["error"]["name"] == small["error"]["name"] == "TIMEOUT"
    assert upload["unacknowledged_bytes"] > 0
    assert upload["idle"] >= uploads.STILL


def test_the_visits_deadline_names_what_it_left_behind(ca: Issued, run: Run) -> None:
    with serving(silent) as peer:
        seen = run(endpoint(peer.port), limits={"tls": 30.0}, deadline=1.2)
    assert seen[-1]["kind"] == "probe"
    assert (seen[-1]["finished"], seen[-1]["unfinished"]) == (False, ["tenant"])


def test_a_defect_in_one_exchange_is_reported_and_ends_no_other(ca: Issued, run: Run, tmp_path: Path) -> None:
    with serving(answer("200 OK", b"{}"), tmp_path, (leaf(ca, "localhost"),)) as peer:
        broken = {"purpose": "receiver", "method": "GET", "path": "/a\nb", "at": "each"}
        good = {"purpose": "sibling", "method": "GET", "path": "/b", "at": "each"}
        seen = run(endpoint(peer.port, requests=[broken, good]))
    assert [o["error"]["name"] for o in of(seen, "http", purpose="receiver")] == ["EXCEPTION"]
    assert [o["status"] for o in of(seen, "http", purpose="sibling")] == [200]
    assert seen[-1]["finished"]


def test_a_defect_outside_any_exchange_is_reported_too(ca: Issued, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(program.STARTERS, "broken", lambda visit, task: visit.spawn("broken", {}.pop, "it"))
    seen = run({"kind": "broken"})
    assert [(o["task"], o["error"]["name"]) for o in of(seen, "fault")] == [("broken", "EXCEPTION")]
    assert seen[-1]["finished"]


def test_a_refused_connection_says_so_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    stream, facts = dial("127.0.0.1", port, 2.0)
    assert stream is None
    assert (facts["error"]["name"], facts["family"], facts["port"]) == ("ECONNREFUSED", 4, port)


@pytest.fixture
def too_busy_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine is that comes back to a connection when its peer has answered and the deadline has passed."""

    def begin_and_wait(*told: Any) -> tuple[socket.socket, bool]:
        opening, under_way = begin(*told)
        poller = select.poll()
        poller.register(opening, select.POLLOUT)
        assert poller.poll(10_000)
        return opening, under_way

    monkeypatch.setattr("netcompliance.probe.onhost.dial.begin", begin_and_wait)


@pytest.mark.usefixtures("too_busy_to_look")
def test_what_came_before_the_deadline_counts_though_nobody_looked_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        opened, facts = dial("127.0.0.1", port, 0.0)
        assert opened is not None, facts
        opened.close()
        opened, address = dial_any(["127.0.0.1"], port, 0.0)
        assert address == "127.0.0.1"
        opened.close()
    _, facts = dial("127.0.0.1", port, 0.0)
    assert facts["error"]["name"] == "ECONNREFUSED"
    with pytest.raises(Failure) as refused:
        dial_any(["127.0.0.1"], port, 0.0)
    assert refused.value.name == "ECONNREFUSED"


# --- through a proxy ------------------------------------------------------------------------------------------------


def _connecting(head: bytes, connection: socket.socket) -> None:
    host, _, port = head.split()[1].decode().rpartition(":")
    with socket.create_connection((host, int(port)), 5) as beyond:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        peers = {connection: beyond, beyond: connection}
        while True:
            for side in select.select(list(peers), [], [], 10)[0]:
                data = side.recv(65536)
                if not data:
                    return
                peers[side].sendall(data)


def test_localhost_is_never_reached_through_a_proxy(ca: Issued, run: Run, tmp_path: Path) -> None:
    with serving(answer("403 Forbidden", b"{}"), tmp_path, (leaf(ca, "localhost"),)) as peer:
        seen = run(endpoint(peer.port), proxy={"url": f"http://agent:{SECRET}@127.0.0.1:1", "no_proxy": None})
    (route,) = of(seen, "route")
    assert (route["proxy"], route["readings"]["go"], route["readings"]["curl"]) == (None, False, True)
    assert [o["status"] for o in of(seen, "http", purpose="receiver")] == [403]
    assert SECRET not in json.dumps(seen)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name that is not localhost; the proxies of these tests resolve it."""
    name = "tenant.test"
    resolve = socket.create_connection

    def connect(address: tuple[str, int], *more: Any, **named: Any) -> socket.socket:
        return resolve(("127.0.0.1" if address[0] == name else address[0], address[1]), *more, **named)

    monkeypatch.setattr(socket, "create_connection", connect)
    return iter([name]).__next__()


def test_through_a_proxy_everything_goes_by_connect_with_its_login(
    ca: Issued, run: Run, tmp_path: Path, named: str
) -> None:
    with (
        serving(answer("403 Forbidden", b"{}"), tmp_path, (leaf(ca, named),)) as peer,
        serving(_connecting) as proxy,
    ):
        url = f"http://agent:{SECRET}@127.0.0.1:{proxy.port}"
        seen = run({**endpoint(peer.port), "host": named}, proxy={"url": url, "no_proxy": None})
    (tunnel,) = of(seen, "proxy")
    assert (tunnel["phase"], tunnel["status"], tunnel["target"]) == ("open", 200, f"{named}:{peer.port}")
    assert [(o["verified"], o["address"], o["via"]) for o in of(seen, "tls")] == [
        (True, None, f"http://127.0.0.1:{proxy.port}")
    ]
    assert [o["status"] for o in of(seen, "http", purpose="receiver")] == [403]
    assert not of(seen, "tcp")
    assert not of(seen, "resolve", name=named)
    login = base64.b64encode(f"agent:{SECRET}".encode()).decode()
    assert all(f"Proxy-Authorization: Basic {login}" in head for head in proxy.heads)
    assert all("User-Agent: Go-http-client/1.1" in head.splitlines() for head in proxy.heads)
    assert SECRET not in json.dumps(seen)
    assert login not in json.dumps(seen)


def test_a_proxy_that_says_no_is_quoted(ca: Issued, run: Run, named: str) -> None:
    refusal = answer("407 Proxy Authentication Required", b"who are you?", "Proxy-Authenticate: Basic")
    with serving(refusal) as proxy:
        task = {**endpoint(443), "host": named}
        seen = run(task, proxy={"url": f"http://127.0.0.1:{proxy.port}", "no_proxy": None})
    (tunnel,) = of(seen, "proxy")
    assert (tunnel["phase"], tunnel["status"], tunnel["error"]["name"]) == ("connect", 407, "STATUS")
    assert base64.b64decode(tunnel["body"]) == b"who are you?"
    assert tunnel["other_scheme"] is None
    assert not of(seen, "tls")


@pytest.mark.parametrize(("declared", "tls"), [("https", False), ("http", True)])
def test_a_proxy_declared_with_the_wrong_scheme_is_tried_with_the_other(
    ca: Issued, run: Run, tmp_path: Path, named: str, declared: str, tls: bool
) -> None:
    chain = (leaf(ca, "127.0.0.1"),) if tls else ()
    with serving(answer("403 Forbidden"), tmp_path, chain) as proxy:
        task = {**endpoint(443), "host": named}
        limits = {} if tls else {"tls": 0.3}
        seen = run(task, proxy={"url": f"{declared}://127.0.0.1:{proxy.port}", "no_proxy": None}, limits=limits)
    (tunnel,) = of(seen, "proxy")
    assert (tunnel["declared"], tunnel["status"], tunnel["other_scheme"]) == (declared, None, True)


# --- nameservers ----------------------------------------------------------------------------------------------------

QUERY = dns.message.make_query("tenant.test.", "A", id=7)


def _reply(*, number: int = 7, truncated: bool = False) -> bytes:
    message = dns.message.make_response(QUERY)
    message.id = number
    message.flags |= dns.flags.RA
    if truncated:
        message.flags |= dns.flags.TC
    return message.to_wire()


@pytest.fixture
def ask(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Seen]:
    monkeypatch.setattr(nameservers, "read_text", lambda path: "nameserver 127.0.0.1\n")
    query = {"name": "tenant.test", "rdtype": "A", "wire": base64.b64encode(QUERY.to_wire()).decode()}
    task = {"kind": "nameservers", "queries": [query]}
    return lambda port: of(run({**task, "port": port}, limits={"dns": 0.2, "dns_late": 0.3}), "dns")


def test_a_datagram_under_another_id_is_counted_and_waited_past(ca: Issued, ask: Callable[[int], Seen]) -> None:
    with nameserver(lambda _: (_reply(number=8), b"x", _reply())) as port:
        (seen,) = ask(port)
    assert base64.b64decode(seen["response"]) == _reply()
    assert (seen["transport"], seen["strays"], seen["attempts"], seen["error"]) == ("udp", 2, 1, None)


def test_a_truncated_answer_is_asked_for_again_over_tcp(ca: Issued, ask: Callable[[int], Seen]) -> None:
    with nameserver(lambda _: [_reply(truncated=True)], stream=_reply()) as port:
        udp, tcp = ask(port)
    assert base64.b64decode(udp["response"]) == _reply(truncated=True)
    assert (tcp["transport"], base64.b64decode(tcp["response"])) == ("tcp", _reply())


def test_a_nameserver_that_answers_nobody_was_asked_three_times_and_then_over_tcp(
    ca: Issued, ask: Callable[[int], Seen]
) -> None:
    with nameserver(lambda _: ()) as port:
        tcp, udp = sorted(ask(port), key=lambda seen: str(seen["transport"]))
    assert (udp["response"], udp["attempts"], udp["error"]["name"]) == (None, 3, "TIMEOUT")
    assert (tcp["response"], tcp["error"]["name"]) == (None, "EOF")


def test_a_nameserver_that_is_not_there_refuses(ca: Issued, ask: Callable[[int], Seen]) -> None:
    with nameserver(lambda _: ()) as port:
        pass
    assert {(o["transport"], o["error"]["name"]) for o in ask(port)} == {
        ("udp", "ECONNREFUSED"),
        ("tcp", "ECONNREFUSED"),
    }


# --- a registry -----------------------------------------------------------------------------------------------------

TOKEN = "token-that-nobody-else-may-see"
LAYERS = (b"small layer", b"large layer" * 20_000)
CONFIG = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def described(data: bytes) -> dict[str, Any]:
    return {"digest": digest(data), "size": len(data)}


SINGLE = json.dumps({"config": described(CONFIG), "layers": [described(layer) for layer in LAYERS]}).encode()
INDEX = json.dumps(
    {"manifests": [{**described(SINGLE), "platform": {"os": "linux", "architecture": "amd64"}}]}
).encode()
BLOBS = {digest(data): data for data in (*LAYERS, CONFIG)}


class Registry:
    """A registry that wants a token and sends its blobs elsewhere."""

    def __init__(self) -> None:
        self.location = ""
        self.tag = INDEX
        self.realm = ""
        self.token = json.dumps({"access_token": TOKEN}).encode()

    def __call__(self, head: bytes, connection: socket.socket) -> None:
        path = head.split()[1].decode()
        allowed = f"Authorization: Bearer {TOKEN}".encode() in head
        if path.startswith("/token"):
            answer("200 OK", self.token)(head, connection)
        elif not allowed:
            challenge = f'WWW-Authenticate: Bearer realm="{self.realm}",service="test"'
            answer("401 Unauthorized", b"{}", challenge)(head, connection)
        elif "/blobs/" in path:
            location = self.location.format(digest=path.rpartition("/")[2])
            answer("302 Found", b"", f"Location: {location}")(head, connection)
        else:
            manifest = self.tag if path.endswith("/1.0") else SINGLE
            answer("200 OK", manifest, f"Content-Type: {MANIFEST}")(head, connection)


def _cdn(head: bytes, connection: socket.socket) -> None:
    path = head.split()[1].decode().partition("?")[0]
    if path.startswith("/circle"):
        answer("302 Found", b"", f"Location: {path}")(head, connection)
    else:
        answer("200 OK", BLOBS[path.rpartition("/")[2]])(head, connection)


def walk(run: Run, ca: Issued, tmp_path: Path, location: str, **more: Any) -> tuple[Seen, list[str], list[str]]:
    """Observations of a walk, and what registry and CDN were asked."""
    registry = Registry()
    with (
        serving(registry, tmp_path, (leaf(ca, "localhost"),)) as own,
        serving(_cdn, tmp_path, (leaf(ca, "127.0.0.1"),)) as cdn,
    ):
        registry.location = location.format(cdn=f"127.0.0.1:{cdn.port}", digest="{digest}")
        registry.realm = more.pop("realm", f"https://localhost:{own.port}/token")
        vars(registry).update(more)
        image = {"name": "img", "repository": "stackstate/agent", "reference": "1.0", "digest": None}
        task = {
            "kind": "registry",
            "id": "registry",
            "registry": f"localhost:{own.port}",
            "images": [image],
            "depth": "layers",
            "platform": "linux/amd64",
        }
        wires = {name: base64.b64encode(wire).decode() for name, wire in gohello.fetchers_hellos("x").items()}
        seen = run(task, fetchers_hellos=wires)
    return seen, own.heads, cdn.heads


def steps(seen: Seen, step: str) -> Seen:
    return [o for o in seen if o["kind"] == "registry" and o["step"] == step]


def test_a_registry_that_keeps_silent_is_not_asked_twice(ca: Issued, run: Run, tmp_path: Path) -> None:
    with serving(silent, tmp_path, (leaf(ca, "localhost"),)) as peer:
        task = {"kind": "registry", "id": "registry", "registry": f"localhost:{peer.port}", "images": []}
        seen = run(task, limits={"pull_first_byte": 0.3})
    assert [o["error"]["name"] for o in steps(seen, "ping")] == ["TIMEOUT"]
    assert len(peer.heads) == 1


def test_an_image_is_walked_to_its_layers_and_the_token_stays_with_the_registry(
    ca: Issued, run: Run, tmp_path: Path
) -> None:
    seen, asked, elsewhere = walk(run, ca, tmp_path, "https://{cdn}/blobs/{digest}?Signature=abc123")
    assert [o["status"] for o in steps(seen, "ping")] == [401]
    assert [(o["status"], o["token"], o["body"]) for o in steps(seen, "token")] == [(200, True, None)]
    assert [o["sha256"] for o in steps(seen, "manifest")] == [digest(INDEX)[7:]]
    (platform,) = steps(seen, "platform")
    assert (platform["wanted"], platform["platforms"], platform["digest"]) == (
        "linux/amd64",
        ["linux/amd64"],
        digest(SINGLE),
    )
    layers = [o for o in steps(seen, "layer") if o["hop"] == 1]
    small, large = sorted(layers, key=lambda o: o["size"])
    assert (small["complete"], f"sha256:{small['sha256']}", small["digest"]) == (
        True,
        digest(LAYERS[0]),
        small["digest"],
    )
    assert f"sha256:{small['sha256']}" == small["digest"]
    assert (large["complete"], f"sha256:{large['sha256']}") == (True, large["digest"])
    assert all("Signature=..." in o["url"] for o in layers)
    assert any(f"Bearer {TOKEN}" in head for head in asked)
    assert elsewhere
    assert not [head for head in elsewhere if "authorization" in head.lower()]
    assert not [o for o in layers if o["authorized"]]
    assert TOKEN not in json.dumps(seen)
    assert "abc123" not in json.dumps(seen)
    assert [head.split()[1] for head in asked + elsewhere if head.startswith("HEAD")] == [
        "/v2/stackstate/agent/manifests/1.0"
    ]


def test_the_runtimes_hello_is_sent_once_to_each_host_of_a_pull(ca: Issued, run: Run, tmp_path: Path) -> None:
    seen, _, _ = walk(run, ca, tmp_path, "https://{cdn}/blobs/{digest}")
    hellos = [o for o in of(seen, "tls") if "hello" in o["purpose"]]
    assert sorted((o["host"], o["purpose"], o["error"]) for o in hellos) == [
        ("127.0.0.1", "agent-hello", None),
        ("localhost", "agent-hello", None),
    ]
    for hello in hellos:
        choice = serverhello.server_hello(base64.b64decode(hello["received"]))
        assert choice is not None
        assert choice.serves_the_agent


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("quay.io", True),
        ("quay.io:8443", True),
        ("mirror.quay.io", True),
        ("a.b.quay.io", True),
        ("notquay.io", False),
        ("io", False),
        ("quay.io.evil.example", False),
        ("[2001:db8::1]", False),
    ],
)
def test_a_token_is_shown_where_go_shows_it(place: str, shown: bool) -> None:
    fetcher = Fetcher(cast("Any", None), "registry", ("quay.io", 443), Transport())
    assert fetcher._shows_token(urls.parse(f"https://{place}/v2/", local=False)) is shown


def test_the_scope_of_the_token_is_the_image(ca: Issued, run: Run, tmp_path: Path) -> None:
    _, asked, _ = walk(run, ca, tmp_path, "https://{cdn}/{digest}")
    (token,) = [head.split()[1] for head in asked if head.split()[1].startswith("/token")]
    assert "scope=repository:stackstate/agent:pull" in token
    assert "service=test" in token


def test_a_single_manifest_tells_its_platform_by_its_config(ca: Issued, run: Run, tmp_path: Path) -> None:
    seen, _, _ = walk(run, ca, tmp_path, "https://{cdn}/{digest}", tag=SINGLE)
    assert [(o["platforms"], o["status"]) for o in steps(seen, "platform")] == [(["linux/amd64"], None)]
    assert [o for o in steps(seen, "layer") if o["complete"]]


def test_another_platforms_image_ends_the_walk(ca: Issued, run: Run, tmp_path: Path) -> None:
    other = json.dumps(
        {"manifests": [{**described(SINGLE), "platform": {"os": "linux", "architecture": "s390x"}}]}
    ).encode()
    seen, _, _ = walk(run, ca, tmp_path, "https://{cdn}/{digest}", tag=other)
    assert [(o["platforms"], o["status"]) for o in steps(seen, "platform")] == [(["linux/s390x"], None)]
    assert not steps(seen, "layer")


@pytest.mark.parametrize(
    "location", ["http://{cdn}/{digest}", "file:///etc/passwd", "ftp://{cdn}/{digest}", "https://{cdn}/circle/{digest}"]
)
def test_a_redirect_that_is_not_followed_is_shown_and_named(
    ca: Issued, run: Run, tmp_path: Path, location: str
) -> None:
    seen, _, _ = walk(run, ca, tmp_path, location)
    last = [o for o in steps(seen, "layer") if o["error"]]
    assert {o["error"]["name"] for o in last} == {"REDIRECT"}
    assert len(last) == len(LAYERS)
    assert all(o["status"] == 302 and o["redirected_to"] for o in last)


@pytest.mark.parametrize(
    ("status", "step"), [("401 Unauthorized", "ping"), ("302 Found", "layer"), ("200 OK", "token")]
)
def test_an_answer_that_go_refuses_ends_the_walk(
    ca: Issued, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, step: str
) -> None:
    plain = answer

    def broken(line: str, body: bytes, *headers: str) -> Any:
        return plain(line, body, *(("X-Device inspected", *headers) if line == status else headers))

    monkeypatch.setattr(sys.modules[__name__], "answer", broken)
    seen, _, cdn = walk(run, ca, tmp_path, "https://{cdn}/{digest}")
    assert {o["error"]["name"] for o in steps(seen, step) if o["error"]} == {"MALFORMED"}
    assert cdn == []


@pytest.mark.parametrize("realm", ["http://localhost/token", "file:///etc/passwd", "nonsense"])
def test_a_token_server_that_may_not_be_asked_is_not(ca: Issued, run: Run, tmp_path: Path, realm: str) -> None:
    seen, _, _ = walk(run, ca, tmp_path, "https://{cdn}/{digest}", realm=realm)
    assert [(o["error"]["name"], o["token"]) for o in steps(seen, "token")] == [("REDIRECT", False)]
    assert not steps(seen, "manifest")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 5}', b'{"token": "a\\r\\nX: y"}', b"<html>", b"[" * 60_000])
def test_an_answer_without_a_usable_token_is_none(ca: Issued, run: Run, tmp_path: Path, body: bytes) -> None:
    seen, _, _ = walk(run, ca, tmp_path, "https://{cdn}/{digest}", token=body)
    assert [(o["status"], o["token"]) for o in steps(seen, "token")] == [(200, False)]
    assert not steps(seen, "manifest")
