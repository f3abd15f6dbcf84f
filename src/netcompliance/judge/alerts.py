"""TLS alerts by their meaning (RFC 8446, section 6).

Theory. A peer that refuses says why in two bytes, and each word has another owner: no common cipher, a name that is not
served, a client certificate that is missing. Up to TLS 1.2 alerts come in clear, and warnings are no end; in TLS 1.3
one that comes after the handshake is known from OpenSSL's words alone.
"""

from __future__ import annotations

import re

from netcompliance.judge.evidence import Ended, decoded, error_of, error_text
from netcompliance.observations import Tls

NAMES = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}
NUMBERS = {name: number for number, name in NAMES.items()}

VERSION = frozenset({70, 86})
NOTHING_IN_COMMON = frozenset({40, 71})
NAME = 112
PROTOCOL = 120
POLICY = frozenset({0, 49, 90})
"""Refusals without a technical reason: a device that blocks."""
ABOUT_OUR_CERTIFICATE = frozenset({40, 42, 43, 44, 45, 46, 48, 116})
"""What a peer says to a client whose certificate is missing, once it has asked for one."""
REQUIRED = 116

RECORD_HEAD, ALERT_RECORD, HANDSHAKE_RECORD = 5, 21, 22
WARNING = 1
SPELLED = re.compile(r"(?:SSLV3|TLSV1|TLSV13)_(?:ALERT_)?(\w+)|(?:sslv3|tlsv1|tlsv13)(?: alert)? ([a-z ]+)")


def alert_of(received: bytes) -> int | None:
    """The description of the first TLS alert in these bytes that is no warning, unless something else comes first."""
    while len(received) >= RECORD_HEAD + 2 and received[0] == ALERT_RECORD and received[1] == 3:
        if received[RECORD_HEAD] != WARNING or received[RECORD_HEAD + 1] == 0:
            return received[RECORD_HEAD + 1]
        received = received[RECORD_HEAD + int.from_bytes(received[3:5], "big") :]
    return None


def alert_in(seen: Ended | None) -> int | None:
    """The alert that ended an exchange: as it was received, or as OpenSSL reports it."""
    number = alert_of(decoded(seen.received if isinstance(seen, Tls) else None))
    if number is not None:
        return number
    for text in (str(error_of(seen).reason or ""), error_text(seen)):
        found = SPELLED.search(text)
        name = (found[1] or found[2]).strip().lower().replace(" ", "_") if found else ""
        if name in NUMBERS:
            return NUMBERS[name]
    return None


def named(number: int) -> str:
    """An alert for people."""
    return NAMES.get(number, str(number))


def wants_a_certificate(seen: Ended | None) -> bool:
    """Did the peer end this for want of a client certificate? Behind its own first flight, that is what alerts mean."""
    number = alert_in(seen)
    shown = decoded(seen.received if isinstance(seen, Tls) else None)[:1] == bytes((HANDSHAKE_RECORD,))
    return number == REQUIRED or (
        number in ABOUT_OUR_CERTIFICATE and (shown or error_of(seen).phase not in (None, "tls"))
    )
