"""Counts beside a network in training: every held-out character once, by a plain reading, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.trainings import MODEL_CONFIG, TEXT, TRAIN_CONFIG, assert_same, documents, finish, make, stored

from charrnn.config import ModelConfig, ReadConfig, StartConfig
from charrnn.network.torch_model import CharModel
from charrnn.ngrams.context import ContextReader
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import cross_fitted
from charrnn.runs import checkpoint
from charrnn.sampling.chain import log_softmax
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.training import held_out_counts, validation
from charrnn.training.beginning import Beginning
from charrnn.training.evaluator import Evaluator
from charrnn.training.events import Evaluated, Snapshot
from charrnn.training.held_out_counts import HeldOutCounts
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

SOURCE = corpus.from_text(TEXT)


def trainer_of(source: Corpus, **settings: Any) -> Trainer:
    """A tiny training of any text."""
    return Trainer(source, MODEL_CONFIG, replace(TRAIN_CONFIG, **settings), device="cpu")


def plainly(source: Corpus, trainer: Trainer) -> tuple[list[float], list[int]]:
    """The probability of each held-out character by the counts, read character by character, and context lengths."""
    vocabulary = source.vocabulary
    model = count(source.joined(trainer.split.training), len(vocabulary), boundary=vocabulary.boundary_id)
    reader = ContextReader(model)
    probabilities, lengths = [], []
    for context, start, stop in trainer.split.held_out:
        nodes = [0]
        for place in range(context, stop):
            character = int(source.measured.ids[place])
            if place >= max(start, context + 1):
                probabilities.append(float(reader.probabilities(nodes)[character]))
                lengths.append(len(nodes) - 1)
            nodes = reader.nodes_after(nodes, character)
    return probabilities, lengths


def check(source: Corpus, trainer: Trainer) -> None:
    probabilities, lengths = plainly(source, trainer)
    nats = np.linspace(0.1, 4.0, len(probabilities))
    mixing = HeldOutCounts(source, trainer.split).mixing(nats)
    shares, loss = cross_fitted(nats, np.array(probabilities), np.array(lengths), len(mixing.shares))
    assert mixing.held_out_loss == pytest.approx(loss)
    assert mixing.shares == pytest.approx(shares)
    assert mixing.improves == (loss < nats.mean())
    measured = validation.held_out_nats(trainer.model, source.measured.ids, trainer.split.held_out)
    assert len(measured) == len(probabilities)  # the two go together, place by place
    assert trainer.evaluator.evaluate() == pytest.approx(measured.mean())


def test_a_text() -> None:
    check(SOURCE, make())


def test_documents_with_boundaries(tmp_path: Path) -> None:
    source = documents(tmp_path)
    check(source, trainer_of(source))


def test_passages_spread_over_the_text() -> None:
    check(SOURCE, make(val_at="spread", val_frac=0.2))


def test_bytes(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("žluťoučký kůň úpěl ďábelské ódy, " * 12, "utf-8")
    source = corpus.read(tmp_path / "text.txt", ReadConfig(bytes=True))
    check(source, trainer_of(source))


def test_unknown_symbols(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(
        "the ship went on over the sea; " * 12 + "X" + "the sea went on. Q " * 4, "utf-8"
    )
    source = corpus.read(tmp_path / "text.txt", ReadConfig(min_count=3))
    assert source.vocabulary.unknown
    check(source, trainer_of(source))


def test_a_validation_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the ship went on over the sea; " * 20, "utf-8")
    (tmp_path / "b.txt").write_text("the sea went over the ship, and on. " * 5, "utf-8")
    source = corpus.read([tmp_path / "a.txt"], val_text=tmp_path / "b.txt")
    check(source, trainer_of(source, val_text=str(tmp_path / "b.txt")))


def test_losses_stand_at_the_places_of_their_characters() -> None:
    """Each loss is that of its own character: against the network's forward over the whole text."""
    import torch

    trainer = make()
    (span,) = trainer.split.held_out
    nats = validation.held_out_nats(trainer.model, SOURCE.ids, trainer.split.held_out, warmup=10**6)
    model: CharModel = trainer.model.eval()
    ids = torch.from_numpy(np.asarray(SOURCE.ids[: span.stop], dtype=np.int64))[None]
    with torch.inference_mode():
        logits, _ = model(ids[:, :-1], model.zero_state(1))
    expected = -log_softmax(logits[0].numpy())[np.arange(span.stop - 1), ids[0, 1:].numpy()]
    assert nats == pytest.approx(expected[span.start - 1 :], abs=1e-5)


