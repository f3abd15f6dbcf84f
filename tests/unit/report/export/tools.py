"""The field's own tools, by format. Each refuses what is not right, and gives what it read: case → word."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import cmarkgfm
from cmarkgfm.cmark import Options
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import resource_descriptor, statement, statement_pb2
from junitparser import Error, Failure, JUnitXml, Skipped
from prometheus_client.parser import text_string_to_metric_families
from trestle.oscal.assessment_results import AssessmentResults

Words = dict[str, str]
XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"


def junit(content: bytes) -> Words:
    """junitparser: failure, error, skipped or pass."""
    marks = {Failure: "failure", Error: "error", Skipped: "skipped"}
    suites = list(JUnitXml.fromstring(content))
    seen: Words = {}
    for suite in suites:
        before = len(seen)
        for each in suite:
            assert each.name not in seen
            seen[each.name] = " ".join(marks[type(result)] for result in each.result) or "pass"
        words = list(seen.values())[before:]
        assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
            len(words),
            words.count("failure"),
            words.count("error"),
            words.count("skipped"),
        )
    return seen


def xccdf(content: bytes) -> Words:
    """oscap: schema and schematron rules accept it, and its report has every case. XCCDF's own words."""
    with TemporaryDirectory() as directory:
        file, report = Path(directory, "xccdf.xml"), Path(directory, "report.html")
        file.write_bytes(content)
        _run("oscap", "xccdf", "validate", str(file))
        _run("oscap", "xccdf", "generate", "report", "--output", str(report), str(file))
        page = _Page.of(report.read_text(encoding="utf-8"))
    seen: Words = {}
    complete = ElementTree.fromstring(content).findall(f"{XCCDF}TestResult")[-1]
    for result in complete.iter(f"{XCCDF}rule-result"):
        name = result.find(f"{XCCDF}check/{XCCDF}check-content-ref").get("name")
        word = result.findtext(f"{XCCDF}result")
        assert f"({' '.join(name.split())})" in page.text
        case = f"{result.get('idref').rpartition('_')[2]} {name}"
        assert case not in seen
        seen[case] = word
    return seen


def oscal(content: bytes) -> Words:
    """compliance-trestle: state and reason of a case's finding, or the verdict where there is none."""
    with TemporaryDirectory() as directory:
        file = Path(directory, "results.json")
        file.write_bytes(content)
        results = AssessmentResults.oscal_read(file)
    (result,) = results.results
    found = {each.related_observations[0].observation_uuid: each.target.status for each in result.findings or ()}
    risks = {each.uuid for each in result.risks or ()}
    named = [each.risk_uuid for finding in result.findings or () for each in finding.related_risks or ()]
    assert sorted(named) == sorted(risks)
    things = {each.uuid for each in result.local_definitions.components}
    things |= {each.uuid for each in result.local_definitions.inventory_items}
    uuids = [each.uuid for each in (*(result.observations or ()), *(result.findings or ()), *(result.risks or ()))]
    assert len(set(uuids)) == len(uuids)
    seen: Words = {}
    for each in result.observations:
        assert {subject.subject_uuid for subject in each.subjects} <= things
        status = found.pop(each.uuid, None)
        verdict = next(prop.value for prop in each.props if prop.name == "verdict")
        seen[each.title] = f"{status.state.value} {status.reason}" if status else verdict
    assert not found
    return seen


def intoto(content: bytes) -> Words:
    """in-toto-attestation, which knows no field that the published schemas do not have: the list that names a case."""
    parsed = json_format.Parse(content, statement_pb2.Statement())
    statement.Statement.copy_from_pb(parsed).validate()
    predicate = json_format.ParseDict(json.loads(content)["predicate"], test_result_pb2.TestResult())
    for each in predicate.configuration:
        resource_descriptor.ResourceDescriptor.copy_from_pb(each).validate()
    lists = {"passed": predicate.passed_tests, "warned": predicate.warned_tests, "failed": predicate.failed_tests}
    seen = [(name, word) for word, names in lists.items() for name in names]
    seen += [(name, "not listed") for name in predicate.configuration[1].annotations["notapplicable"]]
    assert len(dict(seen)) == len(seen)
    return dict(seen)


def prometheus(content: bytes) -> Words:
    """promtool accepts it without a remark, and Prometheus' own client reads it: the verdict."""
    _run("promtool", "check", "metrics", content=content)
    seen: Words = {}
    for family in text_string_to_metric_families(content.decode()):
        assert family.documentation
        assert all(sample.timestamp is None for sample in family.samples)
        for sample in family.samples:
            if family.name == "netcompliance_case_verdict":
                labels = sample.labels
                name = f"{labels['requirement']} {labels['target']} from {labels['vantage']}"
                assert (name in seen, sample.value) == (False, 1)
                seen[name] = labels["verdict"]
    return seen


def table(content: bytes) -> Words:
    """The csv module, strictly: the verdict."""
    text = content.decode()
    assert text.count("\n") == text.count("\r\n")
    seen: Words = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), strict=True):
        assert None not in row
        assert None not in row.values()
        assert not any(cell.lstrip().startswith(tuple("=+-@")) for cell in row.values())
        name = f"{row['requirement']} {row['target'].removeprefix(chr(39))} from {row['vantage'].removeprefix(chr(39))}"
        assert name not in seen
        seen[name] = row["verdict"]
    return seen


def markdown(content: bytes) -> Words:
    """GitHub's own renderer, told to leave HTML as it is: the numbers of cases by status, by requirement."""
    page = _Page.of(cmarkgfm.github_flavored_markdown_to_html(content.decode(), Options.CMARK_OPT_UNSAFE))
    assert set(page.tags) <= {"h1", "h2", "p", "ul", "li", "strong", "code", "pre", *_TABLE}, page.tags
    assert page.rows[-1]
    head = max(number for number, row in enumerate(page.rows) if row[0] == "requirement")
    assert all(len(row) == 4 for row in page.rows[head:])
    return {row[0]: row[3] for row in page.rows[head + 1 :]}


TOOLS: Mapping[str, Callable[[bytes], Words]] = {
    "junit": junit,
    "xccdf": xccdf,
    "oscal": oscal,
    "in-toto": intoto,
    "prometheus": prometheus,
    "csv": table,
    "markdown": markdown,
}
_TABLE = ("table", "thead", "tbody", "tr", "th", "td")


class _Page(HTMLParser):
    """What a browser would make of a page: its elements, its text, the rows of its tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []

    @classmethod
    def of(cls, html: str) -> _Page:
        page = cls()
        page.feed(html)
        page.close()
        page.text = " ".join(page.text.split())
        return page

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.strip()


def _run(*command: str, content: bytes | None = None) -> None:
    done = subprocess.run(command, input=content, capture_output=True, timeout=60, check=False)
    assert (done.returncode, b"error" in done.stderr.lower()) == (0, False), done.stdout + done.stderr
