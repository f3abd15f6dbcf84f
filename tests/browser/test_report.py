"""The report in a real browser: quiet, harmless, usable by everybody, and the same on paper."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from netcompliance import catalogue
from netcompliance.model import Waiver
from tests.browser.conftest import Show
from tests.browser.pages import page, saved

HOSTILE = "\u202e<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SCRIPT = {
    "observations": [
        {
            "kind": "http",
            "task": "tenant",
            "host": "acme.app.stackstate.io",
            "purpose": "receiver",
            "reason": HOSTILE,
            "body": "PHNjcmlwdD5kb2N1bWVudC50aXRsZT0nb3duZWQnPC9zY3JpcHQ+",
        }
    ],
    "verdicts": {
        "RCV-01": {
            "result": "fail",
            "codes": ["http.block-page"],
            "saw": HOSTILE,
            "subject": HOSTILE,
            "reproduce": HOSTILE,
        },
        "DNS-03": {"result": "fail", "codes": ["dns.nameserver-dead"], "saw": HOSTILE},
        "CLK-01": {"result": "notchecked", "reason": HOSTILE},
    },
}
NODES = tuple(f"ssh://node-{number}" for number in range(1, 51))
WAIVER = Waiver(requirement="HTTPS-01", owner="net team", reason="change 4711", expires="2026-12-31")
TROUBLED = {"hosts": ("local", *NODES[:9]), "gone": NODES[9:12]}
REQUIREMENTS = len(catalogue.load().requirements)
MATRIX = ".part.matrix tbody tr"

pytestmark = pytest.mark.browser


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    """The report of a run in which one of several addresses was dropped."""
    return page(tmp_path, saved("one-address-dropped"))


@pytest.fixture
def troubled(tmp_path: Path) -> Path:
    """The report of a run from many hosts, some of which nobody could look from."""
    return page(tmp_path, saved("one-address-dropped", *TROUBLED["hosts"], gone=TROUBLED["gone"]))


# --- quiet and harmless -----------------------------------------------------------------------------------------------


def test_what_peers_sent_stays_text_and_nothing_is_asked_for(run_suites, show: Show):
    shown = show(run_suites(script=SCRIPT).directory() / "report.html")
    assert shown.said == []
    assert shown.asked == []
    assert shown.page.title() == "acme: not satisfied · Network compliance"
    assert "<script>document.title='owned'</script><img src=x" in shown.page.locator(".cause.bad").inner_text()
    assert shown.page.locator("img").count() == 0
    shown.page.get_by_role("button", name="Unfold all").click()
    raw = shown.page.locator(".cause.bad .raw").inner_text()
    assert "<script>document.title='owned'</script>" in raw.splitlines()[-1]


def test_a_script_that_got_in_would_not_run(dropped: Path, show: Show):
    """The content security policy allows the page's own script only."""
    text = dropped.read_text(encoding="utf-8")
    dropped.write_text(
        text.replace("</main>", "<script>document.title='owned'</script><img src=x onerror=x></main>", 1)
    )
    shown = show(dropped)
    assert "owned" not in shown.page.title()
    assert all("Content Security Policy" in message for message in shown.said)
    assert shown.said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_within_pytest_htmls_page_both_are_whole(run_suites, show: Show, tmp_path: Path, scheme: str):
    """Ours looks as in its own file, its tools work, and pytest-html's table has every test, a site's own too."""
    (tmp_path / "test_own.py").write_text("def test_of_the_site(): assert 1 == 2, 'theirs'")
    path = tmp_path / "mine.html"
    ended = run_suites("suites", str(tmp_path / "test_own.py"), f"--html={path}", script=SCRIPT)
    shown, own = show(path, color_scheme=scheme), show(ended.directory() / "report.html")
    assert shown.said == []
    assert shown.asked == []
    assert shown.page.locator("#results-table .col-result").count() > REQUIREMENTS
    assert "of_the_site" in shown.page.locator("#results-table").inner_text()
    assert "of_the_site" not in own.page.locator("body").inner_text()
    for what in (".cause.bad h4", ".cause.bad .mark", ".part > h3", ".matrix .cell", ".lead", "nav a"):
        told = [each.page.locator(what).first.evaluate(LOOK) for each in (shown, own)]
        assert told[0] == told[1], what
    shown.page.get_by_role("searchbox").fill("no such word")
    assert visible(shown) == []
    assert shown.page.locator("#results-table .col-result").count() > REQUIREMENTS


