"""What the watch saw: was it the service that answered, and did each path keep to what is accepted?

Rules
* A connection or query that was not answered is down by its error. An answer is up only if it is the service's own: the
  receiver's and the registry's are recognised, a status proves nothing.
* The last word on a run counts; a run that was never closed counts as far as it was told.
* No sample, no word: a criterion holds only where what it does not accept would have been sampled. Journals of earlier
  catalogues, whose watches did not say how finely they sampled, are judged as they were.
* What was cut short fails if a criterion is broken already, and is else not checked: nobody knows the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from netcompliance import outages
from netcompliance.findings import Code
from netcompliance.judge.evidence import (
    Evidence,
    Outcome,
    decided,
    error_name,
    error_of,
    finding,
    header,
    listed,
    notapplicable,
    notchecked,
)
from netcompliance.judge.http_responder import THE_RECEIVER, author
from netcompliance.judge.identity import kind_of
from netcompliance.judge.judges import judges, observed
from netcompliance.model import Case, Finding, Kind, Observation, Settings
from netcompliance.observations import Answer, Begin, Control, End, Http, Run, Showed, Unwatched, Watch, decode
from netcompliance.outages import FLAPPING, UP, Criterion, Held, Judged, Path, Stretch

REQUIREMENT = "WATCH-01"
KIND = "watch"
"""The kind of a watch's observations."""
IDENTITY = ("host", "route", "probe")
"""Kinds of observations that say who looked, and which way connections take."""
TIMEOUTS = ("TIMEOUT", "ETIMEDOUT")
RESETS = ("ECONNREFUSED", "ECONNRESET", "EPIPE")
REJECTS = ("EHOSTUNREACH", "ENETUNREACH", "EACCES", "EPERM", "EHOSTDOWN", "ENETDOWN")
"""What an ICMP error comes to. Routers limit how many they send, so silence beside them has the same cause."""
OUT_OF_ORDER = 500
"""What is answered like this or higher was not served, whoever says so."""
OPEN, LOGIN, THROTTLED = 200, 401, 429
MANIFESTS = ("manifest", "image.index")
"""Parts of the media types of manifests."""
OTHERS: Mapping[str, tuple[Callable[[Answer], str | None], str]] = {
    "tls": (lambda answer: answer.issuer, "other certificate"),
    "http": (lambda answer: answer.keys, "other answer"),
    "registry": (lambda answer: answer.issuer, "other certificate"),
}
"""Layer → what a service shows of itself, and the word for one who shows something else for a time."""
STRANGERS = ("wrong certificate", "wrong answer", "no TLS", *(word for _, word in OTHERS.values()))
"""What only somebody else in the service's place does."""
POST = " POST"
"""By what the path of the agent's POSTs differs from that of the GETs beside them."""
CODES = {
    Criterion.MAX_OUTAGE: Code.WATCH_OUTAGE,
    Criterion.MAX_TOTAL: Code.WATCH_TOTAL,
    Criterion.QUIET_AFTER: Code.WATCH_NOT_QUIET,
}
SHOWN = 3
"""Outages that a finding tells one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One vantage's watch."""

    planned: float
    begin: float | None
    end: float | None
    """When it ended by itself or by word; `None` if that was never told."""
    why: str
    paths: tuple[Path, ...]
    changed: tuple[tuple[str, str, float], ...]
    """Layers and paths where from a moment on somebody else answered, to the end."""
    strict: bool
    """Does it say how finely each path was sampled?"""
    ahead: float
    """Seconds that the host's clock is ahead of this machine's, as far as a message's way can tell."""
    posts: bool
    """Are the agent's POSTs watched, too?"""
    unable: tuple[tuple[str, str], ...]
    """Layers that could not be sampled there, and why."""
    gaps: tuple[tuple[float, float | None], ...]
    """Times (of this machine's clock) without a control connection, and `None` where it never came back."""

    @property
    def cut(self) -> bool:
        """Is less known than was planned, whatever was said of the end?"""
        return self.why != "planned" or (self.strict and self.lasted < self.planned - outages.TAIL)

    @property
    def lasted(self) -> float:
        """Seconds of which there is something to say."""
        until = self.end if self.end is not None else max((path.end for path in self.paths), default=self.begin)
        return max(0.0, (until or 0.0) - self.begin) if self.begin is not None else 0.0


def watched(observations: Iterable[Observation], host: str, *, strict: bool = False) -> Watched:
    """The watch of one vantage, from its records. `strict`: also one that does not say how finely it sampled."""
    words = (decode(observation) for observation in observations)
    return of_words((word for word in words if isinstance(word, Watch)), host, strict=strict)


