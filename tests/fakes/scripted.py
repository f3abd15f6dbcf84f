"""A pytest plugin that plays the network and the judge: `-p scripted`, told by the JSON file in `NETCOMPLIANCE_SCRIPT`.

    {"trouble": ["cause", "remedy"],          nobody could look
     "crash": "text",                         looking ends in a defect
     "interrupt": true, "killed": true,       looking ends in Ctrl-C, or in SIGKILL
     "nobody": true,                          the host does not say who it is
     "observations": [...],                   what was seen, in addition to `host` and `probe`
     "verdicts": {"DNS-01": {"result": "fail", "codes": ["dns.nxdomain"], "saw": "…", "reason": "…"}}}

Requirements that the script does not name pass.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from netcompliance import run, session
from netcompliance.findings import Code
from netcompliance.model import Finding, Result, Verdict
from netcompliance.vantage.errors import CouldNotLook

SCRIPT: dict[str, Any] = json.loads(Path(os.environ["NETCOMPLIANCE_SCRIPT"]).read_text(encoding="utf-8"))
HOST = {
    "vantage": "local",
    "kind": "host",
    "hostname": "node-1",
    "source_address": "10.20.0.4",
    "platform": "linux/amd64",
    "nameservers": ["10.30.0.53"],
    "at": 1795349700.0,
    "error": None,
}


def look(settings: Any, cases: Any, on_observation: Any) -> None:
    """The visit."""
    if "trouble" in SCRIPT:
        raise CouldNotLook(*SCRIPT["trouble"])
    if "nobody" not in SCRIPT:
        on_observation(HOST)
    for seen in SCRIPT.get("observations", ()):
        on_observation({"vantage": "local", **seen})
    if "crash" in SCRIPT:
        raise ZeroDivisionError(SCRIPT["crash"])
    if SCRIPT.get("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if SCRIPT.get("interrupt"):
        raise KeyboardInterrupt
    on_observation({"vantage": "local", "kind": "probe", "finished": True, "unfinished": [], "seconds": 0.1})


def decide(catalogue: Any, cases: Any, observations: Any, settings: Any) -> list[Verdict]:
    """The verdicts of the script."""
    assert any(seen["kind"] == "probe" for seen in observations)
    return [_verdict(case, SCRIPT.get("verdicts", {}).get(case.requirement, {})) for case in cases]


def _verdict(case: Any, told: dict[str, Any]) -> Verdict:
    saw = told.get("saw", "it as it should be")
    return Verdict(
        case=case,
        result=Result(told.get("result", "pass")),
        findings=tuple(
            Finding(code=Code(code), subject=told.get("subject", case.target), detail=saw)
            for code in told.get("codes", ())
        ),
        saw=saw,
        reason=told.get("reason", ""),
        reproduce=told.get("reproduce", ""),
    )


session._looker = lambda: look  # type: ignore[attr-defined]
run.decide = decide