LOOK = """(each) => { const look = getComputedStyle(each);
  return [look.color, look.backgroundColor, look.fontSize, look.fontWeight, look.marginTop, look.display]; }"""


# --- without a script -------------------------------------------------------------------------------------------------


def test_everything_that_counts_is_there_without_a_script(dropped: Path, show: Show):
    shown = show(dropped, java_script_enabled=False)
    text = shown.page.locator("body").inner_text()
    for told in ("not satisfied", "tcp.partly-filtered", "firewall team", "ada on bastion", "HTTPS-01 failed"):
        assert told in text
    assert shown.page.locator("form.tools").is_hidden()
    assert shown.page.locator(MATRIX).count() == REQUIREMENTS
    shown.page.locator(".cause summary").first.click()
    assert shown.page.locator(".cause .raw li").first.is_visible()


# --- with it ----------------------------------------------------------------------------------------------------------


def visible(shown, what: str = ".requirement") -> list[str]:
    return [each.get_attribute("id") for each in shown.page.locator(f"{what}:visible").all()]


def test_filter_by_verdict(dropped: Path, show: Show):
    shown = show(dropped)
    for word in ("pass", "n/a", "not checked"):
        shown.page.get_by_label(word, exact=True).uncheck()
    assert visible(shown) == ["t0-HTTPS-01"]
    assert shown.page.locator(f"{MATRIX}:visible").count() == 1
    assert shown.page.locator(".tools output").inner_text() == f"1 of {REQUIREMENTS} requirements"
    shown.page.get_by_label("pass", exact=True).check()
    assert "t0-DNS-01" in visible(shown)


def test_search_looks_for_every_word_also_in_what_is_folded(dropped: Path, show: Show):
    shown = show(dropped)
    shown.page.get_by_role("searchbox").fill("KUBERNETES-RBAC digest")
    assert "t0-REG-04" in visible(shown)
    assert "t0-DNS-01" not in visible(shown)
    shown.page.get_by_role("searchbox").fill("no such word")
    assert visible(shown) == []
    shown.page.get_by_role("searchbox").fill("")
    assert len(visible(shown)) == REQUIREMENTS


def test_filter_by_vantage(troubled: Path, show: Show):
    shown = show(troubled)
    vantage = shown.page.locator("select[name=vantage]")
    vantage.select_option("local")
    assert "t0-HELM-01" in visible(shown)
    vantage.select_option("ssh://node-10")
    assert "t0-HELM-01" not in visible(shown)
    assert visible(shown, ".cause") == []


def test_sort_and_back(dropped: Path, show: Show):
    shown = show(dropped)
    planned = visible(shown)
    shown.page.get_by_label("sort").select_option("worst first")
    assert visible(shown)[0] == "t0-HTTPS-01"
    assert shown.page.locator(f"{MATRIX} th").first.inner_text().startswith("HTTPS-01")
    shown.page.get_by_label("sort").select_option("most cases first")
    assert visible(shown)[0] in ("t0-REG-05", "t0-RCV-02")
    shown.page.get_by_label("sort").select_option("as planned")
    assert visible(shown) == planned


def test_unfold_and_fold_all(dropped: Path, show: Show):
    shown = show(dropped)
    shown.page.get_by_role("button", name="Unfold all").click()
    assert shown.page.locator("details:not([open])").count() == 0
    shown.page.get_by_role("button", name="Fold all", exact=True).click()
    assert shown.page.locator("details[open]").count() == 0


def test_a_link_shows_what_was_filtered_away(dropped: Path, show: Show):
    shown = show(dropped)
    shown.page.get_by_label("FAIL", exact=True).uncheck()
    assert "t0-HTTPS-01" not in visible(shown)
    shown.page.evaluate("location.hash = 't0-HTTPS-01'")
    shown.page.locator("#t0-HTTPS-01").wait_for(state="visible")


