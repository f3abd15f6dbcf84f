"""A watch that does not fit itself, what was asked for, or the visit before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import journals
from tests.unit.contradictions.test_visits import Records, bad, first, rewritten, seen

HOST = journals.SETTINGS.host
BEGIN = journals.STARTED.timestamp()
LONG = 60.0
WATCH: dict[str, Any] = {"duration": LONG, "every": 0.1, "rarely": 1.0, "criteria": []}
ADDRESS, SERVER, LAYERS = "34.250.11.21", "10.30.0.53", "cdn01.quay.io"
PATHS = (("tcp", f"{ADDRESS}:443"), ("dns", SERVER), ("registry", f"{LAYERS}:443"))
TCP = {"what": "run", "layer": "tcp"}

Change = Callable[[Records], object]


def watch(records: Records, what: str, **fields: Any) -> None:
    """One more word of the watch, behind the others."""
    last = max(place for place, each in enumerate(records) if each["type"] in ("vantage", "observation"))
    word = {"type": "observation", "vantage": "local", "kind": "watch", "what": what}
    records.insert(last + 1, {**word, **fields})


def watched(records: Records) -> None:
    """The visit names a path of each layer, and each was watched to the end."""
    records[0]["settings"]["watch"] = WATCH
    first(records, "observation", kind="host", vantage="local")["nameservers"] = [SERVER]
    seen(records, kind="tcp", task="tenant", host=HOST, address=ADDRESS)
    seen(records, kind="registry", task="registry", step="layer", url=f"https://{LAYERS}/blob", host=LAYERS, port=443)
    watch(records, "begin", at=BEGIN, planned=LONG, heard=BEGIN)
    for number, (layer, path) in enumerate(PATHS):
        pace = 6.0 if layer == "registry" else 0.1
        figures = {"run": number, "samples": round(LONG / pace), "failed": 0, "every": pace, "gap": pace * 1.1}
        moments = {"since": BEGIN, "from": BEGIN, "to": BEGIN + LONG - pace}
        watch(records, "run", layer=layer, path=path, **figures, **moments)
    watch(records, "end", at=BEGIN + LONG, why="planned")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    journals.written(path)
    return rewritten(path, watched)


def word(records: Records, what: str, **fields: Any) -> dict[str, Any]:
    return first(records, "observation", kind="watch", what=what, **fields)


def changed(what: str, where: dict[str, Any] | None = None, **fields: Any) -> Change:
    """A word of the watch has other fields."""
    return lambda records: word(records, what, **(where or {})).update(fields)


def gone(layer: str) -> Change:
    """Nothing of a layer is told."""
    return lambda records: records.remove(word(records, "run", layer=layer))


def never_back(records: Records) -> None:
    """Behind the end, a connection is lost that was lost before it."""
    watch(records, "control", lost=BEGIN + 5, back=None)


def never_back_and_then_the_end(records: Records) -> None:
    end = word(records, "end")
    records.remove(end)
    watch(records, "control", lost=BEGIN + LONG + 1, back=None)
    watch(records, "end", at=end["at"], why=end["why"])


@pytest.mark.parametrize(
    "change",
    [
        len,
        lambda records: watch(records, "control", lost=BEGIN + 5, back=BEGIN + 9),
        lambda records: watch(records, "control", lost=BEGIN + LONG, back=None),
        lambda records: (gone("tcp")(records), changed("end", why="stopped")(records)),
        lambda records: (gone("dns")(records), seen(records, kind="route", host=HOST, proxy="http://proxy:3128")),
        lambda records: (gone("registry")(records), watch(records, "unwatched", layer="registry")),
        changed("run", {"layer": "dns"}, samples=200, gap=0.3),
    ],
    ids=["whole", "back again", "lost after its end", "cut short", "through a proxy", "no way to sample", "seldom"],
)
def test_an_honest_watch_fits(journal: Path, change: Change):
    assert bad(rewritten(journal, change), "consistent") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (gone("tcp"), f"tcp {ADDRESS}:443 was not watched, and the visit before it names it"),
        (gone("dns"), f"dns {SERVER} was not watched, and the visit before it names it"),
        (gone("registry"), f"registry {LAYERS}:443 was not watched, and the visit before it names it"),
        (
            changed("run", {"layer": "tcp"}, samples=2),
            f"tcp {ADDRESS}:443 was sampled 2 times in 59.9 s, and no gap was longer",
        ),
        (changed("run", {"layer": "dns"}, gap=0.01), f"dns {SERVER} was sampled 600 times in 59.9 s, and no gap was"),
        (changed("run", {"layer": "tcp"}, to=BEGIN - 1), f"tcp {ADDRESS}:443 ended before it began"),
        (
            changed("run", {"layer": "tcp"}, **{"since": BEGIN + 50, "from": BEGIN + 50}),
            f"tcp {ADDRESS}:443 was watched 50 s later than the others",
        ),
        (changed("run", {"layer": "tcp"}, every=0.001), "tcp was sampled every 0.001 s, and every 0.1 were asked for"),
        (
            changed("run", {"layer": "tcp"}, **{"since": BEGIN - 9, "from": BEGIN - 9, "gap": 1}),
            "something was sampled before it began",
        ),
        (changed("run", {"layer": "tcp"}, to=BEGIN + 99, gap=1), "something was sampled after it had ended"),
        (lambda records: records[0]["settings"]["watch"].update(duration=1800.0), "1800 s were asked for, and 60.0"),
        (lambda records: word(records, "begin").pop("planned"), "60 s were asked for, and None were planned"),
        (lambda records: records[0]["settings"].update(watch=None), "none was asked for"),
        (lambda records: watch(records, "begin", at=BEGIN + 9, planned=LONG), "it began twice"),
        (lambda records: word(records, "begin").pop("at"), "it does not say when it began"),
        (never_back, "its end was told over a connection that never came back"),
        (never_back_and_then_the_end, "its end was told over a connection that never came back"),
    ],
)
def test_a_watch_that_cannot_have_been_is_found(journal: Path, change: Change, told: str):
    line = bad(rewritten(journal, change), "consistent")[0]
    assert line.startswith("the watch of local: ")
    assert told in line
