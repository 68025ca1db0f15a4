"""An analysis as a picture."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers import views

from charrnn.inspection.view import Table, View
from charrnn.report import picture
from charrnn.report.picture_words import Drawing
from charrnn.report.recognition import HEAD, is_own

SVG = "{http://www.w3.org/2000/svg}"


def words(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def test_it_has_plots_tables_and_the_coloured_text() -> None:
    drawn = picture.of_view(views.view())
    assert drawn == picture.of_view(views.view())
    root = ElementTree.fromstring(drawn)
    written = words(root)
    assert written[0] == "Inside novel-1"
    assert {"inside quotes", "1.37", "0.981", "Above 1 explodes, below 1 vanishes."} <= set(written)
    assert "layer 1: half-life 9 characters." in written
    assert len([rect for rect in root.iter(f"{SVG}rect") if re.fullmatch(r"[np]\d", rect.get("class", ""))]) > 10
    assert is_own(drawn.encode()[:HEAD])


def test_a_text_by_each_of_its_colourings_one_below_the_other() -> None:
    root = ElementTree.fromstring(picture.of_view(View(title="x", texts=(views.text("abc", each=True),))))
    assert [word.split(":")[0] for word in words(root) if "swings" in word] == ["1.1", "1.2", "1.3"]


def test_everything_is_inside_it() -> None:
    long = Table(heads=("Name", "Words"), rows=tuple((f"name {n} " * 9, "words " * 40) for n in range(80)), figures=())
    root = ElementTree.fromstring(
        picture.of_view(View(title="x", tables=(long,), texts=(views.text("名前 ab" * 200),)))
    )
    height = float(root.attrib["height"])
    placed = [text for text in root.iter(f"{SVG}text") if "x" in text.attrib and "y" in text.attrib]
    assert max(float(text.attrib["y"]) for text in placed) < height
    assert max(float(text.attrib["x"]) for text in placed) < 960
    assert "The first 60 of 80 rows are shown." in words(root)
    assert "The first 1,000 of 1,000 characters are shown." not in words(root)


def test_figures_end_at_the_right_of_their_column() -> None:
    drawing = Drawing(100)
    drawing.table(Table(heads=("Unit", "AUC"), rows=(("1.37", "0.9"), ("2.500", "0.981")), figures=("AUC",)))
    figures = [word for word in drawing.words if word.at_end]
    assert [word.text for word in figures] == ["AUC", "0.9", "0.981"]
    assert len({word.x for word in figures}) == 1


def test_names_are_only_names_and_xml_stays_whole() -> None:
    view = views.hostile()
    root = ElementTree.fromstring(picture.of_view(view))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "defs", "g", "text", "tspan", "line", "path", "circle", "rect", "use"),
    }
    assert not re.search(r"<script|var\(|url\(|@import", picture.of_view(view))


def test_pixels_are_charrnns_own() -> None:
    pytest.importorskip("resvg_py", reason="PNG needs resvg-py: pip install 'charrnn[plot]'")
    data: Any = picture.png(picture.of_view(views.view()))
    assert b"tEXtSoftware\0charrnn inspect" in data[:HEAD]
    assert is_own(data[:HEAD])
