"""TensorBoard's event files, read back with TensorBoard; and what is said where it is not installed."""

from __future__ import annotations

import dataclasses
import errno
import importlib.util
import itertools
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from charrnn.commands.main import main
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import RunError, UsageError
from charrnn.formatting import BYTE
from charrnn.runs import checkpoint
from charrnn.runs.creation import create_run
from charrnn.runs.header import Sample
from charrnn.runs.rewinding import rewind
from charrnn.runs.run import Run
from charrnn.text import corpus
from charrnn.training import tensorboard
from charrnn.training.checkpointing import record
from charrnn.training.events import Evaluated, Event, Progress, RolledBack, Snapshot
from charrnn.training.resume import resumed
from charrnn.training.trainer import Trainer

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(60))
SOURCE = corpus.from_text(TEXT)
installed = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed (charrnn[tensorboard])"
)


def make(**settings: Any) -> Trainer:
    return Trainer(
        SOURCE,
        ModelConfig(rnn_size=16, embedding_size=8, dropout=0.2),
        TrainConfig(
            batch_size=3, seq_length=8, iterations=35, warmup=2, seed=5, snapshot_at=(4, 12), eval_every=5,
            sample_length=30, **settings,
        ),
        device="cpu",
    )  # fmt: skip


def train(training: Trainer, run: Run, most: int | None = None) -> list[Event]:
    """Train under TensorBoard's eyes, to the end or until so many events have come."""
    events = tensorboard.write_events(record(training, run), run, after=training.iteration)
    return list(itertools.islice(events, most))


@installed
def test_what_came_before_a_rollback_is_taken_back(tmp_path: Path) -> None:
    run, training = create_run(tmp_path, "run", "text"), make(on_divergence="rollback")

    def spoilt(module: torch.nn.Module, _: object, logits: torch.Tensor) -> torch.Tensor:
        return logits * math.nan if training.iteration == 25 and not training.schedule.rollbacks else logits

    training.model.head.register_forward_hook(spoilt)
    events = train(training, run)
    assert [event.diverged_at for event in events if isinstance(event, RolledBack)] == [25]
    rates = scalars(run, "learning_rate")
    assert list(rates) == [10, 20, 30, 35]
    assert rates == {row["iteration"]: pytest.approx(row["learning_rate"]) for row in run.metrics() if "loss" in row}


def read(run: Run) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(run.path / "tensorboard")).Reload()


def scalars(run: Run, tag: str) -> dict[int, float]:
    points = [(point.step, point.value) for point in read(run).Scalars(tag)]
    assert len(dict(points)) == len(points)
    return dict(points)


def weights_of(path: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in checkpoint.load(path).tensors.items()}


