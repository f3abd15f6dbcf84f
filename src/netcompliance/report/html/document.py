"""What is told as a file of its own, or as a part of another page: with style and script, and without a network.

* In a file of its own the content security policy names our script by its digest and forbids all else.
* In another page our style is confined to what is ours, and leaves the rest of that page as it is.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape
from importlib import resources

_MADE = "Made from the run's journal alone: <code>netcompliance report</code> makes it again."


def document(title: str, told: Iterable[str]) -> Iterator[str]:
    """A page of its own, in pieces. `title` is text for the browser's title bar, `told` is HTML."""
    script = _resource("report.js")
    style = "".join(map(_resource, ("colours.css", "page.css", "sections.css")))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        '<body>\n<header class="page"><h1>Network compliance</h1>'
        "<p>Does this network meet what the StackState Agent's network documentation requires?</p></header>\n"
        '<main class="netcompliance">'
    )
    yield from told
    yield f'</main>\n<footer class="page">{_MADE}</footer>\n<script>{script}</script>\n</body>\n</html>\n'


def part(told: Iterable[str]) -> Iterator[str]:
    """The same as a part of another page."""
    ours = "color-scheme: light; background: var(--page); color: var(--ink); font: 0.9rem/1.5 sans-serif;"
    style = f"{_resource('colours.css')}.netcompliance {{\n{ours}\n{_resource('sections.css')}}}\n"
    yield f'<style>\n{style}</style><div class="netcompliance">'
    yield from told
    yield f"</div><script>{_resource('report.js')}</script>"


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _resource(name: str) -> str:
    return (resources.files("netcompliance.report.html") / name).read_text(encoding="utf-8")
