"""The system's Chromium, driven by playwright. Never one that playwright downloads.

It is not skipped where it is missing: `lab/install-daemons` installs it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no chromium here: lab/install-daemons"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@dataclass(slots=True, kw_only=True)
class Shown:
    """A page in the browser, and what the browser had to say."""

    page: Page
    said: list[str] = field(default_factory=list)
    """Console messages and errors."""
    asked: list[str] = field(default_factory=list)
    """What was requested, the page itself apart."""


Show = Callable[..., Shown]


@pytest.fixture
def show(chromium: Browser) -> Iterator[Show]:
    """Opens a file in a browser of its own."""
    contexts = []

    def opened(path: Path, **options: Any) -> Shown:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(120_000)
        shown = Shown(page=context.new_page())
        shown.page.on("console", lambda message: shown.said.append(message.text))
        shown.page.on("pageerror", lambda error: shown.said.append(str(error)))
        shown.page.on("request", lambda request: shown.asked.append(request.url))
        shown.page.goto(path.as_uri(), timeout=120_000)
        shown.asked.remove(path.as_uri())
        return shown

    yield opened
    for context in contexts:
        context.close()
