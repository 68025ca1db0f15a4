"""The n-gram model of a text: against the exact measurement, a plain implementation, and what must always hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.errors import CheckpointError, CorpusError
from charrnn.evaluation.ngrams import surprises
from charrnn.ngrams.context import ContextReader
from charrnn.ngrams.counting import count
from charrnn.ngrams.model import NgramModel
from charrnn.text.vocabulary import to_code_points

NOVEL = Path(__file__).resolve().parents[2] / "corpora" / "the-tidewater-bank.txt"


def novel(size: int = 60_000) -> tuple[NDArray[np.integer], int]:
    text = NOVEL.read_text("utf-8")[:size]
    points = to_code_points(text)
    alphabet = np.unique(points)
    return np.searchsorted(alphabet, points).astype(np.uint8), len(alphabet)


def at_every_place(model: NgramModel, ids: list[int]) -> list[NDArray[np.float64]]:
    """What is predicted before each character and after the last, one character at a time: (V,) each."""
    reader, nodes = ContextReader(model), [0]
    predicted = [reader.probabilities(nodes)]
    for character in ids:
        nodes = reader.nodes_after(nodes, character)
        predicted.append(reader.probabilities(nodes))
    return predicted


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
def test_a_model_that_keeps_everything_predicts_what_the_exact_measurement_does(order: int) -> None:
    ids, size = novel()
    train, held_out = ids[:50_000], ids[50_000:]
    *_, exact = surprises(train, held_out, size, order)
    model = count(train, size, order=order, most=10**9)
    probabilities, _ = model.predict(ids)
    assert model.order == order
    difference = -np.log2(probabilities[50_000:]) - exact  # float16 has few digits for what is very rare
    assert np.quantile(np.abs(difference), 0.99) < 0.01
    assert abs(difference.mean()) < 0.001


texts = st.integers(1, 5).flatmap(
    lambda size: st.tuples(st.just(size), st.lists(st.integers(0, size - 1), min_size=1, max_size=60))
)


@given(texts, st.integers(1, 6), st.integers(1, 40), st.data())
@settings(max_examples=150)
def test_it_sums_to_one_after_every_context_whatever_is_kept(
    text: tuple[int, list[int]], order: int, most: int, data: st.DataObject
) -> None:
    size, ids = text
    model = count(np.array(ids), size, order=order, most=most)
    others = data.draw(st.lists(st.integers(0, size - 1), max_size=20))
    predicted = at_every_place(model, others)
    for probabilities in predicted:
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        assert (probabilities > 0).all()
    whole, _ = model.predict(np.array([*others, 0]))
    assert whole == pytest.approx([p[c] for p, c in zip(predicted, [*others, 0], strict=True)], abs=1e-12)


@given(texts, st.integers(1, 6), st.integers(1, 40))
@settings(max_examples=100)
def test_no_more_is_kept_than_the_bound_but_all_single_characters(
    text: tuple[int, list[int]], order: int, most: int
) -> None:
    size, ids = text
    model = count(np.array(ids), size, order=order, most=most)
    assert len(model) <= max(most, len(set(ids)))
    assert int(model.sizes[0]) == len(set(ids))


def test_pruning_costs_little_until_little_is_left() -> None:
    ids, size = novel(200_000)
    train = ids[:180_000]
    losses = []
    for most in (10**9, 60_000, 20_000, 5_000):
        probabilities, _ = count(train, size, most=most).predict(ids)
        losses.append(float(-np.log(probabilities[180_000:]).mean()))
    whole, a_third, a_tenth, little = losses
    assert a_third < whole + 0.05
    assert a_third < a_tenth < little < 3


def test_what_is_kept_predicts_nearly_as_it_did_before_pruning() -> None:
    ids, size = novel()
    whole, pruned = count(ids, size, most=10**9), count(ids, size, most=8_000)
    assert len(pruned) <= 8_000 < len(whole)
    text = ids[:4000]
    after, lengths = pruned.predict(text)
    before, _ = whole.predict(text, lengths)  # after contexts as long as there are still
    kept, reader, nodes = np.zeros(len(text), dtype=bool), ContextReader(pruned), [0]
    for place, character in enumerate(text.tolist()):
        start, stop = pruned.starts[nodes[-1]], pruned.starts[nodes[-1] + 1]
        kept[place] = character in pruned.characters[start:stop]
        nodes = reader.nodes_after(nodes, character)
    assert kept.sum() > 1000
    apart = np.abs(after[kept] / before[kept] - 1)  # an entry cannot take from what a shorter context predicts
    assert np.median(apart) < 0.001
    assert np.quantile(apart, 0.95) < 0.05


def test_nothing_is_remembered_before_a_boundary() -> None:
    boundary = 2
    ids = np.array([2, 0, 1, 0, 1, 2, 1, 1, 0, 2, 0, 1, 2] * 4)
    model = count(ids, 3, order=6, boundary=boundary)
    reader = ContextReader(model)

    def after(text: list[int]) -> NDArray[np.float64]:
        nodes = [0]
        for character in text:
            nodes = reader.nodes_after(nodes, character)
        return reader.probabilities(nodes)

    assert after([0, 1, boundary]).tolist() == after([boundary]).tolist()
    assert after([1, 1, 0, boundary, 1]).tolist() == after([boundary, 1]).tolist()
    assert after([boundary, 0]).tolist() != after([0]).tolist()  # but a beginning is known as one
    _, lengths = model.predict(ids)
    since = [0]
    for character in ids[:-1].tolist():
        since.append(1 if character == boundary else since[-1] + 1)
    assert (lengths <= np.array(since)).all()


def test_what_may_be_looked_at_bounds_the_context() -> None:
    ids, size = novel()
    model = count(ids, size)
    text = ids[1000:1100]
    known = np.arange(100) % 10
    probabilities, lengths = model.predict(text, known)
    for start in range(0, 100, 10):
        alone, alone_lengths = model.predict(text[start : start + 10])
        assert probabilities[start : start + 10].tolist() == alone.tolist()
        assert lengths[start : start + 10].tolist() == alone_lengths.tolist()


@pytest.mark.parametrize("vocabulary_size", [5, 300, 70_000])
def test_a_file_has_all_of_it(vocabulary_size: int) -> None:
    rng = np.random.default_rng(1)
    ids = rng.integers(0, vocabulary_size, 400)
    ids = np.tile(ids, 3)
    model = count(ids, vocabulary_size, order=4)
    again = NgramModel.from_tensors(vocabulary_size, model.tensors())
    assert again.predict(ids)[0].tolist() == model.predict(ids)[0].tolist()
    assert again.order == model.order == 4
    reader, nodes = ContextReader(again), [0]
    predicted = []
    for character in ids.tolist():
        predicted.append(reader.probabilities(nodes)[character])
        nodes = reader.nodes_after(nodes, character)
    assert len(nodes) == 4
    assert predicted == pytest.approx(model.predict(ids)[0].tolist(), rel=1e-9)


def test_several_texts_are_predicted_as_each_alone() -> None:
    ids, size = novel()
    model = count(ids[:50_000], size)
    reader, nodes, contexts = ContextReader(model), [0], [[0]]
    for character in ids[50_000:50_300].tolist():
        nodes = reader.nodes_after(nodes, character)
        contexts.append(nodes)
    assert {1, model.order} <= set(map(len, contexts))
    alone = np.array([reader.probabilities(nodes) for nodes in contexts])
    np.testing.assert_allclose(reader.batch_probabilities(contexts), alone, rtol=1e-12)
    np.testing.assert_allclose(alone.sum(axis=1), 1, rtol=1e-12)
    for texts in (1, 5, 200):
        assert (
            reader.batch_probabilities(contexts[:texts]).tolist()
            == reader.batch_probabilities(contexts)[:texts].tolist()
        )


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(CorpusError, match="empty"):
        count(np.zeros(0, dtype=np.uint8), 3)


@given(st.data())
@settings(max_examples=200)
def test_damaged_tensors_are_refused_or_read_without_harm(data: st.DataObject) -> None:
    ids = np.array([0, 1, 2, 0, 1, 1, 2, 0, 0, 1, 2] * 5)
    tensors = {name: tensor.copy() for name, tensor in count(ids, 3, order=4).tensors().items()}
    name = data.draw(st.sampled_from(sorted(tensors)))
    raw = tensors[name].view(np.uint8)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        tensors[name] = tensors[name][:-1]
    try:
        model = NgramModel.from_tensors(3, tensors)
    except CheckpointError:
        return
    for probabilities in at_every_place(model, [0, 1, 2, 2, 1, 0, 1]):
        assert probabilities.min() >= 0
        assert probabilities.sum() == pytest.approx(1)
    assert ((model.predict(ids)[0] >= 0) & (model.predict(ids)[0] <= 1)).all()


def test_sizes_that_overflow_their_sum_are_damage() -> None:
    tensors = count(np.array([0, 1, 2, 0, 1, 1, 2, 0]), 3, order=3).tensors()
    sizes = tensors["sizes"].astype(np.uint64)
    sizes[:2] = 1 << 63, (1 << 63) + int(sizes[:2].sum())  # which wraps to the same sum
    with pytest.raises(CheckpointError, match="damaged"):
        NgramModel.from_tensors(3, tensors | {"sizes": sizes})


def test_probabilities_that_are_more_than_one_together_are_damage() -> None:
    tensors = count(np.array([0, 1, 2, 0, 1, 1, 2, 0]), 3, order=3).tensors()
    with pytest.raises(CheckpointError, match="damaged"):
        NgramModel.from_tensors(3, tensors | {"probabilities": np.ones_like(tensors["probabilities"])})
