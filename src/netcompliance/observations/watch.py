"""The words of a watch. Moments are seconds since the epoch by the host's clock as it was when the watch began."""

from __future__ import annotations

from typing import ClassVar

from netcompliance.observations.kinds import Seen
from netcompliance.observations.record import Record, many, maybe, one, part
from netcompliance.observations.values import (
    BASE64,
    CERTIFICATES,
    COUNT,
    FLAG,
    HEADERS,
    HOW_OFTEN,
    LINE,
    MOMENT,
    PATH,
    PATHS,
    SECONDS,
    SENTENCE,
    STATUS,
    TEXT,
    WORD,
    Type,
    one_of,
    row,
    several,
    words,
)

LAYER = one_of("dns", "tcp", "tls", "http", "registry")
_ONE_OR_MORE = Type(COUNT.admit, COUNT.decode, {"type": "integer", "minimum": 1})
_NONE_OR_MORE = Type(COUNT.admit, COUNT.decode, {"type": "integer", "minimum": 0})


class Watch(Seen, kind="watch", per="word of a watch", needs="what"):
    """What a watch says."""

    NEEDED: ClassVar[tuple[str, ...]] = ()
    """Fields without which a host's word says nothing."""

    what: str | None = one(WORD, "it says, and see below")
    seq: int | None = one(COUNT, "its number on the host, from 1")

    def __init_subclass__(cls, *, what: str, needs: str = "", needed: str = "") -> None:
        super().__init_subclass__(needs=needs)
        cls.per, cls.NEEDED = what, tuple(needed.split())


class Begin(Watch, what="begin", needs="at id planned every rarely", needed="at"):
    """The watch has begun (`at`)."""

    id: str | None = one(WORD, "the watch's random name")
    pid: int | None = one(COUNT)
    planned: float | None = one(SECONDS, "seconds")
    every: float | None = one(SECONDS, "seconds between queries, or connections, of a path")
    rarely: float | None = one(SECONDS, "between handshakes with requests")
    seldom: float | None = one(SECONDS, "between requests to the registry")
    calls: int | None = one(COUNT, "POSTs of the agent's that are watched, in turn")
    calls_at_once: int | None = one(COUNT, "how many of them a probe makes")
    heard: float | None = one(MOMENT, "this machine's clock when the word arrived", by_host=False)
    with_: str | None = one(
        Type(WORD.admit, WORD.decode, {"const": "sh"}),
        "`sh`: a shell watches, and no longer than its connection lasts",
    )


class Answer(Record):
    """What was alike in the answers of a run."""

    rcode: int | None = one(COUNT)
    addresses: bool | None = one(FLAG, "bool")
    private: bool | None = one(
        FLAG,
        "an address is among them at which the tenant is not; to a shell: a private one; alone where any answer will "
        "do: AAAA, names of the search list",
    )
    version: str | None = maybe(LINE)
    issuer: str | None = one(
        LINE, "the organisation that issued the leaf, and that of the token server's where that is another"
    )
    status: int | None = one(STATUS)
    type: str | None = one(LINE)
    location: str | None = one(LINE)
    keys: str | None = one(LINE, "names in a JSON object")


class Showed(Record):
    """What the first sample of a run showed."""

    status: int | None = maybe(STATUS)
    headers: tuple[tuple[str, str], ...] = many(HEADERS)
    body: str | None = maybe(BASE64)
    body_complete: bool | None = one(FLAG)
    chain: tuple[str, ...] = many(CERTIFICATES)


class Run(
    Watch,
    what="run",
    needs="run layer path every open from to samples failed mixed error answer showed",
    needed="run layer path every from to samples failed",
):
    """Samples of a path that ended alike."""

    run: int | None = one(_ONE_OR_MORE)
    layer: str | None = one(LAYER)
    path: str | None = one(PATH)
    every: float | None = one(SECONDS)
    open: bool | None = one(FLAG, "it was not over yet")
    from_: float | None = one(MOMENT, "when its first probe *began*")
    to: float | None = one(MOMENT, "when its last one did")
    samples: int | None = one(_ONE_OR_MORE)
    failed: int | None = one(_NONE_OR_MORE, "`error` is that of the first")
    errors: tuple[str, ...] = many(HOW_OFTEN, "how often each name")
    answer: Answer | None = maybe(part(Answer), "what was alike")
    showed: Showed | None = maybe(part(Showed), "of the first sample")
    mixed: bool | None = one(
        FLAG,
        "the path changed too often to be told one by one: from the first sample that failed to the last",
    )
    since: float | None = one(MOMENT, "when the path was first watched")
    took: float | None = one(
        SECONDS,
        "seconds until the first sample was answered; where it was not, as many as an answer usually takes",
    )
    gap: float | None = one(
        SECONDS,
        "the longest time from the begin of a sample to the end of the next: what was shorter may have gone unseen",
    )
    pace: float | None = one(
        SECONDS,
        "seconds from one probe to the next where they came most rarely, over 64 in a row; missing if there were not "
        "so many, and from a shell",
    )


class Unwatched(Watch, what="unwatched", needs="layer reason remedy", needed="layer"):
    """A layer that this host cannot sample (a shell has no way to)."""

    layer: str | None = one(LAYER)
    reason: str | None = one(SENTENCE)
    remedy: str | None = one(SENTENCE)


class Control(Watch, what="control", needs="lost back"):
    """By this machine: a time without a connection to the watcher, which says nothing about any path."""

    lost: float | None = one(MOMENT, "this machine's clock")
    back: float | None = maybe(MOMENT, "likewise; `null`: it never came back")
    text: str | None = one(TEXT)


class End(Watch, what="end", needs="at why seconds", needed="at why"):
    """It has ended (`at`), after `seconds`."""

    why: str | None = one(
        words("planned", "stopped", "terminated", "unable"),
        "`planned`, `stopped` by who ran it, `terminated` by a signal on the host, `unable`: nothing can be sampled "
        "there",
    )
    cpu: float | None = one(SECONDS, "seconds")
    memory: int | None = one(COUNT, "KiB at most")


class Alive(Watch, what="alive", needed="open"):
    """How far the runs are. It is not written down."""

    open: tuple[tuple[int, float, int, int, float], ...] = many(
        several(row(COUNT, MOMENT, COUNT, COUNT, SECONDS), PATHS)
    )
    cpu: float | None = one(SECONDS)
    pid: int | None = one(COUNT)
    dropped: int | None = one(COUNT)


class Gone(Watch, what="gone"):
    """The watcher is not there any more. It is not written down."""

    text: str | None = one(SENTENCE)
