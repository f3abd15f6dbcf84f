"""What must never be written is not, wherever it stands; what is harmless stays as it is."""

from __future__ import annotations

import base64
import json
import re
import signal
from collections.abc import Callable, Iterator
from html import escape
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcompliance.journal.redact import Redactor

KEY = "s3cr3t-Key+with/odd=chars"
REDACTOR = Redactor([KEY])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "http://user:hunter2@proxy.corp.example:3128/x",
        "ssh://op:hunter2@node-1",
        "http://hunter2@proxy.corp.example",
        "see https://hunter2@host/ and so on",
        "Authorization: Bearer hunter2hunter2",
        "authorization:Basic hunter2==",
        "Proxy-Authorization: Basic hunter2==",
        "Cookie: session=hunter2; x=y",
        "Set-Cookie: id=hunter2; Path=/",
        "sts-api-key: hunter2",
        "GET /x?api_key=hunter2&y=1",
        "?sig=hunter2",
        "?X-Amz-Signature=hunter2&X-Amz-Credential=hunter2",
        "?token=hunter2",
        '{"token": "hunter2", "n": 1}',
        '{"access_token":"hunter2"}',
        "password = hunter2",
        "tried Bearer eyJhunter2eyJhunter2.x",
    ],
)
def test_secrets_are_recognised_by_where_they_stand(text: str):
    cleaned = REDACTOR.text(text)
    assert "hunter2" not in cleaned
    assert "***" in cleaned
    assert "hunter2" not in base64.b64decode(REDACTOR.value({"body": encoded(text)})["body"]).decode()


@pytest.mark.parametrize(
    "text",
    [
        "the registry grants a token with the right scope",
        'Bearer realm="https://quay.io/v2/auth",service="quay.io"',
        "Basic authentication is required",
        "no answer to 3 SYNs in 5.0 s",
        "https://quay.io/v2/stackstate/agent/blobs/sha256:abc",
        "the receiver accepts the API key",
        "http://proxy.corp.example:3128",
        "mail@corp.example",
        "from ssh://op@node-1, podman://daemon@agent",
    ],
)
def test_harmless_texts_stay(text: str):
    assert REDACTOR.text(text) == text


def test_a_password_with_a_blank_is_known_in_every_spelling():
    redactor = Redactor(["two Words 2"])
    for form in ("two Words 2", "two%20Words%202", "two+Words+2"):
        assert redactor.text(f"x={form};") == "x=***;"


@pytest.mark.parametrize("form", [KEY, "s3cr3t-Key%2Bwith%2Fodd%3Dchars", f"x{KEY}y"])
def test_a_known_secret_is_removed_everywhere(form: str):
    record = {
        "saw": form,
        "deep": [{"er": [form]}],
        "headers": [["X-Echo", form]],
        "body": encoded(f"<p>{form}</p>"),
        "received": encoded(form),
    }
    cleaned = REDACTOR.value(record)
    told = json.dumps(cleaned) + "".join(base64.b64decode(cleaned[name]).decode() for name in ("body", "received"))
    assert form not in told
    assert "s3cr3t" not in told


def test_headers_and_fields_with_a_secrets_name_are_emptied():
    cleaned = REDACTOR.value(
        {
            "headers": [
                ["Set-Cookie", "a=b"],
                ["sts-api-key", "k"],
                ["Content-Type", "text/html"],
                ["WWW-Authenticate", "Bearer x"],
            ],
            "password": "p",
            "authorization": "a",
        }
    )
    assert cleaned == {
        "headers": [
            ["Set-Cookie", "***"],
            ["sts-api-key", "***"],
            ["Content-Type", "text/html"],
            ["WWW-Authenticate", "Bearer x"],
        ],
        "password": "***",
        "authorization": "***",
    }


def test_what_only_says_whether_there_was_a_secret_stays():
    record = {
        "token": True,
        "authorized": False,
        "key": {"from": "environment variable STS_API_KEY"},
        "signature": None,
    }
    assert REDACTOR.value(record) == record