def of_words(words: Iterable[Watch], host: str, *, strict: bool = False) -> Watched:
    """The same, from its words."""
    runs: dict[int, Run] = {}
    planned, begin, end, why, ahead, gaps = 0.0, None, None, "unknown", 0.0, []
    posts = False
    unable: dict[str, str] = {}
    for word in words:
        if isinstance(word, Run):
            if word.run is not None and None not in (word.layer, word.path, word.from_, word.to, word.samples):
                runs[word.run] = word
        elif isinstance(word, Begin):
            begin, planned = word.at, word.planned or 0.0
            strict = strict or word.seldom is not None
            posts = bool(word.calls)
            heard = word.at if word.heard is None else word.heard
            ahead = (word.at or 0.0) - (heard or 0.0)
        elif isinstance(word, End):
            end, why = word.at, "unknown" if word.why is None else word.why
        elif isinstance(word, Unwatched) and word.layer is not None:
            reason = "no reason was given" if word.reason is None else word.reason
            unable[word.layer] = f"{reason}: {'install python3' if word.remedy is None else word.remedy}"
        elif isinstance(word, Control) and word.lost is not None:
            gaps.append((word.lost, word.back))
    of_path: dict[tuple[str, str], list[Run]] = {}
    for run in runs.values():
        of_path.setdefault((run.layer or "", run.path or ""), []).append(run)
    strangers, changed = _strangers(of_path)
    until = min(end, begin + planned) if why == "planned" and begin is not None and end is not None else end
    paths = tuple(
        outages.path(
            layer,
            name,
            1.0 if some[0].every is None else some[0].every,
            (stretch(run, host, strangers.get(run.run or 0, UP)) for run in some),
            until if strict else end,
            since=min((run.since for run in some if run.since is not None), default=begin),
            strict=strict,
        )
        for (layer, name), some in sorted(of_path.items())
    )
    return Watched(
        planned=planned,
        begin=begin,
        end=end,
        why=why,
        paths=paths,
        changed=changed,
        strict=strict,
        ahead=ahead,
        posts=posts,
        unable=tuple(sorted(unable.items())),
        gaps=tuple(gaps),
    )


def above(path: Path, seen: Watched, settings: Settings) -> Path:
    """The path without the times in which its layer had no samples since one below was interrupted.

    Where less is accepted of it than of the layer below, that interruption is its own as well.
    """
    order = ("tcp", "tls", "http")
    if not seen.strict or path.layer not in order[1:] or settings.watch is None:
        return path
    asked = settings.watch.criteria_of(path.layer)
    for lower in order[: order.index(path.layer)]:
        below = next(
            (each for each in seen.paths if (each.layer, each.name) == (lower, path.name.removesuffix(POST))), None
        )
        theirs = settings.watch.criteria_of(lower)
        if below is not None and asked is not None and theirs is not None:
            path = outages.above(path, below, counts=replace(asked, layer=lower) != theirs)
    return path


def _strangers(
    of_path: Mapping[tuple[str, str], list[Run]],
) -> tuple[dict[int, str], tuple[tuple[str, str, float], ...]]:
    """Runs whose answers are not those with which the watch began, and paths on which they stay so to the end.

    What stays may be what the change was for; what comes and goes was somebody else.
    """
    words: dict[int, str] = {}
    changed = []
    for layer, (shows, word) in OTHERS.items():
        of_layer = {
            name: sorted(runs, key=lambda run: run.from_ or 0.0)
            for (its, name), runs in of_path.items()
            if its == layer
        }

        def shown(run: Run, shows: Callable[[Answer], str | None] = shows) -> str | None:
            return shows(run.answer or Answer()) if error_name(run) is None and not run.mixed else None

        firsts = {
            name: shown(next((run for run in runs if shown(run) is not None), runs[0]))
            for name, runs in of_layer.items()
        }
        for name, runs in of_layer.items():
            known = {firsts[name]} if layer == "registry" else set(firsts.values())
            told = [run for run in runs if shown(run) is not None]
            last = max((n for n, run in enumerate(told) if shown(run) in known), default=-1)
            words |= {run.run or 0: word for run in told[: last + 1] if shown(run) not in known}
            if told[last + 1 :]:
                changed.append((layer, name, told[last + 1].from_ or 0.0))
    for (layer, name), runs in of_path.items():
        ordered = sorted(runs, key=lambda run: run.from_ or 0.0)
        words |= {run.run or 0: "other answer" for run in ordered[:-1] if _is_otherwise(run)}
        if layer == "registry" and any(_status(run) == OPEN for run in runs):
            words |= {run.run or 0: "wrong answer" for run in runs if _status(run) == LOGIN}
        if _is_otherwise(ordered[-1]):
            changed.append((layer, name, ordered[-1].from_ or 0.0))
    return words, tuple(changed)


