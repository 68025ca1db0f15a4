"""Many snapshots, many runs, a million files beside them: what is read and written grows as they do, and no faster."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import tiny, trainings
from helpers.command_line import CommandLine

from charrnn import files
from charrnn.runs import appending, checkpoint, writer
from charrnn.runs.find import list_runs, load_found, newest_run
from charrnn.runs.run import Run
from charrnn.training.checkpointing import record
from charrnn.training.events import Progress, log_interval


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the header of each file was read, counted where it is."""
    counts, read_header = Counter[str](), checkpoint.read_header

    def counted(path: Path) -> Any:
        counts[f"{path.parent.name}/{path.name}"] += 1
        return read_header(path)

    monkeypatch.setattr(checkpoint, "read_header", counted)
    return counts


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many bytes were written of what is no checkpoint, as an end of a file or as a whole one."""
    counts = Counter[str]()
    append_lines, replace_file = appending.append_lines, files.replace_file

    def appended(path: Path, data: bytes) -> None:
        counts[path.name] += len(data)
        append_lines(path, data)

    def replaced(path: Path, data: bytes) -> None:
        counts[path.name] += len(data)
        replace_file(path, data)

    from charrnn.runs import run

    monkeypatch.setattr(run, "append_lines", appended)
    monkeypatch.setattr(run, "replace_file", replaced)
    return counts


def test_a_snapshot_more_costs_what_the_first_did(
    tmp_path: Path,
    reads: Counter[str],
    written: Counter[str],
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    count = rounds(30, 1500)
    run = Run(tiny.run(tmp_path, "many", {}))
    trainer = trainings.make(iterations=count, snapshot_every=1, keep=(), sample_length=3)
    events = record(trainer, run, warn=pytest.fail)
    seen = [written.total() for event in events if isinstance(event, Progress)]  # bytes, after each save
    assert reads == {}, "no header is read again"
    sizes = [after - before for before, after in itertools.pairwise(seen)]
    assert max(sizes[-10:]) < 1.5 * max(sizes[:20])
    assert len(Run(run.path).own_snapshots) == count
    assert run.samples_path.stat().st_size == written["samples.md"], "each sample was written once"
    tell_figure(f"{count} snapshots kept: 0 headers read, {sizes[5]} bytes of log and samples at the 6th save, "
                f"{sizes[-1]} at the last")  # fmt: skip


def test_samples_that_cannot_be_written_are_no_reason_to_read_every_snapshot(
    tmp_path: Path, reads: Counter[str]
) -> None:
    run = Run(tiny.run(tmp_path, "many", {}))
    told: list[str] = []
    keeper = writer.RunWriter(run, told.append)
    run.samples_path.mkdir()
    for at in range(1, 31):
        header = tiny.header(iteration=at)
        keeper.write_snapshot(header, tiny.weights(header))
    assert len(told) == 1
    run.samples_path.rmdir()
    header = tiny.header(iteration=31)
    keeper.write_snapshot(header, tiny.weights(header))
    assert reads == {}
    assert list(run.samples()) == list(range(1, 32))


def test_pruning_reads_what_it_deletes_and_nothing_else(tmp_path: Path, reads: Counter[str]) -> None:
    run = Run(tiny.run(tmp_path, "many", {}))
    trainer = trainings.make(iterations=30, snapshot_every=1, keep=("last:3",), sample_length=3)
    for _ in record(trainer, run, warn=pytest.fail):
        pass
    assert reads == {f"many/iteration-{at:06d}.safetensors": 1 for at in range(1, 28)}
    assert [file.header.iteration for file in Run(run.path).own_snapshots] == [28, 29, 30]


def test_readers_read_each_header_once_and_the_newest_run_is_found_by_one_of_each(
    tmp_path: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    root, runs, snapshots = tmp_path / "checkpoints", 6, 8
    for number in range(runs):
        path = tiny.run(root, f"run-{number}", dict.fromkeys(range(1, snapshots + 1), 3.0))
        tiny.save(path / "resume.safetensors", kind="resume", created=f"2026-01-0{number + 1}T00:00:00+00:00")
    monkeypatch.chdir(tmp_path)
    line = CommandLine(monkeypatch, capfdbinary)
    assert len(json.loads(line("runs", "--json").stdout)["runs"]) == runs
    assert reads.total() == runs * (snapshots + 1)
    assert set(reads.values()) == {1}
    reads.clear()
    assert newest_run(root).name == f"run-{runs - 1}"
    assert reads.total() == runs, "resume files alone"
    reads.clear()
    assert load_found(None, root).path is not None
    assert reads.total() == runs + snapshots


@pytest.mark.skipif(os.name != "posix", reason="counts what the system is asked for")
def test_a_directory_of_many_other_files_is_listed_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    count = rounds(2_000, 100_000)
    tiny.run(tmp_path, "run", {10: 3.0})
    (tmp_path / "texts" / "deeper").mkdir(parents=True)
    tiny.run(tmp_path / "texts" / "deeper", "not-below", {10: 3.0})
    for number in range(count):
        for directory in (tmp_path, tmp_path / "texts"):
            os.close(os.open(directory / f"{number}.txt", os.O_CREAT | os.O_WRONLY))
    asked = Counter[str]()

    def counting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, *arguments: Any, **options: Any) -> Any:
            asked[name] += 1
            return call(path, *arguments, **options)

        return counted

    for name in ("stat", "lstat", "scandir", "listdir", "open"):
        monkeypatch.setattr(os, name, counting(name, getattr(os, name)))
    assert [run.name for run in list_runs(tmp_path)] == ["run"]
    assert asked.total() < 40, asked
    tell_figure(f"{2 * count:,} files beside a run: {asked.total()} system calls for names and files to list it")


def test_the_log_of_a_long_training_stays_short() -> None:
    rows, iteration = 0, 0
    lines = []
    while iteration < 10**9:
        iteration += log_interval(iteration + 1)
        rows += 1
        lines.append(iteration)
        if iteration in (10**5, 10**6, 10**9):
            assert rows <= {10**5: 10_000, 10**6: 19_000, 10**9: 46_000}[iteration]
    assert all(at % log_interval(at) == 0 for at in lines)
    assert {log_interval(at) for at in range(1, 100_000)} == {10}
