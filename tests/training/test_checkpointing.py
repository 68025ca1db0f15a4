"""What a training leaves in its run directory: whole, readable, and enough to go on from anywhere."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import charrnn
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import CheckpointError, DivergedError, RunError
from charrnn.runs import checkpoint, history, samples, writer
from charrnn.runs.creation import create_run
from charrnn.runs.lock import RunLock, holder_of
from charrnn.runs.rewinding import rewind
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training.checkpointing import record
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.rank_place import Place
from charrnn.training.ranks import Ranks
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

SOURCE = corpus.from_text("".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(60)))


def make(**settings: Any) -> Trainer:
    learning: dict[str, Any] = {"batch_size": 3, "seq_length": 8, "iterations": 25, "warmup": 2, "seed": 5}
    learning |= {"snapshot_at": (0, 4, 12), "eval_every": 5, "sample_length": 30}
    return Trainer(
        SOURCE,
        ModelConfig(rnn_size=16, embedding_size=8, dropout=0.2),
        TrainConfig(**learning | settings),
        device="cpu",
    )


def rows_of(run: Run) -> list[dict[str, Any]]:
    """metrics.jsonl read strictly: every line JSON, nothing that JSON does not have."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = run.metrics_path.read_text("utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def weights_of(path: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in checkpoint.load(path).tensors.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = create_run(tmp_path_factory.mktemp("recorded"), "finished", "text")
    for _ in record(make(), run):
        pass
    return Run(run.path)


def test_a_run_keeps_these_files_and_no_others(finished: Run) -> None:
    assert sorted(path.name for path in finished.path.iterdir()) == [
        *("iteration-000000.safetensors", "iteration-000004.safetensors"),
        *("iteration-000012.safetensors", "iteration-000025.safetensors"),
        *("metrics.jsonl", "resume.safetensors", "samples.md"),
    ]
    assert checkpoint.load(finished.resume_path).header.iteration == 25
    for snapshot in finished.snapshots:
        assert checkpoint.load(snapshot.path).header.iteration == snapshot.header.iteration


def test_metrics_are_what_happened(finished: Run) -> None:
    rows = rows_of(finished)
    assert [(row["event"], row["iteration"]) for row in rows] == [
        *[("evaluated", 0), ("evaluated", 4), ("evaluated", 5), ("evaluated", 10), ("progress", 10)],
        *[
            ("evaluated", 12),
            ("evaluated", 15),
            ("evaluated", 20),
            ("progress", 20),
            ("evaluated", 25),
            ("progress", 25),
        ],
    ]
    events = {("progress", e.iteration): e for e in make().events() if isinstance(e, Progress)}
    for row in rows:
        assert row["characters"] == row["iteration"] * 24
        if row["iteration"] == 0:
            assert row["train_loss"] is None  # nothing has been trained on
            continue
        event = events["progress", row["iteration"]]
        assert row["train_loss"] == event.train_loss
        if row["event"] == "progress":
            assert (row["loss"], row["grad_norm"], row["learning_rate"]) == (
                event.loss,
                event.grad_norm,
                event.learning_rate,
            )
    measured = {row["iteration"]: row["held_out_loss"] for row in rows if row["event"] == "evaluated"}
    for snapshot in finished.snapshots:
        assert snapshot.header.held_out_loss == measured[snapshot.header.iteration]


def test_samples_md_has_every_snapshot_in_order(finished: Run) -> None:
    text = finished.samples_path.read_text("utf-8")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## Iteration 0", "## Iteration 4", "## Iteration 12", "## Iteration 25"]
    sections = text.split("\n## ")[1:]
    for snapshot, section in zip(finished.snapshots, sections, strict=True):
        sample = snapshot.header.sample
        assert sample is not None
        for line in (sample.prime + sample.text).strip("\n").split("\n"):
            assert f"    {line}\n" in section
        assert snapshot.header.held_out_loss is not None
        assert f"held out {snapshot.header.held_out_loss / 0.6931471805599453:.3f} bits" in section
    assert [section.split("\n")[2].split(";")[0].split()[0] for section in sections] == ["untrained", *["train"] * 3]


def test_a_snapshots_sample_can_be_made_again_from_its_file(finished: Run) -> None:
    """It is the network's alone: what counts know from the first iteration on would tell nothing of its learning."""
    for snapshot in finished.snapshots:
        sample = snapshot.header.sample
        assert sample is not None
        model = charrnn.load(snapshot.path)
        of: dict[str, Any] = {"temperature": sample.temperature, "ngrams": False}
        assert model.generate(sample.prime, len(sample.text), seed=sample.seed, **of) == sample.text
        assert model.generate(sample.prime, len(sample.text), seed=sample.seed + 1, **of) != sample.text


def test_an_event_arrives_only_when_it_is_on_disk(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    training = make()
    first = True
    for event in record(training, run):
        if first:
            assert checkpoint.load(run.resume_path).header.iteration == 0
            first = False
        match event:
            case Snapshot():
                iteration = event.header.iteration
                stored = checkpoint.load(run.snapshot_path(iteration))
                assert {n: t.tobytes() for n, t in event.tensors.items()} == {
                    n: t.tobytes() for n, t in stored.tensors.items()
                }
                assert f"## Iteration {iteration}\n" in run.samples_path.read_text("utf-8")
            case Evaluated():
                assert rows_of(run)[-1]["held_out_loss"] == event.held_out_loss
            case Progress():
                if event.iteration in (4, 12, 25):
                    assert checkpoint.load(run.resume_path).header.iteration == event.iteration


@pytest.mark.parametrize("seen", [1, 5, 6, 13, 20, 30])
def test_dropped_anywhere_and_resumed_equals_never_stopped(tmp_path: Path, finished: Run, seen: int) -> None:
    run = create_run(tmp_path, "finished", "text")
    for _ in itertools.islice(record(make(), run), seen):
        pass  # and then the process is gone
    with run.metrics_path.open("a") as file:
        file.write('{"event": "progr')  # while it wrote a line
    stored = checkpoint.load(run.resume_path)
    training = resumed(stored, SOURCE, device="cpu")
    rewind(Run(run.path), training.iteration)
    assert all(snapshot.header.iteration <= training.iteration for snapshot in Run(run.path).snapshots)
    if run.samples_path.exists():
        listed = run.samples_path.read_text("utf-8").count("\n## ")
        assert listed == len(Run(run.path).snapshots), "samples.md tells of snapshots that are gone"
    for _ in record(training, Run(run.path)):
        pass
    assert sorted(path.name for path in run.path.iterdir()) == sorted(path.name for path in finished.path.iterdir())
    for snapshot in finished.snapshots:
        assert weights_of(run.path / snapshot.path.name) == weights_of(snapshot.path)
    assert weights_of(run.resume_path) == weights_of(finished.resume_path)
    assert without_times(rows_of(run)) == without_times(rows_of(finished))
    assert run.samples_path.read_text("utf-8") == finished.samples_path.read_text("utf-8")


@pytest.mark.parametrize("seen", [0, 1, 2, 3])
def test_killed_around_the_untrained_network_and_resumed_equals_never_stopped(
    tmp_path: Path, finished: Run, seen: int
) -> None:
    """By nothing that could be caught: what is on the disk after so many events is all there is."""
    events = record(make(), create_run(tmp_path, "begun", "text"))
    for _ in range(seen):
        next(events)
    run = Run(tmp_path / "finished")
    if seen:
        shutil.copytree(tmp_path / "begun", run.path, ignore=shutil.ignore_patterns(".lock"))
    else:  # within the first evaluation
        checkpoint.save(create_run(tmp_path, "finished", "text").resume_path, *resume_point(make()))
    events.close()
    if seen == 2:
        run.samples_path.unlink()  # between the two files of a snapshot
    stored = checkpoint.load(run.resume_path)
    training = resumed(stored, SOURCE, device="cpu")
    assert training.iteration == (1 if seen == 3 else 0)
    rewind(run, training.iteration)
    later = list(record(training, Run(run.path), lock=RunLock(run, pytest.fail)))
    kept = [event.iteration for event in later if isinstance(event, Snapshot)]
    assert kept == ([0, 4, 12, 25] if seen < 2 else [4, 12, 25])  # it is not taken twice
    for path in (*[snapshot.path for snapshot in finished.snapshots], finished.resume_path):
        assert weights_of(run.path / path.name) == weights_of(path)
    assert without_times(rows_of(run)) == without_times(rows_of(finished))
    assert run.samples_path.read_text("utf-8") == finished.samples_path.read_text("utf-8")


def test_stop_ends_after_the_present_iteration_with_everything_kept(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    training = make()
    last = None
    for event in record(training, run, stop=lambda: training.iteration >= 7):
        last = event
    assert isinstance(last, Progress)
    assert last.iteration == training.iteration == 7
    stored = checkpoint.load(run.resume_path)
    assert stored.header.iteration == 7
    assert {n: t.tobytes() for n, t in stored.tensors.items()} == {
        n: t.tobytes() for n, t in resume_point(training)[1].items()
    }


def test_a_run_is_locked_while_it_is_trained(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    events = record(make(), run)
    next(events)
    with pytest.raises(RunError, match=f"is being trained by process {os.getpid()} on"):
        next(record(make(), run))
    assert [type(event) for event in events][-1] is Progress
    assert holder_of(run) is None


def test_a_run_that_another_process_has_begun_meanwhile_is_left_alone(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    events = record(make(), create_run(tmp_path, "run", "text"))
    for _ in record(make(), run):
        pass
    kept = run.resume_path.read_bytes()
    with pytest.raises(RunError, match="this run exists"):
        next(events)
    assert run.resume_path.read_bytes() == kept


def stopped_at(iteration: int, path: Path) -> tuple[Run, list[Event]]:
    run, training = create_run(path, "run", "text"), make()
    events = list(record(training, run, stop=lambda: training.iteration >= iteration))
    return Run(run.path), events


def test_a_stop_keeps_a_snapshot_and_resuming_keeps_it_too(tmp_path: Path, finished: Run) -> None:
    run, events = stopped_at(7, tmp_path)
    assert [type(event) for event in events[-2:]] == [Snapshot, Progress]
    kept = run.snapshots[-1].header
    assert kept.iteration == 7
    assert kept.sample is not None
    assert rows_of(run)[-1] == {
        "event": "evaluated",
        "iteration": 7,
        "held_out_loss": kept.held_out_loss,
        "train_loss": kept.train_loss,
        "mixed_loss": kept.mixed_loss,
        "characters": 7 * 24,
    }
    training = resumed(checkpoint.load(run.resume_path), SOURCE, device="cpu")
    rewind(run, 7)
    for _ in record(training, run):
        pass
    assert [file.header.iteration for file in Run(run.path).snapshots] == [0, 4, 7, 12, 25]
    for snapshot in finished.snapshots:
        assert weights_of(run.path / snapshot.path.name) == weights_of(snapshot.path)
    assert weights_of(run.resume_path) == weights_of(finished.resume_path)
    sections = samples.sections_of(run.samples_path.read_text("utf-8"))
    assert list(sections) == [0, 4, 7, 12, 25]
    del sections[7]
    assert sections == samples.sections_of(finished.samples_path.read_text("utf-8"))


def test_a_stop_where_a_snapshot_was_due_keeps_it_once(tmp_path: Path) -> None:
    run, events = stopped_at(4, tmp_path)
    assert [type(event) for event in events[-3:]] == [Evaluated, Snapshot, Progress]
    assert [file.header.iteration for file in run.snapshots] == [0, 4]
    assert [row["iteration"] for row in rows_of(run)] == [0, 4]


def test_a_stop_right_after_the_untrained_network_keeps_a_snapshot_of_its_own(tmp_path: Path) -> None:
    run, events = stopped_at(1, tmp_path)
    assert [type(event) for event in events] == [Evaluated, Snapshot, Snapshot, Progress]
    assert [file.header.iteration for file in run.snapshots] == [0, 1]
    assert [row["iteration"] for row in rows_of(run)] == [0, 1]


def test_a_stop_where_an_evaluation_was_due_is_measured_once(tmp_path: Path) -> None:
    run, events = stopped_at(5, tmp_path)
    assert [type(event) for event in events[-3:]] == [Evaluated, Snapshot, Progress]
    assert [file.header.iteration for file in run.snapshots] == [0, 4, 5]
    assert [row["iteration"] for row in rows_of(run)] == [0, 4, 5]


def test_another_interrupt_leaves_the_snapshot_of_a_stop_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, training = create_run(tmp_path, "run", "text"), make()

    def interrupted() -> Snapshot:
        if training.iteration == 7:
            raise KeyboardInterrupt
        return take()

    take = training.evaluator.snapshot
    monkeypatch.setattr(training.evaluator, "snapshot", interrupted)
    events = list(record(training, run, stop=lambda: training.iteration >= 7))
    assert isinstance(events[-1], Progress)
    assert [file.header.iteration for file in Run(run.path).snapshots] == [0, 4]
    assert checkpoint.load(run.resume_path).header.iteration == 7


class FullDisk:
    """Renames that fail as on a full disk, for files whose names begin so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: tuple[str, ...] = ()
        replace = os.replace

        def failing(source: str, target: Path) -> None:
            if Path(target).name.startswith(self.names):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
            replace(source, target)

        monkeypatch.setattr(os, "replace", failing)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


def test_what_cannot_be_written_is_written_at_the_next_save(tmp_path: Path, disk: FullDisk, finished: Run) -> None:
    run, training, warnings = create_run(tmp_path, "finished", "text"), make(), list[str]()
    for event in record(training, run, warn=warnings.append):
        if isinstance(event, Progress):
            if event.iteration == 3:
                disk.names = ("iteration-000004", "resume")
                before = run.resume_path.read_bytes()
            if event.iteration == 11:
                assert run.resume_path.read_bytes() == before
                assert not run.snapshot_path(4).exists()
                disk.names = ()
    assert warnings == [
        f"{path}: cannot be written (No space left on device). Training goes on; the next save tries again."
        for path in (run.snapshot_path(4), run.resume_path)
    ]
    for snapshot in finished.snapshots:
        assert weights_of(run.path / snapshot.path.name) == weights_of(snapshot.path)
    assert run.samples_path.read_bytes() == finished.samples_path.read_bytes()
    assert weights_of(run.resume_path) == weights_of(finished.resume_path)
    assert without_times(rows_of(run)) == without_times(rows_of(finished))
    assert {path.name for path in run.path.iterdir()} == {path.name for path in finished.path.iterdir()}


def test_where_the_first_save_fails_nothing_is_left_and_the_name_is_free(tmp_path: Path, disk: FullDisk) -> None:
    disk.names = ("resume",)
    for name in ("mine", None):
        run = create_run(tmp_path, name, "text")
        with pytest.raises(
            CheckpointError, match=r"No space left on device\)\. Nothing is kept .* give the same command"
        ):
            next(record(make(), run))
        assert list(tmp_path.iterdir()) == []
    disk.names = ()
    assert isinstance(list(record(make(iterations=1), create_run(tmp_path, "mine", "text")))[-1], Progress)


def test_where_the_first_save_of_a_run_that_goes_on_fails_it_still_can(tmp_path: Path, disk: FullDisk) -> None:
    run = create_run(tmp_path, "finished", "text")
    checkpoint.save(run.resume_path, *resume_point(make()))
    before, warnings = run.resume_path.read_bytes(), list[str]()
    training = resumed(checkpoint.load(run.resume_path), SOURCE, device="cpu")
    disk.names = ("resume",)
    events = record(training, run, warn=warnings.append, lock=RunLock(run, pytest.fail))
    next(events)
    assert len(warnings) == 1
    assert run.resume_path.read_bytes() == before
    events.close()
    assert run.resume_path.read_bytes() == before


def test_where_the_save_of_one_who_leaves_fails_it_is_said_how_to_go_on(tmp_path: Path, disk: FullDisk) -> None:
    run, warnings = create_run(tmp_path, "run", "text"), list[str]()
    for event in record(make(), run, warn=warnings.append):
        if isinstance(event, Progress) and event.iteration == 3:
            disk.names = ("resume",)
        if isinstance(event, Progress) and event.iteration == 7:
            break
    failed = f"{run.resume_path}: cannot be written (No space left on device). "
    assert warnings == [
        f"{failed}Training goes on; the next save tries again.",
        f"{failed}Make room or put its permissions right, then go on: charrnn train TEXT --resume {run.path}",
    ]


def test_no_more_snapshots_wait_than_there_is_room_for(
    tmp_path: Path, disk: FullDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_CAPACITY", 1)
    run, training = create_run(tmp_path, "run", "text"), make()
    disk.names = ("iteration-000004", "iteration-000012")

    def follow() -> None:
        for event in record(training, run, warn=lambda message: None):
            if isinstance(event, Progress) and event.iteration == 14:
                disk.names = ()

    with pytest.raises(CheckpointError, match=r"iteration-000004\.safetensors: cannot be written"):
        follow()
    assert [file.header.iteration for file in Run(run.path).snapshots] == [0, 12, 25]
    assert list(samples.sections_of(run.samples_path.read_text("utf-8"))) == [0, 12, 25]


@pytest.mark.parametrize("name", ["iteration-000025.safetensors", "resume.safetensors"])
def test_where_the_last_save_fails_the_file_is_named_in_the_end(tmp_path: Path, disk: FullDisk, name: str) -> None:
    run, training, seen = create_run(tmp_path, "run", "text"), make(), list[Event]()

    def follow() -> None:
        for event in record(training, run, warn=lambda message: None):
            seen.append(event)
            disk.names = (name,)

    with pytest.raises(CheckpointError, match=re.escape(f"{name}: cannot be written (No space left on device).")) as e:
        follow()
    resume = f"then go on: charrnn train TEXT --resume {run.path}"
    assert e.value.advice.endswith(resume if name.startswith("resume") else "is kept, in resume.safetensors.")
    assert training.complete
    assert isinstance(seen[-1], Progress)
    assert not [path for path in run.path.iterdir() if path.suffix == ".tmp"]


def test_samples_that_cannot_be_written_end_no_training(tmp_path: Path) -> None:
    run, warnings = create_run(tmp_path, "run", "text"), list[str]()
    run.samples_path.mkdir()
    for event in record(make(), run, warn=warnings.append):
        if isinstance(event, Progress) and event.iteration == 13:
            run.samples_path.rmdir()
    assert [warning.split(" (")[0] for warning in warnings] == [f"{run.samples_path}: cannot be written"]
    assert list(samples.sections_of(run.samples_path.read_text("utf-8"))) == [0, 4, 12, 25]


def test_without_a_listener_what_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    run.samples_path.mkdir()
    with pytest.warns(RuntimeWarning, match=r"samples\.md: cannot be written"):
        for _ in record(make(), run):
            pass


def test_only_what_is_to_be_kept_stays_and_nothing_of_others_goes(tmp_path: Path, finished: Run) -> None:
    run = create_run(tmp_path, "run", "text")
    (run.path / "iteration-000001-good.safetensors").write_bytes(finished.snapshot_path(4).read_bytes())
    settings = {"snapshot_every": 1, "snapshot_at": (3,), "keep": ("last:2", "milestones"), "sample_length": 5}
    training, most = make(**settings), 0
    for event in record(training, run, stop=lambda: training.iteration >= 8):
        if isinstance(event, Progress):
            most = max(most, len(list(run.path.glob("iteration-??????.safetensors"))))
    assert most == 3
    assert checkpoint.load(run.resume_path).header.iteration == 8
    names = [path.name for path in run.path.glob("iteration-*")]
    assert sorted(names) == [
        *("iteration-000001-good.safetensors", "iteration-000003.safetensors"),
        *("iteration-000007.safetensors", "iteration-000008.safetensors"),
    ]
    training = resumed(checkpoint.load(run.resume_path), SOURCE, device="cpu")  # keeps by the same rules
    rewind(run, 8)
    for _ in record(training, run):
        pass
    kept = [file.header.iteration for file in Run(run.path).own_snapshots]
    assert kept == [3, 24, 25]
    assert (run.path / "iteration-000001-good.safetensors").exists()
    assert list(samples.sections_of(run.samples_path.read_text("utf-8"))) == list(range(1, 26))


def test_what_is_surplus_stays_while_the_present_state_cannot_be_saved(tmp_path: Path, disk: FullDisk) -> None:
    run, training = create_run(tmp_path, "run", "text"), make(snapshot_every=1, keep=("last:1",), sample_length=5)
    for event in record(training, run, warn=lambda message: None):
        if isinstance(event, Progress) and event.iteration in (5, 15):
            disk.names = ("resume",) if event.iteration == 5 else ()
        if isinstance(event, Progress) and event.iteration == 14:
            assert [file.header.iteration for file in Run(run.path).snapshots] == list(range(5, 15))
    assert [file.header.iteration for file in Run(run.path).snapshots] == [25]


def test_no_header_is_read_while_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, read = create_run(tmp_path, "run", "text"), list[Path]()
    monkeypatch.setattr(checkpoint, "read_header", read.append)
    for _ in record(make(snapshot_every=1), run):
        pass
    assert read == []


def test_divergence_keeps_what_was_kept_and_is_noted(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    training = make()
    before: dict[str, bytes] = {}

    def spoil() -> None:
        weights = training.model.weights()
        weights["head.weight"][0, 0] = float("inf")
        training.model.load_weights(weights)
        before.update({path.name: path.read_bytes() for path in run.path.iterdir() if path.name != ".lock"})

    def follow() -> None:
        for event in record(training, run):
            if isinstance(event, Progress) and event.iteration == 8:
                spoil()

    with pytest.raises(DivergedError, match="iteration 9"):
        follow()
    after = {path.name: path.read_bytes() for path in run.path.iterdir()}
    metrics = after.pop("metrics.jsonl")
    assert metrics.startswith(before.pop("metrics.jsonl"))
    assert after == before
    assert [snapshot.header.iteration for snapshot in Run(run.path).snapshots] == [0, 4]
    assert checkpoint.load(run.resume_path).header.iteration == 4
    last = rows_of(run)[-1]
    assert (last["event"], last["iteration"]) == ("diverged", 9)
    assert history.read(Run(run.path)).diverged == 9
    rewind(run, 4)
    assert history.read(Run(run.path)).diverged is None


def test_a_snapshot_of_weights_that_are_not_numbers_is_not_kept(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    with pytest.raises(DivergedError, match=r"iteration 1\b"):
        for _ in record(make(learning_rate=1e38, warmup=0, snapshot_at=(1,)), run):
            pass
    assert Run(run.path).snapshots == []
    assert checkpoint.load(run.resume_path).header.iteration == 0
    rows_of(run)


class Paired(Ranks):
    """The first of two ranks, whose other computes nothing, and has a number that differs by so much."""

    def __init__(self, difference: int) -> None:
        super().__init__(Place(size=2))
        self.difference = difference

    def each(self, value: Any) -> list[Any]:
        return [value, value + self.difference]

    def from_first(self, make: Callable[[], Any]) -> Any:
        return make()

    def joined(self, rows: Any) -> Any:
        return rows


def test_a_rank_that_comes_to_other_weights_is_named_once(tmp_path: Path) -> None:
    for difference, count in ((0, 0), (1, 1)):
        trainer, said = make(eval_every=0, val_frac=0.0, iterations=12), list[str]()
        trainer.ranks = Paired(difference)
        for _ in record(trainer, create_run(tmp_path, None, "text"), warn=said.append):
            pass
        assert len(said) == count, said
        for line in said:  # at the first of three saves
            assert line.startswith("rank 1: has come to other weights than rank 0 in 1 iteration, ")
