from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from helpers.held_out import OnDisk, V, bigram_losses, documents, losses_of, make, model_without_memory, tail, text
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import Cell, ModelConfig
from charrnn.network.torch_model import CharModel, detached
from charrnn.text import corpus, known_texts
from charrnn.training.validation import _groups, held_out_loss
from charrnn.training.windows import Streams


@pytest.mark.parametrize("streams", [1, 4])
def test_a_uniform_model_is_surprised_by_log_v(streams: int) -> None:
    model = make(scale=0.0)
    loss = held_out_loss(model, text(500), [(99, 100, 500)], streams=streams, warmup=16)
    assert loss == pytest.approx(math.log(V), rel=1e-6)


def test_by_hand() -> None:
    # The head's bias alone speaks: p = (1/2, 1/4, 1/4). Of the tail 0 0 1 2 the loss is (1 + 1 + 2 + 2) / 4 bits.
    model = make(vocabulary_size=3, scale=0.0)
    bias = np.log(np.array([0.5, 0.25, 0.25], np.float32))
    model.load_weights(model.weights() | {"head.bias": bias})
    ids = np.array([2, 1, 0, 0, 1, 2], np.uint8)
    assert held_out_loss(model, ids, tail(ids, 2)) == pytest.approx(1.5 * math.log(2), rel=1e-6)
    assert held_out_loss(model, ids, tail(ids, 5)) == pytest.approx(2 * math.log(2), rel=1e-6)


@pytest.mark.parametrize("cell", get_args(Cell))
def test_one_stream_is_the_plain_pass(cell: Cell) -> None:
    model, ids = make(cell), text(600)  # more than two chunks
    for start in (1, 50):
        expected = losses_of(model, ids[start - 1 :])
        assert held_out_loss(model, ids, tail(ids, start), streams=1) == pytest.approx(np.mean(expected), rel=1e-6)


@settings(max_examples=60)
@given(length=st.integers(2, 700), start=st.integers(1, 400), streams=st.integers(1, 70), warmup=st.integers(0, 40))
def test_every_character_is_counted_once_in_any_number_of_streams(
    length: int, start: int, streams: int, warmup: int
) -> None:
    # A model without memory: whatever a stream has read before, the loss is that of the single pass.
    model = model_without_memory()
    ids = text(length)
    start = min(start, length - 1)
    table = bigram_losses()
    expected = float(np.mean(table[ids[start - 1 : -1], ids[start:]]))
    loss = held_out_loss(model, ids, tail(ids, start), streams=streams, warmup=warmup)
    assert loss == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25)