def test_the_keyboard_suffices(dropped: Path, show: Show):
    shown = show(dropped)
    reached = []
    for _ in range(60):
        shown.page.keyboard.press("Tab")
        reached.append(shown.page.evaluate("document.activeElement.name || document.activeElement.tagName"))
    assert {"words", "sort", "standing", "open", "close", "A", "SUMMARY"} <= set(reached)
    shown.page.locator(".cause summary").first.focus()
    shown.page.keyboard.press("Enter")
    assert shown.page.locator(".cause .raw li").first.is_visible()


# --- for everybody ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scenario", ["one-address-dropped", "mandatory-proxy"])
def test_axe_finds_no_violation(tmp_path: Path, show: Show, scheme: str, scenario: str):
    given = saved(scenario, "local", *NODES[:9], gone=NODES[9:10], waivers=(WAIVER,))
    shown = show(page(tmp_path, given), color_scheme=scheme)
    shown.page.evaluate(
        "for (const fold of document.querySelectorAll('.causes details, .matrix details')) fold.open = true"
    )
    found = Axe().run(shown.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_readers_colours(dropped: Path, show: Show, scheme: str):
    shown = show(dropped, color_scheme=scheme)
    background = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", background)[0])
    assert (red > 200) == (scheme == "light")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_but_tables_in_their_own_frames_is_wider_than_the_screen(troubled: Path, show: Show, width: int):
    shown = show(troubled, viewport={"width": width, "height": 800})
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width


# --- on paper ---------------------------------------------------------------------------------------------------------


def printed(shown, paper: str, path: Path) -> list[str]:
    """The text of each printed page."""
    shown.page.pdf(path=path, format=paper, print_background=True)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    return text.split("\f")[:-1]


def words_at_the_edge(path: Path) -> list[str]:
    """Words that reach out of their page."""
    text = subprocess.run(["pdftotext", "-bbox", path, "-"], capture_output=True, text=True, check=True).stdout
    cut = []
    for sheet in re.findall(r"<page .*?</page>", text, re.DOTALL):
        width = float(re.findall(r'width="([\d.]+)"', sheet)[0])
        words = re.findall(r'xMin="(-?[\d.]+)"[^>]* xMax="([\d.]+)"[^>]*>(.*?)</word>', sheet)
        cut += [word for left, right, word in words if float(left) < 20 or float(right) > width - 20]
    return cut


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("scripts", [True, False])
def test_it_prints_page_by_page(dropped: Path, show: Show, tmp_path: Path, paper: str, scripts: bool):
    shown = show(dropped, java_script_enabled=scripts)
    sheets = printed(shown, paper, tmp_path / "page.pdf")
    for told in ("not satisfied", "ada on bastion", "Verdicts at a glance", "DNS-01"):
        assert told in sheets[0]
    for number, sheet in enumerate(sheets, 1):
        assert f"{number}/{len(sheets)}" in sheet.replace(" ", "")
        assert len(sheet.split()) > 20, f"page {number} is all but empty"
    text = "\n".join(sheets)
    for told in ("tcp.partly-filtered", "firewall team", " raw observations", '"kind": "tcp"', "registry mode"):
        assert told in text
    assert "Unfold all" not in text
    assert words_at_the_edge(tmp_path / "page.pdf") == []


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_fifty_hosts_fit_on_paper(tmp_path: Path, show: Show, paper: str):
    shown = show(page(tmp_path, saved("one-address-dropped", *NODES)))
    sheets = printed(shown, paper, tmp_path / "page.pdf")
    assert words_at_the_edge(tmp_path / "page.pdf") == []
    assert "HTTPS-01 acme.app.stackstate.io" in "\n".join(sheets)
    assert len(sheets) < 40


def test_paragraphs_and_rows_stay_in_one_piece(dropped: Path, show: Show, tmp_path: Path):
    """A verdict's paragraph is not cut in two by the end of a page."""
    for sheet in printed(show(dropped), "A4", tmp_path / "page.pdf"):
        if re.search(r"^\s*means ", sheet, re.MULTILINE):
            assert {"required", "saw", "means", "fix", "ask", "source", "reproduce"} <= set(sheet.split())
