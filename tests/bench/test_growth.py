"""`bench/growth.py`: what it makes of measurements, and one axis measured; `bench/scale_table.py`: its table."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from helpers import scripts

growth = scripts.load("bench/growth.py")
scale_table = scripts.load("bench/scale_table.py")


def test_ratios_are_those_of_each_round() -> None:
    points = [growth.Point(64, [1.0, 2.0, 10.0], 100), growth.Point(128, [2.0, 6.0, 20.0], 150)]
    assert growth.ratios(points) == [1.0, 2.0]  # 2, 3 and 2 times the first
    assert growth.table("units", points).splitlines()[-1] == "| 128 | 0 | 2.00 | 0 MB |  |"
    panel = growth.panel("units", points)
    assert panel.across == ["64", "128"]
    assert panel.lines == {"time a character": [1.0, 2.0], "memory": [1.0, 1.5]}
    assert [growth.short(size) for size in (1_000_000, 2_000_000_000, 512, 1500)] == ["1M", "2G", "512", "1.5k"]


def test_an_axis_is_measured_and_drawn(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    if not rounds(0, 1):
        pytest.skip("takes a while: with --thorough")
    picture = tmp_path / "growth.svg"
    command = [sys.executable, growth.__file__, "--quick", "--axes", "units", "--picture", str(picture)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows] == ["units", "16", "32"]
    assert rows[1][2] == "1.00"
    drawing = ElementTree.parse(picture).getroot()
    assert len(drawing.findall(".//{*}circle")) == 4


def test_the_table_of_scale_divides_the_same_batch() -> None:
    lines = list(scale_table.lines(scale_table.CARDS["a100"], 4096, 64, 25e9))
    rows = [dict(zip(scale_table.COLUMNS, line.strip("| ").split(" | "), strict=True)) for line in lines[2:-2]]
    assert [(row["GPUs"], row["streams each"]) for row in rows] == [("1", "4,096"), ("8", "512"), ("64", "64")] * 3
    assert {row["pace"] for row in rows[::3]} == {"1"}
    assert all("gradients" in row["breaks first"] for row in rows[2::3])
    assert lines[-1].startswith("Not measured")
