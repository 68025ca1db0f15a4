"""The report's page in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import telling
from helpers.browsing import DESK, GROUND, PHONE, WIDTHS, Opened

from charrnn.report import collect, page
from charrnn.sampling.request import Request

RUNS = 2
STOPS = (100, 300, 500, 700, 1200, 2000)


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


@pytest.fixture
def opened(browser: Any, address: str) -> Iterator[Callable[..., Opened]]:
    every: list[Opened] = []

    def open_page(**settings: Any) -> Opened:
        every.append(Opened(browser, address, **settings))
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
    assert "25% known words" in (slider.get_attribute("aria-valuetext") or "")
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
    one = opened(viewport=viewport, color_scheme=scheme)
    one.page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
    assert one.serious() == []


@pytest.mark.parametrize("script", [True, False])
def test_a_phone_needs_no_sideways_scrolling(opened: Callable[..., Opened], script: bool) -> None:
    one = opened(viewport=PHONE, java_script_enabled=script)
    box = one.page.locator("main").bounding_box()
    assert box["x"] + box["width"] <= PHONE["width"]
    if script:
        assert max(one.page.evaluate(WIDTHS)) <= PHONE["width"]


def test_tables_wider_than_a_phone_say_that_they_scroll(opened: Callable[..., Opened]) -> None:
    one = opened(viewport={"width": 375, "height": 812})
    hint = "box => getComputedStyle(box, '::before').content"
    wide = "box => box.scrollWidth > box.clientWidth + 1"
    boxes = one.page.locator(".scroll").all()
    visible = [box for box in boxes if box.is_visible()]
    assert [box for box in visible if box.evaluate(wide)]
    for box in visible:
        assert ("Scroll sideways" in box.evaluate(hint)) == box.evaluate(wide)
        assert "linear-gradient" in box.evaluate(
            "box => getComputedStyle(box).backgroundImage"
        )  # without a script, too
    first = visible[0]
    name = first.locator("tbody th").first
    before = name.bounding_box()
    first.evaluate("box => box.scrollLeft = 100")
    assert name.bounding_box() == before  # what a row is of stays in sight
    one.page.set_viewport_size({"width": 2400, "height": 900})
    one.page.locator(".scroll").first.locator("xpath=self::*[not(contains(@class, 'wide'))]").wait_for()


@pytest.mark.parametrize("script", [True, False])
def test_large_type_for_a_projector(opened: Callable[..., Opened], script: bool) -> None:
    one = opened(java_script_enabled=script, viewport={"width": 1280, "height": 720})
    text = one.page.locator("section p").first
    before = text.evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
    one.page.get_by_label("Large type").check()
    assert text.evaluate("it => parseFloat(getComputedStyle(it).fontSize)") == 1.5 * before
    assert max(one.page.evaluate(WIDTHS)) <= 1280
    if script:
        assert one.serious() == []


def test_in_the_dark_it_is_dark(opened: Callable[..., Opened]) -> None:
    assert min(opened(color_scheme="light").page.evaluate(GROUND)) > 200
    assert max(opened(color_scheme="dark").page.evaluate(GROUND)) < 60


def test_printed_it_has_every_sample_and_no_slider(opened: Callable[..., Opened]) -> None:
    one = opened(color_scheme="dark")
    one.page.emulate_media(media="print")
    assert len(one.shown()) == RUNS * len(STOPS)
    assert not one.page.locator("input[type=range]").first.is_visible()
    assert min(one.page.evaluate(GROUND)) > 200
    assert one.page.pdf()[:5] == b"%PDF-"
