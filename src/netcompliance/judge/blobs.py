"""A blob, by all that was read of it: parts by ranges, or the whole.

A registry or CDN that gives no ranges is not at fault for that: what it says to a plain request counts then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, duration, error_name, error_text, finding, header, seconds
from netcompliance.judge.hops import (
    CUT,
    REGISTRY,
    host_of,
    is_block_page,
    is_policy,
    message,
    on_the_way,
    refused_by_policy,
    steps,
    throttled,
    tries,
    unavailable,
)
from netcompliance.judge.http_responder import REDIRECTS, described, is_page
from netcompliance.judge.transport import TIMEOUTS
from netcompliance.model import Finding
from netcompliance.observations import Registry

HOPELESS = 3600.0
"""Seconds for one layer. At such a rate it has not arrived, and never will."""
MEASURABLE = 4.0
"""Seconds that a transfer must have taken for its rate to say something."""
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)$")

Parts = dict[str, list[Registry]]
"""Digest → what came of asking for it, at the end of the redirects and tries, by part."""


def unfollowed(seen: Registry) -> bool:
    """Does it end in a redirect whose target was not waited for?"""
    return seen.status in REDIRECTS and error_name(seen) is None


def parts(evidence: Evidence, image: str, *names: str) -> Parts:
    """What was read of an image's blobs. What another image's walk read of the very same object counts too."""
    found = _last(steps(evidence, image, *names))
    elsewhere: dict[tuple[str, str], list[Registry]] = {}
    for seen in evidence.all(Registry, task=REGISTRY, step="layer"):
        if seen.image != image and not seen.range and not unfollowed(seen):
            elsewhere.setdefault((seen.digest or "", seen.url or ""), []).append(seen)
    for digest, those in found.items():
        if not any(map(is_whole, those)):
            urls = {seen.url or "" for seen in those if not unfollowed(seen)}
            more = [seen for url in sorted(urls) for seen in elsewhere.get((digest, url), ())]
            found[digest] = those + _last(more).get(digest, [])
    return found


def _last(hops: Iterable[Registry]) -> Parts:
    last: dict[tuple[str, object], Registry] = {}
    for seen in hops:
        part = seen.digest or "", seen.range
        if part not in last or _order(seen) >= _order(last[part]):
            last[part] = seen
    found: Parts = {}
    for (digest, _), seen in last.items():
        found.setdefault(digest, []).append(seen)
    return {digest: [seen for seen in those if _counts(seen, those)] for digest, those in found.items()}


def _order(seen: Registry) -> tuple[int, int]:
    return seen.attempt or 0, seen.hop or 0


def _counts(seen: Registry, those: list[Registry]) -> bool:
    """A range that was refused is no matter where a plain request followed."""
    refused = seen.range and seen.status not in (None, 200, 206, *REDIRECTS)
    return not (refused and any(not other.range for other in those))


def bytes_read(those: Iterable[Registry]) -> int:
    """Bytes of a blob that were read, each counted once where parts do not overlap."""
    listed = [seen for seen in those if not unfollowed(seen)]
    whole = max((seen.body_bytes or 0 for seen in listed if not seen.range), default=0)
    return int(max(whole, sum(seen.body_bytes or 0 for seen in listed if seen.range)))


def is_whole(seen: Registry) -> bool:
    """Was all of it read, in one piece?"""
    return bool(seen.complete) and seen.status == 200


def rate_of(seen: Registry) -> float | None:
    """Bytes per second of a transfer; `None` if it was too short to tell."""
    took = seconds(seen) - (seen.first_byte or 0.0) - (seen.opening or 0.0)
    if took < MEASURABLE or error_name(seen) is not None or seen.status not in (200, 206):
        return None
    return float(seen.body_bytes or 0) / took


def troubles(evidence: Evidence, those: Iterable[Registry], digest: str, image: str) -> Iterator[Finding]:
    """What is wrong with a blob's parts."""
    for seen in those:
        if not unfollowed(seen) and (found := trouble(evidence, seen, digest, image)):
            yield found


def trouble(evidence: Evidence, seen: Registry, digest: str, image: str) -> Finding | None:
    """What is wrong with one answer for a blob; `None` if nothing is."""
    what, cdn = f"a {seen.step}", host_of(seen)
    found = on_the_way(evidence, seen, what)
    if found is None and seen.status not in (200, 206):
        found = _refusal(evidence, seen, image, what)
    return found or _stopped(seen, what, cdn) or _changed(seen, digest, what, cdn)


