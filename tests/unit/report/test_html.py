"""The HTML report: complete, a function of its journal, bounded, and never markup of somebody else's making."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from netcompliance import catalogue, explain, judge, pages
from netcompliance.journal import reader
from netcompliance.journal.redact import Redactor
from netcompliance.judge import JUDGES, belongs
from netcompliance.judge.judges import Judge
from netcompliance.model import Case, Settings, Waiver
from netcompliance.report.html.excerpt import LARGEST, LONGEST, cut, excerpt, headline
from netcompliance.report.html.facts import clocks
from netcompliance.report.html.markup import Markup
from netcompliance.report.html.path import Mark, Picture, pictures
from netcompliance.report.html.sections import Section
from netcompliance.report.html.view_model import Account
from netcompliance.results import CaseStatus
from tests.browser.pages import html, saved

CATALOGUE = catalogue.load()
NODES = tuple(f"ssh://node-{number}" for number in range(1, 51))
HOSTILE = "\x1b[2J</pre><script>alert(1)</script>\u202e\"' onload=x\u2028"
HOST = Settings(tenant="acme").host
VOID = {"meta", "input", "br", "img", "path", "circle", "link"}


class Balanced(HTMLParser):
    """Refuses tags that do not close where they should, and ids that are there twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])[1:]] if str(given.get("href", "")).startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def drawn(scenario: str, *hosts: str, **changes: Any) -> dict[str, Picture]:
    """The pictures of a scenario by what they lead to."""
    account = Account(saved(scenario, *hosts, **changes))
    return {picture.title.split(",")[0]: picture for picture, _ in pictures(account)}


def marks(picture: Picture) -> dict[str, list[Mark]]:
    return {lane.name: [station.mark for station in lane.stations] for lane in picture.lanes}


# --- complete ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["one-address-dropped", "captive-portal", "dns-nxdomain", "mandatory-proxy"])
def test_every_requirement_is_stated_with_level_basis_and_source(scenario: str) -> None:
    page = html(saved(scenario))
    for requirement in CATALOGUE.requirements:
        (article,) = re.findall(rf'<article [^>]*id="t0-{requirement.id}".*?</article>', page, re.DOTALL)
        for told in (requirement.says, requirement.level, requirement.basis, requirement.source):
            assert Markup(Redactor(), "").text(told) in article


def test_a_failure_is_told_as_the_paragraph_that_the_terminal_tells() -> None:
    given = saved("one-address-dropped")
    page = html(given)
    (failed,) = [entry for entry in given.entries if entry.status is CaseStatus.FAIL]
    assert failed.verdict
    labels = [label for label, _ in explain.rows(failed.verdict, failed.requirement)]
    assert labels == ["required", "saw", "means", "fix", "ask", "source", "reproduce"]
    for label, text in explain.rows(failed.verdict, failed.requirement):
        assert re.search(rf"<dt>{label}</dt><dd>(<code>)?{re.escape(Markup(Redactor(), '').text(text))}<", page)


def test_one_cause_on_fifty_hosts_is_one_paragraph_and_names_each_of_them() -> None:
    page = html(saved("one-address-dropped", *NODES))
    (cause,) = re.findall(r'<article class="item cause.*?</article>', page, re.DOTALL)
    assert cause.count("<dt>required</dt>") == 1
    assert "ssh://node-1 … node-50" in cause
    for node in NODES:
        assert f'<th scope="row">{node}</th>' in cause
    assert len(page) < 5_000_000


def test_every_case_of_every_vantage_is_on_the_page() -> None:
    given = saved("captive-portal", *NODES[:3], gone=NODES[3:5])
    account = Account(given)
    told = [entry for groups in account.rows.values() for group in groups for entry in group.entries]
    assert sorted(map(str, (entry.case for entry in told))) == sorted(str(entry.case) for entry in given.entries)
    page = html(given)
    for entry in given.entries:
        (article,) = re.findall(rf'<article [^>]*id="t0-{entry.requirement.id}".*?</article>', page, re.DOTALL)
        assert entry.case.target in article


def test_what_was_not_checked_says_why() -> None:
    page = html(saved("one-address-dropped", *NODES[:3], gone=NODES[3:5]))
    (part,) = re.findall(r'<section class="part unjudged".*?</section>', page, re.DOTALL)
    assert "HTTPS-01 failed" in part
    assert "the host refused the login; check user and key" in part
    assert "all cases from ssh://node-4, ssh://node-5" in part
    assert '<p class="overall bad">' in page


