"""The shell probe under every shell that hosts have, against peers on loopback: what it sees, what it must never do."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from netcompliance.probe.onhost import gohttp
from netcompliance.probe.onhost.route import route_to
from netcompliance.probe.shell import shell
from netcompliance.vantage.records import decoded
from tests.support.nameserver import nameserver
from tests.support.peers import Handler, Issued, answer, authority, leaf, serving, silent
from tests.support.schema import strict
from tests.unit.probe.test_route import ENVIRONMENTS, EXEMPTIONS, WITHOUT_AN_AT

SHELLS = ("sh", "bash", "busybox sh")
AWKS = ("awk", "busybox awk")
SECRET = "key-'that\"-no\\body $may `see`"
PATH_LINE = re.compile(r"^PATH=.*$", re.MULTILINE)

Seen = list[dict[str, Any]]

every_shell = pytest.mark.parametrize("sh", SHELLS)


@pytest.fixture
def ca(tmp_path: Path) -> Issued:
    """The authority that the host trusts."""
    root = authority("Root")
    (tmp_path / "store.pem").write_bytes(root.pem)
    return root


def plan(*tasks: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema": 1, "agent": "test/1", "shell_deadline": 15, "tasks": tasks, **more}


def endpoint(port: int, *requests: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "endpoint", "id": "tenant", "host": "localhost", "port": port, "requests": requests, **more}


def request(path: str = "/receiver", *, at: str = "each", **more: Any) -> dict[str, Any]:
    return {"purpose": "receiver", "method": "GET", "path": path, "at": at, **more}


class Run:
    """Runs the probe in a directory of its own, in which it must leave nothing."""

    def __init__(self, tmp_path: Path) -> None:
        self.here = tmp_path / "here"
        self.here.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(tmp_path / "store.pem")}

    def __call__(
        self,
        sh: str,
        asked: Mapping[str, Any],
        *,
        key: str = "",
        options: Sequence[str] = (),
        programs: Path | None = None,
        replaced: Mapping[str, str] | None = None,
        before: str = "",
        **environment: str,
    ) -> Seen:
        """`programs` is all of the PATH; `replaced` are texts of the script, `before` goes in front of it."""
        script = f"{before}\nNETCOMPLIANCE_KEY={shell.quote(key)}\n{shell.parcel(asked)}"
        for old, new in (replaced or {}).items():
            assert old in script
            script = script.replace(old, new)
        if programs:
            script = PATH_LINE.sub(f"PATH={programs}", script)
        interpreter, *applet = sh.split()
        ended = subprocess.run(
            [str(shutil.which(interpreter)), *applet, *options, "-c", 'eval "$(cat)"'],
            input=script.encode(),
            capture_output=True,
            timeout=60,
            check=False,
            cwd=self.here,
            env={**self.environment, "TMPDIR": str(self.here), "HOME": str(self.here), **environment},
        )
        assert list(self.here.iterdir()) == []
        empty, first, *lines = ended.stdout.decode("ascii").splitlines()
        assert (empty, json.loads(first)) == (
            "",
            {"netcompliance": "probe", "schema": 1, "deadline": asked["shell_deadline"]},
        )
        *seen, last = [json.loads(line) for line in lines]
        assert (last["kind"], last["with"], last["records"]) == ("probe", "sh", len(seen))
        for record in (*seen, last):
            assert decoded(record, of_watch=False) == record
        return [*seen, last]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def those(seen: Seen, kind: str, **fields: Any) -> Seen:
    return [each for each in seen if each["kind"] == kind and all(each.get(k) == v for k, v in fields.items())]


def only(seen: Seen, kind: str, **fields: Any) -> dict[str, Any]:
    (one,) = those(seen, kind, **fields)
    return one


def directory_of(tmp_path: Path, *programs: str) -> Path:
    """A directory with these programs alone."""
    made = tmp_path / "programs"
    made.mkdir()
    for program in programs:
        (made / program).symlink_to(str(shutil.which(program)))
    return made


@every_shell
def test_what_it_sees_is_what_the_journal_documents(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    own = leaf(ca, "localhost")
    with serving(answer("403 Forbidden", b'{"a": 1}', "Content-Type: application/json"), tmp_path, (own,)) as server:
        seen = run(
            sh,
            plan(
                {"kind": "host", "names": ["localhost"]},
                {"kind": "resolve", "names": [{"name": "localhost", "purpose": "bare", "host": "localhost"}]},
                {"kind": "control", "addresses": ["127.0.0.1"], "port": 1},
                endpoint(server.port, request(), large_hello=True),
                {"kind": "outbound", "hosts": ["localhost"]},
            ),
        )
    validator = strict()
    for each in seen:
        validator.validate({"type": "observation", "vantage": "ssh://bare", **each})
    assert not those(seen, "fault")
    assert seen[-1]["finished"]
    assert only(seen, "tcp", task="control")["error"]["name"] == "ECONNREFUSED"
    assert only(seen, "tcp", task="tenant", address="127.0.0.1")["error"] is None
    verify = only(seen, "tls", purpose="verify")
    assert (verify["verified"], verify["error"], verify["version"]) == (True, None, "TLSv1.3")
    assert base64.b64decode(verify["chain"][0]) == own.der
    large = only(seen, "tls", purpose="large-hello")
    assert large["verified"]
    assert large["hello_bytes"] > 1460 > verify["hello_bytes"]
    http = only(seen, "http")
    assert (http["status"], http["reason"], http["body_complete"]) == (403, "Forbidden", True)
    assert base64.b64decode(http["body"]) == b'{"a": 1}'
    assert ["Content-Type", "application/json"] in http["headers"]
    assert server.heads[-1].startswith("GET /receiver HTTP/1.1\r\n")
    assert "\r\nUser-Agent: test/1\r\n" in server.heads[-1] + "\r\n"


@every_shell
def test_whatever_bytes_a_peer_sends_arrive_as_they_were(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    odd = bytes(set(range(1, 256)) - set(b"\r\n"))
    body = bytes(range(256)) * 8

    def handle(_: bytes, connection: socket.socket) -> None:
        head = b'HTTP/1.1 200 \xffO"K\\\r\nContent-Length: %d\r\nX-Odd: a%sz\r\nnc-1-2 told 999: 1\r\n\r\n'
        connection.sendall(head % (len(body), odd) + body)

    with serving(handle, tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan({"kind": "host", "names": []}, endpoint(server.port, request())))
    http = only(seen, "http")
    assert base64.b64decode(http["body"]) == body
    assert (http["status"], http["reason"]) == (200, '\xffO"K\\')
    assert dict(http["headers"])["X-Odd"] == f"a{odd.decode('latin-1')}z"


@every_shell
@pytest.mark.parametrize(
    ("cut", "asked"),
    [
        (lambda size, times: size > 1_000_000 and times == 1, [(2_500_000, None), (1000, 403), (2_500_000, 413)]),
        (lambda size, times: size > 1_000_000, [(2_500_000, None), (1000, 403), (2_500_000, None)]),
        (lambda size, times: True, [(2_500_000, None), (1000, None)]),
        (lambda size, times: False, [(2_500_000, 413), (1000, 403)]),
    ],
)
def test_an_upload_that_was_cut_may_have_been_refused_and_is_tried_once_more(
    sh: str, cut: Callable[[int, int], bool], asked: list[tuple[int, int | None]], run: Run, ca: Issued, tmp_path: Path
) -> None:
    times: Counter[int] = Counter()

    def handle(head: bytes, connection: socket.socket) -> None:
        size = int(head.lower().partition(b"content-length:")[2].split()[0]) if head.startswith(b"POST") else 0
        times[size] += 1
        if size and cut(size, times[size]):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        answer("413 Content Too Large" if size > 1_000_000 else "403 Forbidden", b"{}")(head, connection)
        silent(head, connection)

    upload = {"method": "POST", "path": "/intake", "sizes": [1000, 2_500_000]}
    with serving(handle, tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan({"kind": "host", "names": []}, endpoint(server.port, request(), upload=upload)))
    uploads = those(seen, "http", purpose="upload", address="127.0.0.1")
    assert [(each["request_bytes"], each["status"]) for each in uploads] == asked


@every_shell
def test_nothing_of_the_plan_is_run(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    odd = "/$(touch${IFS}a)`touch${IFS}b`';touch${IFS}c;'\"&|>d<*"
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        asked = plan(
            {"kind": "host", "names": [odd]},
            {"kind": "resolve", "names": [{"name": odd, "purpose": "bare", "host": odd, "search": True}]},
            endpoint(server.port, request(odd), request("/post", method="POST", body=odd)),
            {**endpoint(server.port), "id": "cdn", "host": odd},
            agent=odd,
        )
        seen = run(sh, asked, NO_PROXY=odd, HTTPS_PROXY="")
    assert only(seen, "http", method="GET")["path"] == odd
    assert any(head.startswith(f"GET {odd} HTTP/1.1") for head in server.heads)
    assert f"User-Agent: {odd}" in server.heads[0]
    assert not [each for each in those(seen, "resolve", name=odd) if each["addresses"]]
    assert not those(seen, "fault")


@every_shell
def test_nothing_that_a_registry_says_is_run(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    odd = "$(touch${IFS}a)`touch${IFS}b`;touch${IFS}c"
    challenge = f'WWW-Authenticate: Bearer realm="https://127.0.0.1/{odd}",service="{odd}"'
    task = {
        "kind": "registry",
        "id": "registry",
        "images": [{"name": odd, "repository": "a/b", "reference": "1", "digest": None}],
        "depth": "layers",
    }
    with serving(answer("401 Unauthorized", b"", challenge), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan({**task, "registry": f"localhost:{server.port}"}))
    assert {each["step"] for each in those(seen, "registry")} == {"ping", "token"}
    assert seen[-1]["finished"]


@every_shell
def test_the_key_is_sent_and_is_nobodys_argument(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    spy = tmp_path / "spy"
    spy.mkdir()
    for program in ("curl", "openssl", "bash", "timeout"):
        (spy / program).write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" >>{tmp_path}/arguments\nenv >>{tmp_path}/arguments\n"
            f'exec {shutil.which(program)} "$@"\n'
        )
        (spy / program).chmod(0o755)
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        asked = plan(endpoint(server.port, request("/validate", at="one", purpose="key", key=True), request()))
        seen = run(sh, asked, key=SECRET, options=("-a",), PATH=f"{spy}:{os.environ['PATH']}")
    keyed = [head for head in server.heads if f"Sts-Api-Key: {SECRET}" in head]
    assert [head.split()[1] for head in keyed] == ["/validate"]
    arguments = (tmp_path / "arguments").read_text()
    assert "/validate" in arguments
    assert SECRET not in arguments
    assert SECRET not in json.dumps(seen)


@every_shell
def test_a_key_on_the_host_is_found_and_not_shown(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        tasks = endpoint(server.port, request("/validate", at="one", purpose="key", key=True))
        asked = plan({"kind": "host", "names": []}, tasks, key={"env": "SOME_KEY", "file": None})
        without = run(sh, asked)
        seen = run(sh, asked, SOME_KEY="k-1")
    assert only(without, "host")["key"] is None
    assert not those(without, "http")
    assert only(seen, "host")["key"] == {"from": "environment variable SOME_KEY"}
    assert "Sts-Api-Key: k-1" in server.heads[-1]


def test_a_proxy_is_asked_as_go_asks_it(run: Run) -> None:
    with serving(answer("407 Proxy Authentication Required")) as proxy:
        url = f"http://u:p@127.0.0.1:{proxy.port}"
        seen = run("sh", plan({**endpoint(443, request()), "host": "tenant.test"}), HTTPS_PROXY=url)
    assert only(seen, "proxy")["status"] == 407
    assert {tuple(head.splitlines()) for head in proxy.heads} == {
        (
            "CONNECT tenant.test:443 HTTP/1.1",
            "Host: tenant.test:443",
            f"Proxy-Authorization: Basic {base64.b64encode(b'u:p').decode()}",
            "User-Agent: Go-http-client/1.1",
        )
    }


@pytest.mark.parametrize(
    ("name", "days", "code"), [("127.0.0.1", (-9, -1), 10), ("old.example", (-1, 5), 62)], ids=["expired", "named"]
)
def test_why_a_proxys_certificate_does_not_verify_is_told(
    run: Run, ca: Issued, tmp_path: Path, name: str, days: tuple[int, int], code: int
) -> None:
    with serving(answer("403 Forbidden"), tmp_path, (leaf(ca, name, days=days),)) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        seen = run("sh", plan({**endpoint(443, request()), "host": "tenant.test"}), HTTPS_PROXY=url)
    told = only(seen, "proxy")
    assert (told["phase"], told["error"]["name"], told["error"]["code"]) == ("tls", "VERIFY", code)


def test_behind_a_grant_with_a_body_curl_sees_nothing(run: Run) -> None:
    with serving(answer("200 OK", b"ok")) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        seen = run("sh", plan({**endpoint(443, request()), "host": "tenant.test"}), HTTPS_PROXY=url)
    assert only(seen, "proxy")["phase"] == "open"
    assert only(seen, "unseen", what="http")
    assert not those(seen, "http") + those(seen, "tls")


def test_a_peer_that_does_not_verify_gets_no_key(run: Run, ca: Issued, tmp_path: Path) -> None:
    stranger = authority("Somebody else")
    with serving(answer("403 Forbidden"), tmp_path, (leaf(stranger, "localhost"),)) as server:
        requests = (request(), request("/validate", at="each", purpose="key", key=True))
        seen = run("sh", plan(endpoint(server.port, *requests)), key=SECRET)
    verify = only(seen, "tls", purpose="verify")
    assert (verify["verified"], verify["error"]["name"], verify["error"]["code"]) in (
        (False, "VERIFY", 20),
        (False, "VERIFY", 21),
    )
    assert only(seen, "http")["verified"] is False
    assert SECRET not in "".join(server.heads)


def _plain(_: bytes, connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextlib.contextmanager
def raw(first: bytes) -> Iterator[int]:
    """A server that says this to whoever connects, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(first)

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("first", "name", "received"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "SSL", b"HTTP/"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSL", b"SSH-2"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "SSL", b"\x15\x03\x01\x00\x02\x02\x46"),
        (b"", "EOF", b""),
    ],
)
def test_what_is_no_handshake_is_kept_as_it_came(
    first: bytes, name: str, received: bytes, run: Run, ca: Issued
) -> None:
    with raw(first) as port:
        seen = run("sh", plan(endpoint(port)))
    verify = only(seen, "tls", purpose="verify")
    assert verify["error"]["name"] == name
    assert base64.b64decode(verify["received"] or "")[: len(received)] == received


