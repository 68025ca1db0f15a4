"""The page in a browser: Chromium without a head, driven by Playwright.

It needs the packages `playwright` and `axe-playwright-python`, and a Chromium that is installed already: Debian's
`chromium`, or any that $CHROMIUM names. Without them these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import pytest
from helpers import telling

from charrnn.report import collect, page
from charrnn.sampling.request import Request

api = pytest.importorskip("playwright.sync_api", reason="the page is tested with playwright: pip install -e '.[dev]'")
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install it, or name it in $CHROMIUM")

PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
RUNS = 2
STOPS = (100, 300, 500, 700, 1200, 2000)


class Opened:
    """A page in a browser, and everything that it said or asked for."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.context = browser.new_context(**settings)
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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("runs")
    held_out = {at: 2 + 100 / at for at in STOPS}
    runs = [
        telling.run(
            root,
            f"a run with a long name, number-{number}-" + "x" * 60,
            held_out,
            text=(telling.HOSTILE + "\n") * 60,
            sample=telling.HOSTILE + "\n" + "unbroken" * 60,
            seed=number,
        )
        for number in range(RUNS)
    ]
    found = collect.collect(runs, Request(length=60, temperatures=(0.5, 1.0)), prime="Well", text_length=500)
    file = root / "report.html"
    file.write_text(page.render(found), "utf-8", newline="")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    rootless = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []  # Chromium's cannot be root's
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=rootless)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Opened]]:
    every: list[Opened] = []

    def open_page(**settings: Any) -> Opened:
        every.append(Opened(browser, address, **{"viewport": DESK} | settings))
        return every[-1]

    yield open_page
    for one in every:
        one.context.close()


def test_the_slider_shows_one_snapshot_after_another_by_keyboard(opened: Callable[..., Opened]) -> None:
    one = opened()
    slider, output = one.page.locator("input[type=range]").first, one.page.locator("output").first
    first, last = "Iteration 100", "Iteration 2,000 (best)"
    assert one.shown() == [first] * RUNS
    slider.focus()
    one.page.keyboard.press("ArrowRight")
    assert one.shown() == ["Iteration 300", first]
    assert output.inner_text() == "Iteration 300"
    assert "25% of its words known" in (slider.get_attribute("aria-valuetext") or "")
    assert (slider.get_attribute("aria-valuetext") or "").startswith("Iteration 300: ")
    one.page.keyboard.press("End")
    assert one.shown() == [last, first]
    sample = one.page.locator(".snapshot:visible pre").first.inner_text()
    assert sample.startswith("2000: </pre>")
    one.page.keyboard.press("Home")
    assert one.shown() == [first] * RUNS
    assert one.said == []


def test_the_slider_can_be_reached_and_is_seen_to_have_the_focus(opened: Callable[..., Opened]) -> None:
    one = opened()
    for _ in range(30):
        one.page.keyboard.press("Tab")
        if one.page.evaluate("document.activeElement.type") == "range":
            break
    assert one.page.evaluate("document.activeElement.type") == "range"
    assert one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_script_every_sample_can_be_read(opened: Callable[..., Opened]) -> None:
    one = opened(java_script_enabled=False)
    assert len(one.shown()) == RUNS * len(STOPS)
    assert not one.page.locator("input[type=range]").first.is_visible()


def test_it_is_silent_and_asks_for_nothing(opened: Callable[..., Opened], address: str) -> None:
    one = opened()
    one.page.wait_for_load_state("networkidle")
    assert one.said == []
    assert one.asked == [address]


def test_the_policy_stops_what_is_not_the_pages_own(opened: Callable[..., Opened]) -> None:
    one = opened()
    one.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.brokenIn = true";
            document.body.append(script);
            const image = new Image();
            image.src = "http://127.0.0.1:9/x";
            document.body.append(image);
        }"""
    )
    assert one.page.evaluate("window.brokenIn") is None
    assert sum("Content Security Policy" in line for line in one.said) >= 2


@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_axe_finds_nothing_serious(opened: Callable[..., Opened], viewport: dict[str, int], scheme: str) -> None:
    package = pytest.importorskip("axe_playwright_python", reason="accessibility is tested with axe-playwright-python")
    one = opened(viewport=viewport, color_scheme=scheme)
    one.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    one.page.evaluate((resources.files(package) / "axe.min.js").read_text("utf-8"))
    found = one.page.evaluate("axe.run()")
    serious = [
        (rule["id"], rule["impact"], [node["html"][:200] for node in rule["nodes"][:3]])
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert len(found["passes"]) > 20  # it has looked


@pytest.mark.parametrize("script", [True, False])
def test_a_phone_needs_no_sideways_scrolling(opened: Callable[..., Opened], script: bool) -> None:
    one = opened(viewport=PHONE, java_script_enabled=script)
    box = one.page.locator("main").bounding_box()
    assert box["x"] + box["width"] <= PHONE["width"]
    if script:
        widths = "[document.documentElement.scrollWidth, document.body.scrollWidth]"
        assert max(one.page.evaluate(widths)) <= PHONE["width"]


def test_in_the_dark_it_is_dark(opened: Callable[..., Opened]) -> None:
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert min(opened(color_scheme="light").page.evaluate(ground)) > 200
    assert max(opened(color_scheme="dark").page.evaluate(ground)) < 60


def test_printed_it_has_every_sample_and_no_slider(opened: Callable[..., Opened]) -> None:
    one = opened(color_scheme="dark")
    one.page.emulate_media(media="print")
    assert len(one.shown()) == RUNS * len(STOPS)
    assert not one.page.locator("input[type=range]").first.is_visible()
    ground = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert min(one.page.evaluate(ground)) > 200
    assert one.page.pdf()[:5] == b"%PDF-"
