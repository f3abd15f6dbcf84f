"""Records what the probe sees in the lab's scenarios, for tests that judge it again without a network.

    PYTHONPATH=src:. python tests/recorded SCENARIO ...
    PYTHONPATH=src:. python tests/recorded --outputs

Each scenario becomes `tests/recorded/<scenario>.json.xz`: the settings, and the observations with the fields that
are declared. Record again when the probe sees more than it did, and read the difference in what is found.

`--outputs` keeps what is said of `tests/recorded/journals` (`tests/fakes/outputs.py`) and names what is said in other
words than before.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from netcompliance.observations import KINDS, WORDS
from tests.fakes import outputs

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
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
    records: list[dict[str, Any]] = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    observations = [
        {name: value for name, value in record.items() if name in DECLARED}
        for record in records
        if record["type"] == "observation"
    ]
    text = json.dumps({"settings": records[0]["settings"], "observations": observations}, separators=(",", ":"))
    return lzma.compress(text.encode(), preset=9)


def keep_outputs() -> None:
    """Keep what is said of kept journals now."""
    before = json.loads(lzma.decompress(outputs.KEPT.read_bytes())) if outputs.KEPT.exists() else {}
    with tempfile.TemporaryDirectory() as below:
        now = outputs.outputs(Path(below))
    outputs.KEPT.write_bytes(outputs.packed(now))
    print(*(name for name in {**before, **now} if before.get(name) != now.get(name)), sep="\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        keep_outputs() if name == "--outputs" else record(name)