@pytest.mark.parametrize(
    ("handler", "status", "name"),
    [
        (silent, None, "TIMEOUT"),
        (lambda _, connection: connection.close(), None, "EOF"),
        (lambda _, connection: connection.sendall(b"nonsense\r\n\r\n"), None, "PROTOCOL"),
        (lambda _, c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), 200, "EOF"),
        (lambda _, c: c.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 3_000_000), 200, "LIMIT"),
    ],
)
def test_how_an_answer_ended_badly_is_named(
    handler: Handler, status: int | None, name: str, run: Run, ca: Issued, tmp_path: Path
) -> None:
    with serving(handler, tmp_path, (leaf(ca, "localhost"),)) as server:
        sooner = {"EXCHANGE=9": "EXCHANGE=1"} if name == "TIMEOUT" else {}
        seen = run("sh", plan(endpoint(server.port, request())), replaced=sooner)
    http = only(seen, "http")
    assert (http["status"], http["error"]["name"], http["body_complete"]) == (status, name, False)
    assert len(base64.b64decode(http["body"])) <= 16384


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        (b"HTTP/1.1 403 No\r\nX-Device inspected\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 403 No\r\nX-Device (new): yes\r\nContent-Length: 0\r\n\r\n", True),
        (b"HTTP/1.1 403 No\r\nX_1!#$%&'*+.^`|~ : a b\r\n\tfolded\r\n (more: x\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
def test_heads_that_go_refuses_are_named(head: bytes, refused: bool, run: Run, ca: Issued, tmp_path: Path) -> None:
    with serving(lambda _, c: c.sendall(head), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run("sh", plan(endpoint(server.port, request())))
    http = only(seen, "http")
    assert (http["status"], bool(http["go_refuses"]), bool(gohttp.refusal(head))) == (403, refused, refused)


@every_shell
def test_the_deadline_ends_it_with_a_word_about_what_was_left(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    with serving(silent, tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan(endpoint(server.port, request()), shell_deadline=3))
    assert (seen[-1]["finished"], set(seen[-1]["unfinished"])) in ((False, {"tenant"}), (True, set()))
    assert seen[-1]["seconds"] < 3.5


@every_shell
def test_what_the_end_of_the_visit_cut_short_tells_nothing(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    slow = {"LAST_WORDS=2": "LAST_WORDS=1", "CLOSING=yes": "CLOSING=yes\nsleep 2"}
    with serving(silent, tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan(endpoint(server.port, request()), shell_deadline=3), replaced=slow)
    assert (seen[-1]["finished"], seen[-1]["unfinished"][:1], those(seen, "http")) == (False, ["tenant"], [])


@every_shell
@pytest.mark.parametrize("options", [("-e",), ("-u",), ("-f",), ("-a",), ("-n", "+n")], ids=" ".join)
def test_a_shells_options_do_not_matter(
    sh: str, options: tuple[str, ...], run: Run, ca: Issued, tmp_path: Path
) -> None:
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(sh, plan({"kind": "host", "names": []}, endpoint(server.port, request())), options=options)
    assert only(seen, "http")["status"] == 200
    assert not those(seen, "fault")


def test_what_a_login_shell_has_defined_does_not_matter(run: Run, ca: Issued, tmp_path: Path) -> None:
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        odd = "IFS=0; alias printf='touch a'; readonly X=1"
        seen = run("bash", plan(endpoint(server.port, request())), before=odd, POSIXLY_CORRECT="1", CDPATH="/tmp")
    assert only(seen, "http")["status"] == 200


def test_a_directory_of_authorities_counts_as_well(run: Run, ca: Issued, tmp_path: Path) -> None:
    store = tmp_path / "authorities"
    store.mkdir()
    (store / "one.pem").write_bytes(ca.pem)
    subprocess.run(["openssl", "rehash", str(store)], check=True)
    asked = {"kind": "host", "names": []}
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run("sh", plan(asked, endpoint(server.port, request())), SSL_CERT_FILE="", SSL_CERT_DIR=str(store))
    assert only(seen, "host")["trust"]["source"].endswith(f"SSL_CERT_DIR={store}")
    assert only(seen, "tls")["verified"]
    assert only(seen, "http")["status"] == 200


def test_nothing_that_a_host_has_set_for_its_tools_matters(run: Run, ca: Issued, tmp_path: Path) -> None:
    (tmp_path / "start").write_text(f"echo noise; touch {tmp_path}/a\n")
    odd = {"BASH_ENV": str(tmp_path / "start"), "ENV": str(tmp_path / "start"), "SSLKEYLOGFILE": str(tmp_path / "keys")}
    (tmp_path / ".curlrc").write_text("insecure\nproxy = http://127.0.0.1:1\n")
    stranger = authority("Somebody else")
    with serving(answer("200 OK"), tmp_path, (leaf(stranger, "localhost"),)) as server:
        asked = plan(endpoint(server.port, request()))
        seen = run("sh", asked, CURL_HOME=str(tmp_path), ALL_PROXY="http://127.0.0.1:1", **odd)
    assert not only(seen, "tls", purpose="verify")["verified"]
    assert (only(seen, "http")["verified"], only(seen, "http")["status"]) == (False, 200)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "keys").exists()


def test_without_openssl_curl_says_whether_it_verifies(run: Run, ca: Issued, tmp_path: Path) -> None:
    programs = directory_of(
        tmp_path, "sh", "bash", "cat", "curl", "base64", "tr", "head", "getent", "timeout", "sleep", "date", "uname"
    )
    own = leaf(ca, "localhost")
    with serving(answer("200 OK"), tmp_path, (own,)) as server:
        seen = run("sh", plan(endpoint(server.port, request(), large_hello=True)), programs=programs)
    verify = only(seen, "tls")
    assert (verify["purpose"], verify["verified"]) == ("verify", True)
    assert base64.b64decode(verify["chain"][0]) == own.der
    assert only(seen, "http")["status"] == 200
    assert only(seen, "unseen", what="large-hello")["remedy"] == "install openssl"
    stranger = authority("Somebody else")
    with serving(answer("200 OK"), tmp_path, (leaf(stranger, "localhost"),)) as server:
        seen = run("sh", plan(endpoint(server.port)), programs=programs)
    assert only(seen, "tls")["error"]["name"] == "VERIFY"
    with raw(b"SSH-2.0-x\r\n") as port:
        seen = run("sh", plan(endpoint(port)), programs=programs)
    assert not those(seen, "tls")
    assert "curl does not show" in only(seen, "unseen", what="tls")["reason"]


def test_without_curl_handshakes_are_seen_and_requests_are_not(run: Run, ca: Issued, tmp_path: Path) -> None:
    programs = directory_of(
        tmp_path, "sh", "bash", "cat", "openssl", "getent", "timeout", "sleep", "date", "uname", "tr"
    )
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run("sh", plan(endpoint(server.port, request())), programs=programs)
    assert only(seen, "tls")["verified"]
    assert not those(seen, "http")
    assert only(seen, "unseen", what="http")["remedy"] == "install curl"


@pytest.mark.parametrize("sh", ["sh", "bash"])
def test_with_a_bare_shell_it_says_what_to_install(sh: str, run: Run, ca: Issued, tmp_path: Path) -> None:
    with serving(answer("200 OK"), tmp_path, (leaf(ca, "localhost"),)) as server:
        seen = run(
            sh,
            plan({"kind": "host", "names": []}, endpoint(server.port, request())),
            programs=directory_of(tmp_path, "cat", "sleep"),
        )
    kinds = {each["kind"] for each in seen}
    assert kinds == {"unseen", "route", "host", "probe"}
    told = {each["what"]: each["remedy"] for each in those(seen, "unseen")}
    assert {"tcp", "tls", "http", "registry", "resolve", "dns", "sockets"} <= told.keys()
    assert all(told.values())


def test_without_timeout_it_watches_by_itself(run: Run, ca: Issued, tmp_path: Path) -> None:
    programs = directory_of(tmp_path, "sh", "bash", "cat", "openssl", "getent", "sleep", "date", "uname", "tr")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        asked = plan(endpoint(mute.getsockname()[1]))
        seen = run("sh", asked, programs=programs, replaced={"HANDSHAKE=10": "HANDSHAKE=1"})
    assert only(seen, "tcp", address="127.0.0.1")["error"] is None
    assert only(seen, "tls")["error"]["name"] == "TIMEOUT"


def _ask_nameserver(
    run: Run,
    sh: str,
    tmp_path: Path,
    handle: Any,
    *,
    tcp: bytes | None = None,
    replaced: Mapping[str, str] | None = None,
) -> Seen:
    """What comes of asking a nameserver that answers datagrams by `handle`, and connections with `tcp`."""
    query = dns.message.make_query("acme.example.", "A", id=0x4E43)
    conf = tmp_path / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    wire = query.to_wire()

    def datagrams(asked: bytes) -> list[bytes]:
        return list(handle(dns.message.from_wire(asked))) if asked == wire else []

    with nameserver(datagrams, tcp) as port:
        queries = [{"name": "acme.example", "rdtype": "A", "wire": base64.b64encode(wire).decode()}]
        return run(
            sh,
            plan({"kind": "nameservers", "queries": queries, "port": port}),
            replaced={"/etc/resolv.conf": str(conf), **(replaced or {})},
        )


def _answer_to(query: dns.message.Message, *, truncated: bool = False) -> bytes:
    told = dns.message.make_response(query)
    told.answer.append(dns.rrset.from_text("acme.example.", 60, "IN", "A", "192.0.2.10", "192.0.2.13"))
    told.flags |= dns.flags.TC if truncated else 0
    return told.to_wire()


@every_shell
def test_a_nameserver_is_asked_in_bytes_and_answers_in_bytes(sh: str, run: Run, tmp_path: Path) -> None:
    seen = _ask_nameserver(run, sh, tmp_path, lambda query: [_answer_to(query)])
    told = only(seen, "dns")
    assert (told["transport"], told["error"]) == ("udp", None)
    message = dns.message.from_wire(base64.b64decode(told["response"]))
    assert {item.address for item in message.answer[0]} == {"192.0.2.10", "192.0.2.13"}


def test_a_datagram_under_another_id_is_no_answer(run: Run, tmp_path: Path) -> None:
    def stray(query: dns.message.Message) -> list[bytes]:
        right = _answer_to(query)
        return [b"\x00\x01" + right[2:], right]

    told = only(_ask_nameserver(run, "sh", tmp_path, stray), "dns")
    assert base64.b64decode(told["response"])[:2] == b"NC"


def test_a_truncated_answer_is_asked_for_again_over_tcp(run: Run, tmp_path: Path) -> None:
    whole = _answer_to(dns.message.make_query("acme.example.", "A", id=0x4E43))
    seen = _ask_nameserver(run, "sh", tmp_path, lambda query: [_answer_to(query, truncated=True)], tcp=whole)
    assert [each["transport"] for each in those(seen, "dns")] == ["udp", "tcp"]
    assert base64.b64decode(those(seen, "dns")[1]["response"]) == whole


def test_a_silent_nameserver_is_no_answer_at_all(run: Run, tmp_path: Path) -> None:
    sooner = {"timeout $5 2 dd": "timeout $5 0.3 dd"}
    seen = _ask_nameserver(run, "sh", tmp_path, lambda _: [], replaced=sooner)
    assert [(each["response"], each["error"]["name"]) for each in those(seen, "dns", transport="udp")] == [
        (None, "TIMEOUT")
    ]


def _evaluate(sh: str, code: str, *arguments: str, **environment: str) -> str:
    """What some code says that has the probe's functions."""
    script = f"{shell._parts()}\n{code}"
    command = [*sh.split(), "-c", script, "sh", *arguments]
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, capture_output=True, check=True, env=environment, timeout=20).stdout.decode()


READINGS = (
    'PLAN_PROXY=; proxy_settings; route_to "$1" 443; '
    'printf "%s %s %s %s %s" $go $curl $python "$THROUGH" "${PROXY_URL-}"'
)


@every_shell
@pytest.mark.parametrize(("no_proxy", "host"), [(each[0], each[1]) for each in EXEMPTIONS])
def test_no_proxy_is_read_as_the_other_probe_reads_it(sh: str, no_proxy: str, host: str) -> None:
    environment = {"HTTPS_PROXY": "http://p:1", "NO_PROXY": no_proxy}
    _agree(sh, host, environment)


@every_shell
@pytest.mark.parametrize("environment", [each[0] for each in ENVIRONMENTS], ids=str)
def test_proxy_variables_are_read_as_the_other_probe_reads_them(sh: str, environment: dict[str, str]) -> None:
    _agree(sh, "acme.app.stackstate.io", environment)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pa%40ss@p.example:3128/x",
        "https://P.example",
        "p.example",
        "socks5://p:1080",
        "http://[2001:db8::1]:3128",
    ],
)
def test_a_proxys_url_is_read_as_the_other_probe_reads_it(url: str) -> None:
    _agree("sh", "acme.app.stackstate.io", {"HTTPS_PROXY": url})


