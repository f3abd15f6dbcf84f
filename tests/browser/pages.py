"""Reports for the browser, of what the lab's scenarios once showed (`tests/recorded`), from any number of hosts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from netcompliance import catalogue as catalogues
from netcompliance.journal.redact import Redactor
from netcompliance.judge import identity, judge
from netcompliance.model import HERE, Settings
from netcompliance.report.html import Material, finished, parts
from netcompliance.results import Entry
from tests.unit.judge.records import exchanges, http2, registry_step, shares, tls
from tests.unit.judge.test_recorded import RECORDED, THEN, read
from tests.unit.judge.world import CATALOGUE

AT = datetime(2026, 11, 22, 10, 0, 5, tzinfo=UTC)
TROUBLE = "the host refused the login; check user and key"
PYTEST_HTML = (
    '<html><head><style>body {{ color: red; }}</style></head><body><h1 id="title">x</h1>'
    '<p>Report generated on 22-Nov-2026 at 11:00:05 by <a href="https://pypi.python.org/pypi/pytest-html">pytest-html'
    '</a> v4</p><div class="summary">{told}</div><footer><div id="data-container" '
    'data-jsonblob="{{&#34;tests&#34;: {{}}}}"></div><script>nothing()</script></footer></body></html>'
)
"""As much of pytest-html's page as counts here; its real one is looked at in `test_report.py` too."""


def material(scenario: str, *hosts: str, gone: Sequence[str] = (), **changes: Any) -> Material:
    """The run of a scenario from these hosts. Nobody could look from those that are `gone`."""
    settings, seen = read(RECORDED / f"{scenario}.json.xz")
    settings = replace(settings, **changes)
    vantages = [*(hosts or (HERE,)), *gone]
    cases = catalogues.expand(CATALOGUE, settings, vantages)
    here = {case.vantage for case in cases} - set(gone)
    observations = [{**each, "vantage": vantage} for vantage in sorted(here) for each in (*seen, *_looked(seen))]
    given = {verdict.case: verdict for verdict in judge(CATALOGUE.requirements, cases, observations, settings, THEN)}
    return Material(
        settings=settings,
        entries=[
            Entry(
                case=case,
                requirement=CATALOGUE[case.requirement],
                verdict=given.get(case),
                trouble=TROUBLE if case.vantage in gone else None,
                strict=settings.strict,
            )
            for case in cases
        ],
        identities=_identities(observations, gone, settings),
        head={
            "tool": {"name": "netcompliance", "version": "1.0", "python": "3.13.0", "commit": "0" * 40},
            "catalogue": CATALOGUE.version,
            "catalogue_sha256": CATALOGUE.sha256,
            "by": {"user": "ada", "host": "bastion"},
        },
        started=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        finished=AT,
        redactor=Redactor(),
        observations=lambda: observations,
        journal_sha256="f" * 64,
    )


def _looked(seen: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Looks that are always made today, and were not when this was recorded; nothing is wrong in them."""
    opened = [each for each in seen if each["kind"] == "tls" and each.get("task") == "tenant"]
    ways = dict.fromkeys((each.get("address"), each.get("via")) for each in opened)
    made: list[dict[str, Any]] = [{"kind": "firewall", "tool": "kernel", "rules": "", "error": None}]
    for address, via in ways:
        made += [http2(address, via=via), tls(address, "plain-hello", via=via)]
        made.append(exchanges(address) if address else shares(None, via=via, carried=72))
    images = dict.fromkeys(each["image"] for each in seen if each.get("step") == "manifest")
    made += [registry_step("head", image=image) for image in images]
    return [{"type": "observation", **each} for each in made]


def _identities(
    observations: Sequence[Mapping[str, Any]], gone: Sequence[str], settings: Settings
) -> dict[str, Mapping[str, Any]]:
    seen: dict[str, list[Mapping[str, Any]]] = {}
    for each in observations:
        seen.setdefault(str(each["vantage"]), []).append(each)
    known = {vantage: identity(vantage, those, settings) for vantage, those in seen.items()}
    return known | {vantage: {"error": TROUBLE} for vantage in gone}


def html(*materials: Material) -> str:
    """The page, as it is left to its readers."""
    written = PYTEST_HTML.format(told="".join(parts(materials)))
    return finished(written, "acme · Network compliance", AT)


def page(directory: Path, *materials: Material) -> Path:
    """The page in a file."""
    path = directory / "report.html"
    path.write_text(html(*materials), encoding="utf-8")
    return path
