"""Measurements as curves, and where a chart puts them."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers import telling, tiny
from hypothesis import given
from hypothesis import strategies as st

from charrnn.report import svg_chart
from charrnn.report.svg_chart import Line, chart, ticks
from charrnn.runs import history
from charrnn.runs.history import ceiling, read, thinned
from charrnn.runs.run import Run


def with_metrics(root: Path, lines: list[Any], held_out: dict[int, float | None] | None = None) -> history.Curves:
    run = tiny.run(root, "one", held_out or {})
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (run / "metrics.jsonl").write_text(text, "utf-8")
    return read(Run(run))


def test_metrics_and_snapshots_are_one_curve_in_bits(tmp_path: Path) -> None:
    rows = [
        {"event": "progress", "iteration": 10, "train_loss": 4 * tiny.NATS_PER_BIT, "learning_rate": 0.1, "clipped": 3},
        {"event": "progress", "iteration": 20, "train_loss": 3 * tiny.NATS_PER_BIT, "grad_norm": 2.5, "clipped": 5},
        {"event": "evaluated", "iteration": 20, "held_out_loss": 3.5 * tiny.NATS_PER_BIT, "characters": 77},
        {"event": "progress", "iteration": 40, "seconds": 8.0, "clipped": 5},
    ]
    found = with_metrics(tmp_path, rows, {30: 3.25, 40: None})
    assert found.held_out == ((20, pytest.approx(3.5)), (30, pytest.approx(3.25)))
    assert found.train == tuple((at, pytest.approx(bits)) for at, bits in ((10, 4), (20, 3), (30, 2), (40, 2)))
    assert found.best == (30, pytest.approx(3.25))
    assert (found.learning_rate, found.grad_norm) == (((10, 0.1),), ((20, 2.5),))
    assert (found.clipped_share, found.last_clipped) == (5 / 40, 20)
    assert (found.iterations, found.characters, found.seconds, found.rows) == (40, 40 * 1024, 8.0, 4)


def test_a_run_being_written_has_what_it_has(tmp_path: Path) -> None:
    rows = [*telling.progress(30), '{"event": "progress", "iteration": 40, "train_lo']
    found = with_metrics(tmp_path, rows)
    assert [at for at, _ in found.train] == [10, 20, 30]
    assert (found.best, found.held_out, found.rows) == (None, (), 3)


def test_nothing_yet(tmp_path: Path) -> None:
    found = with_metrics(tmp_path, [])
    assert (found.iterations, found.best, found.clipped_share, found.last_clipped) == (0, None, None, None)
    assert (found.seconds, found.characters) == (None, 0)


def test_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    odd: list[Any] = ["1", None, True, [], {}, math.inf, 1e308]
    rows = [{"iteration": 10, "train_loss": value, "grad_norm": value} for value in odd]
    rows += [{"iteration": value, "train_loss": 1.0} for value in [*odd, -3, 2.5, None]]
    rows += [{"train_loss": 1.0}, {"iteration": 7.0, "train_loss": tiny.NATS_PER_BIT}]
    found = with_metrics(tmp_path, [*rows, "[1, 2]\n", "null\n", "NaN\n", "\x00\n"])
    assert found.train == ((7, pytest.approx(1.0)),)
    assert found.grad_norm == ()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=2000), st.integers(4, 60))
def test_thinned_is_few_in_order_and_keeps_the_extremes(values: list[float], most: int) -> None:
    series = tuple(enumerate(values))
    kept = thinned(series, most)
    assert len(kept) <= max(most, 4)
    assert set(kept) <= set(series)
    assert list(kept) == sorted(kept)
    assert (kept[0], kept[-1]) == (series[0], series[-1])
    assert max(value for _, value in kept) == max(values)
    assert min(value for _, value in kept) == min(values)
    if len(series) <= most:
        assert kept == series


def test_early_losses_are_cut_off_where_that_gains_anything() -> None:
    falling = tuple((at, 2 + 30 / at) for at in range(10, 1001, 10))
    assert ceiling([falling]) == 2 + 30 / 50
    assert ceiling([falling, ((1000, 9.0),)]) is None  # a loss that went up again stays in the picture
    assert ceiling([((100, 3.0), (1000, 2.0))]) is None
    assert ceiling([((100, 3.0),)]) is None
    assert ceiling([]) is None


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 2000, [0, 500, 1000, 1500, 2000]),
        (1.63, 3.42, [2.0, 2.5, 3.0]),
        (0, 0.014, [0, 0.005, 0.01]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_ticks_lie_between_and_are_few(low: float, range_: float) -> None:
    found = ticks(low, low + range_)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-6 * range_ <= value <= low + range_ * (1 + 1e-6) for value in found)


def test_a_chart_in_figures() -> None:
    found = chart([Line(number=2, points=((0, 1.0), (50, 3.0), (100, 2.0)), label="A 1.000", best=True)])
    assert found is not None
    [line] = found.lines
    # Values from 1 to 3 with a margin of 4 % of 2 on either side: 0.92 to 3.08.
    assert line.marks == ((0.0, 96.3), (50.0, 3.7), (100.0, 50.0))
    assert line.path(1000, 1000) == "M0 963L500 37L1000 500"
    assert [(tick.at, tick.label) for tick in found.across] == [
        (0.0, "0"),
        (20.0, "20"),
        (40.0, "40"),
        (60.0, "60"),
        (80.0, "80"),
        (100.0, "100"),
    ]
    assert [tick.label for tick in found.up] == ["1", "1.5", "2", "2.5", "3"]
    [label] = found.labels
    assert (label.x, label.y, label.text, label.number) == (0.0, 96.3, "A 1.000", 2)


def test_a_logarithmic_chart_leaves_out_what_has_no_logarithm() -> None:
    line = Line(number=0, points=((1, 0.0), (2, 0.01), (3, 100.0)), label="A")
    found = chart([line], logarithmic=True, threshold=1.0)
    assert found is not None
    assert [tick.label for tick in found.up] == ["0.01", "0.1", "1", "10", "100"]
    assert found.threshold == 50.0
    assert len(found.lines[0].marks) == 2
    assert chart([Line(number=0, points=((1, 0.0),))], logarithmic=True) is None


def test_a_threshold_out_of_sight_is_not_drawn() -> None:
    line = Line(number=0, points=((1, 0.1), (2, 0.2)))
    for threshold in (5.0, 0.0, None):
        found = chart([line], logarithmic=True, threshold=threshold)
        assert found is not None
        assert found.threshold is None


def test_what_is_cut_off_has_no_mark() -> None:
    found = chart([Line(number=0, points=((1, 9.0), (50, 3.0), (100, 2.0)), label="A")], top=3.0)
    assert found is not None
    assert len(found.lines[0].marks) == 2
    assert found.lines[0].marks[0][1] < 10


def test_labels_can_be_read() -> None:
    lines = [Line(number=0, points=((100, 2.0 + number / 100),), label=str(number)) for number in range(5)]
    found = chart([*lines, Line(number=0, points=((1, 4.0),))])
    assert found is not None
    heights = sorted(label.text_y for label in found.labels)
    assert min(high - low for low, high in itertools.pairwise(heights)) >= svg_chart._APART - 0.01
    assert [label.text for label in sorted(found.labels, key=lambda one: -one.text_y)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("points", [(), ((0, 2.0),), ((5, 0.0),), ((1, 2.0), (2, 2.0)), ((1, 1e299), (2, 1e-299))])
def test_charts_of_little_do_not_fail(points: history.Series) -> None:
    for logarithmic in (False, True):
        found = chart([Line(number=0, points=points, label="A", best=True)], logarithmic=logarithmic)
        for line in found.lines if found else ():
            assert "nan" not in line.path(1000, 1000)
            assert "inf" not in line.path(1000, 1000)
