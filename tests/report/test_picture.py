"""The curves as pictures: the same charts as the page's, in SVG that needs nothing else, and in pixels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from helpers import telling, tiny

from charrnn.errors import UsageError
from charrnn.report import collect, page, picture
from charrnn.report.charts import charts
from charrnn.report.collect import Report
from charrnn.sampling.request import Request

WITHOUT = "import sys; sys.modules['resvg_py'] = None; from charrnn.commands.main import main; main()"
HERE = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def charrnn(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        check=False,
    )


def collected(*paths: Path) -> Report:
    return collect.collect(paths, Request(length=0), text_length=0)


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def test_it_has_the_charts_of_the_page_with_their_words(tmp_path: Path) -> None:
    report = collected(telling.run(tmp_path, "one"), telling.run(tmp_path, "two", {100: 2.0, 200: 1.5}))
    root = ElementTree.fromstring(picture.svg(report))
    written, seen = texts(root), page.render(report)
    assert written[0] == root.findtext(f"{SVG}title") == "What 2 runs learned"
    assert [text for text in written if text in ("Loss bits per character", "Learning rate")] == [
        "Loss bits per character",
        "Learning rate",
    ]
    for chart in charts(report.runs):
        for label in chart.labels:
            assert label.text in written
        for tick in (*chart.up, *chart.across):
            assert tick.label in written
        assert chart.plot.description in (root.findtext(f"{SVG}desc") or "")
        for entry in chart.plot.legend:
            assert entry.text in " ".join(written)
            assert entry.text in seen
    lines = [path for path in root.iter(f"{SVG}path") if "d" in path.attrib and "run-" in path.get("class", "")]
    legends = sum(entry.style is not None for chart in charts(report.runs) for entry in chart.plot.legend)
    assert len(lines) == legends + sum(len(chart.lines) for chart in charts(report.runs))


def test_everything_is_inside_the_picture(tmp_path: Path) -> None:
    report = collected(*(telling.run(tmp_path, "a long name " * 9 + str(number)) for number in range(8)))
    root = ElementTree.fromstring(picture.svg(report))
    height, bottom = float(root.attrib["height"]), 0.0

    def walk(element: ElementTree.Element, down: float) -> None:
        nonlocal bottom
        if moved := re.match(r"translate\(\S+ (\S+)\)", element.get("transform", "")):
            down += float(moved[1])
        if element.tag == f"{SVG}text":
            bottom = max(bottom, down + float(element.get("y", "0")))
            assert len("".join(element.itertext())) <= 118
        for child in element:
            walk(child, down)

    walk(root, 0)
    assert height - 30 < bottom < height - 4


def test_viewers_of_pictures_need_no_page_and_no_network(tmp_path: Path) -> None:
    run = telling.run(tmp_path, "one")
    drawn = picture.svg(collected(run))
    assert drawn == picture.svg(collected(run)), "the same report gives the same picture"
    assert "charrnn report" in drawn[:4096]
    assert not re.search(r"<script|\bon\w+=|var\(|%\"|url\(|@import", drawn.replace('width="100%" height="100%"', ""))
    assert drawn.count("http") == 1  # the name of the language


@pytest.mark.parametrize("name", ["_hidden", r"$\frac{1}$ $", "</text><script>", "\u202e\x1b[31m名前\uffff", "a" * 200])
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    report = collected(tiny.run(tmp_path / "x", "run", {100: 2.0}), telling.run(tmp_path, "two"))
    named: Any = report.runs[0].curves
    object.__setattr__(named, "name", name)
    root = ElementTree.fromstring(picture.svg(report))
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "title", "desc", "style", "defs", "g", "text", "tspan", "line", "path", "circle", "rect", "use"),
    }


def test_runs_with_little_in_them(tmp_path: Path) -> None:
    runs = [
        tiny.run(tmp_path, "one", {100: None}),
        tiny.run(tmp_path, "two", {100: 2.0}),
        telling.run(tmp_path, "three", {}, rows=[{"iteration": 10, "grad_norm": 0.0}]),
    ]
    for some in (*([run] for run in runs), runs):
        assert "</svg>" in picture.svg(collected(*some))


def test_without_the_library_the_page_is_whole_and_a_png_says_what_to_install(tmp_path: Path) -> None:
    run = telling.run(tmp_path, held_out={100: 2.0})
    command = ("-c", WITHOUT, "report", run, "-n", 1)
    done = charrnn(*command, "--png", "curves.png", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "charrnn: --png needs resvg-py. Install it: pip install 'charrnn[plot]'\n"
    assert not (tmp_path / "report.html").exists()
    assert charrnn(*command, "--svg", "curves.svg", cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "curves.svg").exists()


class TestPixels:
    """With the library."""

    @pytest.fixture(autouse=True)
    def _library(self) -> None:
        pytest.importorskip("resvg_py", reason="PNG needs resvg-py: pip install 'charrnn[plot]'")

    def test_a_png_is_large_enough_for_a_slide_and_says_what_made_it(self, tmp_path: Path) -> None:
        drawn = picture.png(picture.svg(collected(telling.run(tmp_path))))
        assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(drawn[16:20]) >= 1200  # pixels across
        assert b"tEXtSoftware\0charrnn report" in drawn[:4096]
        assert drawn == picture.png(picture.svg(collected(telling.run(tmp_path / "again"))))

    def test_without_a_font_it_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        library = picture.renderer()

        class WithoutFonts:
            """The library where nothing is installed to write with."""

            @staticmethod
            def svg_to_bytes(**settings: Any) -> bytes:
                drawn: bytes = library.svg_to_bytes(skip_system_fonts=True, **settings)
                return drawn

        monkeypatch.setitem(sys.modules, "resvg_py", WithoutFonts)
        with pytest.raises(UsageError, match="no font"):
            picture.png("<svg/>")

    def test_the_command_draws_beside_the_page(self, tmp_path: Path) -> None:
        run = telling.run(tmp_path / "checkpoints", held_out={100: 2.0, 200: 1.5})
        command = ("-m", "charrnn", "report", run, "-n", 1, "--png", "a.png", "--svg", "a.svg")
        for _ in range(2):  # and over what it drew itself
            done = charrnn(*command, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (0, "")
        assert sorted(path.name for path in tmp_path.glob("*.*")) == ["a.png", "a.svg", "report.html"]
        (tmp_path / "a.png").write_bytes(b"\x89PNG mine")
        assert charrnn(*command, cwd=tmp_path).returncode == 2
        assert (tmp_path / "a.png").read_bytes() == b"\x89PNG mine"
