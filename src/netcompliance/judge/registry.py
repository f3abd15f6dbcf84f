"""REG-01 … REG-07: can every image be pulled, to the bytes of its layers?

Theory. A pull is a walk: `/v2/` (401 with a challenge is success), a token for the repository, the manifest or the
index, the manifest for the host's platform, the blobs, which the registry redirects to other hosts. Each step has its
requirement; a step that ends badly is judged there and nowhere else.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from netcompliance.findings import Code
from netcompliance.judge.dns import unresolved
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_text,
    finding,
    header,
    listed,
    notapplicable,
    notchecked,
    passed,
    raw,
    without_port,
)
from netcompliance.judge.proxy import trouble as proxy_trouble
from netcompliance.judge.recognise import described, is_page
from netcompliance.judge.transport import paths_to, tcp_troubles, tls_trouble
from netcompliance.model import Case, Finding, Observation, Settings

REGISTRY, SOURCE, CDN = "registry", "source", "cdn"
MANIFEST_TYPES = ("manifest", "image.index")


def way_to(evidence: Evidence, task: str, host: str, *, own_server: bool = False) -> list[Finding]:
    """What is wrong on the way to a peer other than the tenant, up to a verified TLS connection."""
    proxy = evidence.proxy_for(host)
    if proxy:
        tunnels = evidence.all("proxy", host=host, task=task)
        refused = [f for seen in tunnels if (f := proxy_trouble(seen, proxy, host))]
        if refused and len(refused) == len(tunnels):
            return refused[:1]
    else:
        looked_up = evidence.one("resolve", host=host, task=task)
        if looked_up is not None and not looked_up.get("addresses"):
            return [unresolved(evidence, host, looked_up)]
        found, _ = tcp_troubles(evidence, task, host)
        if found:
            return found
    return [
        f
        for path in paths_to(evidence, task, host)
        if (f := tls_trouble(evidence, task, host, path, own_server=own_server))
    ]


def answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-01."""
    host = without_port(case.host)
    own = settings.registry_mode != "direct"
    reproduce = f"curl -sSi https://{settings.registry}/v2/"
    found = way_to(evidence, REGISTRY, host, own_server=own)
    if found:
        return decided(found, "", reproduce)
    pings = list(evidence.all("registry", task=REGISTRY, step="ping"))
    if not pings:
        return notchecked("no request to the registry came to an end")
    trouble = _ping_trouble(pings[-1], case.host)
    return decided([trouble] if trouble else [], f"/v2/ got {described(pings[-1])}{_challenge(pings[-1])}", reproduce)


def _challenge(seen: Observation) -> str:
    scheme = header(seen, "www-authenticate").partition(" ")[0]
    return f" with a {scheme} challenge" if scheme else ""


def _ping_trouble(seen: Observation, host: str) -> Finding | None:
    """Is `/v2/` answered as the distribution specification says?"""
    status = seen.get("status")
    if error_name(seen) and status is None:
        name = error_name(seen)
        code = Code.HTTP_STALLED if name in ("TIMEOUT", "ETIMEDOUT") else Code.HTTP_CLOSED
        return finding(code, host, f"/v2/ got no answer ({error_text(seen) or name})", host=host)
    if status == 429:
        return finding(Code.REGISTRY_THROTTLED, host, "/v2/ got status 429", host=host)
    if status == 407:
        return finding(Code.HTTP_PROXY_AUTH, host, "/v2/ got status 407", host=host)
    if isinstance(status, int) and status >= 500:
        return finding(Code.HTTP_SERVER_ERROR, host, f"/v2/ got {described(seen)}", host=host)
    if _is_a_registrys(seen):
        return None
    return finding(Code.REGISTRY_NOT_A_REGISTRY, host, f"/v2/ got {described(seen)}", host=host)


def _is_a_registrys(seen: Observation) -> bool:
    status = seen.get("status")
    if is_page(seen):
        return False
    marked = "registry/2" in header(seen, "docker-distribution-api-version").lower()
    if status == 401:
        return header(seen, "www-authenticate").lower().startswith(("bearer ", "basic "))
    if status == 200:
        return (
            marked
            or raw(seen, "body").strip() in (b"", b"{}", b"true")
            or "json" in header(seen, "content-type").lower()
        )
    return status == 403 and (marked or _registry_error(seen) is not None)


