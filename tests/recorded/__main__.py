"""Records what the probe sees in the lab's scenarios, for tests that judge it again without a network.

    PYTHONPATH=src:. python tests/recorded SCENARIO ...
    PYTHONPATH=src:. python tests/recorded --outputs
    PYTHONPATH=src:. python tests/recorded --shell DIRECTORY

Each scenario becomes `tests/recorded/<scenario>.json.xz`: the settings, and the observations with the fields that
are declared. Record again when the probe sees more than it did, and read the difference in what is found.

`--outputs` keeps what is said of `tests/recorded/journals` (`tests/support/outputs.py`) and names what is said in other
words than before.

`--shell` runs every scenario that `tests/acceptance/shells.py` may look at from a host without Python, unless
DIRECTORY has its journal already, and keeps the visits that are judged in place of a lab run (`visits.py`). Do so when
the shell probe says something else than it did.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from netcompliance.judge import SHARED
from netcompliance.observations import KINDS, WORDS
from tests.recorded import visits
from tests.support import outputs

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
BARE = "ssh://bare"
DECLARED = {"vantage", "kind", *(name for its in (*KINDS.values(), *WORDS.values()) for name in its.FIELDS)}


def record(scenario: str) -> None:
    """Run the suite in the lab and keep its journal's observations."""
    with tempfile.TemporaryDirectory() as reports:
        suite = [sys.executable, "-m", "pytest", "--tenant=acme", f"--report-dir={reports}"]
        lab = [sys.executable, "-m", "lab", "run", "--scenario", scenario, "--"]
        subprocess.run([*lab, *suite], cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=False)
        (journal,) = Path(reports).rglob("journal.jsonl")
        (HERE / f"{scenario}.json.xz").write_bytes(packed(journal))


def packed(journal: Path) -> bytes:
    """A journal's settings and observations, compressed. The same journal gives the same bytes."""
    return _compressed(_judged(_records(journal)))


def _records(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]


def _judged(records: list[dict[str, Any]]) -> dict[str, Any]:
    """What a judge takes."""
    observations = [
        {name: value for name, value in record.items() if name in DECLARED}
        for record in records
        if record["type"] == "observation"
    ]
    return {"settings": records[0]["settings"], "observations": observations}


def _compressed(value: object) -> bytes:
    return lzma.compress(json.dumps(value, separators=(",", ":")).encode(), preset=9)


def keep_shell(directory: Path) -> None:
    """Keep the visits by a shell that show nothing which others do not show, and say which those are."""
    sys.path[:0] = [str(CHECKOUT / "tests" / name) for name in ("acceptance", "oracle")]
    import shells

    shown, kept = {}, {}
    for scenario in sorted(shells.TELLING):
        journal = directory / scenario
        if not journal.exists():
            _play(scenario, journal, () if scenario in shells.ALL_IMAGES else (shells.ONE_IMAGE,))
        records = [record for record in _records(journal) if _is_of_the_shells(record)]
        passing = [
            [record["requirement"], record["target"]]
            for record in records
            if (record["type"], record.get("verdict")) == ("verdict", "pass")
        ]
        shown[scenario] = visits.signs(record for record in records if "task" in record)
        kept[scenario] = {**_judged(records), "passing": passing}
    for scenario in visits.needed(shown, shells.PLAYED):
        del kept[scenario]
    visits.BY_SHELL.write_bytes(_compressed(kept))
    print(*kept, sep="\n")


def _is_of_the_shells(record: dict[str, Any]) -> bool:
    return record.get("vantage", BARE) == BARE or (record["type"] == "observation" and record["kind"] in SHARED)


def _play(scenario: str, journal: Path, options: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as reports:
        suite = [sys.executable, "-m", "pytest", "--tenant=acme", "--visits=1", f"--hosts=local,{BARE}", *options]
        lab = [sys.executable, "-m", "lab", "run", "--scenario", scenario, "--cast=bare", "--"]
        command = [*lab, *suite, f"--report-dir={reports}"]
        subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=False)
        (left,) = Path(reports).rglob("journal.jsonl")
        journal.write_bytes(left.read_bytes())


def keep_outputs() -> None:
    """Keep what is said of kept journals now."""
    before = json.loads(lzma.decompress(outputs.KEPT.read_bytes())) if outputs.KEPT.exists() else {}
    with tempfile.TemporaryDirectory() as below:
        now = outputs.outputs(Path(below))
    outputs.KEPT.write_bytes(outputs.packed(now))
    print(*(name for name in {**before, **now} if before.get(name) != now.get(name)), sep="\n")


if __name__ == "__main__":
    if sys.argv[1] == "--shell":
        keep_shell(Path(sys.argv[2]))
    else:
        for name in sys.argv[1:]:
            keep_outputs() if name == "--outputs" else record(name)
