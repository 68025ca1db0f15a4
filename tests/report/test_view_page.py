"""The page of an analysis in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from helpers import views
from helpers.browsing import DESK, GROUND, PHONE, WIDTHS, Opened

from charrnn.inspection.view import PLACES, View
from charrnn.report.recognition import HEAD, is_own
from charrnn.report.view_page import COLOURINGS, page

LOOKED_AT = ".places .here"


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, view in (("usual", views.view()), ("hostile", views.hostile())):
        (folder / f"{name}.html").write_text(page(view), "utf-8", newline="")
        found[name] = (folder / f"{name}.html").as_uri()
    return found


@pytest.fixture
def opened(browser: Any, addresses: dict[str, str]) -> Iterator[Opened]:
    opened = Opened(browser, addresses["usual"])
    yield opened
    assert opened.said == []
    assert opened.asked == [addresses["usual"]]
    opened.context.close()


def looked_at(opened: Opened) -> int:
    return int(
        opened.page.evaluate(
            f"[...document.querySelectorAll('.places i')].indexOf(document.querySelector('{LOOKED_AT}'))"
        )
    )


@pytest.mark.parametrize("name", ["usual", "hostile"])
@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])
def test_it_can_be_read_by_all_and_is_silent(
    browser: Any, addresses: dict[str, str], name: str, viewport: Any, scheme: str
) -> None:
    opened = Opened(browser, addresses[name], viewport=viewport, color_scheme=scheme)
    assert opened.found() == []
    assert max(opened.page.evaluate(WIDTHS)) <= viewport["width"]
    ground = opened.page.evaluate(GROUND)
    assert min(ground) > 200 if scheme == "light" else max(ground) < 60
    assert opened.page.locator("script").count() == opened.page.locator("div.coloured").count() + 1
    assert opened.asked == [addresses[name]]
    assert opened.said == []
    opened.context.close()


def test_what_is_hovered_or_clicked_is_told_of(opened: Opened) -> None:
    opened.page.locator(".places i").nth(3).hover()
    assert looked_at(opened) == 3
    panel = opened.page.locator(".chosen").inner_text()
    assert panel.split() == ["4:", "s", "1.1", "1.00", "Next", "Probability",
                             "e", "40%", "␣", "20%", "⏎", "9%", "<", "5%", "a", "1%"]  # fmt: skip
    opened.page.locator(".places i").nth(9).click()
    assert looked_at(opened) == 9
    assert opened.page.evaluate("document.activeElement.className") == "places text"


def test_arrow_keys_move_through_places_and_units(opened: Opened) -> None:
    opened.page.locator(".places").focus()
    before = opened.page.locator(".places i").nth(7).get_attribute("class")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        opened.page.keyboard.press(key)
    assert looked_at(opened) == 2
    assert opened.page.locator("input[type=range]").input_value() == "2"
    opened.page.keyboard.press("ArrowDown")
    assert opened.page.locator("select").input_value() == "1.2: swings 1"
    assert opened.page.locator(".by").inner_text() == "1.2: swings 1"
    assert opened.page.locator(".places i").nth(7).get_attribute("class") != before
    assert opened.page.locator("[role=status]").inner_text().startswith("3: space, 1.2 0.62. Next: e 40%")
    opened.page.keyboard.press("End")
    opened.page.keyboard.press("ArrowRight")
    assert looked_at(opened) == len("He said, “No.”\n" * 4) - 1
    for _ in range(5):
        opened.page.keyboard.press("ArrowUp")
    assert opened.page.locator("select").input_value() == "1.1: swings 0"


def test_all_of_it_can_be_done_by_controls_that_have_names(opened: Opened) -> None:
    opened.page.get_by_role("slider", name="Character").focus()
    opened.page.keyboard.press("ArrowRight")
    assert looked_at(opened) == 1
    said = opened.page.get_by_role("slider", name="Character").get_attribute("aria-valuetext")
    assert said.startswith("2: e, 1.1 0.48. Next: e 40%")
    opened.page.get_by_label("Coloured by").select_option(index=2)
    assert opened.page.locator(".by").inner_text() == "1.3: swings 2"
    assert opened.page.evaluate("document.querySelectorAll('.places .p4').length") > 0


def test_points_of_a_plot_have_their_names(opened: Opened) -> None:
    assert opened.page.locator("use title").nth(4).text_content() == "1.4"
    assert opened.page.locator("path.band").count() == 3


def test_without_a_script_the_text_is_there_and_coloured(browser: Any, addresses: dict[str, str]) -> None:
    opened = Opened(browser, addresses["usual"], java_script_enabled=False)
    assert opened.page.locator(".places").inner_text().startswith("He said, “No.”⏎\nHe said")
    assert opened.page.locator(".places .p4").count() > 0
    assert not opened.page.locator(".chooser").is_visible()
    opened.context.close()


def test_the_same_view_is_the_same_page_and_it_is_charrnns() -> None:
    written = page(views.view())
    assert written == page(views.view())
    assert is_own(written.encode()[:HEAD])


def test_a_page_is_bounded_and_says_so() -> None:
    written = page(View(title="x", texts=(views.text("ab" * PLACES, units=100),)))
    assert "The first 5,000 of 10,000 characters are shown." in written
    assert f"By the first {COLOURINGS} of 100 they can be coloured." in written
    assert len(written) < 1_500_000
    assert page(View(title="x"))


def test_what_a_page_is_given_does_not_end_its_data() -> None:
    written = page(views.hostile())
    data = written.split('<script type="application/json">')[1].split("</script>")[0]
    assert "<" not in data
    assert "\\u003cscript\\u003ealert(1)" in data
    assert "alert(1)</script>\n" not in written.replace("&lt;", "<!").replace("&gt;", "!>")
    assert "\x1b" not in written
    assert "\u202e" not in written