@given(st.integers(20, 300), st.integers(1, 50), st.integers(2, 9), st.integers(1, 12))
def test_a_piece_has_read_its_warmup_and_nothing_else(length: int, start: int, streams: int, warmup: int) -> None:
    model, ids = make("lstm"), text(length)
    start = min(start, length - 1)
    count = length - start
    pieces = max(1, min(streams, count // (2 * warmup)))
    expected = losses_of(model, ids[start - 1 :])  # the first piece, and the only one of a short text
    if pieces > 1:
        size = math.ceil((count - warmup) / pieces)
        expected = expected[: warmup + size]
        while len(expected) < count:
            begin = start - 1 + len(expected) - warmup
            expected += losses_of(model, ids[begin : begin + warmup + size + 1])[warmup:]
    assert len(expected) == count
    loss = held_out_loss(model, ids, tail(ids, start), streams=streams, warmup=warmup)
    assert loss == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_text_before_the_tail_does_not_matter_but_for_its_last_character() -> None:
    model, ids = make(), text(800)
    changed = ids.copy()
    changed[:299] = (changed[:299] + 1) % V
    for streams in (1, 8):
        loss, loss_of_changed = (
            held_out_loss(model, data, [(299, 300, 800)], streams=streams, warmup=20) for data in (ids, changed)
        )
        assert loss == loss_of_changed


@pytest.mark.parametrize("spans", [[], [(0, 10, 10)], [(0, 11, 10)], [(9, 9, 10), (4, 4, 5)]])
def test_a_span_needs_a_character_and_one_before_it(spans: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="no span has a character"):
        held_out_loss(make(), text(10), spans)


@cache
def _trained() -> tuple[CharModel, NDArray[Any]]:
    """A tiny model after 200 updates on the bundled text's beginning, and a little more of that text."""
    read = corpus.from_text(known_texts.bundled().read_text("utf-8")[:36_000])
    ids = read.ids[0 : len(read)]
    model = CharModel(ModelConfig(num_layers=2, rnn_size=32, embedding_size=16), len(read.vocabulary), seed=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    streams = Streams(ids[:18_000], 16, 32, 32)
    state = model.zero_state(16)
    for index in range(200):
        window = streams[index]
        loss, state = model.loss(
            torch.from_numpy(window.inputs),
            torch.from_numpy(window.targets),
            detached(state) if window.continues.all() else model.zero_state(16),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, ids


@pytest.mark.parametrize("start", [18_000, 1])
def test_many_streams_say_what_one_says_of_a_trained_model(start: int) -> None:
    model, ids = _trained()
    single, many = (held_out_loss(model, ids, tail(ids, start), streams=streams) for streams in (1, 32))
    assert 1.0 < single < 2.9  # it has learnt
    assert many == pytest.approx(single, abs=1e-3)
    assert many != single  # it was read in more than one stream


@pytest.mark.parametrize("training", [True, False])
def test_model_and_generators_are_left_as_they_were(training: bool) -> None:
    config = ModelConfig(num_layers=2, rnn_size=8, embedding_size=5, dropout=0.5)
    model = CharModel(config, V, seed=5).train(training)
    before, weights = torch.get_rng_state(), model.weights()
    losses = {held_out_loss(model, text(300), tail(text(300), 100), streams=3, warmup=10) for _ in range(3)}
    assert len(losses) == 1  # no dropout
    assert model.training is training
    assert all(layer.training is training for layer in model.modules())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.array_equal(value, weights[name]) for name, value in model.weights().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    model.loss(*(torch.zeros(2, 3, dtype=torch.long),) * 2, model.zero_state(2))[0].backward()  # still trainable


# -- many documents ------------------------------------------------------------------------------------------------


def rows_of(spans: list[tuple[int, int, int]], streams: int, warmup: int) -> list[tuple[int, int, int]]:
    """(first input, first target counted, one past the last) of all that is read, in plain loops."""
    spans = [(first, max(start, first + 1), stop) for first, start, stop in spans if stop > max(start, first + 1)]
    total = sum(stop - start for _, start, stop in spans)
    rows = []
    for first, start, stop in spans:
        count = stop - start
        pieces = max(1, min(streams * count // total, count // (2 * warmup)))
        origin = max(first, start - 1 - warmup)
        length = math.ceil((stop - 1 - origin - warmup) / pieces)
        at = start
        while at < stop:
            end = min(stop, (origin + 1 if at == start else at - warmup) + warmup + length)
            rows.append((origin if at == start else at - warmup - 1, at, end))
            at = end
    return rows


@settings(max_examples=30)
@given(documents(), st.integers(1, 12), st.integers(1, 15))
def test_documents_are_plain_passes_weighted_by_their_characters(
    drawn: tuple[NDArray[np.uint8], list[tuple[int, int, int]]], streams: int, warmup: int
) -> None:
    model, (ids, spans) = make(), drawn
    losses = [
        loss
        for begin, start, stop in rows_of(spans, streams, warmup)
        for loss in losses_of(model, ids[begin:stop])[start - stop :]
    ]
    assert len(losses) == sum(max(0, stop - max(start, first + 1)) for first, start, stop in spans)
    assert held_out_loss(model, ids, spans, streams=streams, warmup=warmup) == pytest.approx(np.mean(losses), rel=1e-6)


@settings(max_examples=30)
@given(documents())
def test_short_documents_are_read_from_their_beginning(
    drawn: tuple[NDArray[np.uint8], list[tuple[int, int, int]]],
) -> None:
    model, (ids, spans) = make("gru"), drawn
    losses = [
        loss for first, start, stop in spans for loss in losses_of(model, ids[first:stop])[max(start - first - 1, 0) :]
    ]
    assert held_out_loss(model, ids, spans) == pytest.approx(np.mean(losses), rel=1e-6)


@settings(max_examples=40)
@given(documents(400), st.integers(1, 40), st.integers(0, 30))
def test_every_character_of_documents_is_counted_once(
    drawn: tuple[NDArray[np.uint8], list[tuple[int, int, int]]], streams: int, warmup: int
) -> None:
    model, (ids, spans) = model_without_memory(), drawn
    places = np.array([at for first, start, stop in spans for at in range(max(start, first + 1), stop)])
    expected = float(np.mean(bigram_losses()[ids[places - 1], ids[places]]))
    assert held_out_loss(model, ids, spans, streams=streams, warmup=warmup) == pytest.approx(expected, rel=1e-6)


def test_documents_do_not_see_each_other() -> None:
    model, ids = make(), text(900)
    spans = [(10, 20, 300), (400, 400, 700), (700, 710, 720)]
    changed = ids.copy()
    for span in ((0, 10), (300, 400), (720, 900)):
        changed[slice(*span)] = (changed[slice(*span)] + 1) % V
    assert held_out_loss(model, ids, spans) == held_out_loss(model, changed, spans)
    assert held_out_loss(model, ids, spans[:1]) != held_out_loss(model, ids, [(11, 20, 300)])  # their own they do


def test_a_file_is_measured_as_an_array_is_and_read_in_small_pieces(tmp_path: Path) -> None:
    model, ids = make(), text(9000)
    file = OnDisk(tmp_path / "ids", ids)
    spans = [(0, 1000, 7000), (7000, 7000, 7400), (7400, 7401, 7402), (8000, 8800, 9000)]
    read, held = (held_out_loss(model, data, spans, streams=7, warmup=50) for data in (file, ids))
    assert read == held


@given(st.lists(st.integers(0, 2000), max_size=80), st.integers(1, 10))
def test_rows_are_read_with_those_of_their_size(sizes: list[int], streams: int) -> None:
    size = np.array(sizes, dtype=np.int64)
    groups = list(_groups(size, streams))
    assert sorted(row for group in groups for row in group) == [row for row, length in enumerate(sizes) if length]
    assert sum(len(group) * size[group].max() for group in groups) <= 2 * size.sum()  # padding included
    assert all(len(group) <= streams or len(group) * size[group].max() <= streams * 256 for group in groups)


def test_many_short_rows_are_read_together() -> None:
    groups = list(_groups(np.full(10_000, 8), 32))
    assert len(groups) == 10
