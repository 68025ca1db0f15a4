"""A run whose resume file is damaged or missing goes on from its newest whole snapshot, and is resumed from then on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.command_line import SHORT, CommandLine

import charrnn
from charrnn.errors import CorpusError, RunError, UsageError
from charrnn.evaluation.verdict import of_run
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training.events import Event, Progress
from charrnn.training.trainer import Trainer

TEXT = "".join(f"{n} ships came in; « {n * n} » went out again.\n" for n in range(80))
TINY: dict[str, Any] = {"rnn_size": 16, "embedding_size": 8, "batch_size": 3, "seq_length": 8, "device": "cpu"}
TINY |= {"iterations": 20, "snapshot_at": (4, 8, 12), "eval_every": 2, "sample_length": 10, "dropout": 0.2, "seed": 3}
GOES_ON = "Training goes on from the weights of the newest whole snapshot, of iteration"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("ships.txt").write_text(TEXT, "utf-8")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def followed(events: Generator[Event, None, None], until: int | None) -> list[Progress]:
    """A training's iterations, up to one of them."""
    made = []
    with contextlib.closing(events):
        for event in events:
            if isinstance(event, Progress):
                made.append(event)
                if event.iteration == until:
                    break
    return made


def stopped(at: int = 14, text: Any = "ships.txt", **settings: Any) -> Run:
    """A run that was stopped, its text in a file."""
    given = {name: value for name, value in (TINY | settings).items() if value is not None}
    events = charrnn.train(text, checkpoint_dir="checkpoints", name="ships", **given)
    followed(events, at)
    return Run(Path("checkpoints/ships"))


def turn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 4
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-70])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def go_on(run: Run, text: Any = "ships.txt", *, until: int | None = None, **settings: Any) -> list[Progress]:
    """Resume a run; its iterations."""
    return followed(charrnn.train(text, resume=run.path, **settings), until)


def falls_back(run: Run, text: Any = "ships.txt", **settings: Any) -> tuple[list[Progress], str]:
    """The same where it says that it falls back: what it says, too."""
    with pytest.warns(RuntimeWarning, match="Training goes on from the ") as warned:
        made = go_on(run, text, **settings)
    (said,) = warned
    return made, str(said.message)


def tensors_of(path: Path) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in checkpoint.load(path).tensors.items()}


