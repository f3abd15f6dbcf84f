"""A pytest plugin that plays the network and the judge: `-p scripted`, told by the JSON file in `NETCOMPLIANCE_SCRIPT`.

    {"trouble": ["cause", "remedy"],          nobody could look
     "crash": "text",                         looking ends in a defect
     "interrupt": true, "signal": "SIGKILL",  looking ends in Ctrl-C, or in a signal
     "defect of pytest": "text",              a hook ends in a defect
     "lose": "file",                          a file is gone afterwards
     "nobody": true,                          the host does not say who it is
     "observations": [...],                   what was seen, in addition to `host` and `probe`
     "verdicts": {"DNS-01": {"result": "fail", "codes": ["dns.nxdomain"], "saw": "…", "reason": "…"}}}

Requirements that the script does not name pass.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from netcompliance import judge
from netcompliance.contradictions.visits import OF_THE_CONTROLLER
from netcompliance.findings import Code
from netcompliance.model import Finding, Result, Verdict
from netcompliance.session import build
from netcompliance.vantage.errors import CouldNotLook

SCRIPT: dict[str, Any] = json.loads(Path(os.environ["NETCOMPLIANCE_SCRIPT"]).read_text(encoding="utf-8"))
HOST = {
    "vantage": "local",
    "kind": "host",
    "hostname": "node-1",
    "source_address": "10.20.0.4",
    "platform": "linux/amd64",
    "nameservers": ["10.30.0.53"],
    "at": time.time(),
    "error": None,
}


def look(visits: Any) -> None:
    """The visits."""
    for visit in visits:
        _look(visit.cases, visit.watcher)


def _look(cases: Any, watcher: Any) -> None:
    problem = CouldNotLook(*SCRIPT["trouble"]) if "trouble" in SCRIPT else None
    if problem is None:
        _see(watcher.observation)
    for vantage in sorted({case.vantage for case in cases}):
        if vantage != HOST["vantage"] and problem is None:
            watcher.observation({"vantage": vantage, "kind": "probe", "records": 0})
        watcher.ended(vantage, problem)


def _see(observe: Any) -> None:
    everything = [*([] if "nobody" in SCRIPT else [HOST]), *SCRIPT.get("observations", ())]
    for each in everything:
        observe({"vantage": "local", **each})
    if "crash" in SCRIPT:
        raise ZeroDivisionError(SCRIPT["crash"])
    if "lose" in SCRIPT:
        Path(SCRIPT["lose"]).unlink()
    if "signal" in SCRIPT:
        os.kill(os.getpid(), signal.Signals[SCRIPT["signal"]])
    if SCRIPT.get("interrupt"):
        _raise(KeyboardInterrupt())
    told = [each for each in everything if each["kind"] not in OF_THE_CONTROLLER]
    last = {"finished": True, "unfinished": [], "seconds": 0.1, "records": len(told)}
    observe({"vantage": "local", "kind": "probe", **last})


def _raise(error: BaseException) -> None:
    key = os.environ.get("STS_API_KEY", "")
    _holding(key, f"{'x' * 115}{key}{'y' * 115}", dict(os.environ), error)


def _holding(key: str, longer: str, environment: dict[str, str], raised: BaseException) -> None:
    """Raise it where pytest would show a key, whole or shortened."""
    raise raised


def pytest_runtest_logstart() -> None:
    """A defect outside of tests."""
    if "defect of pytest" in SCRIPT:
        _raise(ZeroDivisionError(SCRIPT["defect of pytest"]))


def judge_vantage(
    requirements: Any, cases: Any, observations: Any, public: Any, settings: Any, today: Any
) -> dict[Any, Verdict]:
    """The verdicts of the script."""
    assert any(seen["kind"] == "probe" for seen in observations)
    return {case: _verdict(case, SCRIPT.get("verdicts", {}).get(case.requirement, {})) for case in cases}


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


build._looker = lambda *_: look  # type: ignore[assignment]
judge.judge_vantage = judge_vantage
