"""Writing a run: what fails is told once, tried again, and named at the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.config import TrainConfig
from charrnn.errors import CharrnnError
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.runs.writer import RunWriter


def test_snapshots_that_cannot_be_written_are_told_once_and_few_are_named(tmp_path: Path) -> None:
    other = tiny.run(tmp_path, "other", dict.fromkeys(range(10, 100, 10), 3.0))
    kept = checkpoint.load(other / "iteration-000010.safetensors")
    run, told = Run(tiny.run(tmp_path, "one", {})), list[str]()
    writer = RunWriter(run, told.append)
    headers = [one.header for one in Run(other).snapshots]
    for header in headers:
        run.snapshot_path(header.iteration).mkdir()
        writer.write_snapshot(header, kept.tensors)
    assert len(told) == 1
    assert "iteration-000010.safetensors: cannot be written" in told[0]
    with pytest.raises(CharrnnError, match=r"nor iteration-000020\.safetensors, .* and 3 more\."):
        writer.close()
    for header in headers:
        run.snapshot_path(header.iteration).rmdir()
    writer.write_resume(kept.header, kept.tensors)
    writer.close()
    assert len(Run(run.path).own_snapshots) == len(headers)
    run.snapshot_path(95).mkdir()
    writer.write_snapshot(tiny.header(iteration=95), kept.tensors)
    assert len(told) == 2  # anew


def test_the_best_that_is_kept_is_no_untrained_network(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {0: 3, 10: 4, 20: 5}))
    RunWriter(run, pytest.fail).delete_surplus(TrainConfig(keep=("best", "last:1")))
    assert [file.header.iteration for file in Run(run.path).snapshots] == [10, 20]


def test_a_directory_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    kept = checkpoint.load(tiny.run(tmp_path, "other", {10: 3.0}) / "iteration-000010.safetensors")
    run, told = Run(tiny.run(tmp_path, "one", {})), list[str]()
    writer = RunWriter(run, told.append)
    shutil.rmtree(run.path)
    writer.write_metrics({"iteration": 10})
    writer.write_snapshot(kept.header, kept.tensors)
    writer.write_resume(kept.header, kept.tensors)
    writer.close()
    assert told == [f"{run.path}: was removed; it is made anew, with what is trained from here on."]
    assert run.metrics() == [{"iteration": 10}]
    assert {path.name for path in run.path.iterdir()} == {
        *("iteration-000010.safetensors", "metrics.jsonl", "resume.safetensors", "samples.md"),
    }
