"""REG-01 … REG-04: can every image be pulled, to the bytes of its layers?

Theory. A pull is a walk: `/v2/` (401 with a challenge is success), a token for the repository, the manifest or the
index, the manifest for the host's platform, the blobs, which the registry redirects to other hosts. Each step has its
requirement; a step that ends badly is judged there and nowhere else. What a redirect leads to and was not waited for is
not a failure: it was not looked at.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_text,
    finding,
    header,
    listed,
    notchecked,
    passed,
    raw,
    without_port,
)
from netcompliance.judge.recognise import REDIRECTS, REFUSALS, described, is_page
from netcompliance.judge.transport import TIMEOUTS
from netcompliance.judge.way import way_to
from netcompliance.model import Case, Finding, Observation, RegistryMode, Settings

REGISTRY = "registry"
MANIFEST_TYPES = ("manifest", "image.index")
INDEX_TYPES = ("manifest.list", "image.index")


def answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-01."""
    own = settings.registry_mode is not RegistryMode.DIRECT
    reproduce = f"curl -sSi https://{settings.registry}/v2/"
    found = way_to(evidence, REGISTRY, without_port(case.host), own_server=own)
    if found:
        return decided(found, "", reproduce)
    pings = evidence.all("registry", task=REGISTRY, step="ping")
    if not pings:
        return notchecked("no request to the registry came to an end")
    trouble = _ping_trouble(pings[-1], case.host)
    return decided([trouble] if trouble else [], f"/v2/ got {described(pings[-1])}{_challenge(pings[-1])}", reproduce)


def _challenge(seen: Observation) -> str:
    scheme = header(seen, "www-authenticate").partition(" ")[0]
    return f" with a {scheme} challenge" if scheme else ""


def _no_answer(seen: Observation, what: str, subject: str) -> Finding:
    """A request that brought nothing, or not all."""
    name = error_name(seen)
    code = Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED
    return finding(code, subject, f"{what} got no whole answer ({error_text(seen) or name or 'nothing'})")


def _ping_trouble(seen: Observation, host: str) -> Finding | None:
    """Is `/v2/` answered as the distribution specification says?"""
    status, detail = seen.get("status"), f"/v2/ got {described(seen)}"
    if status is None:
        return _no_answer(seen, "/v2/", host)
    if status == 429:
        return finding(Code.REGISTRY_THROTTLED, host, detail)
    if status == 407:
        return finding(Code.HTTP_PROXY_AUTH, host, detail)
    if status >= 500:
        return finding(Code.HTTP_SERVER_ERROR, host, detail)
    return None if _is_a_registrys(seen) else finding(Code.REGISTRY_NOT_A_REGISTRY, host, detail)


def _is_a_registrys(seen: Observation) -> bool:
    if is_page(seen):
        return False
    marked = "registry/2" in header(seen, "docker-distribution-api-version").lower()
    return {
        401: header(seen, "www-authenticate").lower().startswith(("bearer ", "basic ")),
        403: marked or _registry_error(seen) is not None,
        200: marked or raw(seen, "body").strip() in (b"", b"{}", b"true"),
    }.get(seen["status"], False)


