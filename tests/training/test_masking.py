"""What a bidirectional network learns from, and the loss by which it is judged."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import trainings

from charrnn.errors import UsageError
from charrnn.network.pieces import LENGTH, MARGIN, pieces
from charrnn.runs import checkpoint
from charrnn.text import corpus
from charrnn.training.events import Snapshot
from charrnn.training.masked_validation import HIDDEN, masked_nats
from charrnn.training.masking import MaskedStreams, Masking, hidden_places
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer
from charrnn.training.windows import IGNORED, Streams, Window

MASKING = Masking(share=0.3, seed=7, vocabulary_size=9)


def window(rows: int = 5, width: int = 40) -> Window:
    text = np.random.default_rng(1).integers(9, size=(rows, width))
    return Window(text, text.copy(), np.zeros(rows, dtype=np.bool_), rows * width)


def test_hidden_characters_are_the_targets_and_the_others_are_read() -> None:
    whole = window(50, 200)
    masked = MASKING.of(whole, 3)
    hidden = masked.targets != IGNORED
    assert masked.count == hidden.sum()
    assert hidden.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(masked.targets[hidden], whole.inputs[hidden])
    np.testing.assert_array_equal(masked.inputs[~hidden], whole.inputs[~hidden])
    assert (masked.inputs[hidden] == 9).all()


def test_masks_are_of_the_window_and_its_number_alone() -> None:
    whole = window()
    first, again, next_one = (MASKING.of(whole, number) for number in (3, 3, 4))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert not np.array_equal(first.targets, next_one.targets)
    some = MASKING.of(whole, 3, slice(1, 3))
    np.testing.assert_array_equal(some.inputs, first.inputs[1:3])
    np.testing.assert_array_equal(some.targets, first.targets[1:3])
    assert some.count == first.count  # over which the mean is, on every rank


def test_beyond_a_row_nothing_is_hidden_and_all_is_unknown() -> None:
    whole = window(2, 30)
    whole.targets[1, 12:] = IGNORED
    masked = MASKING.of(whole, 0)
    assert (masked.targets[1, 12:] == IGNORED).all()
    assert (masked.inputs[1, 12:] == 9).all()


@pytest.mark.parametrize("boundary", [None, 4])
def test_something_is_always_hidden_and_never_the_boundary_if_there_is_another(boundary: int | None) -> None:
    rare = Masking(share=0.01, seed=7, vocabulary_size=9, boundary=boundary)
    text = np.array([[4, 4, 2]])
    for number in range(50):
        masked = rare.of(Window(text, text, np.zeros(1, dtype=np.bool_), 3), number)
        assert masked.count >= 1
        if boundary is not None:
            assert masked.targets.tolist() == [[IGNORED, IGNORED, 2]]
    only = rare.of(Window(text[:, :1], text[:, :1], np.zeros(1, dtype=np.bool_), 1), 0)
    assert only.targets.tolist() == [[4]]


def test_streams_have_the_windows_within() -> None:
    streams = Streams(np.arange(200) % 9, batch_size=4, seq_length=10, shift=10)
    masked = MaskedStreams(streams, MASKING)
    assert masked.per_epoch == streams.per_epoch
    for index in (0, 3, streams.per_epoch + 1):
        text = np.where(masked[index].targets == IGNORED, masked[index].inputs, masked[index].targets)
        np.testing.assert_array_equal(text, streams[index].inputs)


@pytest.mark.parametrize(("begin", "end", "first"), [(0, 1, 0), (0, 50, 7), (3, 193, 3), (0, 193, 0), (10, 5000, 400)])
def test_pieces_judge_every_character_once_and_away_from_their_edges(begin: int, end: int, first: int) -> None:
    cut = list(pieces(begin, end, first))
    judged = [place for piece in cut for place in range(piece.first, piece.last)]
    assert judged == list(range(first, end))
    for piece in cut:
        assert begin <= piece.begin <= piece.first < piece.last <= piece.end <= end
        assert piece.end - piece.begin == min(LENGTH, end - begin)
        assert piece.first - piece.begin >= min(MARGIN, piece.first - begin)
        assert piece.end - piece.last >= min(MARGIN, end - piece.last)


def test_masked_loss_of_a_short_text_by_hand() -> None:
    """One piece, read once: the cross-entropy of what is hidden in it."""
    training = trainings.make(bidirectional=True)
    ids = training.ids[:100]
    hidden = hidden_places(20, 90, HIDDEN)
    text = torch.from_numpy(np.asarray(ids[:90], dtype=np.int64))
    places = 20 + np.flatnonzero(hidden)
    read = text.clone()
    read[places] = len(training.vocabulary)
    logits, _ = training.model(
        torch.nn.functional.pad(read, (0, LENGTH - 90), value=len(training.vocabulary))[None], ()
    )
    expected = torch.nn.functional.cross_entropy(logits[0, places], text[places], reduction="none")
    nats = masked_nats(training.model, ids, [(0, 20, 90)])
    np.testing.assert_allclose(nats, expected.detach().numpy(), rtol=1e-5)


def test_masked_loss_goes_by_no_seed_share_or_number_of_streams() -> None:
    training = trainings.make(bidirectional=True, mask_share=0.5, seed=9)
    spans = [(0, 30, 1500), (1500, 1500, 1500), (1500, 1520, 1521), (1521, 1600, 2300)]
    nats = [masked_nats(training.model, training.ids, spans, streams=streams) for streams in (1, 3, 32)]
    assert len(nats[0]) == sum(hidden_places(start, stop, HIDDEN).sum() for _, start, stop in spans if stop > start)
    for other in nats[1:]:
        np.testing.assert_allclose(other, nats[0], rtol=1e-5)


def test_a_resumed_training_is_one_that_never_stopped(tmp_path: Path) -> None:
    settings = {"bidirectional": True, "dropout": 0.1, "recurrent_dropout": 0.1, "average": 0.9, "eval_every": 4}
    training = trainings.make(**settings)
    for _ in itertools.islice(training.events(), 6):
        pass
    kept = trainings.stored(tmp_path / "resume.safetensors", resume_point(training))
    going_on = resumed(kept, corpus.from_text(trainings.TEXT), device="cpu")
    trainings.assert_same(trainings.finish(going_on), trainings.finish(trainings.make(**settings)))
    assert checkpoint.read_header(tmp_path / "resume.safetensors").model.bidirectional


def test_it_learns_of_documents_too(tmp_path: Path) -> None:
    source = trainings.documents(tmp_path)
    model = dataclasses.replace(trainings.MODEL_CONFIG, bidirectional=True)
    training = Trainer(source, model, trainings.TRAIN_CONFIG, device="cpu")
    boundary = source.vocabulary.boundary_id
    for index in range(20):
        assert (training.streams[index].targets != boundary).all()
    trainings.finish(training)
    assert training.evaluator.held_out_loss is not None
    assert training.evaluator.mixing is None


def test_a_snapshot_shows_a_held_out_passage_restored() -> None:
    training = trainings.make(bidirectional=True, sample_length=90, snapshot_at=(0,))
    samples = [event.header.sample for event in training.events() if isinstance(event, Snapshot)]
    [(_, start, _)] = training.split.held_out
    passage = training.vocabulary.decode(training.ids[start : start + 90])
    assert len(samples) == 2
    for sample in samples:
        assert sample
        damaged = sample.prime.removesuffix("\n\n")
        assert len(damaged) == len(sample.text) == 90
        assert 5 < damaged.count("#") < 30
        for shown, whole, given in zip(damaged, passage, sample.text, strict=True):
            assert shown in ("#", whole)
            assert shown == "#" or given == whole


def test_nothing_held_out_shows_the_training_text() -> None:
    training = trainings.make(bidirectional=True, val_frac=0.0)
    text = training.evaluator.sample_writer.text(training.model.weights(), 12)
    assert len(text) == 12
    assert sum(given == whole for given, whole in zip(text, trainings.TEXT, strict=False)) > 7


def test_both_directions_have_no_direction() -> None:
    with pytest.raises(UsageError, match="--bidirectional and --backward"):
        trainings.make(bidirectional=True, backward=True)
