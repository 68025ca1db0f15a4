"""The losses of the benches, against the plain pass and by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import scripts
from helpers.held_out import OnDisk, bigram_losses, documents, losses_of, make, model_without_memory, tail, text
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from charrnn.network.torch_model import detached
from charrnn.ngrams.context import ContextReader
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import cross_fitted
from charrnn.text import corpus
from charrnn.training.validation import held_out_loss

losses = scripts.load("bench/losses.py")
cold_loss, dynamic_loss = losses.cold_loss, losses.dynamic_loss


@pytest.mark.parametrize("loss", [cold_loss, dynamic_loss])
@pytest.mark.parametrize("spans", [[], [(0, 10, 10)], [(0, 11, 10)], [(9, 9, 10), (4, 4, 5)]])
def test_a_span_needs_a_character_and_one_before_it(loss: Any, spans: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="no span has a character"):
        loss(make(), text(10), spans)


@settings(max_examples=40)
@given(documents(400), st.integers(1, 40), st.integers(1, 300))
def test_every_character_of_documents_is_counted_once(
    drawn: tuple[NDArray[np.uint8], list[tuple[int, int, int]]], batch: int, window: int
) -> None:
    model, (ids, spans) = model_without_memory(), drawn
    places = np.array([at for context, start, stop in spans for at in range(max(start, context + 1), stop)])
    expected = float(np.mean(bigram_losses()[ids[places - 1], ids[places]]))
    assert cold_loss(model, ids, np.array(spans), window=window, batch=batch) == pytest.approx(expected, rel=1e-6)


def test_documents_do_not_see_each_other() -> None:
    model, ids = make(), text(900)
    spans = [(10, 20, 300), (400, 400, 700), (700, 710, 720)]
    changed = ids.copy()
    for span in ((0, 10), (300, 400), (720, 900)):
        changed[slice(*span)] = (changed[slice(*span)] + 1) % 7
    assert cold_loss(model, ids, spans) == cold_loss(model, changed, spans)


def test_a_file_is_measured_as_an_array_is_and_read_in_small_pieces(tmp_path: Path) -> None:
    model, ids = make(), text(9000)
    spans = [(0, 1000, 7000), (7000, 7000, 7400), (7400, 7401, 7402), (8000, 8800, 9000)]
    file = OnDisk(tmp_path / "ids", ids)
    assert cold_loss(model, file, spans, window=300) == cold_loss(model, ids, spans, window=300)


@settings(max_examples=30)
@given(documents(), st.integers(1, 20), st.integers(1, 5))
def test_cold_windows_remember_nothing(
    drawn: tuple[NDArray[np.uint8], list[tuple[int, int, int]]], window: int, batch: int
) -> None:
    model, (ids, spans) = make(), drawn
    losses_by_hand: list[float] = []
    for context, start, stop in spans:
        start = max(start, context + 1)
        for at in range(start, stop, window):
            losses_by_hand += losses_of(model, ids[at - 1 : min(at + window, stop)])
    loss = cold_loss(model, ids, spans, window=window, batch=batch)
    assert loss == pytest.approx(np.mean(losses_by_hand), rel=1e-6)


def test_with_counts_is_a_mixture_at_every_character_of_which_a_cold_window_knows_no_more() -> None:
    source = corpus.from_text("abcabcabdacb" * 90 + "dcba" * 30)
    split = source.split(0.4)
    model = make(vocabulary_size=len(source.vocabulary))
    counts = count(source.joined(split.training), len(source.vocabulary), order=5)
    reader, [(context, start, stop)] = ContextReader(counts), split.held_out
    assert stop - start > 256

    def expected(windows: list[tuple[int, int, int]]) -> float:
        """Reads each window (where reading begins, the first and the last that counts) by itself."""
        nats, probabilities, lengths = list[float](), list[float](), list[int]()
        for begin, first, last in windows:
            nats += losses_of(model, source.ids[begin:last])[first - begin - 1 :]
            nodes = [0]
            for place in range(begin, last):
                if place >= first:
                    probabilities.append(float(reader.probabilities(nodes)[source.ids[place]]))
                    lengths.append(len(nodes) - 1)
                nodes = reader.nodes_after(nodes, int(source.ids[place]))
        return cross_fitted(np.array(nats), np.array(probabilities), np.array(lengths), counts.order)[1]

    carried, cold = losses.losses_with_counts(model, counts, source, split)
    begin = max(context, start - 1 - 512)
    assert carried == pytest.approx(expected([(begin, start, stop)]), rel=1e-5)
    windows = [(at - 1, at, min(at + 256, stop)) for at in range(start, stop, 256)]
    assert cold == pytest.approx(expected(windows), rel=1e-5)
    assert cold < cold_loss(model, source.ids, split.held_out)  # random weights know less than any counts


def test_dynamic_without_learning_is_the_plain_pass() -> None:
    model, ids = make(), text(300)
    spans = [(0, 100, 170), (170, 171, 300)]
    plain = held_out_loss(model, ids, spans, streams=1, warmup=0)
    assert dynamic_loss(model, ids, spans, rate=0.0, window=32) == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_dynamic_is_sgd_window_after_window(decay: float) -> None:
    model, ids = make(), text(120)
    plain = make()
    first = {name: value.clone() for name, value in plain.state_dict().items()}
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.2)
    state, losses_by_hand = plain.zero_state(1), list[float]()
    for at in range(99, 119, 8):
        stop = min(at + 8, 119)
        x, y = (torch.from_numpy(ids[a:b].astype(np.int64))[None] for a, b in ((at, stop), (at + 1, stop + 1)))
        logits, state = plain(x, detached(state))
        of_window = nn.functional.cross_entropy(logits[0], y[0], reduction="none")
        losses_by_hand += of_window.tolist()
        optimizer.zero_grad()
        of_window.mean().backward()
        with torch.no_grad():
            pull = {name: decay * (first[name] - value) for name, value in plain.named_parameters()}
        optimizer.step()
        with torch.no_grad():
            for name, value in plain.named_parameters():
                value += pull[name]
    before = model.weights()
    loss = dynamic_loss(model, ids, [(50, 100, 120)], rate=0.2, decay=decay, window=8)
    assert loss == pytest.approx(np.mean(losses_by_hand), rel=1e-5)
    assert all(np.array_equal(before[name], value) for name, value in model.weights().items())


def test_dynamic_learns_what_repeats() -> None:
    model, ids = make(scale=1.0), np.tile(text(23), 80)
    static = held_out_loss(model, ids, tail(ids, 1))
    assert dynamic_loss(model, ids, tail(ids, 1), rate=1.0, window=23) < 0.8 * static