def _status(run: Run) -> int | None:
    return run.answer.status if run.answer else None


def _is_otherwise(run: Run) -> bool:
    """Are POSTs answered, but not as they were at first?"""
    return set(run.errors) == {"OTHER"} and not run.mixed


def stretch(run: Run, host: str, stranger: str = UP) -> Stretch:
    """A run, and what was wrong in it. `stranger`: that somebody else answered, if nothing worse was."""
    samples, first = max(1, run.samples or 0), run.from_ or 0.0
    return Stretch(
        first=first,
        last=max(first, run.to or 0.0),
        samples=samples,
        failed=min(max(0, run.failed or 0), samples),
        how=how(run, host) or stranger,
        took=max(0.0, run.took or 0.0),
        gap=_gap(run, samples),
        pace=run.pace,
        exact=run.gap is not None and not run.open,
    )


def _gap(run: Run, samples: int) -> float | None:
    """The longest time between two samples: so few in so long a time cannot lie closer together."""
    gap = run.gap
    return None if gap is None else max(gap, ((run.to or 0.0) - (run.from_ or 0.0)) / max(1, samples - 1))


def how(run: Run, host: str) -> str:
    """What was wrong with the samples of a run, in a word or two; empty if nothing was."""
    if run.mixed:
        return FLAPPING
    name = error_name(run)
    if _is_otherwise(run):
        return UP
    if name is not None:
        rejected = next((other for other in run.errors if other in REJECTS), None)
        return _failed(rejected or name, run)
    answered = _ANSWERED.get(run.layer or "")
    return UP if answered is None or (run.path or "").endswith(POST) else answered(run, host)


def _failed(name: str, run: Run) -> str:
    error = error_of(run)
    if name in TIMEOUTS:
        return "drop" if run.layer in ("dns", "tcp") or error.phase == "tcp" else "no answer"
    if error.icmp or name in REJECTS:
        return "reject"
    if name in RESETS:
        return "reset"
    if name == "STATUS":
        status = (error.text or "")[:3]
        return f"status {status}" if status.isdigit() else "refused by the proxy"
    words = {
        "ALERT": "handshake refused",
        "ISSUER": "other certificate",
        "OTHER": "other answer",
        "VERIFY": "wrong certificate",
        "SSL": "no TLS",
        "EOF": "closed",
        "GAI": "no address",
    }
    return words.get(name, "wrong answer" if name == "PROTOCOL" else name)


def _dns(run: Run, _host: str) -> str:
    answer = run.answer or Answer()
    if answer.private is not None and answer.rcode is None:
        return "wrong answer" if answer.private else UP  # asked beside the one that must bring an address
    if answer.rcode == 0 and answer.addresses:
        return "wrong answer" if answer.private else UP
    return {0: "no address", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}.get(
        -1 if answer.rcode is None else answer.rcode, "wrong answer"
    )


def _http(run: Run, host: str) -> str:
    it = run.showed or Showed()
    if (it.status or 0) >= OUT_OF_ORDER:
        return f"status {it.status}"
    seen = Http(
        method="GET",
        path="",
        status=it.status,
        headers=it.headers,
        body=it.body,
        body_complete=it.body_complete,
    )
    return UP if author(seen, None, host) == THE_RECEIVER else "wrong answer"


def _registry(run: Run, _host: str) -> str:
    """A host of layers is asked for nothing in particular: that it answers, and who. Older probes asked it nothing."""
    answer, seen = run.answer or Answer(), run.showed or Showed()
    status = (answer.status if answer.status is not None else seen.status) or 0
    if status >= OUT_OF_ORDER or status == THROTTLED:
        return f"status {status}"
    if answer.issuer is not None and answer.type is None:
        return UP
    known = header(seen, "docker-distribution-api-version") or header(seen, "www-authenticate").lower().startswith(
        ("bearer", "basic")
    )
    manifest = status == OPEN and any(word in (answer.type or "") for word in MANIFESTS)
    return UP if manifest or (status in (OPEN, LOGIN) and known) else "wrong answer"


_ANSWERED = {"dns": _dns, "http": _http, "registry": _registry}