def test_waivers_stand_with_owner_expiry_and_effect() -> None:
    waivers = (
        Waiver(requirement="HTTPS-01", owner="net team", reason="change 4711", expires="2026-12-31"),
        Waiver(requirement="DNS-0*", owner="dns team", reason="old", expires="2026-01-01"),
    )
    page = html(saved("one-address-dropped", waivers=waivers))
    (part,) = re.findall(r'<section class="part waivers".*?</section>', page, re.DOTALL)
    assert re.search(r"HTTPS-01.*net team.*2026-12-31.*change 4711.*1 case: 1 waived", part)
    assert re.search(r"dns team.*2026-01-01.*expired", part)
    assert "net team accepts this until 2026-12-31: change 4711" in page


def test_the_facts_of_the_run() -> None:
    given = saved("one-address-dropped")
    (facts,) = re.findall(r'<section class="part facts".*?</section>', html(given), re.DOTALL)
    for told in (
        "not satisfied", given.settings.endpoint, "ada on bastion", "2026-11-22 10:00:00 UTC", "netcompliance 1.0",
        "0" * 40, CATALOGUE.sha256, given.sha256, "1 vantage: local",
    ):  # fmt: skip
        assert told in facts


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        ({}, "could not be compared"),
        ({"a": None}, "could not be compared"),
        ({"a": 0.5, "b": -70.0}, "2 vantages compared with the service's dates: at most -70.0 s off (b)"),
        ({"a": 0.5, "b": None}, "1 could not be compared"),
    ],
)
def test_clocks(offsets: dict[str, float | None], told: str) -> None:
    assert told in clocks({vantage: {"clock_offset": offset} for vantage, offset in offsets.items()})


# --- the path ---------------------------------------------------------------------------------------------------------


def test_the_picture_shows_which_address_was_dropped_and_where() -> None:
    seen = marks(drawn("one-address-dropped")["To the receiver"])
    assert seen["34.250.11.21"] == [Mark.GOOD, Mark.BAD, Mark.OPEN, Mark.OPEN, Mark.OPEN]
    assert seen["34.250.11.22"] == [Mark.GOOD, Mark.GOOD, Mark.OPEN, Mark.OPEN, Mark.OPEN]


def test_a_portal_is_reached_by_http_and_is_not_the_receiver() -> None:
    picture = drawn("captive-portal")["To the receiver"]
    assert {tuple(each) for each in marks(picture).values()} == {(*[Mark.GOOD] * 4, Mark.BAD)}
    assert picture.lanes[0].stations[-1].note == "http.captive-portal"
    assert picture.lanes[0].stations[-2].note == "302"


def test_a_name_that_is_not_there_stops_at_the_resolver() -> None:
    picture = drawn("dns-nxdomain")["To the receiver"]
    assert (picture.trunk.label, picture.trunk.mark, picture.trunk.note) == ("resolver", Mark.BAD, "dns.nxdomain")
    assert Mark.GOOD not in [mark for lane in marks(picture).values() for mark in lane]


def test_behind_a_proxy_the_way_leads_through_it() -> None:
    picture = drawn("mandatory-proxy")["To the receiver"]
    assert (picture.trunk.label, picture.trunk.mark) == ("proxy", Mark.GOOD)
    assert [station.label for station in picture.lanes[0].stations] == ["TLS", "HTTP", "receiver"]
    assert set(marks(picture)["through the proxy"]) == {Mark.GOOD}


def test_images_stop_where_their_layers_do_not_arrive() -> None:
    picture = drawn("cdn-dropped")["To the images"]
    assert picture.worst is Mark.BAD
    assert {tuple(lane[:2]) for lane in marks(picture).values()} == {(Mark.GOOD, Mark.GOOD)}
    assert Mark.BAD in {lane[2] for lane in marks(picture).values()}


def test_a_waiver_that_must_go_is_no_trouble_of_the_path() -> None:
    waiver = Waiver(requirement="HTTPS-01", owner="net team", reason="old", expires="2026-12-31")
    seen = marks(drawn("cdn-dropped", waivers=(waiver,))["To the receiver"])
    assert {tuple(each) for each in seen.values()} == {(Mark.GOOD,) * 5}


def test_hosts_whose_way_is_the_same_share_a_picture() -> None:
    account = Account(saved("one-address-dropped", *NODES))
    assert [len(vantages) for _, vantages in pictures(account)] == [50, 50]


def test_a_picture_is_told_in_words() -> None:
    told = drawn("one-address-dropped")["To the receiver"].description
    assert "34.250.11.21: address passed, TCP 443 stopped here (tcp.partly-filtered)" in told


