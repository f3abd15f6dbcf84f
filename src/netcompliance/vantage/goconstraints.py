"""Name constraints as Go enforces them down a chain (crypto/x509/constraints.go, Go 1.24 to 1.26)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from netcompliance.probe.onhost.gourl import GoUrl
from netcompliance.vantage.goextensions import ALT_NAME, CONSTRAINTS, Certificate
from netcompliance.vantage.gonames import domain_is_valid, is_address, mailbox

MOST_COMPARISONS = 250_000
"""Of names with constraints, in Go before 1.26."""


class Fault(Exception):
    """A rule that a certificate breaks."""

    def __init__(self, rule: str, why: str, certificate: Certificate | None = None) -> None:
        super().__init__(rule, why)
        self.rule = rule
        self.why = why
        self.certificate = certificate


def check_constraints(path: Sequence[Certificate], spend: Callable[[int], None]) -> None:
    """Do the authorities on a path, leaf first, permit all names below them? Raises `Fault`. It is paid for by
    `spend`."""
    for number, certificate in enumerate(path):
        above = [each for each in path[number + 1 :] if each.has(CONSTRAINTS)]
        if not above or not certificate.has(ALT_NAME):
            continue
        domains = [_domain_of(uri, certificate) for uri in certificate.uris]
        mailboxes = [_mailbox_of(email, certificate) for email in certificate.emails]
        for authority in above:
            permitted, excluded = authority.permitted, authority.excluded
            count = sum(
                len(each.dns) + len(each.ranges) + len(each.emails) + len(each.uris) for each in (permitted, excluded)
            )
            spend(_weight(certificate) * (1 + count) // 2)
            if count * (len(certificate.names) + len(certificate.addresses)) > MOST_COMPARISONS:
                raise Fault("name-constraints", "its authority has too many name constraints", authority)
            for name in certificate.names:
                _check_constraint(name, authority, certificate)
            for address in certificate.addresses:
                barred = bool(permitted.ranges) and not _in_ranges(address, permitted.ranges)
                _bar(barred or _in_ranges(address, excluded.ranges), "one of its addresses", certificate)
            for domain in domains:
                barred = bool(permitted.uris) and not _below_any(domain, permitted.uris)
                _bar(barred or _hits_any(domain, excluded.uris), "one of its URIs", certificate)
            for box in mailboxes:
                barred = bool(permitted.emails) and not _is_mail_of(box, permitted.emails)
                _bar(barred or _is_mail_of(box, excluded.emails), "one of its addresses of mail", certificate)


def _weight(certificate: Certificate) -> int:
    """What it costs to compare all names of a certificate with a constraint."""
    names = [*certificate.names, *certificate.emails, *(uri.host for uri in certificate.uris)]
    return sum(1 + len(name) // 16 for name in names) + len(certificate.addresses)


def _bar(barred: object, what: str, certificate: Certificate) -> None:
    if barred:
        raise Fault("name-constraints", f"its authority may not certify {what}", certificate)


def _domain_of(uri: GoUrl, certificate: Certificate) -> str:
    """The domain of a URI that meets constraints, which it must have."""
    host = uri.host.lower()
    if ":" in host and not host.endswith("]"):
        host = host.rpartition(":")[0]
    if not host or host.startswith("[") or is_address(host):
        raise Fault("name-constraints", "it has a URI without a domain, and its authority is restricted", certificate)
    return host


def _mailbox_of(email: str, certificate: Certificate) -> tuple[str, str]:
    found = mailbox(email)
    if found is None:
        raise Fault(
            "name-constraints", "it has an invalid address of mail, and its authority is restricted", certificate
        )
    return found


def _is_mail_of(box: tuple[str, str], constraints: Iterable[str]) -> bool:
    return any(mailbox(each) == box if "@" in each else _below(box[1], each) for each in constraints)


def _below_any(name: str, constraints: Iterable[str]) -> bool:
    return any(_below(name, each) for each in constraints)


def _hits_any(name: str, excluded: Iterable[str]) -> bool:
    """Is it, or does it stand for, something that is excluded?"""
    return any(_below(name, each) or _covers_excluded(name, each) for each in excluded)


def _check_constraint(name: str, authority: Certificate, certificate: Certificate) -> None:
    if not domain_is_valid(name):
        raise Fault("name-constraints", "it has a name that is not a valid domain", certificate)
    permitted, excluded = authority.permitted.dns, authority.excluded.dns
    barred = bool(permitted) and not _below_any(name, permitted)
    _bar(barred or _hits_any(name, excluded), name[:100], certificate)


def _below(name: str, constraint: str) -> bool:
    name, constraint = name.lower(), constraint.lower()
    if not constraint or name == constraint:
        return True
    return name.endswith(constraint if constraint[0] == "." else f".{constraint}")


def _covers_excluded(name: str, constraint: str) -> bool:
    """A wildcard stands for what is excluded one label below."""
    _, dot, parent = constraint.lower().partition(".")
    return bool(dot) and name.startswith("*.") and name[2:].lower() == parent


def _in_ranges(address: bytes, ranges: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        len(base) == len(address) and all((a ^ b) & m == 0 for a, b, m in zip(address, base, mask, strict=True))
        for base, mask in ranges
    )