def test_bytes_without_secrets_stay_byte_for_byte():
    raw = base64.b64encode(bytes(range(256))).decode()
    assert REDACTOR.value({"body": raw, "chain": [raw]}) == {"body": raw, "chain": [raw]}


def test_a_short_word_is_no_secret():
    assert Redactor(["ab", ""]).text("about") == "about"


@given(st.text())
def test_it_never_raises_and_is_done_after_once(text: str):
    cleaned = REDACTOR.text(text)
    assert REDACTOR.text(cleaned) == cleaned


@pytest.fixture
def deadline() -> Iterator[None]:
    """Ends what would otherwise not end within the day."""

    def too_late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 50_000,
        "key " + "a://" * 500_000,
        "token " * 20_000,
        "token" + " " * 100_000,
        '"token"' * 20_000,
        "= " + "x-amz-" * 300_000,
        KEY[:-1] * 20_000,
        KEY[1:] * 20_000,
        f"...{KEY[1:]}" * 100_000,
        f"{KEY[:12]}\\" * 20_000 + "\\" * 500_000,
        "%25" * 300_000 + "&amp;" * 300_000 + KEY[:12],
        f"{KEY[:12]}\r\n" + "\r\n" * 300_000,
    ],
    ids=[
        "words", "urls", "names", "blanks", "quotes", "parameters",
        "beginnings", "ends", "parts", "backslashes", "escapes", "lines",
    ],
)  # fmt: skip
def test_hostile_texts_do_not_keep_it_busy(deadline: None, text: str):
    assert len(REDACTOR.text(text)) <= len(text) * 2


def test_a_login_ends_with_the_last_sign_of_its_piece():
    assert REDACTOR.text("a://b@c://d@e <f://g@h") == "a://***@e <f://***@h"
    assert REDACTOR.text("ssh://op@node-1, ssh://op@x@y") == "ssh://op@node-1, ssh://op@x@y"
    assert REDACTOR.text("ssh://op@http://u:p@proxy") == "ssh://op@http://***@proxy"


def test_what_is_nested_without_end_is_left_out():
    deep: object = "hunter2"
    for _ in range(5000):
        deep = {"x": [deep]}
    cleaned = REDACTOR.value({"kind": deep})
    assert "hunter2" not in json.dumps(cleaned)


@pytest.mark.parametrize("secret", ["s3cr3t-Key", "Pr0xy p@ss/wörd", 'quote"and\\slash', "<b>&amp"])
@pytest.mark.parametrize("before", ["", "u:", "us:", "user:"])
def test_a_known_secret_is_found_inside_what_was_encoded(secret: str, before: str):
    whole = (before + secret + ":after").encode()
    for form in (base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()):
        cleaned = Redactor([secret]).text(f"X-Echo: {form};")
        letters = cleaned.removeprefix("X-Echo: ").removesuffix(";")
        assert "***" in letters
        assert form not in cleaned


def test_a_secret_is_hidden_where_it_names_something_and_where_base64_was_cut() -> None:
    """Whoever knows it may send it in any place that is written down."""
    secret = "sk-AbCd1234EfGh5678"
    redactor = Redactor([secret])
    cleaned = redactor.value({"kind": "host", "proxies": {secret: "x"}, "errors": {f"a{secret}b": 1}})
    assert cleaned == {"kind": "host", "proxies": {"***": "x"}, "errors": {"a***b": 1}}
    letters = base64.b64encode(f"a key: {secret}, and more of the text".encode()).decode()
    for cut in range(len(letters) - 4, len(letters)):
        body = redactor.value({"body": letters[:cut]})["body"]
        assert b"EfGh" not in base64.b64decode(body + "=" * (-len(body) % 4))
        assert "***" not in body


