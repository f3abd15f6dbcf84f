"""REG-05 … REG-07: where images come from. The source's CDN, one's own registry as its copy, and the chart's values.

Theory. A copy is right if it is the same manifest, byte for byte; then all platforms are in it. A copy made by loading
and pushing on one machine is another manifest, and often for that machine's platform alone.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.commands import s_client
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    decoded,
    finding,
    listed,
    notapplicable,
    notchecked,
    passed,
)
from netcompliance.judge.hello import unexplained
from netcompliance.judge.hops import CDN, REGISTRY, steps
from netcompliance.judge.judges import CHAIN, WAY, judges, observed
from netcompliance.judge.reachability import way_to
from netcompliance.judge.registry import inspect
from netcompliance.judge.tls import shook_hands
from netcompliance.judge.transport import paths_to, unfinished
from netcompliance.model import Case, Image, Settings
from netcompliance.observations import Registry

SOURCE = "source"


@judges("REG-05", observes=[*WAY, CHAIN], unseen=["tcp", "tls"])
def cdn_opens(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-05."""
    found = way_to(evidence, CDN, case.host)
    paths = paths_to(evidence, CDN, case.host)
    open_ended = [path for path in paths if not shook_hands(evidence.handshake(case.host, path, "verify", CDN))]
    return decided(
        found,
        f"{case.host} verified",
        s_client(evidence, case.host, found=found[0] if found else None),
        missing=(unfinished(open_ended, "the TLS handshake") or unexplained(evidence, CDN, case.host, paths))
        if paths
        else "no connection came to an end",
    )


@judges("REG-06", observes=[observed("registry", about=("image",), step=("manifest", "platform"))], unseen=["registry"])
def same_as_the_source(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-06."""
    source = next(
        (src for own, src in zip(settings.images, settings.source_images, strict=False) if str(own) == case.target),
        None,
    )
    if source is None:
        return notchecked("the image's source is unknown")
    ours = _whole_manifest(evidence, case.target, REGISTRY)
    theirs = _whole_manifest(evidence, str(source), SOURCE)
    if ours is None:
        return notchecked("one's own manifest was not read whole")
    expected = source.digest or (f"sha256:{theirs.sha256}" if theirs else None)
    if expected is None:
        if not settings.source_visible:
            return notapplicable("the profile says that the source cannot be seen from here")
        return notchecked(
            f"the source {source.registry} could not be asked from here: "
            "pin digests in the image list, or compare where it can be"
        )
    return _compared(case.target, f"sha256:{ours.sha256}", source, expected, evidence)


def _compared(image: str, actual: str, source: Image, expected: str, evidence: Evidence) -> Outcome:
    reproduce = f"{inspect(evidence, image)} | sha256sum"
    if actual == expected:
        return passed(f"both hold {expected[:19]}…", reproduce)
    ours = _platforms_at(evidence, image, REGISTRY)
    missing = [platform for platform in _platforms_at(evidence, str(source), SOURCE) if platform not in ours]
    theirs = _whole_manifest(evidence, str(source), SOURCE)
    if missing and theirs and actual.encode() in decoded(theirs.body):
        detail = f"{image} is the source's image for one platform only; {listed(missing)} is missing"
        found = finding(Code.REGISTRY_PLATFORM_MISSING, image, detail, platform=listed(missing))
    else:
        detail = f"{image} is {actual[:19]}… and its source {expected[:19]}…"
        found = finding(Code.REGISTRY_DIGEST_DIFFERS, image, detail)
    return decided([found], "", reproduce)


def _whole_manifest(evidence: Evidence, image: str, task: str) -> Registry | None:
    """The manifest behind the image's tag, if all its bytes were read."""
    read = (m for m in reversed(steps(evidence, image, "manifest", task=task)) if m.status == 200)
    return next((m for m in read if m.complete and m.sha256), None)


def _platforms_at(evidence: Evidence, image: str, task: str) -> list[str]:
    return [platform for s in steps(evidence, image, "platform", task=task) for platform in s.platforms]


@judges("REG-07", observes=[], unseen=["registry"])
def values_point_there(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """REG-07. The chart's values were read before the run; here their problems become findings."""
    values = settings.values
    if values is None:
        return notapplicable("no chart values were handed in")
    found = [
        finding(
            Code.REGISTRY_WRONG_VALUES,
            where,
            f"{values.place(where)}, {where}: {problem}",
            remedy=f"correct {where}: {problem}",
        )
        for where, problem in values.problems
    ]
    return decided(found, f"{values.file} points at {settings.registry}")