def _registry_error(seen: Observation) -> str | None:
    """The code of a registry's error document, `None` if the body is none."""
    try:
        return str(json.loads(raw(seen, "body"))["errors"][0]["code"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def steps(evidence: Evidence, image: str, *names: str, task: str = REGISTRY) -> list[Observation]:
    """The steps of an image's walk by name, in the order in which they were taken."""
    return [s for s in evidence.all("registry", task=task, image=image) if s.get("step") in names]


def inspect(image: str) -> str:
    """The command that shows an image's manifest."""
    return f"skopeo inspect --raw docker://{image}"


def _http_trouble(seen: Observation, image: str, otherwise: Code) -> Finding:
    """An answer that is not what this step wants: throttled, a server's fault, or what this step calls it."""
    status = seen.get("status")
    code = Code.REGISTRY_THROTTLED if status == 429 else otherwise
    if status is not None and status >= 500:
        code = Code.HTTP_SERVER_ERROR
    what = described(seen) if status is not None else f"no answer ({error_text(seen) or error_name(seen)})"
    return finding(code, image, f"{image}: {seen.get('step')} got {what} from {host_of(seen)}")


def can_be_asked_for(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-02. A registry may want no token at all."""
    image = case.target
    tokens, manifests = steps(evidence, image, "token"), steps(evidence, image, "manifest")
    if tokens and not any(t.get("status") == 200 and t.get("token") for t in tokens):
        if tokens[-1].get("status") in REDIRECTS and not error_name(tokens[-1]):
            return notchecked("the redirect to the token server did not come to an end")
        return decided([_http_trouble(tokens[-1], image, Code.REGISTRY_TOKEN_DENIED)], "", inspect(image))
    if not manifests:
        return notchecked("the walk to this image did not come to an end")
    last = manifests[-1]
    if last.get("status") in REFUSALS and not is_page(last):
        error = _registry_error(last) or header(last, "www-authenticate").partition(" ")[0] or "no reason"
        what = "even with a token" if tokens else "without a login"
        detail = f"{image}: the manifest is refused {what} ({last['status']}, {error}): it is private or missing"
        return decided([finding(Code.REGISTRY_CREDENTIALS, image, detail)], "", inspect(image))
    return passed("a token was granted" if tokens else "no token is needed", inspect(image))


def manifest_is_there(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-03. For an index, the platform's own manifest too; a single manifest is of the platform its config names."""
    image = case.target
    manifests, platforms = steps(evidence, image, "manifest"), steps(evidence, image, "platform")
    if not manifests or _unfollowed(manifests[-1]):
        return notchecked("the walk to this image did not come to an end")
    trouble = _manifest_trouble(manifests[-1], image)
    wanted = str(evidence.vantage.get("platform", "the host's platform"))
    if trouble:
        return decided([trouble], "", inspect(image))
    if not platforms:
        return decided(
            _config_troubles(evidence, image), "", inspect(image), missing=f"no manifest for {wanted} was seen"
        )
    last = platforms[-1]
    offered, wanted = last.get("platforms", ()), last.get("wanted", wanted)
    if offered and not any(_fits(platform, wanted) for platform in offered):
        detail = f"{image} is there for {listed(offered)}, not for {wanted}"
        return decided([finding(Code.REGISTRY_PLATFORM_MISSING, image, detail, platform=wanted)], "", inspect(image))
    was_asked = last.get("status") is not None or error_name(last) is not None
    if was_asked and not _unfollowed(last):
        trouble = _manifest_trouble(last, image)
    single = not any(kind in manifests[-1].get("media_type", "") for kind in INDEX_TYPES)
    known = (offered and single) or (was_asked and not _unfollowed(last))
    return decided(
        [trouble] if trouble else [],
        f"the manifest for {wanted} is there",
        inspect(image),
        missing="" if known else f"the manifest for {wanted} was not asked for",
    )


def _unfollowed(seen: Observation) -> bool:
    """Does the walk end in a redirect whose target was not waited for?"""
    return seen.get("status") in REDIRECTS and error_name(seen) is None


def _config_troubles(evidence: Evidence, image: str) -> list[Finding]:
    """Why a single manifest's platform is not known: its config did not arrive."""
    configs = _last_hops(evidence, image, "config").items()
    return [
        found
        for digest, seen in configs
        if not _unfollowed(seen) and (found := _blob_trouble(seen, digest, image)) is not None
    ]


def _fits(offered: str, wanted: str) -> bool:
    """`linux/arm64/v8` serves `linux/arm64`, and the other way round."""
    return offered == wanted or offered.startswith(f"{wanted}/") or wanted.startswith(f"{offered}/")


def _manifest_trouble(seen: Observation, image: str) -> Finding | None:
    status, page = seen.get("status"), is_page(seen)
    if status in (404, 410) and not page:
        detail = f"{image}: status {status} ({_registry_error(seen) or 'no reason'})"
        return finding(Code.REGISTRY_IMAGE_MISSING, image, detail)
    if status is None or (status == 200 and error_name(seen)):
        return _no_answer(seen, f"{image}: {seen.get('step')}", image)
    if status != 200 or page:
        return _http_trouble(seen, image, Code.REGISTRY_NOT_A_REGISTRY)
    kind = seen.get("media_type", "unknown")
    if not any(known in kind for known in MANIFEST_TYPES):
        return finding(Code.REGISTRY_NOT_A_REGISTRY, image, f"{image}: the manifest is of type {kind}")
    promised = seen.get("digest") or header(seen, "docker-content-digest")
    actual = f"sha256:{seen.get('sha256')}"
    if seen.get("complete") and promised.startswith("sha256:") and promised != actual:
        detail = f"{image}: the manifest is promised as {promised[:19]}… and its bytes are {actual[:19]}…"
        return finding(Code.REGISTRY_BLOB_CORRUPT, image, detail, cdn=host_of(seen))
    return None


def host_of(seen: Observation) -> str:
    """The host that was asked."""
    try:
        return urlsplit(seen.get("url", "")).hostname or "the registry"
    except ValueError:
        return "the registry"


def _last_hops(evidence: Evidence, image: str, *names: str) -> dict[str, Observation]:
    """Digest → what came of asking for it, at the end of the redirects."""
    last: dict[str, Observation] = {}
    for seen in steps(evidence, image, *names):
        digest = seen.get("digest", "")
        if digest not in last or seen.get("hop", 0) >= last[digest].get("hop", 0):
            last[digest] = seen
    return last


def _promised_blobs(evidence: Evidence, image: str) -> set[str]:
    """The digests that the image's manifest lists, if its text was kept."""
    for seen in reversed(steps(evidence, image, "manifest", "platform")):
        try:
            manifest = json.loads(raw(seen, "body"))
            return {str(blob["digest"]) for blob in [manifest["config"], *manifest["layers"]]}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return set()


def layers_arrive(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-04. The config and one layer are read whole, of the others the beginning."""
    image = case.target
    last_hops = _last_hops(evidence, image, "config", "layer")
    arrived = {digest: seen for digest, seen in last_hops.items() if not _unfollowed(seen)}
    if not any(seen.get("step") == "layer" for seen in arrived.values()):
        missing = "no layer was asked for"
    elif len(arrived) < len(last_hops) or _promised_blobs(evidence, image) - last_hops.keys():
        missing = "not every layer was waited for"
    elif not any(seen.get("complete") for seen in arrived.values()):
        missing = "no layer was read whole"
    else:
        missing = ""
    whole = sum(bool(seen.get("complete")) for seen in arrived.values())
    hosts = listed(host_of(seen) for seen in arrived.values())
    return decided(
        [f for digest, seen in arrived.items() if (f := _blob_trouble(seen, digest, image))],
        f"{len(arrived)} blobs arrive from {hosts}; {whole} read whole, digests right",
        f"skopeo copy docker://{image} dir:$(mktemp -d)",
        missing=missing,
    )


def _blob_trouble(seen: Observation, digest: str, image: str) -> Finding | None:
    status, name, cdn = seen.get("status"), error_name(seen), host_of(seen)
    subject, what = f"{image}@{digest[:19]}", f"a {seen.get('step')}"
    if status == 429:
        return finding(Code.REGISTRY_THROTTLED, subject, f"{cdn} answered 429 for {what}")
    if name or status not in (200, 206):
        why = (error_text(seen) or name) if name else f"status {status}"
        target = f", redirected to {seen['redirected_to']}" if seen.get("redirected_to") else ""
        detail = f"{cdn}: {what} did not arrive ({why}{target})"
        return finding(Code.REGISTRY_BLOB_UNREACHABLE, subject, detail, cdn=cdn)
    size, total = seen.get("size"), _total(seen)
    wrong_size = size is not None and total is not None and total != size
    wrong_digest = (
        bool(seen.get("complete")) and digest.startswith("sha256:") and digest != f"sha256:{seen.get('sha256')}"
    )
    if not (wrong_size or wrong_digest):
        return None
    how = f"{total} bytes instead of {size}" if wrong_size else "its digest is another"
    detail = f"{cdn}: {what} arrived changed ({how}, type {header(seen, 'content-type') or 'unknown'})"
    return finding(Code.REGISTRY_BLOB_CORRUPT, subject, detail, cdn=cdn)


def _total(seen: Observation) -> int | None:
    """The size of the whole blob as the answer tells it, or as it was read."""
    if seen.get("status") == 206:
        text = header(seen, "content-range").rpartition("/")[2]
    elif seen.get("complete"):
        text = str(seen.get("body_bytes"))
    else:
        text = header(seen, "content-length")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