WRITINGS = (
    str,
    str.lower,
    str.upper,
    lambda letter: "".join(f"%{byte:02X}" for byte in letter.encode()),
    lambda letter: "".join(f"%25{byte:02x}" for byte in letter.encode()),
    lambda letter: f"\\u{ord(letter):04x}",
    lambda letter: f"\\\\U{ord(letter):04X}",
    lambda letter: f"&#{ord(letter)};",
    lambda letter: "".join(f"\\{byte:03o}" for byte in letter.encode()),
    lambda letter: f"&amp;#x{ord(letter):X};",
    lambda letter: "".join(f"={byte:02X}" for byte in letter.encode()),
)
BREAKS = ("", "", "", "\r\n", "\n ", "=\r\n", "\\r\\n", "%0D%0A", "<wbr>", "<br />\n", "&shy;", "\xad", "\u200b")
SECRETS = (KEY, "Zq7kPv93LmXw20TdBr5s", "Pr0xy p@ss/w\xf6rd", "a%41b&c;d\\\\e")


@given(
    st.sampled_from(SECRETS), st.randoms(use_true_random=False), st.sampled_from(["", "x", "%", "&", "\\", "\u0436"])
)
def test_a_known_secret_is_found_however_each_letter_is_written(secret: str, chance: Random, beside: str):
    written = "".join(chance.choice(WRITINGS)(letter) + chance.choice(BREAKS) for letter in secret[:-1]) + secret[-1]
    for whole in (f"<{beside} {written} {beside}>", f"<{beside}{written}{beside}>"):
        assert written not in Redactor([secret]).text(whole)
        assert "***" in Redactor([secret]).text(whole)


ENCODED = {
    "other letters": str.swapcase,
    "hexadecimal": lambda secret: secret.encode().hex(),
    "hexadecimal, in capitals and apart": lambda secret: secret.encode().hex(" ").upper(),
    "every letter in a URL": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "twice in a URL": lambda secret: quote(quote(secret, safe=""), safe=""),
    "three times in a URL": lambda secret: quote(quote(quote(secret, safe=""), safe=""), safe=""),
    "twice in HTML": lambda secret: escape(escape(secret)),
    "twice in JSON": lambda secret: json.dumps(json.dumps(secret)),
    "numbers in HTML": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "names in HTML": lambda secret: "".join(
        {"+": "&plus;", "=": "&equals;", "/": "&sol;", "@": "&commat;", "\xf6": "&ouml;"}.get(c, c) for c in secret
    ),
    "letters in JSON": lambda secret: "".join(f"\\u{ord(letter):04x}" for letter in secret),
    "over two lines": lambda secret: f"{secret[:9]}\r\n{secret[9:]}",
    "quoted-printable": lambda secret: "".join(f"={byte:02X}" for byte in secret.encode()),
    "numbers in HTML without their end": lambda secret: "".join(f"&#{ord(letter)}" for letter in secret),
    "where a page may break it": lambda secret: f"{secret[:5]}<wbr>{secret[5:9]}&#8203;{secret[9:]}",
    "octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "octal, in JSON": lambda secret: json.dumps("".join(f"\\{byte:03o}" for byte in secret.encode())),
    "CSS": lambda secret: "".join(f"\\{ord(letter):x} " for letter in secret).strip(),
    "CSS, six digits": lambda secret: "".join(f"\\{ord(letter):06X}" for letter in secret),
    "hexadecimal numbers": lambda secret: ", ".join(f"0x{byte:02x}" for byte in secret.encode()),
    "hexadecimal numbers, close": lambda secret: ",".join(f"0X{byte:02X}" for byte in secret.encode()),
    "hexadecimal, with dashes": lambda secret: secret.encode().hex("-"),
    "two bytes a letter": lambda secret: secret.encode("utf-16-le").decode("latin-1"),
    **{
        f"base64 in lines, after {before}": lambda secret, before=before: base64.encodebytes(
            (f"{'x' * before}:{secret}" + "y" * 80).encode()
        ).decode()
        for before in (40, 41, 42)
    },
    **{
        f"base64 of {coding}, after {before}": lambda secret, before=before, coding=coding: base64.b64encode(
            ("u" * before + ":" + secret + ":rest").encode(coding)
        ).decode()
        for before in range(3)
        for coding in ("latin-1", "utf-16-le", "utf-16-be")
    },
    **{
        f"base64-like, base32, after {before}": lambda secret, before=before: base64.b32encode(
            ("u" * before + ":" + secret + ":rest").encode()
        ).decode()
        for before in range(5)
    },
    "base64-like, base32 in small letters": lambda secret: base64.b32encode(f"user:{secret}".encode()).decode().lower(),
    "base64 in a URL": lambda secret: quote(encoded(f"user:{secret}"), safe=""),
    "base64 in JSON": lambda secret: json.dumps(base64.encodebytes(("x" * 46 + secret + "y" * 80).encode()).decode()),
}


