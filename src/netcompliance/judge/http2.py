"""HTTP/2, where a peer agreed to it in the handshake: whoever offers it as Go does is then spoken to in nothing else.

Theory. The main agent, the process agent and Helm offer no h2; the logs agent and the RBAC agent do, and Go does not go
back to HTTP/1.1. A peer that agrees and then speaks HTTP/1.1, closes, or sends no SETTINGS is broken for them alone; so
is one that answers a GET, and resets a POST or has no window for its body. What HTTP/1.1 gets too is no matter of this.
What is late, but begins as HTTP/2, is no matter of the protocol.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, error_name, error_text, finding
from netcompliance.judge.transport import TIMEOUTS, path_name
from netcompliance.model import Finding
from netcompliance.observations import Http, Http2

AGREED = "h2"
POSTS = "logs"
"""Whose POST is sent over HTTP/2, and over HTTP/1.1."""
NOT_SPOKEN = (421, 464, 505)
"""Misdirected request; incompatible protocol (AWS); HTTP version not supported."""


def http2_trouble(evidence: Evidence, task: str, host: str, path: str | None) -> Finding | None:
    """What is wrong with HTTP/2 on this way; `None` if nothing is, or nobody agreed to it. One try of two is enough."""
    agreed = [o for o in evidence.all(Http2, task=task, host=host, address=path) if o.alpn == AGREED]
    posts = [o for o in agreed if o.method == "POST"]
    alike = [o.status for o in evidence.all(Http, task=task, host=host, address=path, purpose="path", caller=POSTS)]
    for what, tried in ("a request", [o for o in agreed if o not in posts]), ("a POST", posts):
        if not tried or any(_is_spoken(seen) for seen in tried):
            continue
        subject, last = path_name(path, host), tried[-1]
        if tried is posts and last.status in alike:
            continue
        got = f"status {last.status}" if last.replied else error_text(last) or error_name(last) or "no answer"
        detail = f"{subject} agreed to HTTP/2, and {what} over it got {got}, {len(tried)} times"
        return finding(Code.HTTP_NO_HTTP2, subject, detail)
    return None


def http2_unfinished(evidence: Evidence, task: str, host: str, paths: list[str | None]) -> list[str | None]:
    """Where nobody looked; or where a GET was answered, and nobody posted."""
    missing = []
    for path in paths:
        seen = evidence.all(Http2, task=task, host=host, address=path)
        posted = any(each.method == "POST" for each in seen)
        if not seen or (not posted and any(each.alpn == AGREED and each.replied for each in seen)):
            missing.append(path)
    return missing


def _is_spoken(seen: Http2) -> bool:
    if seen.replied:
        return seen.status not in NOT_SPOKEN
    return bool(seen.settings) and error_name(seen) in TIMEOUTS
