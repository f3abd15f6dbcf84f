"""REG-01 … REG-03: can every image be asked for, and is it there for this host?

Theory. A pull is a walk: `/v2/` (401 with a challenge is success), a token for the repository, the manifest or the
index, the manifest for the host's platform, the blobs, which the registry redirects to other hosts (`layers`). Each
step has its requirement; a step that ends badly is judged there and nowhere else. What a redirect leads to and was not
waited for is not a failure: it was not looked at.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge import blobs
from netcompliance.judge.commands import SHOWN, curl, for_go, s_client
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    decoded,
    error_name,
    error_of,
    error_text,
    finding,
    header,
    listed,
    notchecked,
    without_port,
)
from netcompliance.judge.hello import unexplained
from netcompliance.judge.hops import (
    MALFORMED,
    REGISTRY,
    after_retries,
    error_code,
    hello_troubles,
    host_of,
    is_policy,
    message,
    on_the_way,
    refused_by_policy,
    steps,
    throttled,
    tries,
    unavailable,
    unexplained_hellos,
)
from netcompliance.judge.http_responder import REDIRECTS, REFUSALS, described, is_page
from netcompliance.judge.judges import WAY, judges, observed
from netcompliance.judge.reachability import way_to
from netcompliance.judge.transport import BEFORE_TLS, TIMEOUTS, paths_to
from netcompliance.model import Case, Finding, RegistryMode, Settings
from netcompliance.observations import Registry

MANIFEST_TYPES = ("manifest", "image.index")
POLICY_STATUSES = (402, 412, 423, 451)
"""With which registries refuse by rules of theirs, beside 403."""
BEFORE_HTTP = (*BEFORE_TLS, "tls")
INDEX_TYPES = ("manifest.list", "image.index")


@judges("REG-01", observes=[observed("registry", step="ping"), *WAY], unseen=["registry"])
def answers(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-01."""
    own = settings.registry_mode is not RegistryMode.DIRECT
    reproduce = f"{curl(evidence, without_port(case.host))} -sSi https://{settings.registry}/v2/"
    found = way_to(evidence, REGISTRY, without_port(case.host), own_server=own)
    if found:
        by_tls = found[0].code in SHOWN
        return decided(
            found, "", s_client(evidence, without_port(case.host), found[0].subject, found[0]) if by_tls else reproduce
        )
    pings = evidence.all(Registry, task=REGISTRY, step="ping")
    if not pings:
        return notchecked("no request to the registry came to an end")
    last = pings[-1]
    malformed = error_name(last) == MALFORMED
    trouble = on_the_way(evidence, last, "/v2/") if malformed else _ping_trouble(last, case.host)
    saw = f"/v2/ got {described(last)}{_challenge(last)}{after_retries([last])}"
    paths = paths_to(evidence, REGISTRY, without_port(case.host))
    missing = unexplained(evidence, REGISTRY, without_port(case.host), paths)
    return decided([trouble] if trouble else [], saw, reproduce, missing=missing)


def _challenge(seen: Registry) -> str:
    scheme = header(seen, "www-authenticate").partition(" ")[0]
    return f" with a {scheme} challenge" if scheme else ""


def _no_answer(seen: Registry, what: str, subject: str) -> Finding:
    """A request that brought nothing, or not all."""
    name = error_name(seen)
    code = Code.HTTP_STALLED if name in TIMEOUTS else Code.HTTP_CLOSED
    return finding(code, subject, f"{what} got no whole answer ({error_text(seen) or name or 'nothing'}{tries(seen)})")


def _ping_trouble(seen: Registry, host: str) -> Finding | None:
    """Is `/v2/` answered as the distribution specification says?"""
    status, detail = seen.status, f"/v2/ got {described(seen)}"
    if status is None:
        return _no_answer(seen, "/v2/", host)
    if status == 429:
        return throttled(seen, host, "/v2/")
    if status == 407:
        return finding(Code.HTTP_PROXY_AUTH, host, detail)
    if status >= 500:
        return unavailable(seen, host, "/v2/")
    return None if _is_a_registrys(seen) else finding(Code.REGISTRY_NOT_A_REGISTRY, host, detail)


