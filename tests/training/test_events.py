"""What the log of a training says of all its iterations, though it has a line for some of them only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.trainings import make

from charrnn.errors import DivergedError
from charrnn.runs import checkpoint
from charrnn.runs.creation import create_run
from charrnn.runs.rewinding import rewind
from charrnn.runs.run import Run
from charrnn.training.checkpointing import record
from charrnn.training.events import Event, Progress
from charrnn.training.resume import resumed


def largest_norms(events: Iterable[Event], lines: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Of the iterations between two lines the largest norm, and how many gradients were clipped."""
    progress = [event for event in events if isinstance(event, Progress)]
    found = {}
    for before, line in pairwise([0, *lines]):
        stretch = progress[before:line]
        clipped_before = progress[before - 1].clipped if before else 0
        found[line] = (max(event.grad_norm for event in stretch), stretch[-1].clipped - clipped_before)
    return found


@pytest.mark.parametrize("stopped_after", [None, 3, 10, 17, 20, 24])
def test_no_peak_of_the_gradients_is_lost(tmp_path: Path, stopped_after: int | None) -> None:
    settings = {"grad_clip": 0.6, "iterations": 25, "learning_rate": 0.3, "snapshot_at": (), "eval_every": 0}
    expected = largest_norms(make(**settings).events(), [10, 20, 25])
    assert 0 < sum(clipped for _, clipped in expected.values()) < 25
    run, training = create_run(tmp_path, "run", "text"), make(**settings)
    if stopped_after is not None:
        for event in record(training, run, stop=lambda: training.iteration >= stopped_after):
            assert event
        training = resumed(checkpoint.load(run.resume_path), training.corpus, device="cpu")
        run = Run(run.path)
        rewind(run, training.iteration)
    for event in record(training, run):
        assert event
    rows = {row["iteration"]: row for row in run.metrics() if row["event"] == "progress"}
    assert {at: (row["max_gradient_norm"], row["newly_clipped"]) for at, row in rows.items()} == expected


def test_where_a_training_diverges_the_largest_gradient_is_told(tmp_path: Path) -> None:
    settings = {"learning_rate": 1e6, "warmup": 0, "decay": "constant", "grad_clip": 0.0}
    run, norms = create_run(tmp_path, "run", "text"), [0.0]

    def follow() -> None:
        norms.extend(event.grad_norm for event in record(make(**settings), run) if isinstance(event, Progress))

    with pytest.raises(DivergedError):
        follow()
    row = run.metrics()[-1]
    assert row["event"] == "diverged"
    assert row["max_gradient_norm"] >= max(norms[1 + len(norms) // 10 * 10 :], default=0.0)
    assert row["max_gradient_norm"] > 0
