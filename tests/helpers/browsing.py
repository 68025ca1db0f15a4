"""Pages in a browser: Chromium without a head, driven by Playwright.

It needs the packages `playwright` and `axe-playwright-python`, and a Chromium that is installed already: Debian's
`chromium`, or any that $CHROMIUM names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
GROUND = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
WIDTHS = "[document.documentElement.scrollWidth, document.body.scrollWidth]"


class Opened:
    """A page in a browser, and everything that it said or asked for."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.context = browser.new_context(**{"viewport": DESK} | settings)
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)

    def shown(self) -> list[str]:
        """The titles of the snapshots that can be seen."""
        titles = self.page.locator(".snapshot h4")
        return [titles.nth(at).inner_text() for at in range(titles.count()) if titles.nth(at).is_visible()]

    def serious(self) -> list[Any]:
        """What axe finds that shuts people out; skips the test where it is not installed."""
        return [found for found in self.found() if found[1] in ("serious", "critical")]

    def found(self) -> list[Any]:
        """All that axe finds; skips the test where it is not installed."""
        package = pytest.importorskip("axe_playwright_python", reason="accessibility needs axe-playwright-python")
        self.page.evaluate((resources.files(package) / "axe.min.js").read_text("utf-8"))
        found = self.page.evaluate("axe.run()")
        assert len(found["passes"]) > 12  # it has looked
        return [
            (rule["id"], rule["impact"], [node["html"][:200] for node in rule["nodes"][:3]])
            for rule in found["violations"]
        ]


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium; skips the test where it or Playwright is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="pages are tested with playwright: pip install -e '.[dev]'")
    if CHROMIUM is None:
        pytest.skip("no Chromium: install it, or name it in $CHROMIUM")
    rootless = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # Chromium's cannot be root's
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=rootless)
        yield browser
        browser.close()
