"""The catalogue cannot be loaded wrong, and expands to the same cases whenever it is asked."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from netcompliance import catalogue
from netcompliance.catalogue import CatalogueError
from netcompliance.model import Case, Image, Level, RegistryMode, Settings, Waiver

IMAGES = tuple(Image(registry="quay.io", repository=f"stackstate/{name}", reference="1") for name in ("b", "a"))
SETTINGS = Settings(tenant="acme", images=IMAGES, source_images=IMAGES)

HEAD = 'version = 1\npage = "p"\n'
GOOD = '[A-01]\nsays = "a"\nlevel = "must"\nbasis = "documented"\nsource = "s"\n'
SECOND = GOOD.replace("A-01", "B-01")


def test_the_packaged_catalogue_loads_and_knows_its_digest():
    known = catalogue.load()
    assert known["DNS-01"].level is Level.MUST
    assert "DNS-01" in known
    assert "DNS-99" not in known
    assert len(known.sha256) == 64
    with pytest.raises(KeyError):
        known["DNS-99"]


def test_each_version_that_was_in_use_is_kept_and_found_by_its_digest():
    """Whoever raises the version keeps the file of the one before: journals of its day are held against it."""
    known = catalogue.every()
    assert known[-1] == catalogue.load()
    versions = [each.version for each in known]
    assert versions == sorted(versions)
    assert set(versions) == set(range(1, known[-1].version + 1))
    assert [catalogue.of_digest(each.sha256) for each in known] == list(known)
    assert catalogue.of_digest("0" * 64) is None


@pytest.mark.parametrize(
    ("text", "culprit"),
    [
        (HEAD + GOOD + GOOD, "A-01"),
        (HEAD + GOOD + 'requires = ["Z-09"]\n', "A-01 requires Z-09"),
        (HEAD + GOOD + 'requires = ["B-01"]\n' + SECOND + 'requires = ["A-01"]\n', "A-01 -> B-01 -> A-01"),
        (HEAD + GOOD.replace("must", "may"), "A-01 has an unknown level 'may'"),
        (HEAD + GOOD.replace("documented", "guessed"), "A-01 has an unknown basis 'guessed'"),
        (HEAD + GOOD + 'targets = "moon"\n', "A-01 has unknown targets 'moon'"),
        (HEAD + GOOD + 'when = "never"\n', "A-01 has an unknown condition 'never'"),
        (HEAD + GOOD + 'colour = "red"\n', "A-01 has an unknown field 'colour'"),
        (HEAD + GOOD.replace('says = "a"\n', ""), "A-01 has no 'says'"),
        (HEAD + 'lonely = "x"\n', "lonely is not a requirement"),
        (GOOD, "version"),
    ],
)
def test_a_wrong_catalogue_names_the_culprit(text: str, culprit: str):
    with pytest.raises(CatalogueError) as caught:
        catalogue.load(text)
    assert culprit in str(caught.value)


def test_cases_come_in_the_order_of_the_catalogue_and_sorted_within():
    known = catalogue.load()
    cases = catalogue.expand(known, SETTINGS)
    order = [requirement.id for requirement in known.requirements]
    assert [c.requirement for c in cases] == sorted((c.requirement for c in cases), key=order.index)
    images = [c.target for c in cases if c.requirement == "REG-02"]
    assert images == ["quay.io/stackstate/a:1", "quay.io/stackstate/b:1"]
    assert {c.requirement for c in cases} == set(order)
    assert cases == catalogue.expand(known, SETTINGS)


def test_every_vantage_is_asked_but_the_chart_repository_only_from_the_workstation():
    cases = catalogue.expand(catalogue.load(), SETTINGS, ["ssh://b", "ssh://a", "ssh://a"])
    assert [c.vantage for c in cases if c.requirement == "DNS-01"] == ["ssh://a", "ssh://b"]
    assert [c.vantage for c in cases if c.requirement == "HELM-01"] == ["local"]


def test_a_level_leaves_the_other_out():
    known = catalogue.load()
    must, should = ({c.requirement for c in catalogue.expand(known, replace(SETTINGS, level=level))} for level in Level)
    assert {known[name].level for name in must} == {Level.MUST}
    assert must | should == {each.id for each in known.requirements}
    assert "REG-06" not in should


def test_a_level_brings_what_it_rests_on():
    known = catalogue.load()
    should = {c.requirement for c in catalogue.expand(known, replace(SETTINGS, level=Level.SHOULD))}
    assert {"CLK-01", "RCV-01", "HTTPS-02", "HTTPS-01", "PRX-01", "DNS-02", "DNS-01"} <= should
    assert all(set(known[name].requires) <= should for name in should)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("DNS-01", [("acme.app.stackstate.io", "acme.app.stackstate.io")]),
        ("PRX-01", [("acme.app.stackstate.io",) * 2, ("registry.corp.example:5000",) * 2]),
        ("REG-01", [("registry.corp.example:5000/quay", "registry.corp.example:5000")]),
        ("HELM-01", [("https://helm.stackstate.io/suse-observability-agent", "helm.stackstate.io")]),
    ],
)
def test_targets(requirement: str, expected: list[tuple[str, str]]):
    settings = replace(SETTINGS, registry="registry.corp.example:5000", registry_prefix="quay")
    cases = catalogue.expand(catalogue.load(), settings)
    assert [(c.target, c.host) for c in cases if c.requirement == requirement] == expected


def test_paths_belong_to_the_tenants_host():
    cases = [c for c in catalogue.expand(catalogue.load(), SETTINGS) if c.requirement == "RCV-02"]
    assert "acme.app.stackstate.io/receiver/stsAgent/logs/k8s" in [c.target for c in cases]
    assert {c.host for c in cases} == {"acme.app.stackstate.io"}


@pytest.mark.parametrize(
    ("condition", "changed"),
    [
        ("allow-list", {"allow_list": ()}),
        ("agent-url", {"agent_url": "https://x"}),
        ("key", {"key_declared": True}),
        ("own-registry", {"registry_mode": RegistryMode.COPY}),
    ],
)
def test_conditions_hold_only_where_they_should(condition: str, changed: dict[str, object]):
    holds = catalogue.CONDITIONS[condition].holds
    assert not holds(SETTINGS)
    assert holds(replace(SETTINGS, **changed))
    assert catalogue.CONDITIONS[condition].otherwise


@pytest.mark.parametrize(
    ("registry", "mode", "holds"),
    [
        ("quay.io", RegistryMode.DIRECT, True),
        ("quay.io", RegistryMode.PROXY, False),
        ("registry.rancher.com", RegistryMode.DIRECT, False),
    ],
)
def test_quays_cdn_is_asked_only_where_quay_is_pulled_from(registry: str, mode: RegistryMode, holds: bool):
    settings = replace(SETTINGS, registry=registry, registry_mode=mode)
    assert catalogue.CONDITIONS["direct-quay"].holds(settings) is holds


def test_waivers_cover_by_pattern():
    case = Case(requirement="REG-02", target="quay.io/stackstate/a:1", vantage="local", host="quay.io")
    waiver = Waiver(requirement="REG-02", owner="o", reason="r", expires="2027-01-01")
    assert catalogue.covers(waiver, case)
    assert catalogue.covers(replace(waiver, target="quay.io/*"), case)
    assert not catalogue.covers(replace(waiver, target="docker.io/*"), case)
    assert not catalogue.covers(replace(waiver, vantage="ssh://*"), case)
    assert not catalogue.covers(replace(waiver, requirement="REG-03"), case)


def test_every_requirement_has_exactly_one_test_and_every_test_a_requirement(checkout: Path):
    marked: dict[str, str] = {}
    for path in sorted((checkout / "suites").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.FunctionDef) or [each.arg for each in node.args.args] == ["comparison"]:
                continue
            (decorator,) = node.decorator_list
            assert isinstance(decorator, ast.Call), f"{path.name}: {node.name} has no requirement"
            (argument,) = decorator.args
            assert isinstance(argument, ast.Constant)
            assert argument.value not in marked, (
                f"{argument.value} is asked by {marked[argument.value]} and {node.name}"
            )
            marked[argument.value] = node.name
            (body,) = node.body  # its sentence is the catalogue's
            assert ast.unparse(body) == "verdict.is_satisfied()", f"{node.name} does not assert its verdict"
    assert set(marked) == {requirement.id for requirement in catalogue.load().requirements}
