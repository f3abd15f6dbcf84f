"""What may be done about the certificate chains that one host showed.

Theory. Whoever sends certificates decides what it costs to read them: how many there are and how large, how many names
and constraints, which keys, how many ways lead up. So everything is paid for before it is done, at prices that depend
on the certificates alone: the same chains are read on every machine, whether it is fast or not. A price is about a
microsecond. What was done is remembered: the same certificate or signature is paid for once.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from netcompliance.vantage.der import Malformed
from netcompliance.vantage.gocertificate import parse
from netcompliance.vantage.goextensions import Certificate

MOST = 600_000
"""For all chains of one visit: ten times what an honest one costs."""
OF_ONE = 150_000
"""For those with the same leaf, so that one server takes not all."""

CURVES = ((ec.SECP256R1, 200), ((ec.SECP256K1, ec.SECP384R1, ec.SECP521R1), 900))
"""What a signature on them costs."""


class Exhausted(Exception):
    """There is nothing left for this leaf."""


class Effort:
    """What is left for one visit, and what was done for it."""

    def __init__(self) -> None:
        self._left = self._of_one = MOST
        self._parsed: dict[bytes, Certificate | None] = {}
        self._signed: dict[tuple[str, bytes, bytes], bool] = {}

    def begin(self) -> None:
        """On with the next leaf."""
        self._of_one = min(OF_ONE, self._left)

    def spend(self, price: int) -> None:
        """Pay for what is done next. Raises `Exhausted`."""
        self._left -= price
        self._of_one -= price
        if self._of_one < 0:
            raise Exhausted

    def parsed(self, der: bytes) -> Certificate:
        """A certificate as Go reads it. Raises `Malformed`."""
        if der not in self._parsed:
            self.spend(100 + len(der))
            try:
                self._parsed[der] = parse(der)
            except Malformed:
                self._parsed[der] = None
        found = self._parsed[der]
        if found is None:
            raise Malformed("certificate")
        return found

    def signed(self, how: str, certificate: Certificate, issuer: Certificate, verify: Callable[[], bool]) -> bool:
        """Whether `verify` finds that the issuer's key signed the certificate; `how` is the reader who does it."""
        key = (how, certificate.raw, issuer.raw)
        if key not in self._signed:
            self.spend(len(certificate.raw) // 256 + _price(issuer))
            self._signed[key] = verify()
        return self._signed[key]


def _price(issuer: Certificate) -> int:
    """Of a signature with this key, which is no RSA key with a large exponent."""
    key = issuer.key
    if isinstance(key, rsa.RSAPublicKey):
        return 30 + (key.key_size // 256) ** 2
    if isinstance(key, ec.EllipticCurvePublicKey):
        return next((price for curves, price in CURVES if isinstance(key.curve, curves)), 2500)
    return 900