def _is_a_registrys(seen: Registry) -> bool:
    if is_page(seen):
        return False
    marked = "registry/2" in header(seen, "docker-distribution-api-version").lower()
    return {
        401: header(seen, "www-authenticate").lower().startswith(("bearer ", "basic ")),
        403: marked or error_code(seen) is not None,
        200: marked or decoded(seen.body).strip() in (b"", b"{}", b"true"),
    }.get(seen.status or 0, False)


def inspect(evidence: Evidence, image: str) -> str:
    """The command that shows an image's manifest."""
    return f"{for_go(evidence, without_port(image.partition('/')[0]))}skopeo inspect --raw docker://{image}"


def _answer_trouble(evidence: Evidence, seen: Registry, image: str, otherwise: Code) -> Finding:
    """An answer that is not what this step wants: by who could change it, or as this step calls it."""
    status, what, host = seen.status, str(seen.step), host_of(seen)
    lost = on_the_way(evidence, seen, f"the {what}", layers=False) if error_name(seen) != "REDIRECT" else None
    if lost is not None:
        return lost
    if status == 429:
        return throttled(seen, image, what)
    if status is not None and status >= 500:
        return unavailable(seen, image, what)
    if status is not None and not is_page(seen) and is_policy(seen):
        return refused_by_policy(seen, image, f"the {what}")
    got = described(seen) if status is not None else f"no answer ({error_text(seen) or error_name(seen)}{tries(seen)})"
    said = message(seen) if status is not None and status >= 400 else ""
    return finding(otherwise, image, f"{image}: {what} got {got} from {host}{f' “{said}”' if said else ''}")


