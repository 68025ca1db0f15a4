"""The curves as pictures: they are what they should be, the same each time, and matplotlib is only an extra."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers import telling, tiny

from charrnn.runs import history
from charrnn.runs.history import Curves
from charrnn.runs.run import Run

WITHOUT = "import sys; sys.modules['matplotlib'] = None; from charrnn.commands.main import main; main()"
HERE = Path(__file__).resolve().parents[2]


def charrnn(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        check=False,
    )


def read(*paths: Path) -> list[Curves]:
    return [history.read(Run(path)) for path in paths]


def test_without_matplotlib_the_page_is_whole_and_a_picture_says_what_to_install(tmp_path: Path) -> None:
    run = telling.run(tmp_path, held_out={100: 2.0})
    command = ("-c", WITHOUT, "report", run, "-n", 1)
    done = charrnn(*command, "--png", "curves.png", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "charrnn: --png and --svg need matplotlib: pip install 'charrnn[plot]'\n"
    assert not (tmp_path / "report.html").exists()
    assert charrnn(*command, cwd=tmp_path).returncode == 0
    assert (tmp_path / "report.html").exists()


class TestDrawn:
    """With matplotlib."""

    @pytest.fixture(autouse=True)
    def _matplotlib(self) -> None:
        pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install 'charrnn[plot]'")

    def test_the_same_curves_give_the_same_svg(self, tmp_path: Path) -> None:
        from charrnn.report.matplotlib_plots import draw

        runs = read(telling.run(tmp_path, "one"), telling.run(tmp_path, "two", {100: 2.0, 200: 1.5}))
        first = draw(runs, "svg")
        assert first == draw(runs, "svg")
        assert b"charrnn report" in first[:4096]
        root = ElementTree.fromstring(first)
        assert root.tag.endswith("svg")
        assert not re.search(rb"<script|\bon\w+=", first)

    def test_a_png_is_large_enough_for_a_slide(self, tmp_path: Path) -> None:
        from charrnn.report.matplotlib_plots import draw

        drawn = draw(read(telling.run(tmp_path)), "png")
        assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(drawn[16:20]) >= 1200  # pixels across
        assert b"charrnn report" in drawn[:4096]
        assert drawn == draw(read(telling.run(tmp_path / "again")), "png")

    @pytest.mark.parametrize("name", ["_hidden", r"$\frac{1}$ $", "\u202e\x1b[31m名前", "a" * 200])
    def test_names_are_only_names(self, tmp_path: Path, name: str) -> None:
        from charrnn.report.matplotlib_plots import draw

        runs = read(telling.run(tmp_path, name), telling.run(tmp_path, "two"))
        assert ElementTree.fromstring(draw(runs, "svg")).tag.endswith("svg")

    def test_runs_with_little_in_them(self, tmp_path: Path) -> None:
        from charrnn.report.matplotlib_plots import draw

        little = read(
            tiny.run(tmp_path, "one", {100: None}),
            tiny.run(tmp_path, "two", {100: 2.0}),
            telling.run(tmp_path, "three", {}, rows=[{"iteration": 10, "grad_norm": 0.0}]),
        )
        for one in little:
            assert draw([one], "png")
        assert draw(little, "svg")

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
