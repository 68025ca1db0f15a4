"""Checkpoints that a command works with: each file read once, what is damaged named, memory bounded."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers import telling, tiny

from charrnn.errors import CheckpointError
from charrnn.evaluation.comparison import compare
from charrnn.report import collect
from charrnn.runs import checkpoint
from charrnn.runs.loaded import CheckpointLoader, names_of
from charrnn.runs.run import Run
from charrnn.runs.safetensors_file import SafetensorsFile, Tensors
from charrnn.sampling.request import Request


@pytest.fixture
def whole_reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was read as a whole, counted where it is."""
    counts, read = Counter[str](), SafetensorsFile.tensors

    def counted(file: SafetensorsFile) -> Tensors:
        counts[str(file.path)] += 1
        return read(file)

    monkeypatch.setattr(SafetensorsFile, "tensors", counted)
    return counts


def snapshots(*runs: Path) -> set[str]:
    return {str(path) for run in runs for path in run.glob("iteration-*.safetensors")}


def test_a_comparison_reads_each_checkpoint_once(tmp_path: Path, whole_reads: Counter[str]) -> None:
    runs = [telling.run(tmp_path, name, seed=seed) for seed, name in enumerate(("one", "two"))]
    for path in tmp_path.glob("*.txt"):
        path.write_text(telling.TEXT, "utf-8")
    assert compare(runs, length=5, text_length=200).measurement
    assert whole_reads == dict.fromkeys(snapshots(*runs), 1)
    whole_reads.clear()
    every_snapshot_writes_and_is_measured = compare(runs[:1], length=5, text=str(tmp_path / "one.txt"), text_length=200)
    assert every_snapshot_writes_and_is_measured.measurement
    assert len(every_snapshot_writes_and_is_measured.samples) == 3
    assert whole_reads == dict.fromkeys(snapshots(runs[0]), 1)


def test_a_report_reads_each_checkpoint_once(tmp_path: Path, whole_reads: Counter[str]) -> None:
    runs = [telling.run(tmp_path, name, seed=seed) for seed, name in enumerate(("one", "two"))]
    report = collect.collect(runs, Request(length=5, temperatures=(0.5,)), text_length=200)
    assert report.measurement is not None
    assert not isinstance(report.measurement, str)
    assert whole_reads == dict.fromkeys(snapshots(*runs), 1)


def test_what_does_not_fit_is_read_again_but_not_what_is_to_be_used(tmp_path: Path, whole_reads: Counter[str]) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3.0, 200: 1.0, 300: 2.0, 400: None}))
    loader = CheckpointLoader(capacity=0)
    verified = loader.verified(run.snapshots)
    assert [file.header.iteration for file in verified] == [100, 200, 300, 400]
    assert set(loader._loaded) == {verified[1].path, verified[3].path}, "the best, and what was just read"
    for file in verified:
        assert loader.load(file.path).digest == file.digest
    assert [whole_reads[str(file.path)] for file in verified] == [2, 1, 2, 2]


def test_what_is_damaged_is_a_problem_and_no_more(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3.0, 200: 1.0}))
    best = run.snapshots[1].path
    best.write_bytes(best.read_bytes()[:-1] + b"?")
    loader = CheckpointLoader()
    [file] = loader.verified(run.snapshots)
    assert file.header.iteration == 100
    [problem] = loader.problems
    assert problem.startswith(f"{best}: its checksum does not match")
    with pytest.raises(CheckpointError):
        loader.load(best)


def test_damaged_counts_are_a_problem_too(tmp_path: Path) -> None:
    run = Run(tiny.run(tmp_path, "one", {100: 3.0, 200: 1.0}))
    path = tiny.add_counts(run.snapshots[1].path, tiny.TEXT)
    kept = checkpoint.load(path)
    checkpoint.save(path, kept.header, kept.tensors | {"ngrams/sizes": kept.tensors["ngrams/sizes"][:-1]})
    loader = CheckpointLoader()
    assert [file.header.iteration for file in loader.verified(run.snapshots)] == [100]
    [problem] = loader.problems
    assert problem.startswith(f"{path}: its n-grams are damaged.")


def test_names_tell_runs_apart(tmp_path: Path) -> None:
    same, other = Run(tmp_path / "x" / "one"), Run(tmp_path / "y" / "one")
    assert names_of([same, None, other, Run(tmp_path / "two")]) == [str(same.path), "", str(other.path), "two"]