@judges("REG-02", observes=[observed("registry", about=("image",), step="token")], unseen=["registry"])
def can_be_asked_for(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-02. A registry may want no token at all."""
    image = case.target
    tokens, manifests = steps(evidence, image, "token"), steps(evidence, image, "manifest")
    if tokens and not any(t.status == 200 and t.token and error_name(t) != MALFORMED for t in tokens):
        if tokens[-1].status in REDIRECTS and not error_name(tokens[-1]):
            return notchecked("the redirect to the token server did not come to an end")
        found = _answer_trouble(evidence, tokens[-1], image, Code.REGISTRY_TOKEN_DENIED)
        return decided([found], "", inspect(evidence, image))
    if not manifests:
        return notchecked("the walk to this image did not come to an end")
    last = manifests[-1]
    if last.status in (*REFUSALS, *POLICY_STATUSES) and not is_page(last) and error_name(last) != MALFORMED:
        return decided([_refusal(last, image, with_token=bool(tokens))], "", inspect(evidence, image))
    saw = "a token was granted" if tokens else "no token is needed"
    servers = [host_of(seen) for seen in tokens[-1:]]
    return decided(
        hello_troubles(evidence, servers, "the token"),
        f"{saw}{after_retries(tokens[-1:])}",
        inspect(evidence, image),
        missing=unexplained_hellos(evidence, servers),
    )


def _refusal(seen: Registry, image: str, *, with_token: bool) -> Finding:
    """The registry does not give the manifest to us."""
    if is_policy(seen):
        return refused_by_policy(seen, image, "the manifest")
    why = error_code(seen) or header(seen, "www-authenticate").partition(" ")[0] or "no reason"
    said = message(seen)
    what = "even with a token" if with_token else "without a login"
    detail = (
        f"{image}: the manifest is refused {what} ({seen.status}, {why}{f': “{said}”' if said else ''}): "
        "it is private or missing"
    )
    return finding(Code.REGISTRY_CREDENTIALS, image, detail)


@judges(
    "REG-03",
    observes=[observed("registry", about=("image",), step=("manifest", "head", "platform"))],
    unseen=["registry"],
)
def manifest_is_there(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-03. For an index, the platform's own manifest too; a single manifest is of the platform its config names."""
    image = case.target
    show = inspect(evidence, image)
    manifests, platforms = steps(evidence, image, "manifest"), steps(evidence, image, "platform")
    if not manifests or blobs.unfollowed(manifests[-1]):
        return notchecked("the walk to this image did not come to an end")
    trouble = _manifest_trouble(evidence, manifests[-1], image)
    wanted = str("the host's platform" if evidence.vantage.platform is None else evidence.vantage.platform)
    if trouble:
        return decided([trouble], "", show)
    refused = _refuses_head(steps(evidence, image, "head"), image)
    if refused:
        return decided([refused], "", f"curl -sSI {'' if manifests[-1].url is None else manifests[-1].url}")
    if not platforms:
        return decided(
            _config_troubles(evidence, image),
            "",
            show,
            missing=f"no manifest for {wanted} was seen",
        )
    last = platforms[-1]
    offered, wanted = last.platforms, (wanted if last.wanted is None else last.wanted)
    if offered and not any(_fits(platform, wanted) for platform in offered):
        detail = f"{image} is there for {listed(offered)}, not for {wanted}"
        return decided([finding(Code.REGISTRY_PLATFORM_MISSING, image, detail, platform=wanted)], "", show)
    was_asked = last.status is not None or error_name(last) is not None
    if was_asked and not blobs.unfollowed(last):
        trouble = _manifest_trouble(evidence, last, image)
    hosts = sorted({host_of(seen) for seen in (manifests[-1], last)})
    single = not any(kind in (manifests[-1].media_type or "") for kind in INDEX_TYPES)
    known = (offered and single) or (was_asked and not blobs.unfollowed(last))
    return decided(
        [trouble] if trouble else hello_troubles(evidence, hosts, "the manifest"),
        f"the manifest for {wanted} is there{after_retries([manifests[-1], *platforms[-1:]])}",
        show,
        missing=unexplained_hellos(evidence, hosts) if known else f"the manifest for {wanted} was not asked for",
    )


def _refuses_head(asked: list[Registry], image: str) -> Finding | None:
    """containerd asks for a tag by HEAD and goes on by GET after 405 alone. What a moment changes is no refusal."""
    status = asked[-1].status if asked else None
    if status is None or status < 400 or status in (405, 408, 429) or (status >= 500 and status != 501):
        return None
    host = host_of(asked[-1])
    detail = f"{image}: {host} gives the manifest by GET, and answers HEAD with status {status}"
    return finding(Code.REGISTRY_HEAD_REFUSED, host, detail, said=str(status))


def _config_troubles(evidence: Evidence, image: str) -> list[Finding]:
    """Why a single manifest's platform is not known: its config did not arrive."""
    configs = blobs.parts(evidence, image, "config").items()
    return [found for digest, those in configs for found in blobs.troubles(evidence, those, digest, image)]


def _fits(offered: str, wanted: str) -> bool:
    """`linux/arm64/v8` serves `linux/arm64`, and the other way round."""
    return offered == wanted or offered.startswith(f"{wanted}/") or wanted.startswith(f"{offered}/")


def _manifest_trouble(evidence: Evidence, seen: Registry, image: str) -> Finding | None:
    status, page = seen.status, is_page(seen)
    if status in (404, 410) and not page and error_name(seen) != MALFORMED:
        detail = f"{image}: status {status} ({error_code(seen) or 'no reason'})"
        return finding(Code.REGISTRY_IMAGE_MISSING, image, detail)
    if error_of(seen).phase in BEFORE_HTTP or error_name(seen) == MALFORMED:
        return on_the_way(evidence, seen, "the manifest", layers=False)
    if status is None or (status == 200 and error_name(seen)):
        return _no_answer(seen, f"{image}: {seen.step}", image)
    if status != 200 or page:
        return _answer_trouble(evidence, seen, image, Code.REGISTRY_NOT_A_REGISTRY)
    kind = "unknown" if seen.media_type is None else seen.media_type
    if not any(known in kind for known in MANIFEST_TYPES):
        return finding(Code.REGISTRY_NOT_A_REGISTRY, image, f"{image}: the manifest is of type {kind}")
    promised = seen.digest or header(seen, "docker-content-digest")
    actual = f"sha256:{seen.sha256}"
    if seen.complete and promised.startswith("sha256:") and promised != actual:
        detail = f"{image}: the manifest is promised as {promised[:19]}… and its bytes are {actual[:19]}…"
        return finding(Code.REGISTRY_BLOB_CORRUPT, image, detail, cdn=host_of(seen))
    return None
