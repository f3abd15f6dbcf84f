"""The document around what is told, made of the one that pytest-html wrote.

pytest-html draws its rows by a script, prints local time without a zone, and puts what it is given into the middle. So
* what is told comes first, as static HTML; the time of generation is UTC;
* its own table follows where a test is in it that is not told above: a site's own, or a defect with its traceback.
  Otherwise it is left out: every verdict of ours stands above, and would be there twice;
* style and script are ours, inside the file; the policy names the scripts by their digests and forbids all else.

A page that does not look like pytest-html's is only given UTC: it stays what it is.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from html import escape
from importlib import resources

from netcompliance.report.html.markup import moment

BEGIN, END = "<!-- verdicts -->", "<!-- end of verdicts -->"
_GENERATED = re.compile(r"<p>Report generated on [^<>]*? by\s+")
_WRITTEN = re.compile(r"<p>Report generated on .*?</p>", re.DOTALL)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_NO_ROWS = "&#34;tests&#34;: {}"


def finished(page: str, titles: str, at: datetime) -> str:
    """The page as it is left to its readers. `titles` goes into the browser's title bar."""
    page = _GENERATED.sub(lambda _: f"<p>Report generated on {moment(at)} by ", page, count=1)
    head, body, rest = page.partition("<body>")
    before, begin, rest = rest.partition(BEGIN)
    told, end, after = rest.partition(END)
    if not (body and begin and end):
        return page
    written = _WRITTEN.search(before)
    theirs = "" if _NO_ROWS in after else _theirs(head, before, after)
    script = _resource("report.js")
    scripts = [script, *_SCRIPT.findall(theirs)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f'<title id="head-title">{escape(titles)}</title>\n<style>\n{_resource("report.css")}</style>\n</head>\n'
        '<body>\n<header class="page"><h1>Network compliance</h1>'
        "<p>Does this network meet what the StackState Agent's network documentation requires?</p></header>\n"
        f"<main>{told}{theirs}</main>\n"
        f'<footer class="page">{written.group() if written else ""}</footer>\n<script>{script}</script>\n'
        "</body>\n</html>\n"
    )


def _theirs(head: str, before: str, after: str) -> str:
    """pytest-html's own part, in a section to which its style is confined."""
    before = _WRITTEN.sub("", before, count=1)
    before = re.sub(r"<h1[^>]*>.*?</h1>", "", before, count=1, flags=re.DOTALL)
    html = f"{before}{after.partition('</body>')[0]}".replace(' onclick="location.reload()"', "")
    html = re.sub(r'(<input [^>]*data-test-result="(\w+)")', r'\1 aria-label="\2"', html)
    html = html.replace("<h2>", "<h3>").replace("</h2>", "</h3>")
    html = re.sub(r"<(/?)footer>", r"<\1div>", html)
    style = "".join(_STYLE.findall(head))
    return (
        f'<style>.theirs {{ {style} }}</style><section class="theirs" aria-label="Other tests">'
        f"<h2>Other tests of this run</h2>{html}</section>"
    )


def _policy(scripts: list[str]) -> str:
    allowed = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return (resources.files("netcompliance.report.html") / name).read_text(encoding="utf-8")