def test_snapshots_have_the_counts_and_events_what_they_achieve() -> None:
    trainer = make(iterations=8, snapshot_at=(4,), eval_every=2)
    evaluated = {event.iteration: event for event in trainer.events() if isinstance(event, Evaluated | Snapshot)}
    snapshots = [event for event in evaluated.values() if isinstance(event, Snapshot)]
    assert snapshots
    for snapshot in snapshots:
        mixing = snapshot.header.mixing
        assert mixing is not None
        model = checkpoint.ngrams_in(snapshot.tensors, len(trainer.vocabulary))
        assert model is not None
        assert model.predict(SOURCE.ids)[0].tolist() == trainer.evaluator.counts.model.predict(SOURCE.ids)[0].tolist()  # type: ignore[union-attr]
        assert snapshot.header.mixed_loss == mixing.held_out_loss
    assert all(event.mixed_loss is not None for event in evaluated.values() if isinstance(event, Evaluated))


@pytest.mark.parametrize("settings", [{"ngrams": False}, {"val_frac": 0.0, "eval_every": 0}])
def test_without_them_there_are_none(settings: dict[str, object]) -> None:
    trainer = make(**settings)
    for event in trainer.events():
        if isinstance(event, Snapshot):
            assert event.header.mixing is None
            assert not [name for name in event.tensors if name.startswith("ngrams/")]
        if isinstance(event, Evaluated):
            assert event.mixed_loss is None


def test_they_change_nothing_in_the_training() -> None:
    assert_same(finish(make(ngrams=False)), finish(make()))


def test_a_resumed_training_has_the_same_ones(tmp_path: Path) -> None:
    whole = [event for event in make(iterations=8, snapshot_every=2).events() if isinstance(event, Snapshot)]
    trainer = make(iterations=8, snapshot_every=2)
    while trainer.iteration < 5:
        trainer.step()
    again = resumed(stored(tmp_path / "resume.safetensors", resume_point(trainer)), SOURCE, device="cpu")
    rest = [event for event in again.events() if isinstance(event, Snapshot)]
    assert [snapshot.iteration for snapshot in rest] == [6, 8]
    for snapshot, expected in zip(rest, whole[-2:], strict=True):
        assert_same(snapshot.tensors, expected.tensors)
        assert snapshot.header.mixing == expected.header.mixing


def test_a_training_that_begins_with_others_weights_counts_its_own_text(tmp_path: Path) -> None:
    other = tiny.add_counts(tiny.save(tmp_path / "other.safetensors"), tiny.TEXT)
    start, training = StartConfig(init_from=other), replace(TRAIN_CONFIG, iterations=2, snapshot_at=(0,))
    trainer, _, _ = Beginning.of(start, ModelConfig(), training, ReadConfig(), {}, tmp_path).begin(SOURCE, "cpu")
    check(SOURCE, trainer)
    snapshots = [event for event in trainer.events() if isinstance(event, Snapshot)]
    assert [snapshot.iteration for snapshot in snapshots] == [0, 2]
    own = count(SOURCE.joined(trainer.split.training), len(trainer.vocabulary)).predict(SOURCE.ids)[0]
    for snapshot in snapshots:
        counts = checkpoint.ngrams_in(snapshot.tensors, len(trainer.vocabulary))
        assert counts is not None
        assert counts.predict(SOURCE.ids)[0].tolist() == own.tolist()
        assert snapshot.header.mixing is not None


def test_an_evaluator_counts_once() -> None:
    evaluator: Evaluator = make().evaluator
    assert evaluator.counts is not None
    assert evaluator.counts.model is evaluator.counts.model


@pytest.mark.parametrize("at_once", [1, 7, 40])
def test_a_long_text_is_looked_up_in_pieces(at_once: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(held_out_counts, "_AT_ONCE", at_once)
    check(SOURCE, make())
    source = documents(tmp_path)
    check(source, trainer_of(source))


def test_of_a_text_longer_than_is_counted_the_end_is(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make(val_at="spread", val_frac=0.2)
    spans = trainer.split.training
    counted = spans[-1].size + 100  # not all of the span before it
    assert counted < spans[-1].size + spans[-2].size
    monkeypatch.setattr(held_out_counts, "COUNTED", counted)
    ids = SOURCE.joined(spans)[-counted:]
    model, expected = HeldOutCounts(SOURCE, trainer.split).model, count(ids, len(SOURCE.vocabulary))
    assert model.predict(SOURCE.ids)[0].tolist() == expected.predict(SOURCE.ids)[0].tolist()
