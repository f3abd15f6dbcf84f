"""Signatures with OpenSSH's own keys: `ssh-keygen -Y`, so whoever can log in somewhere can sign, and anybody can check.

Rules
* The key stays where it is: a file, an agent, a token. `KEY` is the private key's file, or the public one's where an
  agent holds the private one.
* Nothing is asked: a key with a passphrase needs an agent. A token may wait for a touch, up to `TOUCH` seconds.
* Only ssh-keygen judges signatures. What it says of the key is told, its exit code decides.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netcompliance.journal.checksums import regular

NAMESPACE = "netcompliance"
"""What the signature is for: one that was made for git or for mail is none of ours."""
_NEEDED = ("PATH", "HOME", "USER", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "SSH_PKCS11_HELPER", "SSH_SK_HELPER")
"""What ssh-keygen needs of this process's environment."""
TOUCH = 60.0
"""Seconds."""
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_ARMOUR = b"-----BEGIN SSH SIGNATURE-----"
_ARMOURED = re.compile(
    _ARMOUR + rb"\n((?:[A-Za-z0-9+/]{70}\n)*[A-Za-z0-9+/]{1,70}={0,2}\n)-----END SSH SIGNATURE-----\n"
)
_SIZE_LIMIT = 1 << 16


class SigningError(Exception):
    """There is no signature, and the text says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key that can sign."""

    path: Path
    fingerprint: str
    needs_touch: bool
    """It is in a token, and somebody has to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signature that is right for what it was made for."""

    fingerprint: str
    identity: str | None
    """Whose key it is, as the list of allowed signers says; None if nobody handed one in."""


def key(path: Path) -> Key:
    """The key in the file, after a trial where nobody has to touch anything. Raises `SigningError`."""
    try:
        if path.is_fifo():
            raise SigningError(f"{path}: a pipe, and ssh-keygen reads it more than once")
        path.open("rb").close()
    except OSError as error:
        raise SigningError(f"{path}: {error.strerror or error}") from None
    told = _ssh_keygen(["-l", "-f", str(path)])
    found = _FINGERPRINT.search(told.stdout.decode("utf-8", "replace"))
    if told.returncode or not found:
        raise SigningError(f"{path}: no key that ssh-keygen can read")
    chosen = Key(path=path, fingerprint=found[0], needs_touch=b"-SK)" in told.stdout)
    if not chosen.needs_touch:
        sign(b"", chosen)
    return chosen


def sign(data: bytes, by: Key) -> bytes:
    """The signature of the data, armoured. Raises `SigningError`."""
    done = _ssh_keygen(["-Y", "sign", "-n", NAMESPACE, "-f", str(by.path)], data)
    if done.returncode or not done.stdout.startswith(_ARMOUR):
        raise SigningError(f"{by.path}: {_reason(done.stderr)}")
    return done.stdout


def check(data: bytes, signature: Path, allowed: Path | None = None, identity: str | None = None) -> Signed:
    """Who signed the data. Raises `SigningError` where the signature is not right, or is nobody's who is allowed."""
    if not _is_as_written(signature):
        raise SigningError(f"{signature.name} is not as ssh-keygen writes a signature: it was changed")
    made_for = ["-n", NAMESPACE, "-s", str(signature)]
    done = _ssh_keygen(["-Y", "check-novalidate", *made_for], data)
    found = _FINGERPRINT.search(done.stdout.decode("utf-8", "replace"))
    if done.returncode or not found:
        raise SigningError("the signature is not that of these sums")
    if allowed is None:
        return Signed(fingerprint=found[0], identity=None)
    for name in [identity] if identity else _principals(allowed, signature):
        done = _ssh_keygen(["-Y", "verify", "-f", str(allowed), "-I", name, *made_for], data)
        if not done.returncode:
            return Signed(fingerprint=found[0], identity=name)
    whose = f"{identity}'s" if identity else "anybody's"
    raise SigningError(f"signed with the key {found[0]}, which is not {whose} in {allowed}")


def _is_as_written(signature: Path) -> bool:
    """Whether the file is one armoured signature and nothing else: ssh-keygen is more lenient, and signs no armour."""
    with regular(signature).open("rb") as file:
        found = _ARMOURED.fullmatch(file.read(_SIZE_LIMIT))
    if not found:
        return False
    text = found[1].replace(b"\n", b"")
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)) == text
    except binascii.Error:
        return False


def _principals(allowed: Path, signature: Path) -> list[str]:
    done = _ssh_keygen(["-Y", "find-principals", "-f", str(allowed), "-s", str(signature)])
    return done.stdout.decode("utf-8", "replace").splitlines()


def _ssh_keygen(arguments: Sequence[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it where it can ask nobody: no terminal, no window, no end of waiting."""
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            input=data,
            capture_output=True,
            timeout=TOUCH,
            check=False,
            start_new_session=True,
            env={name: os.environ[name] for name in _NEEDED if name in os.environ}
            | {"LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
        )
    except FileNotFoundError:
        raise SigningError("ssh-keygen is not here: install OpenSSH's client") from None
    except subprocess.TimeoutExpired:
        raise SigningError(
            f"no signature within {TOUCH:.0f} s: nobody touched the token, or the agent does not answer"
        ) from None


def _reason(told: bytes) -> str:
    lines = [line.strip() for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1] if lines else "ssh-keygen did not sign"
    return "the key has a passphrase: put it into an agent first (ssh-add)" if "passphrase" in text else text
