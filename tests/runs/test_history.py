"""Measurements as curves, and few enough points to draw."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from helpers import telling, tiny

from charrnn.runs import history
from charrnn.runs.history import ceiling, read
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


def test_early_losses_are_cut_off_where_that_gains_anything() -> None:
    falling = tuple((at, 2 + 30 / at) for at in range(10, 1001, 10))
    assert ceiling([falling]) == 2 + 30 / 50
    assert ceiling([falling, ((1000, 9.0),)]) is None  # a loss that went up again stays in the picture
    assert ceiling([((100, 3.0), (1000, 2.0))]) is None
    assert ceiling([((100, 3.0),)]) is None
    assert ceiling([]) is None


@pytest.mark.parametrize(("train", "exploded"), [([4.0, 3.0], False), ([9.0, 9.5], True)])
def test_a_held_out_text_that_is_harder_from_the_start_is_no_explosion(train: list[float], exploded: bool) -> None:
    curves = history.Curves(
        name="one", held_out=((100, 10.6), (200, 11.8)), train=((100, train[0]), (200, train[1])), loss=(),
        learning_rate=(), grad_norm=(), peak_norm=(), clipped=(), characters=1, seconds=None, rows=4, uniform=6.0,
    )  # fmt: skip
    assert (curves.explosion is not None) is exploded
    assert (curves.diverged is not None) is exploded


def test_the_time_has_measuring_in_it_as_that_of_compare_has(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {40: 3.0})
    (path / "metrics.jsonl").write_text(json.dumps({"event": "progress", "iteration": 40, "seconds": 8.0}) + "\n")
    tiny.save(path / "resume.safetensors", kind="resume", iteration=40, progress={"seconds": 8.0, "elapsed": 11.5})
    assert Run(path).elapsed == 11.5
    assert read(Run(path)).seconds == 11.5


@pytest.mark.parametrize(("later", "exploded"), [(5.0, False), (8.0, True)])
def test_weights_of_another_text_that_begin_high_are_no_explosion(later: float, exploded: bool) -> None:
    """Before the first iteration nothing has risen."""
    curves = history.Curves(
        name="one", held_out=((0, 12.0), (10, later)), train=((10, later),), loss=(), learning_rate=(), grad_norm=(),
        peak_norm=(), clipped=(), characters=1, seconds=None, rows=3, uniform=6.0,
    )  # fmt: skip
    assert (curves.explosion is not None) is exploded


def test_losses_with_counts_are_a_curve_of_their_own(tmp_path: Path) -> None:
    path = tiny.run(tmp_path, "one", {40: 3.0, 80: 2.5})
    tiny.add_counts(path / "iteration-000040.safetensors", tiny.TEXT, held_out=2.75)
    rows = [
        {"event": "evaluated", "iteration": 60, "held_out_loss": 2.0, "mixed_loss": tiny.NATS_PER_BIT * 1.5},
        {"event": "evaluated", "iteration": 80, "held_out_loss": tiny.NATS_PER_BIT * 2.5},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curves = read(Run(path))
    assert [at for at, _ in curves.held_out] == [40, 60, 80]
    assert curves.mixed == ((40, pytest.approx(2.75)), (60, pytest.approx(1.5)))
    assert curves.best == (80, pytest.approx(2.5))
    assert curves.best_mixed is None, "the best is the network's, and there nothing was measured with counts"