@pytest.mark.parametrize("form", ENCODED)
@pytest.mark.parametrize("secret", SECRETS[:3])
def test_a_known_secret_is_found_in_other_forms(secret: str, form: str):
    written = ENCODED[form](secret)
    cleaned = Redactor([secret]).text(f"it says {written} and ends")
    assert cleaned.startswith("it says ")
    cleaned = cleaned.replace("***and", "*** and")  # a blank may end an escape
    assert cleaned.endswith(" and ends")
    if form.startswith("base64"):
        assert len(cleaned) < len(written) + 20
    else:
        assert re.sub(r'["\\\0]', "", cleaned) == "it says *** and ends"
    body = Redactor([secret]).value({"body": encoded(f"it says {written} and ends")})["body"]
    assert "***" in base64.b64decode(body).decode()


@pytest.mark.parametrize("left", range(8, len(KEY)))
@pytest.mark.parametrize("form", [str, str.upper, quote, lambda part: "".join(f"%{ord(c):02x}" for c in part)])
def test_what_is_kept_of_a_secret_is_hidden_where_a_text_was_cut(left: int, form: Callable[[str], str]):
    around = "what was said there, and much more of it"
    begin, end = form(KEY[:left]), form(KEY[-left:])
    assert REDACTOR.text(f"{around} {begin}") == f"{around} ***"
    assert REDACTOR.text(f"{around} '{begin}'") == f"{around} '***'"
    assert REDACTOR.text(f"{around} {begin}… and so on") == f"{around} ***… and so on"
    assert REDACTOR.text(f"'{begin}...{end}' {around}") == f"'***...***' {around}"
    assert REDACTOR.text(f"…{end}: {around}") == f"…***: {around}"
    assert REDACTOR.text(f"{end}: {around}") == f"***: {around}"


def test_a_text_may_be_cut_within_an_escape_and_within_base64():
    around = "what was said there, and much more of it "
    for form in (quote(KEY, safe=""), "".join(f"\\u{ord(c):04x}" for c in KEY), "".join(f"&#{ord(c)};" for c in KEY)):
        first = len(form) * 12 // len(KEY)
        for cut in range(first, len(form)):
            assert REDACTOR.text(around + form[:cut]) == f"{around}***"
    for before in ("", "u:", "us:"):
        letters = encoded(before + KEY)
        for cut in range(18, len(letters)):
            assert len(REDACTOR.text(around + letters[:cut])) <= len(f"{around}dXM6***w=")


def test_where_nothing_was_cut_a_beginning_stays():
    around = "what was said there, and much more of it"
    for text in (
        KEY[:8],
        f"{KEY[:8]}.example",
        f"{around} {KEY[:8]} {around}",
        f"{around} {KEY[:5]}",
        f"{KEY[-5:]} {around}",
    ):
        assert REDACTOR.text(text) == text
    named = Redactor([f"stackstate-{KEY}"], "the receiver of stackstate-agents")
    assert named.text(f"{around} stackstate-") == f"{around} stackstate-"
    assert named.text(f"{around} stackstate-s") == f"{around} ***"