# --- raw observations -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["one-address-dropped", "cdn-dropped", "mandatory-proxy", "inbound-attempted"])
def test_behind_every_judged_verdict_there_is_something_that_was_seen(scenario: str) -> None:
    account = Account(saved(scenario))
    bare = {
        entry.requirement.id
        for entry in account.entries
        if entry.status in (CaseStatus.PASS, CaseStatus.FAIL, CaseStatus.UNMET_SHOULD)
        and not account.extracts[entry.case].number
    }
    assert bare <= {requirement for requirement, judge in JUDGES.items() if not judge.observes}


def test_an_image_is_shown_its_own_observations_only() -> None:
    case = Case(requirement="REG-03", target="quay.io/a/b:1", vantage="local", host="quay.io")
    seen = {"kind": "registry", "step": "manifest", "image": "quay.io/a/b:1"}
    assert belongs(seen, case)
    assert not belongs({**seen, "image": "quay.io/a/c:1"}, case)
    assert not belongs({**seen, "step": "layer"}, case)


def test_what_is_shown_is_bounded_and_says_where_the_rest_is() -> None:
    many = [{"vantage": "local", "kind": "tcp", "task": "tenant", "host": HOST} for _ in range(5000)]
    page = html(saved("one-address-dropped", observations=many))
    assert "Not shown: 4\u202f970 more observations of these. journal.jsonl has all." in page
    assert len(page) < 500_000


STRANGE: tuple[dict[str, Any], ...] = ({}, {"host": None}, {"image": ["a"]}, {"path": "/receiver/stsAgent/features/"})


@pytest.mark.parametrize("scenario", ["one-address-dropped", "mandatory-proxy", "quay-blocked-own-registry"])
def test_cases_are_found_by_what_belongs_to_them(scenario: str) -> None:
    given = saved(scenario, *NODES[:1])
    cases = [entry.case for entry in given.entries]
    found = judge.index(cases)
    for seen in ({**each, **strange} for each in given.observations() for strange in STRANGE):
        theirs = [case for case in cases if case.vantage == seen["vantage"] and belongs(seen, case)]
        assert sorted(found.cases(seen), key=cases.index) == theirs


