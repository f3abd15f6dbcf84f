"""Does what the controller read fit the bytes that it was read from, which stand beside it?

Theory. A `chain` observation is read from the certificates in the handshakes of its visit, and the digest of a
registry's answer from its body. Both are in the journal, so both can be read again, at the same price (`effort`).

Rules
* Which roots are public says the list that this program has, and the run may have had another: the header has its
  digest. Where that is not the same, and nothing in the journal leads to a root that is known here, its roots are
  others, and only the rest is compared.
* Files of declared authorities were the run's: what they anchor is not compared. What is said to lead to a public root
  is, if those are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netcompliance.journal.decode import Record
from netcompliance.journal.known import HIDDEN
from netcompliance.judge.evidence import decoded
from netcompliance.vantage import x509

READ = ("covers", "unreadable")
BY_ROOTS = ("anchor", "anchor_name", "public_issuer")
OF_CERTIFICATES = ("subject", "issuer", "names", "not_before", "not_after", "sha256", "self_signed", "ca")
OF_JUDGED = ("sent", "takes", "curl", "minds", "rule")
PUBLIC = "public"

Read = Mapping[tuple[str, str], Record]
"""Leaf and host → what was read."""


class Certificates:
    """What was read of certificates and what can be read of them again, as the visits of a journal go by."""

    def __init__(self, interception: Sequence[str], *, same_roots: bool = False) -> None:
        """`same_roots`: the run knew the public roots that are known here."""
        self._declared = bool(interception)
        self._same_roots = same_roots
        self._reader = x509.Reader(interception)
        self._visits: list[tuple[str, Read, Read]] = []

    def add(self, vantage: str, seen: Iterable[Record]) -> None:
        """What was seen in one visit."""
        handshakes, told = [], {}
        for each in seen:
            if each["kind"] == "tls":
                handshakes.append(each)
            elif each["kind"] == "chain":
                told[_key(each)] = each
        self._visits.append((vantage, told, {_key(each): each for each in x509.read_chains(handshakes, self._reader)}))

    @property
    def other_roots(self) -> bool:
        """Are the public roots of the run not known here? Then what they anchor is not compared."""
        known = any(each["anchor"] == PUBLIC for _, _, again in self._visits for each in again.values())
        said = any(each.get("anchor") == PUBLIC for _, told, _ in self._visits for each in told.values())
        return said and not known and not self._same_roots

    @property
    def unproved(self) -> list[str]:
        """The hosts of which that is said."""
        return sorted(
            {key[1] for _, told, _ in self._visits for key, each in told.items() if each.get("anchor") == PUBLIC}
        )

    def problems(self) -> Iterator[str]:
        """Where something else was written down than was read."""
        roots = not self.other_roots and not self._declared
        for vantage, one, other in self._visits:
            for key in sorted({*one, *other}):
                told, again = one.get(key, {}), other.get(key, {})
                fields = _differing(told, again, roots=roots)
                if self._declared and self._same_roots and _is_public(told) and not _is_public(again):
                    fields = fields or "anchor"
                if fields:
                    yield f"{vantage}: the certificates of {key[1]} say something else than is told of them ({fields})"


def _key(chain: Record) -> tuple[str, str]:
    return str(chain.get("sha256")), str(chain.get("host"))


def _differing(told: Record, again: Record, *, roots: bool) -> str:
    """What differs, for people; empty if nothing does."""
    one, other = _decisive(told, roots=roots), _decisive(again, roots=roots)
    names = [name for name in one if one[name] != other[name]]
    if "anchor" not in one and told.get("anchor") == PUBLIC and not _names_its_anchor(told):
        names.append("anchor")
    return ", ".join(names)


def _is_public(chain: Record) -> bool:
    return chain.get("anchor") == PUBLIC


def _names_its_anchor(chain: Record) -> bool:
    """Is the root that it leads to one of its certificates, or the issuer of one?"""
    certificates = _objects(chain, "certificates")
    return chain.get("anchor_name") in [each.get(name) for each in certificates for name in ("subject", "issuer")]


def _decisive(chain: Record, *, roots: bool) -> dict[str, Any]:
    by_roots = BY_ROOTS if roots else ()
    parts = [*OF_JUDGED, "anchor"] if roots else OF_JUDGED
    return {
        **{name: chain.get(name) for name in (*READ, *by_roots)},
        "certificates": [[each.get(name) for name in OF_CERTIFICATES] for each in _objects(chain, "certificates")],
        "judged": [[each.get(name) for name in parts] for each in _objects(chain, "judged")],
    }


def _objects(record: Record, name: str) -> list[Record]:
    some = record.get(name)
    return [each for each in some if isinstance(each, dict)] if isinstance(some, list) else []


def has_another_digest(answer: Record) -> bool:
    """Is this a registry's answer whose whole body is here, and not what its digest says? One that holds what stands in
    the place of a secret is not as it came, and nobody can tell."""
    body, digest = answer.get("body"), answer.get("sha256")
    if not (isinstance(body, str) and isinstance(digest, str) and answer.get("complete")):
        return False
    whole = decoded(body)
    return (
        HIDDEN.encode() not in whole
        and len(whole) == answer.get("body_bytes")
        and hashlib.sha256(whole).hexdigest() != digest
    )
