"""What each format's own tool is to read for a case, by what became of it. `unmet` is a should that failed."""

from __future__ import annotations

from collections.abc import Mapping

PLAIN = {word: word for word in ("pass", "fail", "notchecked", "notapplicable", "waived", "error", "unknown")}
PLAIN["unmet"] = "fail"
WORDS: Mapping[str, Mapping[str, str]] = {
    "junit": {
        "pass": "pass",
        "fail": "failure",
        "unmet": "skipped",
        "notchecked": "skipped",
        "notapplicable": "skipped",
        "waived": "skipped",
        "error": "error",
        "unknown": "error",
    },
    "xccdf": {**PLAIN, "waived": "fail"},
    "oscal": {
        "pass": "satisfied pass",
        "fail": "not-satisfied fail",
        "unmet": "not-satisfied fail",
        "notchecked": "not-satisfied other",
        "notapplicable": "notapplicable",
        "waived": "not-satisfied other",
        "error": "not-satisfied other",
        "unknown": "not-satisfied other",
    },
    "in-toto": {
        "pass": "passed",
        "fail": "failed",
        "unmet": "warned",
        "notchecked": "failed",
        "notapplicable": "not listed",
        "waived": "warned",
        "error": "failed",
        "unknown": "failed",
    },
    "prometheus": PLAIN,
    "csv": PLAIN,
    "markdown": {
        "pass": "1 pass",
        "fail": "1 FAIL",
        "unmet": "1 unmet",
        "notchecked": "1 not checked",
        "notapplicable": "1 n/a",
        "waived": "1 waived",
        "error": "1 ERROR",
        "unknown": "1 no verdict",
    },
}
