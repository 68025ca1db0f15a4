"""What an analysis shows, on terminals of any width and kind."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from helpers import views
from rich.console import Console

from charrnn.inspection.view import ColouredText, Colouring, Line, Plot, View
from charrnn.plotting.chart import chart
from charrnn.terminal.plots import plot_lines
from charrnn.terminal.text_grid import width
from charrnn.terminal.view import show_view


def shown(view: View, columns: int | None = 80, encoding: str = "utf-8", **settings: Any) -> str:
    """What a terminal of so many columns is sent; None: a file."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
    terminal = {"force_terminal": columns is not None, "width": columns or 100_000, "height": 25}
    plain: dict[str, Any] = {"color_system": None, "markup": False, "emoji": False, "highlight": False}
    show_view(Console(**{"file": file} | terminal | plain | settings), view)
    file.flush()
    return raw.getvalue().decode(encoding)


def drawn(plot: Plot, columns: int = 40, **settings: Any) -> list[str]:
    laid_out = chart(plot)
    assert laid_out is not None
    return ["".join(text for text, _ in line) for line in plot_lines(laid_out, columns, **settings)]


def test_a_line_from_corner_to_corner() -> None:
    lines = drawn(Plot(name="x", lines=(Line(points=[(0, 0), (10, 10)]),), up_range=(0, 10), across="n"), columns=24)
    assert lines[0] == "x"
    assert lines[1] == "10 ┤                  ⡠⠊"
    assert lines[2] == "   │                ⡠⠊"
    assert lines[10] == " 0 ┤⡠⠊"
    assert lines[11:] == ["   └┬───┬───┬───┬───┬──┬", "    0   2   4   6   8 10", "                       n"]


def test_lines_are_told_apart_by_letters_and_the_legend_has_them() -> None:
    lines = drawn(views.plot(), columns=60)
    plotted = "".join(line for line in lines if "│" in line or "┤" in line)
    assert all(plotted.count(letter) >= 2 for letter in "ABC")
    assert [line for line in lines if line.startswith(("A ", "B ", "C "))] == [
        "A layer 1: half-life 9 characters.",
        "B layer 2: half-life 30 characters.",
        "C layer 3: half-life 90 characters.",
    ]


def test_a_line_that_is_alone_needs_no_letter() -> None:
    lines = drawn(Plot(name="x", lines=(Line(points=[(0, 1), (9, 2)], name="Alone", words="it is."),)))
    assert lines[-1] == "Alone: it is."
    assert not any("A" in line for line in lines[1:-1])


def test_a_threshold_is_a_line_of_dots_with_its_word() -> None:
    lines = drawn(Plot(name="x", lines=(Line(points=[(0, 0.0), (9, 4.0)]),), thresholds={2.0: "clipped"}))
    [row] = [line for line in lines if "clipped" in line]
    assert row.endswith(" clipped")
    assert len(set(row) & set(map(chr, range(0x2801, 0x2900)))) >= 1


def test_a_terminal_without_braille_has_other_dots() -> None:
    lines = drawn(views.plot(thresholds={0.5: "half"}), ascii_only=True)
    assert all(line.isascii() for line in lines)
    assert any(set(line) & set("'.:") for line in lines)


@pytest.mark.parametrize("columns", [20, 45, 80, 200])
@pytest.mark.parametrize("below", [False, True])
def test_no_line_is_wider_than_the_terminal(columns: int, below: bool) -> None:
    wide = "名前は\u1112\u1161\u11abe\u0301 🇩🇪👩\u200d👩 " * 12 + "unbroken" * 30 + "\n\n\t" + views.HOSTILE
    for view in (views.view(wide, below=below), views.hostile()):
        for line in shown(view, columns).split("\n"):
            assert width(line) <= columns, line


@pytest.mark.parametrize("styled", [False, True])
def test_nothing_of_anyones_is_obeyed(styled: bool) -> None:
    told = shown(views.hostile(), color_system="256" if styled else None)
    assert "\u202e" not in told
    assert "\x1b[31m" not in told
    assert ("\x1b" in told) is styled
    assert "␛[31m" in told
    assert "\\x9b" in told


def test_without_colour_a_block_below_each_character_is_as_high_as_its_value() -> None:
    values = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, math.nan])
    view = View(
        title="x", texts=(ColouredText(characters=tuple("abcdef"), colourings=(Colouring(name="1.1", values=values),)),)
    )
    lines = shown(view).split("\n")
    at = lines.index("abcdef")
    assert lines[at + 1] == "▁▃▅▇█"
    assert "1.1. Below each character, from ▁ -1 to █ 1." in lines
    assert shown(view, encoding="ascii").split("\n")[at + 1] == "02579"


def test_with_colour_the_grounds_are_the_levels() -> None:
    values = np.array([-1.0, 0.0, 1.0])
    view = View(
        title="x", texts=(ColouredText(characters=tuple("abc"), colourings=(Colouring(name="1.1", values=values),)),)
    )
    told = shown(view, color_system="256")
    assert "\x1b[30;48;5;69ma\x1b[0mb\x1b[30;48;5;203mc\x1b[0m" in told
    assert "blue -1, red 1" in told


def test_below_each_character_stand_its_likeliest_as_in_the_article_of_2015() -> None:
    text = ColouredText(
        characters=("a", " ", "名"),
        colourings=(),
        heads=("Next",),
        chosen=((("b",), (" ",)), (("c",), ("\n",)), (("d",), ("前",))),
        below=True,
    )
    lines = shown(View(title="x", texts=(text,))).split("\n")
    assert lines[-5:] == ["a 名", "bcd", "␣⏎前", "", ""]


def test_lines_end_at_newlines_and_after_spaces() -> None:
    text = ColouredText(characters=tuple("one two\nthree four five six"), colourings=())
    lines = shown(View(title="x", texts=(text,)), 16).split("\n")
    assert lines[-4:] == ["one two⏎", "three four five", "six", ""]


def test_a_text_by_each_of_its_colourings_one_after_the_other() -> None:
    told = shown(View(title="x", texts=(views.text("abc", each=True),)))
    assert told.count("\nabc\n") == 3
    assert [line.split(":")[0] for line in told.split("\n") if "swings" in line] == ["1.1", "1.2", "1.3"]
    assert shown(View(title="x", texts=(views.text("abc"),))).count("\nabc\n") == 1


def test_a_long_text_is_cut_and_that_is_said() -> None:
    told = shown(View(title="x", texts=(views.text("a" * 3000, total=100_000),)))
    assert "The first 800 of 100,000 characters are shown" in told


def test_a_file_has_eighty_columns_and_no_white_space_at_the_ends() -> None:
    lines = shown(views.view(), None).split("\n")
    assert max(map(width, lines)) <= 80
    assert not any(line.endswith(" ") for line in lines)


def test_the_levels_of_values() -> None:
    values = np.array([-2, -1, -0.79, -0.2, -0.19, 0, 0.2, 0.79, 0.8, 9, math.nan])
    assert Colouring(name="x", values=values).levels.tolist() == [-4, -4, -3, -1, 0, 0, 1, 3, 4, 4, 0]
    shares = Colouring(name="x", values=np.array([0.0, 5.0, 10.0]), low=0, high=10).shares
    assert shares.tolist() == [0, 0.5, 1]
    assert Colouring(name="x", values=np.zeros(1), low=0, high=0).levels.tolist() == [0]
