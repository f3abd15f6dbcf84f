"""The report in a real browser: drawn without console errors, and markup that a peer sent stays text."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SCRIPT = {
    "verdicts": {
        "RCV-01": {
            "result": "fail",
            "codes": ["http.block-page"],
            "saw": HOSTILE,
            "subject": HOSTILE,
            "reproduce": HOSTILE,
        },
        "DNS-03": {"result": "fail", "codes": ["dns.nameserver-dead"], "saw": HOSTILE},
        "CLK-01": {"result": "notchecked", "reason": HOSTILE},
    }
}

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


def drawn(path: Path) -> tuple[str, str]:
    """(the document after its scripts ran, what the browser logged)."""
    assert CHROMIUM
    with_profile = f"--user-data-dir={path.parent / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *QUIET, with_profile, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, done.stderr


def test_the_page_is_drawn_without_errors_and_markup_from_the_network_stays_text(run_suites):
    ended = run_suites(script=SCRIPT)
    dom, log = drawn(ended.directory() / "report.html")
    assert not re.findall(r"CONSOLE.*", log)
    assert '<title id="head-title">Network compliance</title>' in dom
    assert "owned'" in dom
    rows = re.findall(r'<td class="col-result[^"]*">(\w+)</td>', dom)
    assert {"Failed", "Passed", "XFailed", "Skipped"} <= set(rows)
    assert "(unmet should)" in dom
