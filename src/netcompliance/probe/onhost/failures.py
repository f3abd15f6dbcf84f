"""How an exchange ended, when it did not end well: one type, made from whatever the library raised.

`phase` says how far it got, `name` what stopped it; both are closed lists, documented with the journal. The raw text
stays beside them, since no list is complete.
"""

import errno
import socket
import ssl
from typing import Any, Dict, Optional

TEXT_LIMIT = 300
HOSTNAME_MISMATCH = 62
"""X509_V_ERR_HOSTNAME_MISMATCH: what Python 3.6 raises without a number."""


class Failure(Exception):
    """An exchange that ended early."""

    def __init__(
        self,
        phase: str,
        name: str,
        text: str = "",
        code: Optional[int] = None,
        reason: Optional[str] = None,
        icmp: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(phase, name, text)
        self.phase = phase
        self.name = name
        self.text = text
        self.code = code
        self.reason = reason
        self.icmp = icmp

    def record(self) -> Dict[str, Any]:
        """The `error` field of an observation."""
        record: Dict[str, Any] = {"phase": self.phase, "name": self.name, "text": self.text[:TEXT_LIMIT]}
        for field in ("code", "reason", "icmp"):
            value = getattr(self, field)
            if value is not None:
                record[field] = value
        return record


def timed_out(phase: str, text: str = "") -> Failure:
    """Our own deadline passed."""
    return Failure(phase, "TIMEOUT", text or "no answer before the deadline")


def failure_from(error: BaseException, phase: str) -> Failure:
    """Any exception, as a failure of this phase."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, (ssl.SSLError, ssl.CertificateError)):
        return _from_tls(error, phase)
    if isinstance(error, socket.gaierror):
        return Failure(phase, "GAI", str(error.strerror or error), code=error.errno)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(phase, errno.errorcode.get(error.errno, "E%d" % error.errno), error.strerror or str(error))
    if isinstance(error, socket.timeout):
        return timed_out(phase)
    return Failure(phase, "EXCEPTION", "{}: {}".format(type(error).__name__, error))


def _from_tls(error: Exception, phase: str) -> Failure:
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.CertificateError) or reason == "CERTIFICATE_VERIFY_FAILED":
        code = getattr(error, "verify_code", None if reason else HOSTNAME_MISMATCH)
        text = getattr(error, "verify_message", "") or str(error)
        return Failure(phase, "VERIFY", text, code=code, reason=reason or "CERTIFICATE_VERIFY_FAILED")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or reason == "UNEXPECTED_EOF_WHILE_READING":
        return Failure(phase, "EOF", str(error), reason=reason)
    return Failure(phase, "SSL", str(error), reason=reason)
