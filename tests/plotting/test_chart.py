"""Where a chart puts lines, ticks and labels."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.plotting import chart as charting
from charrnn.plotting.chart import Chart, Tick, thinned, ticks
from charrnn.plotting.plot import Line, Plot, Point


def chart(lines: list[Line], **settings: Any) -> Chart | None:
    return charting.chart(Plot(name="x", lines=tuple(lines), **settings))


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
    found = chart([line], log_y=True, thresholds={1.0: "one"})
    assert found is not None
    assert [tick.label for tick in found.up] == ["0.01", "0.1", "1", "10", "100"]
    assert found.thresholds == (Tick(50.0, "one"),)
    assert len(found.lines[0].marks) == 2
    assert chart([Line(number=0, points=((1, 0.0),))], log_y=True) is None


def test_the_axis_reaches_to_a_threshold_that_has_a_logarithm() -> None:
    line = Line(number=0, points=((1, 0.1), (2, 0.2)))
    found = chart([line], log_y=True, thresholds={0.0: "nowhere"})
    assert found is not None
    assert found.thresholds == ()
    found = chart([line], log_y=True, thresholds={5.0: "five", 0.15: "among them"})
    assert found is not None
    five, among = found.thresholds
    assert (five.label, among.label) == ("five", "among them")
    assert 0 < five.at < found.lines[0].points[1][1] < among.at < found.lines[0].points[0][1]


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
    assert min(high - low for low, high in itertools.pairwise(heights)) >= charting._APART - 0.01
    assert [label.text for label in sorted(found.labels, key=lambda one: -one.text_y)] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("count", [9, 30])
def test_many_labels_stay_inside(count: int) -> None:
    found = chart(
        [
            Line(number=0, points=((100, 3 - number / 1000), (200, 1.0)), label="x", best=False)
            for number in range(count)
        ]
    )
    assert found is not None
    heights = sorted(label.text_y for label in found.labels)
    assert heights[0] >= 0
    assert min(high - low for low, high in itertools.pairwise(heights)) >= min(charting._APART, 100 / count) - 0.02


@pytest.mark.parametrize("points", [(), ((0, 2.0),), ((5, 0.0),), ((1, 2.0), (2, 2.0)), ((1, 1e299), (2, 1e-299))])
def test_charts_of_little_do_not_fail(points: tuple[Point, ...]) -> None:
    for logarithmic in (False, True):
        found = chart([Line(number=0, points=points, label="A", best=True)], log_y=logarithmic)
        for line in found.lines if found else ():
            assert "nan" not in line.path(1000, 1000)
            assert "inf" not in line.path(1000, 1000)


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


def test_an_axis_across_by_powers_of_ten() -> None:
    line = Line(points=((0, 5.0), (1, 1.0), (10, 2.0), (100, 3.0)))
    found = chart([line], log_x=True)
    assert found is not None
    assert [x for x, _ in found.lines[0].points] == [0, 50, 100]  # 0 has no logarithm
    assert [tick.label for tick in found.across if tick.at in (0, 50, 100)] == ["1", "10", "100"]


def test_ranges_that_are_given_are_kept() -> None:
    found = chart([Line(points=((0.2, 0.5), (0.4, 0.75)))], across_range=(0, 1), up_range=(0, 1))
    assert found is not None
    assert found.lines[0].points == ((20, 50), (40, 25))
    assert [tick.label for tick in found.across] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_an_axis_may_begin_below_zero() -> None:
    found = chart([Line(points=((-10, 1.0), (10, 2.0)))])
    assert found is not None
    assert [x for x, _ in found.lines[0].points] == [0, 100]


def test_a_band_is_an_edge_forth_and_back_and_the_axis_reaches_to_it() -> None:
    line = Line(points=((0, 2.0), (1, 2.0)), band=((0, 1.0, 3.0), (1, 0.0, 4.0), (2, 1.0, float("nan"))))
    found = chart([line], up_range=(0, 4))
    assert found is not None
    assert found.lines[0].edge == ((0, 25), (100, 0), (100, 100), (0, 75))
    assert found.lines[0].band(100, 100) == "M0 25L100 0L100 100L0 75Z"
    free = chart([line])
    assert free is not None
    assert min(y for _, y in free.lines[0].edge) >= 0


def test_scattered_points_are_marks_with_names() -> None:
    points = tuple((float(number), 1.0) for number in range(5000))
    names = tuple(f"1.{number}" for number in range(5000))
    found = chart([Line(points=points, scattered=True, point_names=names)])
    assert found is not None
    [marks] = found.lines
    assert marks.points == ()
    assert 1000 < len(marks.marks) == len(marks.names) <= 2000
    assert marks.names[:2] == ("1.0", "1.3")


def test_a_long_label_is_cut() -> None:
    found = chart([Line(points=((0, 1.0), (1, 2.0)), label="x" * 100)])
    assert found is not None
    assert found.labels[0].text == "x" * 23 + "…"


def test_the_legend_has_names_words_and_remarks() -> None:
    lines = (Line(points=(), name="A", words="one.", number=7), Line(points=(), words="two."), Line(points=()))
    plot = Plot(name="x", lines=lines, remarks=("three.",))
    assert [(entry.text, entry.style) for entry in plot.legend] == [("A: one.", 1), ("two.", None), ("three.", None)]
    assert plot.description == "A: one. two. three."
