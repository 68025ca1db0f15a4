"""Which snapshots `--keep` leaves."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charrnn.config import TrainConfig
from charrnn.runs.retention import surplus
from charrnn.runs.run import Run
from charrnn.runs.writer import RunWriter

LOSSES = {10: 3.0, 20: 2.0, 30: 2.0, 40: 2.5, 50: None, 60: 2.6}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ((), {10, 20, 30, 40, 50, 60}),
        (("last:1",), {60}),
        (("last:3",), {40, 50, 60}),
        (("last:99",), {10, 20, 30, 40, 50, 60}),
        (("best",), {20}),
        (("milestones",), {30, 60}),
        (("last:2", "best", "milestones"), {20, 30, 50, 60}),
    ],
)
def test_by_hand(keep: tuple[str, ...], kept: set[int]) -> None:
    training = TrainConfig(iterations=60, snapshot_at=(30, 70), snapshot_every=10, keep=keep)
    assert LOSSES.keys() - surplus(LOSSES, training) == kept


def test_milestones_go_on_as_the_list_does() -> None:
    training = TrainConfig(iterations=90, snapshot_at=(20, "..."), keep=("milestones",))
    assert surplus(LOSSES, training) == {10, 40, 60}


def test_without_held_out_losses_the_last_is_the_best() -> None:
    assert surplus(dict.fromkeys((1, 2, 3)), TrainConfig(keep=("best",), snapshot_at=())) == {1, 2}


@given(st.dictionaries(st.integers(1, 200), st.none() | st.floats(0, 9)), st.integers(1, 9), st.booleans())
def test_never_all_of_them_and_again_is_nothing_more(losses: dict[int, Any], last: int, best: bool) -> None:
    training = TrainConfig(snapshot_at=(), keep=(f"last:{last}", *(["best"] * best)))
    gone = surplus(losses, training)
    left = {at: loss for at, loss in losses.items() if at not in gone}
    assert surplus(left, training) == set()
    assert len(left) >= min(last, len(losses))


WEIGHTS = tiny.weights(tiny.header())
_LOSSES = st.none() | st.floats(0, 9)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 60), _LOSSES), min_size=1, max_size=8, unique_by=lambda kept: kept[0]),
    st.integers(1, 3),
    st.booleans(),
    st.data(),
)
def test_pruning_goes_by_the_iteration_inside_whatever_clocks_and_names_say(
    tmp_path: Path, saved: list[tuple[int, float | None]], last: int, best: bool, data: st.DataObject
) -> None:
    """Snapshots come in any order (those that could not be written wait), with any time, beside what others put there.

    The latest, the best and what is not this training's own are there after every pruning.
    """
    run = Run(Path(tempfile.mkdtemp(dir=tmp_path)))
    foreign = tiny.save(run.path / "iteration-000061.safetensors", iteration=3, held_out_loss=0.0)
    (run.path / "backup.safetensors").write_bytes(foreign.read_bytes())
    training = TrainConfig(keep=(f"last:{last}", *(["best"] * best)), snapshot_at=())
    writer, losses = RunWriter(run, pytest.fail), dict[int, float | None]()
    for at, loss in saved:
        year = data.draw(st.sampled_from([1970, 2016, 2026, 2036]))
        header = tiny.header(iteration=at, held_out_loss=loss, created=f"{year}-01-01T00:00:00+00:00")
        writer.write_snapshot(header, WEIGHTS)
        losses[at] = loss
        os.utime(run.snapshot_path(at), (year, year))
        if data.draw(st.booleans()) and at != max(losses):  # somebody copies another over it, or removes it
            run.snapshot_path(at).unlink()
            del losses[at]
        writer.delete_surplus(training)
        there = {file.header.iteration for file in Run(run.path).own_snapshots}
        wanted = set(sorted(losses)[-last:])
        measured = [(loss, at) for at, loss in losses.items() if loss is not None]
        wanted |= {min(measured)[1]} if best and measured else set()
        assert there == wanted, (saved, losses)
        losses = {at: loss for at, loss in losses.items() if at in there}
        assert foreign.exists()
        assert (run.path / "backup.safetensors").exists()


@given(st.permutations([(1, 2026, 3.0), (20, 1970, 1.0), (300, 2036, 2.0), (4000, 2016, None)]))
@settings(max_examples=24, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_a_run_is_that_inside(tmp_path: Path, order: list[tuple[int, int, float | None]]) -> None:
    """Whatever the files are called, whenever they were written, and in whatever order they are made."""
    path = Path(tempfile.mkdtemp(dir=tmp_path))
    for name, (at, year, loss) in zip("dbca", order, strict=True):
        file = tiny.save(path / f"{name}.safetensors", iteration=at, held_out_loss=loss, created=f"{year}-01-01")
        os.utime(file, (5_000 - at, 5_000 - at))
    run = Run(path)
    assert [file.header.iteration for file in run.snapshots] == [1, 20, 300, 4000]
    assert [file.header.iteration for file in run.by_preference()] == [20, 300, 1, 4000]
