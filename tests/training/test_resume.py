"""A training that was saved and resumed equals one that never stopped, bit for bit; and what cannot be resumed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import (
    MODEL_CONFIG,
    TEXT,
    TRAIN_CONFIG,
    assert_same,
    documents,
    finish,
    folder,
    make,
    pretend_capabilities,
    stored,
    with_held_out_losses,
)

from charrnn.config import ReadConfig
from charrnn.errors import CheckpointError, CorpusError, UsageError
from charrnn.text import corpus
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.rank_place import Place
from charrnn.training.ranks import Ranks
from charrnn.training.resume import change_of_machine, resume_point, resumed
from charrnn.training.trainer import Trainer

KEPT = ("best_loss", "stale", "lowered", "stopped", "clipped", "train_loss")  # of a header's progress
SHORT_TEXT = TEXT[:150]  # an epoch is five windows of 3 x 8, so that twelve iterations cross two borders


def compared(event: Event) -> Any:
    """What must be the same of an event, however often the training was stopped before it."""
    match event:
        case Progress():
            return dataclasses.replace(event, seconds=0.0)
        case Snapshot(header=header):
            return header.iteration, header.sample, header.held_out_loss
        case Evaluated():
            return event


def check_resumed_anywhere(training: Trainer, path: Path) -> None:
    """Train to the end, saving after every iteration; from each of these points on it must go in the same way."""
    points = [resume_point(training)]
    events: list[list[Event]] = [[]]  # between each point and the next
    for event in training.events():
        events[-1].append(event)
        if isinstance(event, Progress):
            points.append(resume_point(training))
            events.append([])
    final_header, final = points[-1]
    assert len(points) == training.iteration + 1 > 2
    for iteration, point in enumerate(points[:-1]):
        again = resumed(stored(path / "resume.safetensors", point), training.corpus, device="cpu")
        assert again.iteration == iteration
        torch.rand(iteration)  # whatever else uses torch's generator meanwhile is no concern of a training
        expected = [event for later in events[iteration:] for event in later]
        for event, before in zip(again.events(), expected, strict=True):
            assert compared(event) == compared(before)
            if isinstance(event, Snapshot) and isinstance(before, Snapshot):
                assert_same(event.tensors, before.tensors)
        header, tensors = resume_point(again)
        assert_same(tensors, final)
        changed = {"created": "", "progress": {name: header.progress[name] for name in KEPT}}
        expected_progress = {name: final_header.progress[name] for name in KEPT}
        assert dataclasses.replace(header, **changed) == dataclasses.replace(
            final_header, created="", progress=expected_progress
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.3, "text": SHORT_TEXT},
        {"model": "gru", "dropout": 0.3, "shift": 3, "text": SHORT_TEXT},
        {"model": "rnn", "stateless": True, "text": SHORT_TEXT},
        {"num_layers": 1, "embedding_size": 0, "stateless": True, "shift": 5, "dropout": 0.1, "text": SHORT_TEXT},
        {"shift": 1, "grad_clip_mode": "value", "grad_clip": 0.01, "text": SHORT_TEXT},
        {"state_reset": 0.4, "layer_norm": True, "text": SHORT_TEXT},
        {"optimizer": "muon", "dropout": 0.2},
        {"optimizer": "muon", "model": "gru", "precision": "bfloat16", "embedding_size": 0, "text": SHORT_TEXT},
        {"optimizer": "muon", "freeze": ("embedding", "head"), "weight_decay": 0.3, "average": 0.9},
        {"optimizer": "adamw"},
        {"optimizer": "rmsprop", "learning_rate": 1e-3},
        {"optimizer": "rmsprop", "momentum": 0.0, "l1": 0.01},
        {"optimizer": "sgd", "learning_rate": 0.1},
        {"optimizer": "sgd", "momentum": 0.0, "l2": 0.01},
        {"average": 0.9, "dropout": 0.2},
        {"decay": "plateau", "eval_every": 2, "learning_rate": 0.2},
        {"decay": "step", "decay_every": 1, "decay_factor": 0.3, "learning_rate": 0.2, "text": SHORT_TEXT},
        {"patience": 2, "eval_every": 2, "learning_rate": 0.2},
        {"precision": "bfloat16", "dropout": 0.2},
        {"precision": "bfloat16", "model": "gru", "shift": 3},
        {"freeze": ("head",), "optimizer": "sgd"},
        {"freeze": ("embedding",), "dropout": 0.3},
        {"rotate": True, "batch_size": 9, "seq_length": 40, "iterations": 20},
        {"layer_norm": True, "tied": True, "input_dropout": 0.1, "recurrent_dropout": 0.2},
        {"model": "rnn", "nonlinearity": "relu", "recurrent_dropout": 0.3, "shift": 3, "grad_clip": 0.5},
    ],
    ids=lambda settings: "-".join(str(word) for pair in settings.items() if "text" not in pair for word in pair),
)
def test_resumed_anywhere_equals_never_stopped(tmp_path: Path, settings: dict[str, Any]) -> None:
    training = make(**{"eval_every": 3, "snapshot_at": (0, 4)} | settings)
    if "text" in settings and "shift" not in settings:
        assert 2 * training.streams.per_epoch < 12
    check_resumed_anywhere(training, tmp_path)


@pytest.mark.parametrize("settings", [{"dropout": 0.3}, {"dropout": 0.2, "shift": 3, "model": "gru"}])
def test_threads_resumed_anywhere_equal_never_stopped(tmp_path: Path, settings: dict[str, Any]) -> None:
    torch.set_num_threads(3)
    training = make(batch_size=5, iterations=8, **settings)
    assert len(training.data_parallel.rows) == 3
    check_resumed_anywhere(training, tmp_path)


def test_documents_resumed_anywhere_equal_never_stopped(tmp_path: Path) -> None:
    training = Trainer(documents(tmp_path), dataclasses.replace(MODEL_CONFIG, dropout=0.2), TRAIN_CONFIG, device="cpu")
    assert training.streams.per_epoch < 7  # two epochs at least
    check_resumed_anywhere(training, tmp_path)


def test_generators_of_older_files_say_nothing(tmp_path: Path) -> None:
    """Dropout masks were drawn from them: one for each thread, which on another kind of device was of another size."""
    training = make(batch_size=5, dropout=0.3)
    training.step()
    header, tensors = resume_point(training)
    older = {"generator/0": np.zeros(5056, np.uint8), "generator/1": np.zeros(16, np.uint8)}
    point = stored(tmp_path / "resume.safetensors", (header, {**tensors, **older}))
    again = resumed(point, training.corpus, device="cpu")
    assert again.step().loss == training.step().loss


def test_what_was_chosen_on_one_machine_stands_on_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (there, here, chosen) in enumerate(((True, False, "bfloat16"), (False, True, "float32"))):
        pretend_capabilities(monkeypatch, {"avx512_bf16": there})
        training = make(precision="auto")
        training.step()
        point = stored(tmp_path / f"{number}.safetensors", resume_point(training))
        pretend_capabilities(monkeypatch, {"avx512_bf16": here})
        again = resumed(point, training.corpus, device="cpu")
        assert again.config.precision == chosen
        assert_same(finish(again), finish(training))


def test_what_ended_early_stays_so_unless_it_is_lengthened(tmp_path: Path) -> None:
    training = make(patience=2, eval_every=2, iterations=100)
    with_held_out_losses(training, [3.0, 2.0, 2.5, 2.0])
    point = stored(tmp_path / "r.safetensors", resume_point(training))
    again = resumed(point, training.corpus, device="cpu")
    assert again.complete
    assert list(again.events()) == []
    longer = resumed(point, training.corpus, device="cpu", iterations=10)
    assert not longer.complete
    stopping = longer.early_stopping
    assert (stopping.state_dict()["best_loss"], stopping.evaluations_since_best, stopping.stopped) == (2.0, 0, False)
    assert longer.schedule.reductions == 2
    finish(longer)
    assert longer.iteration == 10


def test_a_resume_file_written_twice_holds_the_same_tensors(tmp_path: Path) -> None:
    training = make(dropout=0.3)
    for _ in range(3):
        training.step()
    saved = resume_point(training)
    again = resumed(stored(tmp_path / "a.safetensors", saved), training.corpus, device="cpu")
    assert_same(resume_point(again)[1], saved[1])


def test_a_resume_point_is_a_copy() -> None:
    training = make()
    training.step()
    _, tensors = resume_point(training)
    before = {name: tensor.tobytes() for name, tensor in tensors.items()}
    training.step()
    assert {name: tensor.tobytes() for name, tensor in tensors.items()} == before


def rates_of(training: Trainer) -> list[float]:
    return [event.learning_rate for event in training.events() if isinstance(event, Progress)]


def trained_until(iteration: int, **settings: Any) -> Trainer:
    training = make(**{"warmup": 1, "learning_rate": 1.0, "final_rate": 0.0, "decay": "linear"} | settings)
    for _ in range(iteration):
        training.step()
    return training


@pytest.mark.parametrize(
    ("trained", "of", "length", "rates"),
    [
        # An update's rate is what is left of the decay after it: of 11 the tenth has 1 / 10 with one update of warmup.
        (11, 11, {"iterations": 15}, [0.75, 0.5, 0.25, 0.0]),  # a finished one: a decay of its own, from the peak
        (6, 11, {"iterations": 16}, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]),  # so too before its end
        (6, 11, {"iterations": 8}, [0.25, 0.0]),  # shortened: what is left of the decay, over what is left
        (6, 11, {"iterations": 11}, [0.4, 0.3, 0.2, 0.1, 0.0]),  # no change
    ],
)
def test_the_rate_of_another_length(
    tmp_path: Path, trained: int, of: int, length: dict[str, Any], rates: list[float]
) -> None:
    training = trained_until(trained, iterations=of)
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    longer = resumed(point, training.corpus, device="cpu", **length)
    assert rates_of(longer) == pytest.approx(rates)
    assert longer.iteration == length["iterations"]


def test_a_training_that_was_lengthened_is_resumed_exactly_too(tmp_path: Path) -> None:
    training = make(dropout=0.2, decay="cosine", eval_every=5, patience=3)
    finish(training)
    point = stored(tmp_path / "finished.safetensors", resume_point(training))
    check_resumed_anywhere_later(resumed(point, training.corpus, device="cpu", iterations=20), tmp_path)


def check_resumed_anywhere_later(training: Trainer, path: Path) -> None:
    """The same for a training that is under way."""
    points, rates = [], []
    for event in training.events():
        if isinstance(event, Progress):
            points.append(resume_point(training))
            rates.append(event.learning_rate)
    for number, point in enumerate(points[:-1], start=1):
        again = resumed(stored(path / "resume.safetensors", point), training.corpus, device="cpu")
        assert rates_of(again) == rates[number:]
        assert_same(resume_point(again)[1], points[-1][1])


def test_epochs_are_a_length_too(tmp_path: Path) -> None:
    training = make()
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    longer = resumed(point, training.corpus, device="cpu", max_epochs=2.0)
    assert longer.horizon.iterations == 2 * training.streams.per_epoch


def test_a_finished_training_goes_on_for_a_time(tmp_path: Path) -> None:
    training = trained_until(30, iterations=30)
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    passed = {"elapsed": 10.0, "seconds": 9.0}
    point = dataclasses.replace(
        point, header=dataclasses.replace(point.header, progress=dict(point.header.progress) | passed)
    )
    with pytest.raises(UsageError, match="--time 8 s: it has trained for 10 s already"):
        resumed(point, training.corpus, device="cpu", time=8.0)
    longer = resumed(point, training.corpus, device="cpu", time=3600.0)
    assert longer.horizon.iterations is None
    assert longer.config.time == 3600.0
    assert not longer.complete
    assert [longer.step().learning_rate for _ in range(2)] == pytest.approx([1.0, 1.0], rel=1e-5)
    longer.budget.record(longer.iteration, 1.0)
    again = resumed(stored(tmp_path / "again.safetensors", resume_point(longer)), training.corpus, device="cpu")
    assert again.horizon == longer.horizon
    assert again.budget.began == pytest.approx(10.0, abs=1.0)
    by_number = resumed(point, training.corpus, device="cpu", iterations=35)
    assert (by_number.config.time, by_number.horizon.iterations) == (None, 35)


def test_no_length_that_is_behind(tmp_path: Path) -> None:
    training = trained_until(6, iterations=11)
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    with pytest.raises(UsageError, match="6 are made already"):
        resumed(point, training.corpus, device="cpu", iterations=6)


def test_what_is_watched_may_change_and_the_weights_do_not(tmp_path: Path) -> None:
    training = make(dropout=0.2)
    for _ in range(4):
        training.step()
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    watching = {"snapshot_at": (6, 9), "eval_every": 2, "sample_length": 5, "sample_temperature": 0.0}
    again = resumed(point, training.corpus, device="cpu", watching=watching)
    kept = [event.header.sample for event in again.events() if isinstance(event, Snapshot)]
    assert [len(sample.text) for sample in kept if sample is not None] == [5, 5, 5]
    assert {name: getattr(again.config, name) for name in watching} == watching
    assert_same(again.model.weights(), finish(training))


def test_what_ended_early_goes_on_with_more_patience(tmp_path: Path) -> None:
    training = make(patience=2, eval_every=2, iterations=100)
    with_held_out_losses(training, [3.0, 2.0, 2.5, 2.0])
    point = stored(tmp_path / "r.safetensors", resume_point(training))
    for patience, complete in ((2, True), (1, True), (3, False), (0, False)):
        again = resumed(point, training.corpus, device="cpu", watching={"patience": patience})
        assert again.complete is complete


def test_a_file_of_an_older_charrnn_is_resumed(tmp_path: Path) -> None:
    training = make(dropout=0.2)
    for _ in range(4):
        training.step()
    header, tensors = resume_point(training)
    later = {"turn", "budget_began", "unlogged"}  # what it had not
    older = dataclasses.replace(header, progress={k: v for k, v in header.progress.items() if k not in later})
    again = resumed(stored(tmp_path / "r.safetensors", (older, tensors)), training.corpus, device="cpu")
    assert_same(finish(again), finish(training))


def test_resume_refuses_another_text_and_leaves_the_file_alone(tmp_path: Path) -> None:
    training = make()
    training.step()
    path = tmp_path / "resume.safetensors"
    saved = stored(path, resume_point(training))
    before = path.read_bytes()
    with pytest.raises(CorpusError, match="not the text this run was trained on"):
        resumed(saved, corpus.from_text(TEXT.replace("sheep", "goats")), device="cpu")
    assert path.read_bytes() == before


def test_a_snapshot_cannot_be_resumed(tmp_path: Path) -> None:
    training = make()
    training.step()
    snapshot = training.evaluator.snapshot()
    saved = stored(tmp_path / "iteration-000001.safetensors", (snapshot.header, snapshot.tensors))
    with pytest.raises(CheckpointError, match="snapshot"):
        resumed(saved, training.corpus, device="cpu")


@pytest.mark.parametrize("lost", ["state/1/1", "optimizer/0/step"])
def test_an_incomplete_resume_file_is_refused(tmp_path: Path, lost: str) -> None:
    training = make()
    training.step()
    header, tensors = resume_point(training)
    del tensors[lost]
    saved = stored(tmp_path / "resume.safetensors", (header, tensors))
    with pytest.raises(CheckpointError, match=r"resume\.safetensors"):
        resumed(saved, training.corpus, device="cpu")


def test_a_resumed_run_must_read_as_before(tmp_path: Path) -> None:
    path = folder(tmp_path / "d", [TEXT[:900], TEXT[900:1500]])
    first = Trainer(corpus.read(path), MODEL_CONFIG, TRAIN_CONFIG, device="cpu")
    point = stored(tmp_path / "r.safetensors", resume_point(first))
    for other in ({"documents": True}, {"lowercase": True}, {"separator": "\n"}, {"min_count": 3}):
        with pytest.raises(CorpusError, match=r"read or joined in another way|changed"):
            resumed(point, corpus.read(path, ReadConfig(**other)), device="cpu")
    (path / "00.txt").write_text(TEXT[:901], "utf-8")
    (path / "02.txt").write_text("new", "utf-8")
    with pytest.raises(CorpusError, match=r"changed: '00.txt'; new: '02.txt'.*--init-from"):
        resumed(point, corpus.read(path), device="cpu")
    (path / "01.txt").unlink()
    with pytest.raises(CorpusError, match=r"missing: '01\.txt'"):
        resumed(point, corpus.read(path), device="cpu")


def test_to_train_on_with_another_text_it_is_read_in_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\nthree four five six\n" * 40, "utf-8")
    config = ReadConfig(documents=True, document_separator="\n", lowercase=True)
    first = Trainer(corpus.read(tmp_path / "a.txt", config), MODEL_CONFIG, TRAIN_CONFIG, device="cpu")
    point = stored(tmp_path / "r.safetensors", resume_point(first))
    (tmp_path / "a.txt").write_text("one\ntwo\nthree four five six\n" * 41, "utf-8")
    with pytest.raises(CorpusError) as raised:
        resumed(point, corpus.read(tmp_path / "a.txt", config), device="cpu")
    assert f"({first.corpus.name}, 1,000 characters; now 1,025)" in raised.value.what
    command = raised.value.advice.split("new run: ")[1]
    assert command.startswith(f"charrnn train {tmp_path / 'a.txt'} --documents --document-separator '\\n' --lowercase")
    assert command.endswith(f"--init-from {tmp_path}")


@pytest.mark.parametrize("settings", [{"val_at": "spread"}, {"val_text": "v.txt"}], ids=["spread", "val-text"])
def test_a_held_out_part_elsewhere_is_followed_and_resumed(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "t.txt").write_text(TEXT, "utf-8")
    (tmp_path / "v.txt").write_text(TEXT[:200], "utf-8")
    settings = {name: str(tmp_path / value) if name == "val_text" else value for name, value in settings.items()}
    config = dataclasses.replace(TRAIN_CONFIG, patience=5, decay="plateau", **settings)

    def begin() -> Trainer:
        source = corpus.read(tmp_path / "t.txt", ReadConfig(shuffle="lines"), val_text=config.val_text)
        return Trainer(source, MODEL_CONFIG, config, device="cpu")

    whole, part = begin(), begin()
    weights = finish(whole)
    for _ in range(7):
        part.step()
    before = stored(tmp_path / "resume.safetensors", resume_point(part))
    assert_same(finish(resumed(before, begin().corpus, device="cpu")), weights)
    if config.val_text:
        (tmp_path / "v.txt").write_text(TEXT[:201], "utf-8")
        with pytest.raises(CorpusError, match="--val-text"):
            resumed(before, begin().corpus, device="cpu")


def test_a_resume_file_of_an_older_version_has_the_train_loss_under_another_name(tmp_path: Path) -> None:
    training = make()
    for _ in range(3):
        training.step()
    header, tensors = resume_point(training)
    progress = {"smoothed_loss" if name == "train_loss" else name: value for name, value in header.progress.items()}
    older = stored(tmp_path / "resume.safetensors", (dataclasses.replace(header, progress=progress), tensors))
    assert resumed(older, training.corpus, device="cpu").train_loss == training.train_loss


def test_what_is_not_as_it_was_and_decides_how_sums_are_rounded_is_said(tmp_path: Path) -> None:
    training = make()
    header = resume_point(training)[0]
    assert change_of_machine(training, header) is None
    now = header.made_with
    other = dataclasses.replace(header, made_with={**now, "device": "cuda", "threads": 7, "torch": "1.0"})
    assert change_of_machine(training, other) == (
        f"with torch {now['torch']} instead of 1.0, device cpu instead of cuda, threads {now['threads']} instead of 7 "
        "the weights will not be the same to the last bit"
    )
    older = dataclasses.replace(header, made_with={})  # of one that did not say
    assert change_of_machine(training, older) is None
    training.ranks = Ranks(Place(size=2))
    note = change_of_machine(training, older)
    assert note is not None
    assert "divided anew; with ranks 2 instead of 1 the weights" in note
