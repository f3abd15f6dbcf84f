"""OSCAL assessment results (JSON, OSCAL 1.1.2): one result, with an observation for each planned case.

Rules
* A requirement is a control, its id the control's. A target is a component, a vantage an inventory item.
* Every case is an observation. It is a finding as well, unless it is `notapplicable`, for which OSCAL has no state:
  `pass` is `satisfied`, all else `not-satisfied`, with the reason `pass`, `fail` or `other`.
* A failure is a risk that is open, with what to do as its recommended response; a waived one is a `deviation-approved`,
  with the waiver's last day as its deadline.
* Every UUID is derived (RFC 9562, version 5). Those of components and inventory items are the same in every run of a
  tenant, the others follow from the run.
* A run without a footer has no `end`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from netcompliance.journal import JOURNAL
from netcompliance.journal.writer import rfc3339
from netcompliance.report.export.run import ExportedRun, Place, Row

OSCAL = "1.1.2"
NAMESPACE = "urn:netcompliance:oscal"
"""Of properties that OSCAL itself does not name."""
ROOT = uuid5(NAMESPACE_URL, NAMESPACE)
"""What every UUID is derived from."""

_STATE: Mapping[str, tuple[str, str]] = {
    "pass": ("satisfied", "pass"),
    "fail": ("not-satisfied", "fail"),
    **dict.fromkeys(("waived", "notchecked", "error", "unknown"), ("not-satisfied", "other")),
}
_RISK: Mapping[str, str] = {"fail": "open", "waived": "deviation-approved"}
"""Likewise by `Row.word`."""

Json = dict[str, Any]


def render(run: ExportedRun) -> str:
    """The run as assessment results."""
    return f"{json.dumps({'assessment-results': _Results(run).all()}, ensure_ascii=False, indent=2)}\n"


class _Results:
    """The parts of the document, which name each other by UUID."""

    def __init__(self, run: ExportedRun) -> None:
        self._run = run
        self._journal = self._of_run("journal")

    def all(self) -> Json:
        """The document."""
        run = self._run
        title = f"Network of {run.domain_name}: {run.overall}"
        return {
            "uuid": self._of_run("document"),
            "metadata": {
                "title": title,
                "last-modified": rfc3339(run.finished or run.started),
                "version": run.id,
                "oscal-version": OSCAL,
                "remarks": f"Made from a journal of {run.tool} {run.version}.",
            },
            "import-ap": {
                "href": f"#{self._journal}",
                "remarks": "The plan is the list of cases at the beginning of the journal.",
            },
            "results": [self._result(title)],
            "back-matter": {
                "resources": [
                    {
                        "uuid": self._journal,
                        "title": "Journal of the run",
                        "rlinks": [
                            {
                                "href": JOURNAL,
                                "media-type": "application/jsonl",
                                "hashes": [{"algorithm": "SHA-256", "value": run.journal_sha256}],
                            }
                        ],
                    }
                ]
            },
        }

    def _result(self, title: str) -> Json:
        run = self._run
        rows, judged = run.rows, [row for row in run.rows if row.word in _STATE]
        places = ", ".join(place.id for place in run.places) or "nowhere"
        parts: Json = {
            "uuid": self._of_run("result"),
            "title": title,
            "description": f"Looked at {run.endpoint} from {places}.",
            "start": rfc3339(run.started),
        }
        if run.finished:
            parts["end"] = rfc3339(run.finished)
        parts["props"] = _properties(
            {
                "overall": run.overall,
                "complete": "yes" if run.finished else "no",
                "catalogue": run.catalogue,
                "catalogue-sha256": run.catalogue_sha256,
                "settings-sha256": run.settings_sha256,
            }
        )
        targets = dict.fromkeys(row.case.target for row in rows)
        parts |= _if_any(
            "local-definitions",
            _if_any("components", [self._component(target) for target in targets])
            | _if_any("inventory-items", [self._inventory_item(place) for place in run.places]),
        )
        controls = dict.fromkeys(row.requirement.id for row in rows)
        parts["reviewed-controls"] = {
            "control-selections": [
                {"include-controls": [{"control-id": name} for name in controls]} if controls else {"include-all": {}}
            ]
        }
        parts |= _if_any("observations", [self._observation(row) for row in rows])
        parts |= _if_any("risks", [self._risk(row) for row in rows if row.word in _RISK])
        return parts | _if_any("findings", [self._finding(row) for row in judged])

    def _component(self, target: str) -> Json:
        return {
            "uuid": self._of_tenant("target", target),
            "type": "service",
            "title": target,
            "description": f"What is asked for: {target}",
            "status": {"state": "operational"},
        }

    def _inventory_item(self, place: Place) -> Json:
        known = {"vantage": place.id, **{name.replace("_", "-"): text for name, text in place.facts.items()}}
        return {
            "uuid": self._of_tenant("vantage", place.id),
            "description": f"Where it was looked from: {place.id}",
            "props": _properties(known),
            **({"remarks": place.error} if place.error else {}),
        }

    def _observation(self, row: Row) -> Json:
        return {
            "uuid": self._of_case("observation", row),
            "title": row.name,
            "description": row.saw or row.reason or row.word,
            "props": _properties(
                {
                    "verdict": row.word,
                    "level": row.requirement.level,
                    "basis": row.requirement.basis,
                    "codes": " ".join(row.codes),
                }
            ),
            "methods": ["TEST"],
            "types": ["finding" if row.word in _RISK else "control-objective"],
            "subjects": [
                {"subject-uuid": self._of_tenant("target", row.case.target), "type": "component"},
                {"subject-uuid": self._of_tenant("vantage", row.case.vantage), "type": "inventory-item"},
            ],
            "relevant-evidence": [
                {"href": f"#{self._journal}", "description": "The journal's records of this target and vantage."}
            ],
            "collected": rfc3339(self._run.finished or self._run.started),
            **_remarks(row, ("because", "reproduce")),
        }

    def _risk(self, row: Row) -> Json:
        risk: Json = {
            "uuid": self._of_case("risk", row),
            "title": f"{row.name}: {', '.join(row.codes)}",
            "description": row.means or row.saw or row.word,
            "statement": row.reason or row.means or row.saw or row.word,
            "status": _RISK[row.word],
        }
        if row.waiver and row.waived_until:
            risk["props"] = _properties({"owner": row.waiver.owner})
            risk["deadline"] = rfc3339(row.waived_until)
        if row.fix:
            risk["remediations"] = [
                {
                    "uuid": self._of_case("response", row),
                    "lifecycle": "recommendation",
                    "title": f"For the {row.ask}" if row.ask else "What to do",
                    "description": row.fix,
                }
            ]
        return risk | {"related-observations": [{"observation-uuid": self._of_case("observation", row)}]}

    def _finding(self, row: Row) -> Json:
        state, reason = _STATE[row.word]
        finding: Json = {
            "uuid": self._of_case("finding", row),
            "title": row.name,
            "description": row.requirement.says,
            "props": _properties({"verdict": row.word}),
            "target": {
                "type": "objective-id",
                "target-id": row.requirement.id,
                "status": {"state": state, "reason": reason, **_remarks(row, ("because",))},
            },
            "related-observations": [{"observation-uuid": self._of_case("observation", row)}],
        }
        if row.word in _RISK:
            finding["related-risks"] = [{"risk-uuid": self._of_case("risk", row)}]
        return finding

    def _of_tenant(self, kind: str, name: str) -> str:
        return _derived(self._run.tenant, kind, name)

    def _of_run(self, kind: str) -> str:
        return _derived(self._run.tenant, "run", self._run.journal_sha256, kind)

    def _of_case(self, kind: str, row: Row) -> str:
        return _derived(self._of_run(kind), row.case.requirement, row.case.target, row.case.vantage)


def _derived(*names: str) -> str:
    return str(uuid5(ROOT, json.dumps(names)))


def _properties(told: Mapping[str, str]) -> list[Json]:
    return [{"name": name, "ns": NAMESPACE, "value": value} for name, value in told.items() if value]


def _remarks(row: Row, labels: Sequence[str]) -> Json:
    told = "\n\n".join(f"{label}: {text}" for label, text in row.paragraph if label in labels)
    return {"remarks": told} if told else {}


def _if_any(name: str, parts: Iterable[Any] | Json) -> Json:
    """OSCAL has no empty lists."""
    return {name: parts} if parts else {}
