"""The one place where secrets are taken out of what is written. Whatever writes, writes through `Redactor`.

Rules
* Known secrets (the API key, proxy passwords) are removed wherever they stand, however they are written (`known`), as a
  part of what was encoded (`user:password`), and where what was kept of a text ends or begins within one.
* A known secret that is short, or a word, or stands in what the run is about anyway, cannot be told from that word. It
  is removed where secrets stand, and nowhere else: to cut the word everywhere would change what was seen.
* Unknown ones are recognised by where they stand: user information of URLs, `Authorization` and its kin, cookies,
  `api_key=`, `token=`, signatures of signed URLs, `"token": "…"` in JSON.
* The user in a vantage's name (`ssh://op@node-1`) is no secret: without it two vantages would be one.
* What is removed is replaced by `***`, so a reader sees that something was there.
* It would rather remove too much than too little, and it never raises.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from netcompliance.journal.known import HIDDEN, Known, is_distinct
from netcompliance.model import Verdict

_NAMES = (
    r"(?:proxy-)?authorization|(?:set-)?cookie|(?:sts-|x-|dd-)?api-?key|api_key|apikey|x-auth-token|"
    r"access_token|refresh_token|id_token|token|password|passwd|secret|client_secret|signature|sig|x-amz-[a-z-]{1,64}|"
    r"x-goog-signature|x-goog-credential"
)
_SECRET_KEY = re.compile(rf"(?i)(?:{_NAMES})")
_VANTAGE_USER = r"(?:ssh|docker|podman)://[^/@:\s\"'<>]*@"
_PIECE = re.compile(r"[^\s\"'<>]+")
"""Text in which a URL may stand, to whatever ends it."""
_SCHEME = re.compile(rf"(?i)\b(?!{_VANTAGE_USER})[a-z][a-z0-9+.-]{{0,20}}://")
_PATTERNS = (
    (re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)[^\r\n\"'<>]+"), rf"\1\2{HIDDEN}"),
    (
        re.compile(r"(?i)\b(bearer|basic|apikey)(\s+)(?=\S*\d)[A-Za-z0-9._~+/=-]{16,}"),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(rf"(?i)\b({_NAMES})(\s*[=]\s*)[^&\s\"'<>;,]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b((?:sts-|x-|dd-)?api-?key)(\s*:\s*)[^\r\n\"'<>,}]+"), rf"\1\2{HIDDEN}"),
    (re.compile(rf"(?i)(\"(?:{_NAMES})\"\s*:\s*)\"[^\"]*\""), rf'\1"{HIDDEN}"'),
)
_MARKS = (":", "=", "@", *(chr(number) for number in range(128) if chr(number).isspace()))
_WORDS = ("@", "auth", "cookie", "bearer", "basic", "key", "token", "passw", "secret", "sig", "amz-", "goog")
"""Without one of the marks and one of the words no pattern fits. Looking for them costs a tenth of the patterns."""
SHORT = 200
"""Characters up to which a text is remembered with what became of it: names and addresses come again and again."""
REMEMBERED = 4096
_DEEPEST = 64
"""Nothing that is read here is nested deeper; what would be is a stranger's, and is left out."""
_BASE64_FIELDS = frozenset({"body", "received", "response", "query"})


class Redactor:
    """Takes secrets out of JSON-like values and texts."""

    def __init__(self, secrets: Iterable[str] = (), words: str = "") -> None:
        """`words` is the text that a run consists of whatever its secrets are: its settings, cases and findings."""
        corpus = words.casefold()
        given = tuple(dict.fromkeys(secret for secret in secrets if secret))
        strong = [secret for secret in given if is_distinct(secret) and secret.casefold() not in corpus]
        self.weak = len(given) - len(strong)
        """How many secrets are too short or too common to be found outside of their places."""
        self._known = Known(strong, corpus)
        self._remembered = functools.lru_cache(REMEMBERED)(self._cleaned)

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._remembered(text) if len(text) <= SHORT else self._cleaned(text)

    def _cleaned(self, text: str) -> str:
        text = self._known.hidden(text)
        if not _may_hold_one(text):
            return text
        if "://" in text and "@" in text:
            text = _PIECE.sub(_without_login, text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def verdict(self, verdict: Verdict) -> Verdict:
        """The verdict without secrets. This comes before anything is told: in a text that was wrapped or flattened they
        are no longer where they are looked for. Words that findings share stay shared."""
        values = {id(found.values): found.values for found in verdict.findings}
        cleaned = {key: {name: self.text(value) for name, value in words.items()} for key, words in values.items()}
        return replace(
            verdict,
            saw=self.text(verdict.saw),
            reason=self.text(verdict.reason),
            reproduce=self.text(verdict.reproduce),
            findings=tuple(
                replace(
                    found,
                    subject=self.text(found.subject),
                    detail=self.text(found.detail),
                    values=cleaned[id(found.values)],
                )
                for found in verdict.findings
            ),
        )

    def value(self, value: Any, field: str = "", depth: int = 0) -> Any:
        """A JSON-like value without secrets. `field` is the name under which it stands."""
        if depth > _DEEPEST:
            return HIDDEN
        if isinstance(value, str):
            return self._encoded(value) if field in _BASE64_FIELDS else self.text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (dict, Mapping)):
            return {
                self.text(str(name)) if depth else str(name): self._member(str(name), each, depth + 1)
                for name, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            if _is_header(value) and _names_a_secret(value[0]):
                return [value[0], HIDDEN]
            return [self.value(each, field if field in _BASE64_FIELDS else "", depth + 1) for each in value]
        return value

    def _member(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, str) and _names_a_secret(name):
            return HIDDEN
        return self.value(value, name, depth)

    def _encoded(self, value: str) -> str:
        """Base64 with the secrets inside it removed, also where it was cut; a text that is no base64 is a text."""
        whole = value.rstrip("=")
        whole = whole[: len(whole) - (len(whole) % 4 == 1)]
        try:
            raw = base64.b64decode(whole + "=" * (-len(whole) % 4), validate=True)
        except (binascii.Error, ValueError):
            return self.text(value)
        plain = raw.decode("latin-1")
        cleaned = self.text(plain)
        if cleaned == plain:
            return value
        return base64.b64encode(cleaned.encode("latin-1", "replace")).decode("ascii")


def _without_login(piece: re.Match[str]) -> str:
    """The piece without what stands between a URL's scheme and the last `@`, looked for once: a stranger wrote it."""
    text = piece[0]
    last = text.rfind("@")
    scheme = _SCHEME.search(text, 0, last + 1) if last >= 0 else None
    return f"{text[: scheme.end()]}{HIDDEN}{text[last:]}" if scheme else text


def _may_hold_one(text: str) -> bool:
    """Whether it is worth looking with the patterns. Never false where one of them would fit."""
    if text.isascii() and not _holds_any(text, _MARKS):
        return False
    return _holds_any(text.casefold(), _WORDS)


def _holds_any(text: str, parts: tuple[str, ...]) -> bool:
    """Written out: as an expression with `any` it takes three times as long."""
    for part in parts:  # noqa: SIM110
        if part in text:
            return True
    return False


@functools.lru_cache(REMEMBERED)
def _names_a_secret(name: str) -> bool:
    return _SECRET_KEY.fullmatch(name) is not None


def _is_header(value: list[Any] | tuple[Any, ...]) -> bool:
    return len(value) == 2 and all(isinstance(each, str) for each in value)
