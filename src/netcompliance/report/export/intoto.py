"""An in-toto Statement v1 about the journal, with the test-result predicate v0.1. It is not signed here.

Rules
* The subject is the journal, by its digest. A test's name is requirement, target and vantage.
* `passedTests` passed. `warnedTests` are an unmet *should* and `waived`. `failedTests` are all others that were to be
  looked at, also where nobody could look. The predicate has no word for `notapplicable`: those are named in an
  annotation of the settings.
* `result` is `PASSED` or `WARNED` for a satisfied run, and `FAILED` for every other; a run without a footer is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from netcompliance.journal import JOURNAL
from netcompliance.journal.writer import rfc3339
from netcompliance.report.export.run import ExportedRun, NotRepresentable
from netcompliance.results import CaseStatus, Overall

_LIST: Mapping[CaseStatus, str] = {
    CaseStatus.PASS: "passedTests",
    CaseStatus.UNMET_SHOULD: "warnedTests",
    CaseStatus.WAIVED: "warnedTests",
    CaseStatus.FAIL: "failedTests",
    CaseStatus.ERROR: "failedTests",
    CaseStatus.NO_VERDICT: "failedTests",
    CaseStatus.NOTCHECKED: "failedTests",
}


def render(run: ExportedRun) -> str:
    """The run as a statement."""
    if run.finished is None:
        raise NotRepresentable("a run without an end: the journal has no footer")
    lists: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for row in run.rows:
        if row.status in _LIST:
            lists[_LIST[row.status]].append(row.name)
    satisfied = run.overall is Overall.SATISFIED
    annotations = {
        "tenant": run.tenant,
        "endpoint": run.endpoint,
        "run": run.id,
        "tool": f"{run.tool} {run.version}".strip(),
        "started": rfc3339(run.started),
        "finished": rfc3339(run.finished),
        "overall": run.overall,
        "notapplicable": [row.name for row in run.rows if row.status is CaseStatus.NOTAPPLICABLE],
    }
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": JOURNAL, "digest": {"sha256": run.journal_sha256}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": ("WARNED" if lists["warnedTests"] else "PASSED") if satisfied else "FAILED",
            "configuration": [
                {"name": "catalogue.toml", "digest": {"sha256": run.catalogue_sha256}},
                {"name": "settings", "digest": {"sha256": run.settings_sha256}, "annotations": annotations},
            ],
            **lists,
        },
    }
    return f"{json.dumps(statement, ensure_ascii=False, indent=2)}\n"