@pytest.mark.parametrize("damage", [turn, cut, empty, os.unlink], ids=["turned", "cut", "emptied", "missing"])
def test_it_goes_on_from_the_newest_whole_snapshot_and_says_so(damage: Callable[[Path], None]) -> None:
    run = stopped()
    before, newest = {path.name: path.read_bytes() for path in run.path.iterdir()}, run.snapshot_path(8)
    damage(run.resume_path)
    turn(run.snapshot_path(12))
    damaged = run.resume_path.read_bytes() if run.resume_path.exists() else None
    made, said = falls_back(run, until=9)
    assert [each.iteration for each in made] == [9]
    assert said.startswith(f"{run.resume_path}: ")
    assert f"{GOES_ON} 8. Optimizer and recurrent state begin anew" in said
    assert ("The file is kept as resume.safetensors.replaced. " in said) is (damaged is not None)
    assert said.endswith(f"--init-from {newest}")
    assert newest.read_bytes() == before[newest.name]
    set_aside = {path.name for path in run.path.glob("*.replaced")}
    assert {"iteration-000012.safetensors.replaced", "metrics.jsonl.replaced"} <= set_aside
    kept = run.path / "resume.safetensors.replaced"
    assert (kept.read_bytes() if kept.exists() else None) == damaged
    header = checkpoint.load(run.resume_path).header
    assert (header.iteration, header.began_from) == (9, {"fell_back_to": 8})
    events = [(row["event"], row["iteration"]) for row in run.metrics() if row["iteration"] >= 8]
    assert events == [("evaluated", 8), ("fell back", 8)]
    go_on(run)
    assert [file.header.iteration for file in Run(run.path).own_snapshots] == [4, 8, 12, 20]
    assert checkpoint.load(run.snapshot_path(20)).header.began_from == {"fell_back_to": 8}
    assert {path.name for path in run.path.glob("*.replaced")} == {kept.name} - (
        {kept.name} if damaged is None else set()
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"decay": "cosine", "warmup": 2},
        {"decay": "plateau", "plateau_patience": 1, "learning_rate": 0.3},
        {"decay": "step", "decay_after": 0.1, "decay_every": 0.1, "optimizer": "adamw"},
        {"average": 0.9, "optimizer": "sgd", "on_divergence": "rollback"},
    ],
    ids=lambda settings: str(next(iter(settings.values()))),
)
def test_it_is_a_training_of_those_weights_at_that_iteration(settings: dict[str, Any]) -> None:
    """Made by hand: a new trainer with the weights, its iteration and what held-out losses have decided set."""
    run = stopped(**settings)
    rates = {row["iteration"]: row["learning_rate"] for row in run.metrics() if row["event"] == "progress"}
    snapshot = checkpoint.load(run.snapshot_path(8))
    run.resume_path.unlink()
    run.snapshot_path(12).unlink()
    made, said = falls_back(run)
    assert ("averaged weights" in said) == ("average" in settings)

    header = snapshot.header
    trainer = Trainer(corpus.read("ships.txt"), header.model, header.training, device="cpu")
    trainer.begin_with(snapshot.weights, {})
    trainer.iteration, trainer.train_loss = 8, header.train_loss or 0.0
    for row in Run(run.path).metrics():
        if row["event"] == "evaluated" and 0 < row["iteration"] <= 8:
            trainer.schedule.observe(row["held_out_loss"])
    expected = [event for event in trainer.events() if isinstance(event, Progress)]
    assert [each.loss.hex() for each in made] == [each.loss.hex() for each in expected]
    assert [each.learning_rate for each in made] == [each.learning_rate for each in expected]
    assert made[-1].characters == 20 * 3 * 8
    if settings.get("decay") != "plateau":  # which goes by losses
        assert next(each.learning_rate for each in made if each.iteration == 10) == pytest.approx(rates[10])
    weights = checkpoint.load(run.snapshot_path(20)).weights
    for name, weight in trainer.evaluated_model.weights().items():
        assert weights[name].tobytes() == weight.tobytes()


def test_from_then_on_resuming_is_exact() -> None:
    run = stopped()
    turn(run.resume_path)
    shutil.copytree("checkpoints", "again")
    again = Run(Path("again/ships"))
    _, said = falls_back(run)
    assert f"{GOES_ON} 12." in said
    falls_back(again, until=15)
    go_on(again)  # a warning would be an error
    assert tensors_of(again.resume_path) == tensors_of(run.resume_path)
    assert tensors_of(again.snapshot_path(20)) == tensors_of(run.snapshot_path(20))


def test_twice() -> None:
    run = stopped()
    turn(run.resume_path)
    run.snapshot_path(12).unlink()
    falls_back(run, until=13)
    cut(run.resume_path)
    second = run.resume_path.read_bytes()
    _, said = falls_back(run)
    assert f"{GOES_ON} 12." in said
    assert (run.path / "resume.safetensors.replaced").read_bytes() == second
    assert [row["iteration"] for row in run.metrics() if row["event"] == "fell back"] == [8, 12]
    assert checkpoint.load(run.snapshot_path(20)).header.began_from == {"fell_back_to": 12}


