"""The plan of a visit: what is asked for which cases, and that no secret is in it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from netcompliance import catalogue
from netcompliance.model import (
    DOCUMENTED_PATH,
    RECEIVER_PATHS,
    AskedFrom,
    Case,
    Image,
    RegistryMode,
    Settings,
    Watch,
)
from netcompliance.vantage import payloads, plan
from netcompliance.vantage.plan import build_plan, watch_plan

AGENT = Image(registry="quay.io", repository="stackstate/agent", reference="1")
SETTINGS = Settings(tenant="acme", images=(AGENT,), source_images=(AGENT,))
COPY = Image(registry="registry.example:5000", repository="mirror/stackstate/agent", reference="1")
OWN = Settings(
    tenant="acme",
    registry="registry.example:5000",
    registry_prefix="mirror",
    registry_mode=RegistryMode.COPY,
    images=(COPY,),
    source_images=(AGENT,),
)


def plan_of(settings: Settings, *requirements: str) -> dict[str, Any]:
    cases: list[Case] = catalogue.expand(catalogue.load(), settings)
    wanted = [case for case in cases if not requirements or case.requirement in requirements]
    return build_plan(settings, wanted, nonce="abc", agent="test/1")


def tasks(plan: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [task for task in plan["tasks"] if task["kind"] == kind]


def test_a_watch_asks_those_who_serve_layers_and_the_registry_once() -> None:
    asked = replace(SETTINGS, watch=Watch(duration=60.0, every=0.1, rarely=5.0, criteria=()))
    seen = [("cdn02.quay.io", 443), ("quay.io", 443), ("cdn01.quay.io", 443)]
    watch = watch_plan(asked, (), "x", "test/1", seen)["watch"]
    assert [(each["host"], each["port"]) for each in watch["layers"]] == [
        ("cdn01.quay.io", 443),
        ("cdn02.quay.io", 443),
    ]
    assert len(watch_plan(asked, (), "x", "test/1", [(f"cdn{n}", 443) for n in range(20)])["watch"]["layers"]) == 8


@pytest.mark.parametrize(("rarely", "at_once", "turn"), [(0.5, 1, 3.0), (1.0, 3, 2.0), (5.0, 6, 5.0)])
def test_a_watch_makes_the_agents_posts_in_turn_as_many_as_the_budget_allows(
    rarely: float, at_once: int, turn: float
) -> None:
    asked = Watch(duration=60.0, every=0.1, rarely=rarely, criteria=())
    watch = watch_plan(replace(SETTINGS, watch=asked), (), "x", "test/1")["watch"]
    assert {call["path"] for call in watch["calls"]} == {DOCUMENTED_PATH + path for path in RECEIVER_PATHS}
    assert {call["method"] for call in watch["calls"]} == {"POST"}
    assert payloads.WRONG_KEY in str(watch["calls"][0]["headers"])
    assert (watch["calls_at_once"], asked.turn) == (at_once, turn)


def test_a_watch_sends_the_hellos_of_go_programs() -> None:
    asked = replace(SETTINGS, watch=Watch(duration=60.0, every=0.1, rarely=5.0, criteria=()))
    plan = watch_plan(asked, (), "ab", "test/1")
    sent = [*plan["watch"]["hellos"].values(), *plan["fetchers_hellos"].values()]
    assert len(sent) == 3
    assert all(len(base64.b64decode(hello)) > 1400 for hello in sent)
    assert plan["watch"]["registry"]["image"].keys() == {"repository", "reference"}


def test_the_same_input_gives_the_same_plan() -> None:
    assert plan_of(SETTINGS) == plan_of(SETTINGS)


def test_every_path_of_the_catalogue_is_asked_and_no_other() -> None:
    (tenant,) = [task for task in tasks(plan_of(SETTINGS), "endpoint") if task["id"] == "tenant"]
    asked = {request["path"] for request in tenant["requests"] if request["purpose"] == "path"}
    cases = catalogue.expand(catalogue.load(), SETTINGS)
    assert {SETTINGS.host + path for path in asked} == {case.target for case in cases if case.requirement == "RCV-02"}


def test_names_are_asked_bare_rooted_and_under_search_domains_with_controls_that_nobody_has() -> None:
    (names,) = tasks(plan_of(SETTINGS), "resolve")
    host = "acme.app.stackstate.io"
    assert [(entry["name"], entry["purpose"], bool(entry.get("search"))) for entry in names["names"]] == [
        (host, "bare", True),
        (f"{host}.", "rooted", False),
        ("nc-abc.app.stackstate.io.", "control", False),
        ("nc-abc.invalid.", "control", False),
    ]
    assert {entry["host"] for entry in names["names"]} == {host}


def test_nameservers_are_asked_for_both_families_as_a_stub_asks() -> None:
    (servers,) = tasks(plan_of(SETTINGS), "nameservers")
    messages = [dns.message.from_wire(base64.b64decode(query["wire"])) for query in servers["queries"]]
    assert [dns.rdatatype.to_text(message.question[0].rdtype) for message in messages] == ["A", "AAAA"]
    assert all(message.flags & dns.flags.RD and message.edns == 0 for message in messages)
    assert {str(message.question[0].name) for message in messages} == {"acme.app.stackstate.io."}
    assert len({message.id for message in messages}) == 2


def test_requests_that_write_carry_no_key_and_the_one_with_the_key_does_not_write() -> None:
    settings = Settings(tenant="acme", key_declared=True, key_env="MY_KEY", key_file="/run/key")
    plan = plan_of(settings)
    (tenant,) = [task for task in tasks(plan, "endpoint") if task["id"] == "tenant"]
    assert {request["method"] for request in tenant["requests"] if request.get("key")} == {"GET"}
    assert plan["key"] == {"env": "MY_KEY", "file": "/run/key"}
    without = plan_of(SETTINGS)
    assert without["key"] is None
    assert '"key": true' not in json.dumps(without)


def test_a_proxy_is_declared_only_if_it_was_given() -> None:
    assert plan_of(SETTINGS)["proxy"] is None
    given = Settings(tenant="acme", proxy="http://proxy.example:3128", no_proxy="x.example")
    assert plan_of(given)["proxy"] == {"url": "http://proxy.example:3128", "no_proxy": "x.example"}


def test_images_are_walked_where_they_are_pulled_from() -> None:
    (walk,) = tasks(plan_of(SETTINGS), "registry")
    assert (walk["id"], walk["registry"], walk["depth"]) == ("registry", "quay.io", "layers")
    assert walk["images"] == [
        {"name": "quay.io/stackstate/agent:1", "repository": "stackstate/agent", "reference": "1", "digest": None}
    ]


def test_a_copy_is_walked_to_its_layers_and_its_source_to_the_index() -> None:
    walks = [(walk["id"], walk["registry"], walk["depth"]) for walk in tasks(plan_of(OWN), "registry")]
    assert walks == [("registry", "registry.example:5000", "layers"), ("source", "quay.io", "manifest")]
    assert not tasks(plan_of(OWN), "hosts")


def test_a_source_that_cannot_be_seen_is_not_asked() -> None:
    hidden = Settings(
        tenant="acme",
        registry="registry.example:5000",
        registry_mode=RegistryMode.COPY,
        images=(COPY,),
        source_images=(AGENT,),
        source_visible=False,
    )
    assert [walk["id"] for walk in tasks(plan_of(hidden), "registry")] == ["registry"]


@pytest.mark.parametrize(
    ("requirements", "kinds"),
    [
        (("DNS-01",), {"host", "resolve", "nameservers", "control", "endpoint", "outbound"}),
        (("REG-05",), {"host", "resolve", "nameservers", "control", "endpoint", "outbound", "hosts"}),
        (("REG-07", "HTTPS-04"), {"host"}),
        (("HELM-01",), {"host", "endpoint"}),
        (("HELM-01", "DNS-01"), {"host", "resolve", "nameservers", "control", "endpoint", "outbound"}),
        (("REG-04",), {"host", "resolve", "nameservers", "control", "endpoint", "outbound", "registry"}),
    ],
)
def test_peers_that_no_case_needs_are_left_alone(requirements: tuple[str, ...], kinds: set[str]) -> None:
    assert {task["kind"] for task in plan_of(SETTINGS, *requirements)["tasks"]} == kinds


def test_the_workstations_own_requirements_are_those_of_the_catalogue() -> None:
    of_the_workstation = {r.id for r in catalogue.load().requirements if r.asked_from is AskedFrom.WORKSTATION}
    assert of_the_workstation == plan.WORKSTATION


def test_a_file_with_the_key_is_this_machines() -> None:
    settings = Settings(tenant="acme", key_declared=True, key_file="/run/secrets/key")
    here, there = (build_plan(settings, (), nonce="abc", agent="test/1", here=here)["key"] for here in (True, False))
    assert here == {"env": "STS_API_KEY", "file": "/run/secrets/key"}
    assert there == {"env": "STS_API_KEY", "file": None}
