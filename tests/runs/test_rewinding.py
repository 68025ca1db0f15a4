"""A run that goes back loses nothing until what is trained again has been written."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.config import TrainConfig
from charrnn.errors import RunError
from charrnn.runs.rewinding import rewind
from charrnn.runs.run import Run
from charrnn.runs.writer import RunWriter


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Of 500 iterations, with a copy that somebody keeps, a file that took a snapshot's name, and a damaged line."""
    run = Run(tiny.run(tmp_path, "one", {100: 3, 300: 2, 500: 1}))
    for at in range(100, 501, 50):
        run.append_metrics({"event": "progress", "iteration": at, "loss": at / 100})
    with run.metrics_path.open("ab") as file:
        file.write(b'{"iteration": 510, "lo')
    run.insert_samples(snapshot.header for snapshot in run.snapshots)
    (run.path / "my-backup.safetensors").write_bytes(run.snapshot_path(500).read_bytes())
    run.snapshot_path(400).write_bytes(run.snapshot_path(300).read_bytes())
    return Run(run.path)


def files_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir()}


def test_what_comes_after_is_set_aside_whole(run: Run) -> None:
    before = files_of(run)
    said = rewind(run, 200)
    assert said is not None
    assert "2 snapshots after iteration 200 set aside as *.replaced" in said
    after = files_of(run)
    for at in (300, 500):
        name = run.snapshot_path(at).name
        assert name not in after
        assert after[f"{name}.replaced"] == before[name]
    for kept in ("iteration-000100.safetensors", "iteration-000400.safetensors", "my-backup.safetensors"):
        assert after[kept] == before[kept]
    lines = before["metrics.jsonl"].splitlines(keepends=True)
    assert after["metrics.jsonl"] == b"".join(lines[:3])
    assert after["metrics.jsonl.replaced"] == b"".join(lines[3:9]), "but not the half line"
    assert after["samples.md"] + after["samples.md.replaced"] == before["samples.md"]
    shown = Run(run.path)
    assert [file.path.name for file in shown.own_snapshots] == ["iteration-000100.safetensors"]
    assert shown.problems == []


def test_another_rewind_before_anything_was_written_changes_nothing(run: Run) -> None:
    rewind(run, 200)
    once = files_of(run)
    assert rewind(Run(run.path), 200) is None
    assert files_of(run) == once


def test_a_kill_between_any_two_steps_and_another_rewind_are_as_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every renaming is let happen, and then the process is as good as killed."""
    original, kinds = run.path, os.replace
    whole = Run(tmp_path / "whole" / "one")
    copy(original, whole.path)
    rewind(whole, 200)
    for steps in range(4):
        again = Run(tmp_path / str(steps) / "one")
        copy(original, again.path)
        left = [steps]

        def replace(source: str, target: str, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            kinds(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", replace)
            with pytest.raises(KeyboardInterrupt):
                rewind(again, 200)
        rewind(Run(again.path), 200)
        assert files_of(again) == files_of(whole), steps


def copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())


def test_what_is_set_aside_goes_when_its_own_is_written(run: Run) -> None:
    rewind(run, 200)
    writer = RunWriter(Run(run.path), pytest.fail)
    header = tiny.header(iteration=300)
    writer.write_snapshot(header, tiny.weights(header))
    replaced = {name for name in files_of(run) if name.endswith(".replaced")}
    assert replaced == {"iteration-000500.safetensors.replaced", "metrics.jsonl.replaced", "samples.md.replaced"}
    resume = dataclasses.replace(header, kind="resume", iteration=499)
    writer.write_resume(resume, tiny.weights(header))
    assert {name for name in files_of(run) if name.endswith(".replaced")} == replaced
    writer.write_resume(dataclasses.replace(resume, iteration=500), tiny.weights(header))
    assert {name for name in files_of(run) if name.endswith(".replaced")} == {"iteration-000500.safetensors.replaced"}


def test_training_that_is_stopped_again_and_again_sets_aside_each_line_once(run: Run) -> None:
    for _ in range(5):
        rewind(Run(run.path), 200)
        for at in (250, 300, 350):
            run.append_metrics({"event": "progress", "iteration": at})
    aside = (run.path / "metrics.jsonl.replaced").read_bytes()
    assert aside.count(b"\n") == 6
    assert (run.path / "samples.md.replaced").read_bytes().count(b"## Iteration") == 2


@pytest.mark.parametrize("full", ["metrics.jsonl.replaced", ".metrics.jsonl.", "iteration-000300"])
def test_where_nothing_can_be_set_aside_nothing_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    before = files_of(run)
    replace, opened = os.replace, os.open

    def failing_replace(source: str, target: str) -> None:
        if full in str(source):
            raise OSError(28, "No space left on device", source)
        replace(source, target)

    def failing_open(path: str, flags: int, mode: int = 0o777, **places: int) -> int:
        if str(path).endswith(full):
            raise OSError(28, "No space left on device", path)
        return opened(path, flags, mode, **places)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", failing_replace)
        patched.setattr(os, "open", failing_open)
        with pytest.raises(RunError, match="No space left on device"):
            rewind(run, 200)
    after = files_of(run)
    lost = {
        line
        for name in before
        for line in before[name].splitlines()[:9]
        if line not in after.get(name, b"") + after.get(f"{name}.replaced", b"")
    }
    assert lost == set()
    rewind(Run(run.path), 200)
    assert b'"iteration": 500' in (run.path / "metrics.jsonl.replaced").read_bytes()


def test_pruning_deletes_no_file_that_took_the_name_of_a_snapshot(run: Run) -> None:
    writer = RunWriter(run, pytest.fail)
    mine = run.snapshot_path(300)
    mine.write_bytes(run.snapshot_path(100).read_bytes())  # while the training is at work
    writer.delete_surplus(TrainConfig(keep=("last:1",), snapshot_at=()))
    assert mine.exists()
    assert not run.snapshot_path(100).exists()
    assert run.snapshot_path(500).exists()