@judges("WATCH-01", observes=[observed("watch")])
def keeps_to_the_criteria(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """WATCH-01."""
    layer = case.target.partition(":")[0]
    asked = settings.watch.criteria_of(layer) if settings.watch else None
    if asked is None:
        return notapplicable("there was no watch")
    kind = kind_of(case.vantage, evidence.vantage, settings.vantage_kinds)
    if layer == "registry" and kind in (Kind.POD, Kind.CONTAINER):
        return notapplicable(f"images are pulled by the node, and this is a {kind}: ask the node")
    seen = of_words(evidence.all(Watch), settings.host, strict=evidence.agents_eyes)
    paths = [above(path, seen, settings) for path in seen.paths if path.layer == layer]
    if layer == "dns" and evidence.proxy_for(settings.host) and not paths and layer not in dict(seen.unable):
        return notapplicable("an explicit proxy is in effect, and its name is not asked for: no name need be resolved")
    found: list[Finding] = []
    open_questions: list[str] = []
    for path in paths:
        for result in outages.judged(path, asked, cut=seen.cut):
            if result.held is Held.NO:
                found.append(_finding(path, result, asked_text=outages.criteria_text(asked)))
            elif result.held is Held.UNKNOWN:
                open_questions.append(_question(path, result))
    open_questions += [
        f"{layer} {name}: from {_clock(since)} on it was answered otherwise than at the beginning, to the end"
        for its, name, since in seen.changed
        if its == layer
    ]
    open_questions += [f"{layer} {name}: nothing was sampled" for name in _unsampled(layer, seen)]
    saw = "; ".join((*(_summary(path) for path in outages.worst_first(paths)[:6]), *_limits(layer, paths, settings)))
    if found:
        return decided(found, saw)
    unable = dict(seen.unable).get(layer)
    if unable:
        return replace(notchecked(f"{layer} was not watched there: {unable}"), saw=saw)
    if not paths:
        return notchecked("nothing was sampled" if seen.begin is not None else "the watch did not begin there")
    if open_questions:
        return notchecked(f"{listed(open_questions)} ({outages.criteria_text(asked)} is accepted)")
    if seen.cut:
        return replace(notchecked(_cut(seen)), saw=f"until then {saw}")
    return decided((), f"{saw}; accepted: {outages.criteria_text(asked)}")


def _limits(layer: str, paths: Sequence[Path], settings: Settings) -> list[str]:
    """What was not watched of this layer, where it was."""
    told = outages.not_watched(settings.watch, layer) if settings.watch and paths else ""
    return [f"not watched: {told}"] if told else []


def _unsampled(layer: str, seen: Watched) -> list[str]:
    """Paths that have no sample of this layer, although they have good ones of the layer below."""
    below = {"tls": "tcp", "http": "tls"}.get(layer)
    if not seen.strict or below is None:
        return []
    there = {path.name for path in seen.paths if path.layer == layer}
    through_proxy = any(path.name.startswith("via ") for path in seen.paths)
    known = [
        path.name
        for path in seen.paths
        if path.layer == below and path.failed < path.samples and not (through_proxy and below == "tcp")
    ]
    wanted = [*known, *(name + POST for name in known if layer == "http" and seen.posts)]
    return [name for name in wanted if name not in there]


def _cut(seen: Watched) -> str:
    if seen.end is None:
        lost = "; the control connection was lost and never came back" if any(b is None for _, b in seen.gaps) else ""
        return (
            f"of {outages.seconds(seen.planned)} that were planned, only {outages.seconds(seen.lasted)} are known{lost}"
        )
    return f"the watch ended after {outages.seconds(seen.lasted)} of {outages.seconds(seen.planned)} ({seen.why})"


def _finding(path: Path, result: Judged, *, asked_text: str) -> Finding:
    found = sorted(result.outages, key=lambda outage: -outage.length)
    strangers = {word for outage in found for word in outage.how} <= set(STRANGERS)
    code = Code.WATCH_WRONG_PEER if strangers else CODES[result.criterion]
    shown = "; ".join(f"{_clock(outage.begin.at)} for {outages.duration_text(outage)}" for outage in found[:SHOWN])
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    detail = f"{path.name} was interrupted ({path.layer}) at {shown}{more}"
    return finding(code, path.name, detail, accepted=asked_text, how=", ".join(dict.fromkeys(found[0].how)))


def _question(path: Path, result: Judged) -> str:
    longest = max(result.outages, key=path.most, default=None)
    what = f": {outages.duration_text(longest)}" if longest else ""
    return f"{path.layer} {path.name}, {result.criterion}{what}: {result.why}"


def _summary(path: Path) -> str:
    known = f"{path.name} {outages.percent(path.availability)} of {outages.seconds(path.watched)}"
    longest = f", longest interruption {outages.duration_text(path.longest)}" if path.longest else ""
    unknown = f", {outages.seconds(sum(b - a for a, b in path.unknown))} unknown" if path.unknown else ""
    return f"{known} in {path.samples} samples{longest}{unknown}"


def _clock(at: float) -> str:
    """Time of day in UTC, to the tenth of a second."""
    tenths = round(at * 10) % 864000
    return f"{tenths // 36000:02}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10} UTC"