def _registry_error(seen: Observation) -> str | None:
    """The code of a registry's error document, `None` if the body is none."""
    try:
        errors = json.loads(raw(seen, "body"))["errors"]
        return str(errors[0]["code"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def _steps(evidence: Evidence, image: str, *steps: str, task: str = REGISTRY) -> list[Observation]:
    return [s for s in evidence.all("registry", task=task, image=image) if s.get("step") in steps]


def _reproduce(image: str) -> str:
    return f"skopeo inspect --raw docker://{image}"


def _http_trouble(seen: Observation, image: str, otherwise: Code) -> Finding:
    """A registry answer that is none: throttled, a server's fault, lost, or what this step calls it."""
    status, step = seen.get("status"), seen.get("step")
    if status == 429:
        return finding(Code.REGISTRY_THROTTLED, image, f"{image}: {step} got status 429")
    if isinstance(status, int) and status >= 500:
        return finding(Code.HTTP_SERVER_ERROR, image, f"{image}: {step} got {described(seen)}")
    what = described(seen) if status is not None else f"no answer ({error_text(seen) or error_name(seen)})"
    where = f" from {urlsplit(str(seen.get('url'))).hostname}" if seen.get("url") else ""
    return finding(otherwise, image, f"{image}: {step} got {what}{where}")


def can_be_asked_for(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-02. A registry may want no token at all."""
    image = case.target
    tokens, manifests = _steps(evidence, image, "token"), _steps(evidence, image, "manifest")
    if tokens and not any(t.get("status") == 200 and t.get("token") for t in tokens):
        return decided([_http_trouble(tokens[-1], image, Code.REGISTRY_TOKEN_DENIED)], "", _reproduce(image))
    if not manifests:
        return notchecked("the walk to this image did not come to an end")
    last = manifests[-1]
    if last.get("status") in (401, 403) and not is_page(last):
        error = _registry_error(last) or header(last, "www-authenticate").partition(" ")[0] or "no reason"
        what = "even with a token" if tokens else "without a login"
        detail = f"{image}: the manifest is refused {what} ({last.get('status')}, {error}): it is private or missing"
        return decided([finding(Code.REGISTRY_CREDENTIALS, image, detail, host=case.host)], "", _reproduce(image))
    return passed("a token was granted" if tokens else "no token is needed", _reproduce(image))


def manifest_is_there(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-03. For an index, the platform's own manifest too."""
    image = case.target
    manifests, platforms = _steps(evidence, image, "manifest"), _steps(evidence, image, "platform")
    if not manifests:
        return notchecked("the walk to this image did not come to an end")
    trouble = _manifest_trouble(manifests[-1], image)
    if trouble:
        return decided([trouble], "", _reproduce(image))
    wanted = evidence.vantage.get("platform") or "the host's platform"
    if not platforms:
        return notchecked(f"the manifest for {wanted} was not asked for")
    last = platforms[-1]
    offered = [str(p) for p in last.get("platforms") or ()]
    wanted = str(last.get("wanted") or wanted)
    if offered and not any(_fits(p, wanted) for p in offered):
        detail = f"{image} is there for {listed(offered)}, not for {wanted}"
        return decided([finding(Code.REGISTRY_PLATFORM_MISSING, image, detail, platform=wanted)], "", _reproduce(image))
    if last.get("status") is not None or error_name(last):
        trouble = _manifest_trouble(last, image)
    return decided([trouble] if trouble else [], f"the manifest for {wanted} is there", _reproduce(image))


def _fits(offered: str, wanted: str) -> bool:
    """`linux/arm64/v8` serves `linux/arm64`."""
    return offered == wanted or offered.startswith(f"{wanted}/")


def _manifest_trouble(seen: Observation, image: str) -> Finding | None:
    status = seen.get("status")
    if status in (404, 410) and not is_page(seen):
        return finding(
            Code.REGISTRY_IMAGE_MISSING,
            image,
            f"{image}: status {status} ({_registry_error(seen) or 'no reason'})",
        )
    if status != 200 or error_name(seen):
        return _http_trouble(seen, image, Code.REGISTRY_NOT_A_REGISTRY)
    if is_page(seen) or not any(kind in str(seen.get("media_type")) for kind in MANIFEST_TYPES):
        detail = f"{image}: the manifest is of type {seen.get('media_type') or 'unknown'}"
        return finding(Code.REGISTRY_NOT_A_REGISTRY, image, detail)
    promised = str(seen.get("digest") or header(seen, "docker-content-digest"))
    if seen.get("complete") and promised.startswith("sha256:") and promised != f"sha256:{seen.get('sha256')}":
        actual = f"sha256:{seen.get('sha256')}"
        detail = f"{image}: the manifest is promised as {promised[:19]}… and its bytes are {actual[:19]}…"
        return finding(Code.REGISTRY_BLOB_CORRUPT, image, detail, cdn=_host_of(seen))
    return None


def _host_of(seen: Observation) -> str:
    try:
        return urlsplit(str(seen.get("url"))).hostname or "the registry"
    except ValueError:
        return "the registry"


def layers_arrive(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-04. The config and one layer are read whole, of the others the beginning."""
    image = case.target
    last_hop: dict[str, Observation] = {}
    for seen in _steps(evidence, image, "config", "layer"):
        last_hop[str(seen.get("digest"))] = seen
    if not last_hop:
        return notchecked("no layer was asked for")
    found = [f for digest, seen in last_hop.items() if (f := _blob_trouble(seen, digest, image))]
    whole = sum(bool(seen.get("complete")) for seen in last_hop.values())
    hosts = listed(_host_of(seen) for seen in last_hop.values())
    saw = f"{len(last_hop)} blobs arrive from {hosts}; {whole} read whole, digests right"
    reproduce = f"skopeo copy docker://{image} dir:$(mktemp -d)"
    return decided(found, saw, reproduce)


def _blob_trouble(seen: Observation, digest: str, image: str) -> Finding | None:
    status, cdn = seen.get("status"), _host_of(seen)
    subject = f"{image}@{digest[:19]}"
    if status == 429:
        return finding(Code.REGISTRY_THROTTLED, subject, f"{cdn} answered 429 for a layer")
    if error_name(seen) or status not in (200, 206):
        what = (
            f"status {status}"
            if status is not None and not error_name(seen)
            else error_text(seen) or str(error_name(seen))
        )
        target = f", redirected to {seen.get('redirected_to')}" if seen.get("redirected_to") else ""
        return finding(
            Code.REGISTRY_BLOB_UNREACHABLE,
            subject,
            f"{cdn}: a {seen.get('step')} did not arrive ({what}{target})",
            cdn=cdn,
        )
    size, total = seen.get("size"), _total(seen)
    wrong_size = isinstance(size, int) and total is not None and total != size
    wrong_digest = bool(seen.get("complete")) and digest != f"sha256:{seen.get('sha256')}"
    if wrong_size or wrong_digest:
        how = f"{total} bytes instead of {size}" if wrong_size else "its digest is another"
        detail = (
            f"{cdn}: a {seen.get('step')} arrived changed ({how}, type {header(seen, 'content-type') or 'unknown'})"
        )
        return finding(Code.REGISTRY_BLOB_CORRUPT, subject, detail, cdn=cdn)
    return None


def _total(seen: Observation) -> int | None:
    """The size of the whole blob as the answer tells it, or as it was read."""
    if seen.get("status") == 206:
        text = header(seen, "content-range").rpartition("/")[2]
    elif seen.get("complete"):
        text = str(seen.get("body_bytes"))
    else:
        text = header(seen, "content-length")
    return int(text) if text.isascii() and text.isdigit() else None


def cdn_opens(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-05."""
    found = way_to(evidence, CDN, case.host)
    reproduce = f"openssl s_client -connect {case.host}:443 -servername {case.host} </dev/null"
    if not found and not [t for t in evidence.all("tls", task=CDN, host=case.host) if t.get("verified")]:
        return notchecked("no connection came to an end")
    return decided(found, f"{case.host} verified", reproduce)


def same_as_the_source(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-06."""
    pairs = {str(own): source for own, source in zip(settings.images, settings.source_images, strict=True)}
    source = pairs.get(case.target)
    own_manifests = _steps(evidence, case.target, "manifest")
    if source is None or not own_manifests:
        return notchecked("the image's source is unknown")
    ours = own_manifests[-1]
    theirs = next(
        (m for m in reversed(_steps(evidence, str(source), "manifest", task=SOURCE)) if m.get("status") == 200),
        None,
    )
    expected = source.digest or (f"sha256:{theirs.get('sha256')}" if theirs else None)
    if expected is None:
        if not settings.source_visible:
            return notapplicable("the profile says that the source cannot be seen from here")
        return notchecked(
            f"the source {source.registry} could not be asked from here: "
            "pin digests in the image list, or compare where it can be"
        )
    actual = f"sha256:{ours.get('sha256')}"
    reproduce = f"skopeo inspect --raw docker://{case.target} | sha256sum"
    if actual == expected:
        return passed(f"both hold {expected[:19]}…", reproduce)
    missing = [
        p
        for p in _platforms_at(evidence, str(source), SOURCE)
        if p not in _platforms_at(evidence, case.target, REGISTRY)
    ]
    if missing and _is_part_of(actual, theirs):
        detail = f"{case.target} is the source's image for one platform only; {listed(missing)} is missing"
        found = finding(Code.REGISTRY_PLATFORM_MISSING, case.target, detail, platform=listed(missing))
    else:
        detail = f"{case.target} is {actual[:19]}… and its source {expected[:19]}…"
        found = finding(Code.REGISTRY_DIGEST_DIFFERS, case.target, detail)
    return decided([found], "", reproduce)


def _platforms_at(evidence: Evidence, image: str, task: str) -> list[str]:
    return [str(p) for s in _steps(evidence, image, "platform", task=task) for p in s.get("platforms") or ()]


def _is_part_of(digest: str, index: Observation | None) -> bool:
    return digest.encode() in raw(index, "body")


def values_point_there(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-07. The chart's values were read before the run; here their problems become findings."""
    values = settings.values
    if values is None:
        return notapplicable("no chart values were handed in")
    found = [
        finding(
            Code.REGISTRY_WRONG_VALUES,
            where,
            f"{values.file}, {where}: {problem}",
            remedy=f"correct {where}: {problem}",
        )
        for where, problem in values.problems
    ]
    return decided(found, f"{values.file} points at {settings.registry}", "")