def test_a_kill_between_any_two_steps_falls_back_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every renaming is let happen, and then the process is as good as killed. The text need not be named."""

    def told(run: Run) -> tuple[Any, ...]:
        """What is known of how it came to be."""
        rows = [row for row in run.metrics() if row["event"] == "fell back"]
        reasons = [(row["iteration"], row["reason"].rpartition(": ")[2]) for row in rows]
        return reasons, checkpoint.load(run.resume_path).header.progress["budget_began"]

    whole = stopped()
    turn(whole.resume_path)
    turn(whole.snapshot_path(12))
    shutil.copytree("checkpoints", "untouched")
    falls_back(whole)
    expected, rename = tensors_of(whole.snapshot_path(20)), os.replace
    assert told(whole)[0] == [(8, "its checksum does not match; the file is damaged.")]
    assert told(whole)[1] > 0
    for steps in range(12):
        shutil.copytree("untouched", f"{steps}")
        run, left = Run(Path(f"{steps}/ships")), [steps]

        def killed(source: Any, target: Any, *, left: list[int] = left) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            rename(source, target)

        monkeypatch.setattr(os, "replace", killed)
        try:
            falls_back(run, until=9)
        except KeyboardInterrupt:
            killed_at = True
        else:
            killed_at = False
        finally:
            monkeypatch.setattr(os, "replace", rename)
        if not killed_at:
            break
        fell_back = (run.path / "resume.safetensors").exists() and "replaced" in str(list(run.path.glob("resume*")))
        (go_on if fell_back else falls_back)(run, None)
        assert tensors_of(run.snapshot_path(20)) == expected, steps
        assert told(run) == told(whole), steps
        assert (run.path / "resume.safetensors.replaced").exists()
    assert steps > 3


def test_killed_right_after_it_is_resumed_exactly() -> None:
    run = stopped(iterations=50_000, eval_every=0)
    turn(run.resume_path)
    shutil.copytree("checkpoints", "again")
    command = [sys.executable, "-m", "charrnn", "train", "--resume", str(run.path), "--device", "cpu", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (run.path / "resume.safetensors.replaced").exists() or not run.resume_path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    said = process.communicate()[1].decode()
    assert f"{GOES_ON} 12." in said
    assert process.returncode != 0
    at = checkpoint.load(run.resume_path).header.iteration
    again = Run(Path("again/ships"))
    falls_back(again, until=at + 3)
    go_on(run, until=at + 3)
    assert tensors_of(run.resume_path) == tensors_of(again.resume_path)


def test_where_nothing_says_where_the_text_is_it_must_be_named(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run = stopped()
    run.resume_path.unlink()
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    line = CommandLine(monkeypatch, capfdbinary)
    done = line("train", "--resume", run.path)
    said = done.stderr.decode()
    assert done.returncode == 2
    assert "is missing. Training can go on from the newest whole snapshot, of iteration 12, which does not say" in said
    assert "charrnn train TEXT --resume checkpoints/ships; or begin a new run: charrnn train TEXT" in said
    assert said.strip().endswith("--init-from checkpoints/ships/iteration-000012.safetensors")
    Path("other.txt").write_text(TEXT.replace("ships", "boats"), "utf-8")
    with pytest.raises(CorpusError, match=r"is not the text this run was trained on .*: another digest"):
        go_on(run, "other.txt")
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
    with pytest.raises(UsageError, match="keeps its settings"):
        go_on(run, learning_rate=0.5)
    falls_back(run, until=13)
    go_on(run, None)  # it is known again
    assert checkpoint.load(run.resume_path).header.iteration == 20


def test_a_damaged_file_may_tell_where_the_text_is() -> None:
    run = stopped()
    turn(run.resume_path)
    falls_back(run, None)
    assert checkpoint.load(run.resume_path).header.iteration == 20


def test_a_complete_run_is_complete(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    line = CommandLine(monkeypatch, capfdbinary)
    again = ("ships.txt", "--name", "it's", "--auto-resume", *SHORT, "--lowercase", "--snapshot-at", "3")
    line.train(*again, "--iterations", "6")
    run = Run(Path("checkpoints/it's"))
    turn(run.resume_path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir()}
    said = line.train(*again, "--iterations", "6")
    assert "the file is damaged. checkpoints/it's: is complete at iteration 6." in said
    assert {path.name: path.read_bytes() for path in run.path.iterdir()} == before
    said = line.train(*again, "--iterations", "8")
    assert "of the newest whole snapshot, of iteration 6." in said
    assert checkpoint.load(run.resume_path).header.iteration == 8
    command = next(line for line in said.splitlines() if "--init-from" in line).rpartition("instead: ")[2]
    assert "--lowercase" in command
    said = line.train(*shlex.split(command)[2:], "--batch-size", "4", "--iterations", "2", "--sample-length", "5")
    assert "network from checkpoints/it's/iteration-000006.safetensors" in said


def test_what_held_out_losses_have_decided_is_in_the_log() -> None:
    """A training that had ended early has ended."""
    run = stopped(iterations=500, patience=2, learning_rate=0.5, decay="constant", grad_clip=0.0, at=10**6)
    had = checkpoint.load(run.resume_path).header
    assert had.progress["stopped"]
    run.resume_path.unlink()
    with pytest.raises(UsageError, match=f"is complete at iteration {had.iteration}, ended early"):
        go_on(run)
    falls_back(run, iterations=had.iteration + 2)
    now = checkpoint.load(run.resume_path).header
    assert now.iteration == had.iteration + 2
    assert now.progress["best_loss"] <= had.progress["best_loss"]
    run.metrics_path.unlink()
    run.resume_path.unlink()
    assert falls_back(run, iterations=had.iteration + 4)[0], "without a log it begins to count anew"


@pytest.mark.parametrize("planned", [True, False])
def test_time_that_the_log_has_is_gone(planned: bool) -> None:
    run = stopped(time=3600.0, iterations=None)
    run.append_metrics({"event": "progress", "iteration": 14, "seconds": 3000.0})
    if planned:  # as a snapshot has it that was kept after a plan
        kept = checkpoint.load(run.snapshot_path(12))
        header = dataclasses.replace(kept.header, training=dataclasses.replace(kept.header.training, iterations=100))
        checkpoint.save(run.snapshot_path(12), header, kept.tensors)
    run.resume_path.unlink()
    falls_back(run, until=13)
    header = checkpoint.load(run.resume_path).header
    assert 3000 < header.progress["elapsed"] < 3060
    assert header.progress["budget_began"] == 3000.0
    assert header.progress["plans"] == planned
    assert header.training.iterations == (100 if planned else 10**9)


def test_a_file_beyond_all_measure_is_not_read() -> None:
    run = stopped()
    with run.resume_path.open("r+b") as file:
        file.truncate(8 << 30)
    began = time.monotonic()
    falls_back(run, until=13)
    assert time.monotonic() - began < 30
    assert (run.path / "resume.safetensors.replaced").stat().st_size == 8 << 30


def test_what_cannot_be_set_aside_is_left() -> None:
    run = stopped()
    turn(run.resume_path)
    damaged = run.resume_path.read_bytes()
    (run.path / "resume.safetensors.replaced").mkdir()
    with (
        pytest.warns(RuntimeWarning, match="goes on"),
        pytest.raises(RunError, match=r"resume\.safetensors: cannot be"),
    ):
        go_on(run)
    assert run.resume_path.read_bytes() == damaged


def test_weights_from_elsewhere_are_still_named() -> None:
    first = stopped()
    first.path.rename("checkpoints/first")
    run = stopped(init_from="checkpoints/first")
    began_from = checkpoint.load(run.resume_path).header.began_from
    turn(run.resume_path)
    falls_back(run, None)
    now = checkpoint.load(run.resume_path).header.began_from
    assert now == {**began_from, "fell_back_to": 12}


def test_readers_tell_it() -> None:
    run = stopped()
    run.resume_path.unlink()
    assert "resume file" not in str(of_run(run))
    falls_back(run)
    told = of_run(Run(run.path))
    assert told is not None
    assert "Its resume file was lost: it went on from the snapshot of iteration 12" in " ".join(told.sentences)


def test_a_log_that_says_nonsense_is_no_harm() -> None:
    run = stopped(on_divergence="rollback")
    rows = [{"event": "rolled back", "iteration": 2}] * 1200
    losses = [{"event": "evaluated", "iteration": at, "held_out_loss": loss} for at, loss in ((2, -5), (4, 1e200))]
    run.append_metrics(*rows, *losses, {"event": "progress", "iteration": 10, "clipped": 1e250, "seconds": 1e250})
    run.resume_path.unlink()
    falls_back(run, until=13)
    go_on(run)


def test_to_the_weights_that_it_began_with() -> None:
    """They are no random ones: nothing is trained of a run that has nothing else."""
    stopped().path.rename("checkpoints/first")
    run = stopped(init_from="checkpoints/first", snapshot_at=(0, 20))
    run.resume_path.unlink()
    made, said = falls_back(run, until=5)
    assert f"{GOES_ON} 0." in said
    assert made[0].iteration == 1
    go_on(run)
    assert [file.header.iteration for file in Run(run.path).own_snapshots] == [0, 20]
