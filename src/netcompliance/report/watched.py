"""The watch in the reports: what was decided, a picture for each vantage, and every interruption in a table (pure).

The section stands by itself, as HTML without a script, and as lines for a terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from netcompliance import explain, outages
from netcompliance.journal.reader import BadJournal, SavedRun, Walker, records_at
from netcompliance.judge.watch import KIND, REQUIREMENT, Watched, watched
from netcompliance.model import LAYERS, TRIES, Settings, Watch
from netcompliance.outages import Outage
from netcompliance.report import timeline
from netcompliance.report.html.markup import Markup, scrolling, table
from netcompliance.report.html.view_model import Account
from netcompliance.results import CaseStatus, Entry

MOST = 200
"""Interruptions of a vantage that are listed."""
HELD_LIMIT = 1 << 27
"""What counts of a vantage's watch, in bytes of memory: three times what a host may say (`vantage.admission`), as a
reader also counts the names of fields. One is held at a time."""
MOST_WORDS = 1 << 21
"""What counts of all watches of a journal, in records: twice as many as all hosts together may say."""
GO, ROLL_BACK, UNDETERMINED = "go", "roll back", "undetermined"


def decision(entries: Sequence[Entry]) -> str:
    """Go, roll back, or undetermined: from the verdicts on the watch alone. Empty if there was none."""
    statuses = {entry.status for entry in entries} - {CaseStatus.NOTAPPLICABLE}
    if CaseStatus.FAIL in statuses or CaseStatus.UNMET_SHOULD in statuses:
        return ROLL_BACK
    if not statuses <= {CaseStatus.PASS, CaseStatus.WAIVED}:
        return UNDETERMINED
    return GO if statuses else ""


def lines(settings: Settings, entries: Sequence[Entry], seen: Mapping[str, Watched]) -> Iterator[str]:
    """For the terminal: the decision, and for each vantage what it is based on."""
    if settings.watch is None:
        return
    yield from (f"watch    {told}" for told in unprovable(settings))
    yield f"watch    {unwatched(settings.watch)}"
    yield f"watch    {decision(entries)}: {outages.criteria_text(settings.watch.criteria[0])} is accepted"
    for vantage, one in seen.items():
        name = explain.printable(vantage)
        planned = f"{outages.seconds(one.lasted)} of {outages.seconds(one.planned)}"
        yield f"         {name}: watched {planned}, {len(one.paths)} paths{_cut(one)}"
        for path in outages.worst_first(one.paths)[:6]:
            if path.longest:
                told = f"{outages.percent(path.availability)}, longest {outages.duration_text(path.longest)}"
                yield f"           {explain.printable(f'{path.layer} {path.name}')}: {told}"
        for layer, reason in one.unable:
            yield f"           {explain.printable(f'{layer} was not watched: {reason}')}"
        for since, until in one.gaps:
            yield f"           no control connection {_gap(since, until)}"


def word(account: Account) -> str:
    """The decision, from a journal."""
    return decision([entry for entry in account.entries if entry.case.requirement == REQUIREMENT])


def runs(run: SavedRun) -> dict[str, list[int]]:
    """Vantage → where the journal has what counts of its watch: the last word on each run. Raises `BadJournal`."""
    held: dict[str, dict[object, tuple[int, int]]] = {}
    weights: dict[str, int] = {}
    words = 0
    for line in Walker(run.path):
        record = line.record
        if record is None or record.get("kind") != KIND or record["type"] != "observation":
            continue
        number, vantage = record.get("run"), record["vantage"]
        key = number if isinstance(number, int) else f"line {line.number}"
        of_vantage, own = held.setdefault(vantage, {}), line.weight
        words += key not in of_vantage
        weights[vantage] = weights.get(vantage, 0) + own - of_vantage.pop(key, (0, 0))[1]
        of_vantage[key] = line.begin, own
        if weights[vantage] > HELD_LIMIT or words > MOST_WORDS:
            raise BadJournal(f"{run.path}: line {line.number}: more of a watch than one run makes")
    return {vantage: [begin for begin, _ in held[vantage].values()] for vantage in sorted(held)}


def parts(account: Account, markup: Markup) -> Iterator[str]:
    """The section of the HTML page; nothing where there was no watch."""
    settings = account.run.settings
    asked = settings.watch
    if asked is None:
        return
    places = runs(account.run)
    rows = [("planned", outages.seconds(asked.duration)), ("probes", rates(settings))]
    accepted = {each.layer: outages.criteria_text(each) for each in asked.criteria}
    alike = len(set(accepted.values())) == 1
    rows += [("accepted", told) for told in set(accepted.values()) if alike]
    rows += [(f"accepted ({layer})", told) for layer, told in accepted.items() if not alike]
    rows += [("not watched", _unwatched(asked))]
    rows += [("cannot be proved", told) for told in (*unprovable(settings), *shares(settings))]
    yield markup.pairs((name, markup.text(told)) for name, told in rows)
    for vantage, begins in places.items():
        one = watched(records_at(account.run.path, begins), settings.host)
        yield f"<h4>{markup.text(vantage)}</h4><p>{markup.text(_lasted(one))}</p>"
        begin = one.begin or min((path.begin for path in one.paths), default=0.0)
        here = [(since + one.ahead, until + one.ahead if until is not None else None) for since, until in one.gaps]
        yield timeline.svg(vantage, one.paths, begin, begin + one.lasted, here)
        yield from _tables(vantage, one, markup)


def rates(settings: Settings) -> str:
    """How often was asked: the service should know."""
    asked = settings.watch
    if asked is None:
        return ""
    cheap = f"queries for A and AAAA to each nameserver and a TCP connection to each address every {asked.every:g} s"
    posts = f"{asked.calls_at_once} POST{'s' if asked.calls_at_once > 1 else ''}"
    dear = (
        f"two handshakes, a GET and {posts} to each address every {asked.rarely:g} s ({60 / asked.rarely:g} a minute)"
    )
    registry = f"a token and a manifest from the registry every {asked.pace('registry'):g} s"
    registry += ", as often a request to each host of image layers that it redirected to"
    return f"from each vantage {cheap}, {dear}, {registry}; twice as often while one fails"


def unwatched(asked: Watch) -> str:
    """What this watch does not look at: said before it begins, too."""
    return f"not watched: {_unwatched(asked)}; look once more when the change is done"


def _unwatched(asked: Watch) -> str:
    return ", ".join(filter(None, (outages.not_watched(asked, layer) for layer in LAYERS)))


def unprovable(settings: Settings) -> Iterator[str]:
    """What this watch cannot prove, for want of samples: said before it begins."""
    if settings.watch is None:
        return
    for layers, pace, need in outages.unprovable(settings.watch):
        cheap = layers[0] in ("dns", "tcp")
        enough = math.ceil(pace * outages.SPARE * 10) / 10
        yield (
            f"{', '.join(layers)} {'is' if len(layers) == 1 else 'are'} sampled every {pace:g} s: "
            f"{f'an interruption of {need:g} s' if need else 'a short interruption'} can go unseen there, and without "
            f"another criterion the watch will be undetermined; accept {enough:g} s "
            f"(--max-outage, or [watch.{layers[0]}] in the profile)"
            + (", or probe more often (--every)" if cheap else f", for not more than {60 / pace:.0f} requests a minute")
        )


def shares(settings: Settings) -> Iterator[str]:
    """What may happen to one connection of four and meet no sample: said beforehand, too."""
    tcp = settings.watch.criteria_of("tcp") if settings.watch else None
    if settings.watch is None or tcp is None or not tcp.needed:
        return
    enough = TRIES * settings.watch.every
    if enough > tcp.needed * outages.CLOSE:
        yield (
            f"tcp is sampled every {settings.watch.every:g} s: an interruption of {tcp.needed:g} s of one connection "
            f"in four can go unseen (it takes {TRIES} samples to meet it with 99 %), and without another criterion "
            f"the watch will be undetermined; accept {enough:g} s (--max-outage, or [watch.tcp] in the profile), "
            f"probe more often (--every), or watch from fewer hosts"
        )


def _tables(vantage: str, one: Watched, markup: Markup) -> Iterator[str]:
    rows = [
        (
            f"{path.layer} {path.name}",
            outages.percent(path.availability),
            path.samples,
            len(path.outages),
            outages.duration_text(path.longest) if path.longest else "",
            outages.seconds(path.total) if path.outages else "",
            outages.seconds(unknown) if (unknown := sum(until - since for since, until in path.unknown)) else "",
        )
        for path in outages.worst_first(one.paths)
    ]
    head = ("path", "available", "samples", "interruptions", "longest", "together", "unknown")
    yield from _table(f"Paths from {vantage}", head, rows, markup)
    every = sorted(((o, path) for path in one.paths for o in path.outages), key=lambda each: each[0].begin.at)
    if every:
        listed = [
            (_moment(o), f"{o.begin.plus_minus:.2f} s", f"{path.layer} {path.name}", outages.duration_text(o))
            for o, path in every[:MOST]
        ]
        yield from _table(
            f"Interruptions from {vantage}", ("from (UTC)", "±", "path", "interrupted for"), listed, markup
        )
        if every[MOST:]:
            yield f"<p>and {len(every) - MOST} more: see the journal</p>"
    if one.unable:
        yield from _table(f"Not watched from {vantage}", ("layer", "why"), one.unable, markup)
    if one.gaps:
        yield "<p>Times without a control connection. The watch went on by itself: no path was interrupted by that.</p>"
        yield f"<ul>{''.join(f'<li>{markup.text(_gap(since, until))}</li>' for since, until in one.gaps)}</ul>"


def _table(label: str, head: Sequence[str], rows: Iterable[Sequence[object]], markup: Markup) -> Iterator[str]:
    return scrolling(markup.text(label), table(head, ([markup.text(cell) for cell in row] for row in rows)))


def _lasted(one: Watched) -> str:
    clock = f"; its clock is {one.ahead:+.1f} s ahead of this machine's" if abs(one.ahead) > 1 else ""
    return f"watched {outages.seconds(one.lasted)} of {outages.seconds(one.planned)}{_cut(one)}{clock}"


def _cut(one: Watched) -> str:
    told = {
        "planned": "",
        "stopped": ", ended early by whoever ran it",
        "terminated": ", ended early: somebody ended the watcher on the host",
    }
    return told.get(one.why, ", the rest is unknown")


def _gap(since: float, until: float | None) -> str:
    if until is None:
        return f"from {_clock(since)} on: it never came back"
    return f"from {_clock(since)} to {_clock(until)} ({outages.seconds(until - since)})"


def _moment(outage: Outage) -> str:
    return timeline.clock(outage.begin.at, "%Y-%m-%d %H:%M:%S.%f")[:-4]


def _clock(at: float) -> str:
    return timeline.clock(at, "%H:%M:%S UTC")