PLAIN = [
    ("http://p:3128", True), ("HTTPS://agent:it's%20me@p", True), ("p", True), ("u:p@p:1", True),
    ("http://[fd00::1]:3", True),
    ("http://p:3128/", True), ("http://u:p#w@p:3", False), ("http://u:p/w@p:3", False), ("http://u:p%ss@p:3", False),
    ("http://p:3128 ", False), ("http://u:p?@p:3", False), ("http://u:pä@p:3", False), ("http://", False),
    ("http://p:", False), ("http://p:0", False), ("http://p:99999999", False), ("http://http://p:1", False),
]  # fmt: skip


@every_shell
@pytest.mark.parametrize(("url", "plain"), PLAIN)
def test_a_shell_knows_which_settings_it_cannot_read(sh: str, url: str, plain: bool) -> None:
    told = _evaluate(sh, 'if is_plain "$HTTPS_PROXY"; then echo yes; fi', "h", HTTPS_PROXY=url).split()
    assert told == (["yes"] if plain else [])
    read = route_to("h.example", 443, None, {"HTTPS_PROXY": url}).proxy
    assert not plain or (read is not None and read.trouble is None)


def _agree(sh: str, host: str, environment: dict[str, str]) -> None:
    route = route_to(host, 443, None, environment)
    go, curl, python, *proxy = _evaluate(sh, READINGS, host, **environment).split()
    assert {"go": go, "curl": curl, "python": python} == {k: str(v).lower() for k, v in route.readings.items()}
    assert (proxy if proxy[:1] == ["yes"] else None) == (["yes", route.proxy.url] if route.proxy else None)


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", "2001:db8::1", "::1", "2001:db8::", "1:2:3:4:5:6:7:8", "1:0:0:2::3", "1:0:2:0:3:0:4:0", "::"],
)
def test_addresses_in_an_answer_are_written_as_everywhere(awk: str, address: str) -> None:
    query = dns.message.make_query("a.example.", "AAAA" if ":" in address else "A")
    told = dns.message.make_response(query)
    told.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "CNAME", "b.example."))
    told.answer.append(dns.rrset.from_text("b.example.", 60, "IN", "AAAA" if ":" in address else "A", address))
    program = Path(shell.__file__).with_name("dns.awk").read_text()
    decimal = " ".join(map(str, told.to_wire()))
    ended = subprocess.run([*awk.split(), program], input=decimal, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [address]


@pytest.mark.parametrize("awk", AWKS)
def test_a_message_of_nonsense_has_no_addresses_and_an_end(awk: str) -> None:
    program = Path(shell.__file__).with_name("dns.awk").read_text()
    for seed in range(40):
        noise = hashlib.shake_256(bytes([seed])).digest(64)
        decimal = " ".join(map(str, noise[:4] + b"\x00\x01\xff\xff" + noise[8:]))
        subprocess.run([*awk.split(), program], input=decimal, capture_output=True, text=True, check=True, timeout=20)


DIGESTS = [f"sha256:{number:064x}" for number in range(4)]
MANIFEST = {
    "schemaVersion": 2,
    "config": {"digest": DIGESTS[0], "size": 7},
    "layers": [{"size": 10, "digest": DIGESTS[1]}, {"digest": DIGESTS[2], "annotations": {"a": '"},{"b'}}],
}
INDEX = {
    "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [
        {"digest": DIGESTS[0], "size": 5, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {"platform": {"architecture": "amd64", "os": "linux"}, "digest": DIGESTS[1]},
        {"digest": "../../etc/passwd", "platform": {"architecture": "x", "os": "y"}},
        {"digest": DIGESTS[2] + "\n$(touch a)"},
    ],
}


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("indent", [None, 3])
@pytest.mark.parametrize(
    ("document", "facts"),
    [
        (MANIFEST, [f"layer {DIGESTS[1]} 10", f"layer {DIGESTS[2]} -", f"config {DIGESTS[0]} 7"]),
        (INDEX, [f"entry {DIGESTS[0]} 5 linux/arm64/v8", f"entry {DIGESTS[1]} - linux/amd64", "index"]),
        ({"os": "linux", "architecture": "amd64"}, ["platform linux/amd64"]),
        ({"token": "abc.def"}, ["token abc.def"]),
        ({"access_token": "abc", "expires_in": 300}, ["token abc"]),
        ({"a": {"token": "abc"}, "token": 'a"b c'}, []),
        ([{"token": "abc"}], []),
        ({"token": ["x"], "layers": {"digest": DIGESTS[0]}}, []),
    ],
)
def test_documents_are_read_for_what_a_walk_needs(
    awk: str, indent: int | None, document: Any, facts: list[str]
) -> None:
    assert _facts(awk, json.dumps(document, indent=indent)) == facts


@pytest.mark.parametrize("awk", AWKS)
@pytest.mark.parametrize("text", ["", "{", "[" * 5000, '{"a": "' + "\\" * 999, '"', "]]]]", "{}}{[", "\x00\xff"])
def test_what_is_no_document_says_nothing(awk: str, text: str) -> None:
    assert _facts(awk, text) == []


def _facts(awk: str, text: str) -> list[str]:
    program = Path(shell.__file__).with_name("json.awk").read_text()
    command = [*awk.split(), program]
    ended = subprocess.run(
        command,
        input=text.encode("latin-1", "replace"),
        capture_output=True,
        check=True,
        timeout=20,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
    )
    return ended.stdout.decode().splitlines()


@every_shell
@pytest.mark.parametrize(
    ("location", "may"),
    [
        ("https://cdn.example/x?a=1", "cdn.example 443 /x?a=1"),
        ("https://user@CDN.example:8443/x#f", "cdn.example 8443 /x"),
        ("https://[2001:db8::1]:1/", "2001:db8::1 1 /"),
        ("http://cdn.example/", ""),
        ("file:///etc/passwd", ""),
        ("https://127.0.0.1/", ""),
        ("https://[::1]/", ""),
        ("https://[::ffff:127.0.0.1]/", ""),
        ("https://169.254.169.254/latest", ""),
        ("https://localhost./", ""),
        ("https:///x", ""),
        ("https://a b/", ""),
        ("https://-o/", ""),
        ("https://cdn.example:99999999/", ""),
    ],
)
def test_urls_that_may_be_followed(sh: str, location: str, may: str) -> None:
    told = _evaluate(sh, 'LOCAL=; parse_url "$1" && echo "$U_HOST $U_PORT $U_TARGET" || :', location)
    assert told.strip() == may
    assert may or _evaluate(sh, 'LOCAL=; parse_url "$1" || echo "$REFUSED"', location).strip()


@pytest.mark.parametrize("odd", ["#", "/", "@", "%", "?", "\\", "'", '"', " ", "://", "/@", ":", "@:80/", "?x=y&"])
def test_of_a_login_nothing_is_shown_whatever_stands_in_it(odd: str) -> None:
    told = _evaluate(
        "sh", 'url_shown "$1"; printf "%s" "$URL_SHOWN"', f"https://svc:Summer2024{odd}Winter77@cdn.example/a"
    )
    assert told == "https://cdn.example/a"


@every_shell
@pytest.mark.parametrize(("url", "expected"), WITHOUT_AN_AT.items())
def test_where_a_login_may_stand_without_an_at_nothing_is_shown(sh: str, url: str, expected: str) -> None:
    assert _evaluate(sh, 'proxy_shown "$1"; printf "%s" "$SHOWN"', url) == expected


def test_query_values_and_user_information_are_not_shown() -> None:
    url = "https://user:secret@host/path?X-Amz-Signature=secret&flag&b=secret"
    told = _evaluate("sh", 'url_shown "$1"; echo "$URL_SHOWN"', url)
    assert told.strip() == "https://host/path?X-Amz-Signature=...&flag&b=..."


@every_shell
@pytest.mark.parametrize(
    ("options", "search", "name", "tried"),
    [
        ("", "corp.example", "a.b.example", ["a.b.example.", "a.b.example.corp.example."]),
        ("ndots:5", "x.example y.example", "a.b", ["a.b.x.example.", "a.b.y.example.", "a.b."]),
        ("ndots:5", "x.example", "a.b.", ["a.b."]),
        ("timeout:2", "", "a", ["a."]),
    ],
)
def test_names_are_tried_as_the_c_library_tries_them(
    sh: str, options: str, search: str, name: str, tried: list[str]
) -> None:
    told = _evaluate(sh, f'OPTIONS={shell.quote(options)} SEARCH={shell.quote(search)}; as_programs_try "$1"', name)
    assert told.split() == tried


@every_shell
@pytest.mark.parametrize(
    ("address", "row"),
    [("127.0.0.1", "0100007F"), ("34.250.11.21", "150BFA22"), ("::1", "00000000000000000000000001000000"),
     ("2a05:d018:11::21", "18D0052A000011000000000021000000")],
)  # fmt: skip
def test_addresses_are_found_in_the_kernels_table(sh: str, address: str, row: str) -> None:
    assert _evaluate(sh, 'hexadecimal "$1"; echo "$HEX"', address).strip() == row
    again = _evaluate(sh, 'readable "$1"; echo "$READABLE"', row).strip()
    assert socket.inet_pton(socket.AF_INET6 if ":" in again else socket.AF_INET, again) == socket.inet_pton(
        socket.AF_INET6 if ":" in address else socket.AF_INET, address
    )


@every_shell
def test_text_becomes_json_whatever_is_in_it(sh: str) -> None:
    everything = bytes(range(1, 256))
    script = f"{shell._parts()}\n" + 'text=$(cat; echo .); json "${text%.}"; printf %s "$J"'
    command = [*sh.split(), "-c", script]
    told = subprocess.run(command, input=everything, capture_output=True, check=True, timeout=20).stdout
    assert json.loads(told.decode("ascii")) == everything.decode("latin-1")


def test_comments_and_indentation_do_not_travel() -> None:
    script = shell.parcel(plan())
    assert not [line for line in script.splitlines() if not line or line.startswith(("#", "  "))]