def test_of_many_images_only_its_own_are_looked_at_for_an_observation(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [
        Case(requirement=name, target=f"quay.io/a/{number}:1", vantage="local", host="quay.io")
        for name in ("REG-02", "REG-03", "REG-04")
        for number in range(100)
    ]
    looked: list[Case] = []
    fits = Judge.judges_by
    monkeypatch.setattr(Judge, "judges_by", lambda self, seen, case: looked.append(case) or fits(self, seen, case))
    seen = {"vantage": "local", "kind": "registry", "image": "quay.io/a/7:1", "step": "manifest"}
    assert judge.index(cases).cases(seen) == [cases[107]]
    assert looked == [cases[7], cases[107], cases[207]]


def test_long_values_are_cut_and_say_how_long_they_are() -> None:
    assert cut("x" * 1000) == "x" * LONGEST + "… (1000 characters)"
    assert cut(list(range(100)))[-1] == "… (100 in all)"
    deep: Any = "end"
    for _ in range(50):
        deep = [deep]
    assert "end" not in str(cut(deep))


def test_what_is_kept_of_an_observation_is_bounded_whatever_it_holds() -> None:
    large = {str(number) * 100: ["x" * 1000] * 1000 for number in range(1000)}
    kept = excerpt({"kind": "k" * 9000, "url": "u" * 9000, "headers": large, "body": "eHh4" * 9000})
    assert sum(map(len, kept)) < LARGEST + 1000
    assert kept.fields.startswith('{"kind": "kkk')
    assert kept.body.startswith("xxx")


@pytest.mark.parametrize("at", [None, "x", 1e300, float("nan"), float("inf"), -1e12, [], {}])
def test_no_time_is_too_strange_for_a_headline(at: Any) -> None:
    assert headline({"kind": "tcp", "address": "192.0.2.1", "error": None, "at": at}) == "tcp 192.0.2.1 · no error"


def test_observations_that_cannot_be_read_back_leave_the_verdicts() -> None:
    run = saved("one-address-dropped")
    lines = run.path.read_bytes().splitlines(keepends=True)
    run.path.write_bytes(b"".join([*lines[:80], *lines[81:]]))
    page = html(run)
    assert "The observations could not be read back: " in page
    assert "line 81: does not follow the line before it" in page
    assert "tcp.partly-filtered" in page


def test_a_run_that_was_cut_off_is_told_so_and_is_not_green() -> None:
    page = html(saved("rotating-addresses", footer=False))
    assert "Undetermined: the journal has no footer, so the run did not come to its end and is no evidence." in page
    assert '<p class="overall warn">' in page
    assert "<dt>finished</dt><dd>not known: the journal has no end</dd>" in page
    assert "<title>acme: undetermined · Network compliance</title>" in page


# --- the document -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["one-address-dropped", "mandatory-proxy", "mtu-black-hole"])
def test_it_is_well_formed_and_its_links_lead_somewhere(scenario: str) -> None:
    parser = Balanced()
    parser.feed(html(saved(scenario, "local", *NODES[:12], gone=NODES[12:14])))
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert set(parser.links) <= set(parser.ids)


def test_two_tenants_share_a_page_and_no_anchor() -> None:
    parser = Balanced()
    parser.feed(html(saved("one-address-dropped"), saved("captive-portal", tenant="beta")))
    assert len(parser.ids) == len(set(parser.ids))


def test_the_same_journal_is_the_same_page() -> None:
    assert html(saved("captive-portal", *NODES[:3])) == html(saved("captive-portal", *NODES[:3]))


def test_nothing_that_came_from_elsewhere_is_markup() -> None:
    hostile = {"vantage": "local", "kind": HOSTILE, "host": HOSTILE, "error": {"name": HOSTILE}, "body": HOSTILE}
    tcp = {**hostile, "kind": "tcp", "task": "tenant", "host": HOST, "address": HOSTILE}
    name = {"vantage": "local", "kind": "resolve", "purpose": "bare", "host": HOST}
    page = html(
        saved(
            "one-address-dropped",
            observations=[hostile, tcp, {**name, "addresses": [HOSTILE]}],
            identities={"local": {"hostname": HOSTILE, "nameservers": [HOSTILE], "proxies": {HOSTILE: HOSTILE}}},
            head={
                "tool": {"version": HOSTILE, "commit": HOSTILE},
                "by": {"user": HOSTILE, "host": HOSTILE},
                "catalogue": HOSTILE,
                "catalogue_sha256": HOSTILE,
            },
            images_from=HOSTILE,
            agent_url=HOSTILE,
        )
    )
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") > 10
    assert not set(page) & set("\x1b\u202e\u2028")
    parser = Balanced()
    parser.feed(page)


def test_what_is_recognised_as_a_secret_is_hidden_also_where_a_journal_has_it() -> None:
    seen = {"vantage": "local", "kind": "tcp", "task": "tenant", "host": HOST, "text": "https://svc:hunter22@proxy"}
    page = html(saved("one-address-dropped", observations=[seen], redactor=Blind()))
    assert "hunter22" not in page
    assert "https://***@proxy" in page


class Blind(Redactor):
    """Sees no secret, as an older release may not have."""

    def value(self, value: Any, field: str = "", depth: int = 0) -> Any:
        return value


def test_a_page_is_made_in_pieces_of_which_none_is_large() -> None:
    run = saved("one-address-dropped", *NODES)
    pieces = [len(piece) for piece in pages.page(run)]
    assert max(pieces) < 1 << 14 < sum(pieces) // 100


def test_a_run_of_two_thousand_hosts_is_read_and_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved("one-address-dropped", *NODES, observations=())
    monkeypatch.setattr(reader, "KEPT_LIMIT", reader.KEPT_LIMIT // 40)
    assert "ssh://node-1 … node-50" in html(reader.read(run.path))


def test_a_section_can_be_put_in_between() -> None:
    mine = Section(
        name="window", title="During", parts=lambda _, markup: [markup.text("a < b")], word=lambda _: "a < b"
    )
    silent = Section(name="silent", title="Nothing to tell", parts=lambda account, markup: [])
    first, second, *others = pages.SECTIONS
    sections = (first, second, mine, silent, *others)
    page = "".join(pages.html_pieces([Account(saved("captive-portal"))], sections))
    assert "During: a &lt; b</h3>a &lt; b" in page
    assert page.index("The run</h3>") < page.index("During: a &lt; b</h3>") < page.index("Verdicts at a glance</h3>")
    assert "Nothing to tell" not in page


def test_within_another_page_style_and_script_come_along() -> None:
    part = pages.within_another([saved("one-address-dropped"), saved("captive-portal", tenant="beta")])
    assert part.startswith("<style>")
    assert part.endswith("</script>")
    parser = Balanced()
    parser.feed(part)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert {"t0-HTTPS-01", "t1-HTTPS-01"} <= set(parser.ids)