@installed
def test_every_curve_is_what_happened_in_bits(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    events = train(make(), run)
    progress = {event.iteration: event for event in events if isinstance(event, Progress) and event.logged}
    evaluated = {event.iteration: event for event in events if isinstance(event, Evaluated)}
    assert list(progress) == [10, 20, 30, 35]
    single = {"rel": 1e-6}  # event files keep single precision
    for tag, values in {
        "loss/held_out": {at: event.held_out_loss / math.log(2) for at, event in evaluated.items()},
        "loss/mixed": {at: (event.mixed_loss or 0.0) / math.log(2) for at, event in evaluated.items()},
        "loss/train": {at: event.train_loss / math.log(2) for at, event in progress.items()},
        "grad_norm": {at: event.grad_norm for at, event in progress.items()},
        "max_gradient_norm": {at: event.max_gradient_norm for at, event in progress.items()},
        "learning_rate": {at: event.learning_rate for at, event in progress.items()},
    }.items():
        assert scalars(run, tag) == pytest.approx(values, **single)
    speed = scalars(run, "characters_per_second")
    assert list(speed) == [10, 20, 30, 35]
    seconds = progress[30].seconds - progress[20].seconds
    assert speed[30] == pytest.approx(10 * 3 * 8 / seconds, **single)


@installed
def test_losses_per_byte_have_tags_of_their_own(tmp_path: Path) -> None:
    run = create_run(tmp_path, "bytes", "ships")
    nats = math.log(2)
    events = [
        Progress(10, nats, 2 * nats, 1.0, 0.01, 100, 1.0, 0, 1.0, 0, logged=True),
        Evaluated(10, 3 * nats, 2 * nats),
    ]
    assert list(tensorboard.write_events(events, run, after=0, unit=BYTE)) == events
    assert scalars(run, "loss_bpb/train") == {10: pytest.approx(2, rel=1e-6)}
    assert scalars(run, "loss_bpb/held_out") == {10: pytest.approx(3, rel=1e-6)}
    assert not {"loss/train", "loss/held_out", "loss/mixed"} & set(read(run).Tags()["scalars"])


@installed
def test_samples_are_text_as_it_was_written(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    headers = [event.header for event in train(make(), run) if isinstance(event, Snapshot)]
    texts = {
        point.step: point.tensor_proto.string_val[0].decode() for point in read(run).Tensors("sample/text_summary")
    }
    assert list(texts) == [4, 12, 35]
    for header in headers:
        assert header.sample is not None
        body = (header.sample.prime + header.sample.text).strip("\n")
        assert texts[header.iteration] == "".join(f"    {line}\n" for line in body.split("\n"))


@installed
def test_a_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    sample = Sample(prime="a", text="\udcc3<b>\n", seed=1, temperature=0.8, known_words=None)
    events = [event for event in make().events() if isinstance(event, Snapshot)]
    run = create_run(tmp_path, "run", "text")
    spoilt = [Snapshot(dataclasses.replace(events[0].header, sample=sample), {})]
    assert list(tensorboard.write_events(spoilt, run, after=0)) == spoilt
    [text] = read(run).Tensors("sample/text_summary")
    assert text.tensor_proto.string_val[0].decode() == "    a\\xc3<b>\n"


@installed
def test_training_is_undisturbed(tmp_path: Path) -> None:
    plain, watched = (create_run(tmp_path, name, "text") for name in ("plain", "watched"))
    expected = list(record(make(), plain))
    passed_on = train(make(), watched)
    assert [type(event) for event in passed_on] == [type(event) for event in expected]
    for path in plain.path.glob("*.safetensors"):
        assert weights_of(watched.path / path.name) == weights_of(path)
    assert (watched.path / "samples.md").read_text().splitlines()[1:] == (
        (plain.path / "samples.md").read_text().splitlines()[1:]
    )


@installed
def test_a_run_that_is_resumed_goes_on_in_the_same_files(tmp_path: Path) -> None:
    whole, stopped = (create_run(tmp_path, name, "text") for name in ("whole", "stopped"))
    train(make(), whole)
    saving = iter(range(1, 36))  # at iteration 12, and in the end; then it was killed: the file of iteration 12 is left
    events = record(make(), stopped, save=lambda: next(saving) == 12)
    seen = list[Event]()
    for event in tensorboard.write_events(events, stopped, after=0):
        seen.append(event)
        if isinstance(event, Progress) and event.iteration == 12:
            resume_file = stopped.resume_path.read_bytes()
        if len(seen) == 32:
            break
    del events
    stopped.resume_path.write_bytes(resume_file)
    saved = checkpoint.load(stopped.resume_path)
    last = max(event.iteration for event in seen if isinstance(event, Progress))
    assert 10 < saved.header.iteration < 20 <= last
    training = resumed(saved, SOURCE, device="cpu")
    rewind(Run(stopped.path), training.iteration)
    train(training, Run(stopped.path))
    assert len(list((stopped.path / "tensorboard").iterdir())) == 2
    for tag in ("loss/train", "loss/held_out", "grad_norm", "learning_rate"):
        assert scalars(stopped, tag) == scalars(whole, tag)
    assert list(scalars(stopped, "characters_per_second")) == [10, 20, 30, 35]


@installed
def test_a_directory_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    (run.path / "tensorboard").write_text("in its place")
    with pytest.raises(RunError, match=r"tensorboard: cannot be written \(.*exists"):
        tensorboard.write_events([], run, after=0)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python as it is where TensorBoard was never installed."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)


@pytest.mark.usefixtures("without")
def test_without_the_package_nothing_is_begun(tmp_path: Path) -> None:
    run = create_run(tmp_path, "run", "text")
    with pytest.raises(UsageError, match=r"pip install 'charrnn\[tensorboard\]'"):
        tensorboard.write_events([], run, after=0)
    assert not tensorboard.directory(run).exists()


SMALL = ["--rnn-size", "8", "--batch-size", "4", "--seq-length", "16", "--sample-length", "9", "--threads", "1"]


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of the command."""
    monkeypatch.setattr(sys, "argv", ["charrnn", "train", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code


@pytest.mark.usefixtures("without")
def test_the_command_says_what_to_install_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ships.txt").write_text(TEXT, "utf-8")
    assert call(["ships.txt", "--tensorboard", *SMALL], monkeypatch) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("charrnn: --tensorboard: ")
    assert err.endswith("pip install 'charrnn[tensorboard]'\n")
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ships.txt"]


@installed
def test_the_command_writes_them_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ships.txt").write_text(TEXT, "utf-8")
    options = ["--iterations", "20", "--snapshot-at", "20", "--name", "ships", "--tensorboard", *SMALL]
    assert call(["ships.txt", *options], monkeypatch) == 0
    run = Run(tmp_path / "checkpoints" / "ships")
    assert list(scalars(run, "loss/train")) == [10, 20]
    assert call(["--resume", "ships", "--iterations", "40", "--tensorboard"], monkeypatch) == 0
    assert list(scalars(run, "loss/train")) == [10, 20, 30, 40]
    assert list(scalars(run, "loss/held_out")) == [20, 40]
    assert "verdict " in capfd.readouterr().err


@installed
def test_what_cannot_be_written_on_the_way_ends_the_writing_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, told, write = create_run(tmp_path, "run", "text"), list[str](), tensorboard._write

    def full(writer: Any, event: Event, *more: Any) -> Any:
        if isinstance(event, Snapshot):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(writer, event, *more)

    monkeypatch.setattr(tensorboard, "_write", full)
    training = make()
    events = list(tensorboard.write_events(record(training, run), run, after=0, warn=told.append))
    assert training.complete
    assert isinstance(events[-1], Progress)
    assert told == [
        f"{run.path}/tensorboard: cannot be written (No space left on device). Training goes on without it."
    ]
