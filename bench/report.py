"""How large is the HTML report, and how fast is it there?

    python bench/report.py [--hosts 50] [--scenario one-address-dropped]    a page made of what the lab once showed
    python bench/report.py --page report.html                               a page that is there already

Prints size, the time to make it (its journal read back, as in a run), and in Chromium, as medians: when the
document was ready, when it was loaded, and how long the first filter took until it was painted. Bounds: 5 MB, 1 s to
the loaded page, for 50 hosts and all requirements. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT / "src"), str(CHECKOUT)]

from playwright.sync_api import Page, sync_playwright  # noqa: E402

from netcompliance import pages  # noqa: E402
from netcompliance.journal import reader  # noqa: E402
from tests.browser.conftest import QUIET  # noqa: E402
from tests.browser.pages import saved  # noqa: E402

RUNS = 5
READY = """() => { const n = performance.getEntriesByType("navigation")[0];
  return [n.domContentLoadedEventEnd, n.loadEventEnd]; }"""
FILTER = """() => new Promise((done) => {
  const begin = performance.now();
  const box = document.querySelector(".tools input[type=search]");
  box.value = "tcp";
  box.dispatchEvent(new Event("input", { bubbles: true }));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - begin)));
})"""


def made(directory: Path, scenario: str, hosts: int) -> Path:
    """A page from so many hosts, made as a run makes it: from its journal."""
    journal = saved(scenario, *(f"ssh://node-{number}" for number in range(1, hosts + 1))).path
    path = directory / pages.NAME
    begin = time.monotonic()
    run = reader.read(journal)
    with path.open("wb") as file:
        file.writelines(pages.page(run))
    took = time.monotonic() - begin
    print(f"{len(run.cases)} cases from {hosts} hosts, a journal of {journal.stat().st_size / 1e6:.1f} MB")
    print(f"made      {took:8.2f} s")
    return path


def opened(path: Path) -> Iterator[tuple[float, float, float]]:
    """(ready, loaded, first filter) in milliseconds, for each of some openings in a new tab."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        for _ in range(RUNS):
            page: Page = browser.new_page()
            page.goto(path.as_uri(), timeout=120_000)
            ready: list[Any] = page.evaluate(READY)
            yield ready[0], ready[1], page.evaluate(FILTER)
            page.close()
        browser.close()


def main() -> None:
    """Make or take a page, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=50)
    parser.add_argument("--scenario", default="one-address-dropped")
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = chosen.page.resolve() if chosen.page else made(Path(directory), chosen.scenario, chosen.hosts)
        print(f"size      {path.stat().st_size / 1e6:8.2f} MB")
        for name, figures in zip(("ready", "loaded", "filtered"), zip(*opened(path), strict=True), strict=True):
            print(f"{name:<9} {median(figures):8.0f} ms   ({min(figures):.0f} to {max(figures):.0f})")


if __name__ == "__main__":
    main()
