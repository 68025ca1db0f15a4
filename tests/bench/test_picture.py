"""`bench/picture.py`: the points of a run, from the files of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import scripts, tiny

picture = scripts.load("bench/picture.py")


def run(folder: Path, events: list[dict[str, object]]) -> Path:
    """A run of 20 iterations in 10 seconds of training, 20 with all the rest."""
    path = tiny.run(folder, "novel-10s-1", {20: 3.0})
    progress = [{"event": "progress", "iteration": at, "seconds": seconds} for at, seconds in ((10, 4.0), (20, 10.0))]
    lines = [json.dumps(event) + "\n" for event in [*events, *progress]]
    (path / "metrics.jsonl").write_text("".join(lines), "utf-8")
    tiny.save(path / "resume.safetensors", kind="resume", progress={"elapsed": 20.0, "seconds": 10.0})
    return path


def measured(at: int, loss: float, **more: float) -> dict[str, object]:
    return {"event": "evaluated", "iteration": at, "held_out_loss": loss} | more


def test_points_are_at_their_seconds_with_everything_in_between(tmp_path: Path) -> None:
    path = run(tmp_path, [measured(0, 4.0), measured(5, 3.0), measured(10, 2.5), measured(20, 2.0)])
    [points] = picture.curves(path)
    assert points == [pytest.approx(point) for point in ((5.0, 3.0), (8.0, 2.5), (20.0, 2.0))]


def test_counts_have_a_curve_of_their_own(tmp_path: Path) -> None:
    path = run(tmp_path, [measured(10, 2.5, mixed_loss=1.5), measured(20, 2.0)])
    alone, both = picture.curves(path)
    assert (len(alone), both) == (2, [(8.0, 1.5)])