def _refusal(evidence: Evidence, seen: Registry, image: str, what: str) -> Finding | None:
    status, cdn = seen.status, host_of(seen)
    if status is None:
        return finding(Code.HTTP_CLOSED, cdn, f"{cdn}: {what} did not arrive", host=cdn)
    if status == 429:
        return throttled(seen, cdn, what)
    if status == 407:
        return finding(Code.HTTP_PROXY_AUTH, cdn, f"{cdn}: {what} got {described(seen)}", host=cdn)
    if is_block_page(seen):
        return finding(Code.HTTP_BLOCK_PAGE, cdn, f"{cdn}: {what} got {described(seen)}", host=cdn)
    if status >= 500:
        return unavailable(seen, cdn, what)
    if (seen.hop or 0) == 0 and not is_page(seen):
        return _by_the_registry(seen, image, what)
    said = message(seen)
    detail = f"{cdn}: {what} got {described(seen)}{f' “{said}”' if said else ''}"
    return finding(Code.REGISTRY_LAYER_REFUSED, cdn, detail, cdn=cdn)


def _by_the_registry(seen: Registry, image: str, what: str) -> Finding:
    """Not redirected at all: the registry itself does not give it."""
    said, host = message(seen), host_of(seen)
    detail = f"{image}: {what} got {described(seen)} from {host}{f' “{said}”' if said else ''}"
    if seen.status in (404, 410):
        return finding(Code.REGISTRY_IMAGE_MISSING, image, detail)
    if is_policy(seen):
        return refused_by_policy(seen, image, what)
    if seen.status in (401, 403):
        return finding(Code.REGISTRY_CREDENTIALS, image, detail)
    return finding(Code.REGISTRY_LAYER_REFUSED, host, detail, cdn=host)


def _stopped(seen: Registry, what: str, cdn: str) -> Finding | None:
    """It began to arrive, and did not go on, or not in a useful time."""
    name, came, size = error_name(seen), seen.body_bytes or 0, _expected(seen)
    amount = share(came, size) if size else volume(came)
    if name in CUT or name in TIMEOUTS:
        how = "stopped" if name in TIMEOUTS else "was cut"
        why = "no further byte came" if name in TIMEOUTS else error_text(seen) or name
        detail = f"{cdn}: {what} {how} after {amount} ({why}{tries(seen)})"
        return finding(Code.REGISTRY_LAYER_INTERRUPTED, cdn, detail, cdn=cdn)
    rate = rate_of(seen)
    if rate is not None and seen.size and (seen.size / max(rate, 0.01)) > HOPELESS:
        detail = f"{cdn}: {what} arrives at {volume(rate)}/s: {amount} in {duration(seconds(seen))}"
        return finding(Code.REGISTRY_LAYER_INTERRUPTED, cdn, detail, cdn=cdn)
    return None


def _expected(seen: Registry) -> int | None:
    """Bytes that were asked for."""
    span, size = seen.range, seen.size
    return span[1] - span[0] + 1 if span and seen.status == 206 else size


def _changed(seen: Registry, digest: str, what: str, cdn: str) -> Finding | None:
    size, total = seen.size, _total(seen)
    how = ""
    if error_name(seen) == "LIMIT" or (size is not None and (seen.body_bytes or 0) > size):
        how = f"{error_text(seen) or 'more bytes than promised'}"
    elif size is not None and total is not None and total != size:
        how = f"{total} bytes instead of {size}"
    elif seen.status == 206 and not _is_the_part(seen):
        how = f"another part: {header(seen, 'content-range')[:60] or 'no Content-Range'}"
    elif is_whole(seen) and digest.startswith("sha256:") and digest != f"sha256:{seen.sha256}":
        how = "its digest is another"
    if not how:
        return None
    detail = f"{cdn}: {what} arrived changed ({how}, type {header(seen, 'content-type') or 'unknown'})"
    return finding(Code.REGISTRY_BLOB_CORRUPT, cdn, detail, cdn=cdn)


def _is_the_part(seen: Registry) -> bool:
    """Is it the part that was asked for? Old journals and shells do not say which that was."""
    span, said = seen.range, CONTENT_RANGE.match(header(seen, "content-range").strip())
    if not span:
        return True
    if said is None:
        return False
    first, last = int(said[1]), int(said[2])
    fits = not seen.complete or seen.body_bytes == last - first + 1
    return fits and first == span[0] and last <= span[1]


def _total(seen: Registry) -> int | None:
    """The size of the whole blob as the answer tells it, or as it was read."""
    if seen.status == 206:
        text = header(seen, "content-range").rpartition("/")[2]
    elif seen.complete:
        text = str(seen.body_bytes)
    else:
        text = header(seen, "content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def volume(count: float) -> str:
    """Bytes for people."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count / size:.0f} {unit}"
    return f"{count:.0f} bytes"


def share(part: float, whole: float) -> str:
    """So much of so much, with one unit where that is the same for both."""
    first, second = volume(part), volume(whole)
    number, _, unit = first.partition(" ")
    return f"{number if second.endswith(unit) else first} of {second}"
