"""Texts written by a network and counts: by brute force what comes next, and what is drawn, in every way of writing."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from helpers import engines, tiny
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.model import Model
from charrnn.network.engine import Engine
from charrnn.ngrams import context
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import Mixing, Mixture
from charrnn.ngrams.model import NgramModel
from charrnn.runs.checkpoint import Checkpoint, ngram_tensors
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.generate import Character, text_of
from charrnn.sampling.request import Request
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = "abcab abba cab\nabc cabab abcab\n" * 8
VOCABULARY = Vocabulary.of(to_code_points(TEXT))
SHARES = (0.2, 0.35, 0.5, 0.65, 0.8)
Probabilities = NDArray[np.float64]


def made(vocabulary: Vocabulary, ids: NDArray[Any], **more: Any) -> Model:
    """A network of random weights, and the counts of a text in shares that differ by length."""
    header = tiny.header(vocabulary=vocabulary)
    counts = count(ids, len(vocabulary), order=5, boundary=vocabulary.boundary_id)
    mixing = Mixing(shares=SHARES[: counts.order], held_out_loss=1.0, improves=True)
    header = tiny.header(vocabulary=vocabulary, mixing=mixing, **more)
    return Model(Checkpoint(header, tiny.weights(header, seed=3) | ngram_tensors(counts)))


MODEL = made(VOCABULARY, VOCABULARY.encode(TEXT))
MODEL_WEIGHTS = tiny.weights(MODEL.header, seed=3)
ALONE = Model(Checkpoint(tiny.header(vocabulary=VOCABULARY), MODEL_WEIGHTS))  # the same network without counts


def counted(model: NgramModel, ids: list[int]) -> tuple[Probabilities, int]:
    """By the definition, over all contexts as tuples: what follows a text, (V,), and how long the context is."""
    entries = dict[tuple[int, ...], dict[int, float]]()
    numbered: list[tuple[int, ...]] = [()]
    entry = 0
    for node, size in enumerate(model.sizes.tolist()):
        entries[numbered[node]] = {}
        for character in model.characters[entry : entry + size].tolist():
            entries[numbered[node]][character] = float(model.probabilities[entry])
            if model.continued[entry]:
                numbered.append((*numbered[node], character))
            entry += 1
    probabilities, length = np.full(model.vocabulary_size, 1 / model.vocabulary_size), 0
    for length_now in range(len(ids) + 1):
        context = tuple(ids[len(ids) - length_now :])
        if context not in entries:
            break
        length = length_now
        probabilities *= 1 - sum(entries[context].values())
        for character, a in entries[context].items():
            probabilities[character] += a
    return probabilities, length


def both(model: Model, ids: list[int]) -> Probabilities:
    """By brute force what follows a text: of the last document, the counts of all of it."""
    mixture, boundary = model._counts, model.vocabulary.boundary_id
    assert mixture
    begin = max((place for place, index in enumerate(ids) if index == boundary), default=0)
    probabilities, length = counted(mixture.model, ids)
    share = SHARES[length]
    network = np.exp(log_softmax(model._engine.read(ids[begin:]).logits))
    return (1 - share) * network + share * probabilities


def asked(model: Model, prime: str = "cab", **settings: Any) -> list[list[Character]]:
    """What a model writes with its counts."""
    request = Request(**{"length": 80, "temperatures": (1.0,)} | settings)
    return [list(text.characters) for text in request.generate(model._engine, model.vocabulary, prime, model._counts)]


@given(st.text("abc \n", min_size=1, max_size=12))
@settings(max_examples=60)
def test_what_comes_next_is_the_mixture_and_sums_to_one(prime: str) -> None:
    expected = both(MODEL, VOCABULARY.encode(prime).tolist())
    for found in (MODEL.next_characters(prime), MODEL.next_characters(MODEL.state(prime), ngrams=True)):
        assert [found[character] for character in VOCABULARY.characters] == pytest.approx(expected, abs=1e-6)
        assert sum(found.values()) == pytest.approx(1, abs=1e-9)
    alone = MODEL.next_characters(prime, ngrams=False)
    assert alone == ALONE.next_characters(prime) != found


@pytest.mark.parametrize("several", [None, 3])
def test_greedy_writes_the_likeliest_of_the_mixture(several: int | None) -> None:
    for written in asked(MODEL, temperatures=(0.0,), count=several):
        ids = VOCABULARY.encode("cab").tolist()
        for character in written:
            assert character.id == int(both(MODEL, ids).argmax())
            ids.append(character.id)
    assert text_of(written) == MODEL.generate("cab", 80, temperature=0)
    assert text_of(written) != MODEL.generate("cab", 80, temperature=0, ngrams=False)


@pytest.mark.parametrize(("several", "temperature"), [(None, 0.5), (None, 1.0), (4, 1.5)])
def test_bits_are_those_of_the_mixture_before_any_temperature(several: int | None, temperature: float) -> None:
    for written in asked(MODEL, temperatures=(temperature,), count=several):
        ids = VOCABULARY.encode("cab").tolist()
        for character in written:
            assert character.bits == pytest.approx(-np.log2(both(MODEL, ids)[character.id]), abs=1e-5)
            ids.append(character.id)


@pytest.mark.parametrize("several", [None, 1])
def test_what_is_drawn_is_as_frequent_as_it_is_likely(several: int | None) -> None:
    """Pearson's chi-square of pairs of characters."""
    texts, ids, size = 3000, VOCABULARY.encode("ab").tolist(), len(VOCABULARY)
    pairs = np.array([both(MODEL, ids)[first] * both(MODEL, [*ids, first]) for first in range(size)])
    assert pairs.sum() == pytest.approx(1)
    if several:
        written = asked(MODEL, "ab", length=2, count=texts)
    else:
        state = MODEL.state("ab")
        written = [list(MODEL.stream(state, 2, 1.0, seed=seed)) for seed in range(texts)]
    found = np.zeros((size, size))
    for first, second in written:
        found[first.id, second.id] += 1
    assert excess(found, pairs) < 1
    network = np.exp(log_softmax(MODEL.state("ab").logits))
    others = np.array([network[first] * both(MODEL, [*ids, first]) for first in range(size)])
    assert excess(found, others) > 2, "the network alone draws otherwise"


def excess(found: Probabilities, probabilities: Probabilities) -> float:
    """Chi-square, of cells in which at least five are expected and all the others as one, as a multiple of what is
    exceeded once in 10,000 times (Wilson and Hilferty, 1931).
    """
    expected = probabilities * found.sum()
    often = expected >= 5
    cells = [(found[often], expected[often]), (found[~often].sum(), expected[~often].sum())]
    statistic = sum(((seen - awaited) ** 2 / awaited).sum() for seen, awaited in cells)
    degrees = int(often.sum())
    spread = 2 / (9 * degrees)
    return float(statistic / (degrees * (1 - spread + 3.72 * spread**0.5) ** 3))


def test_the_same_seed_writes_the_same_alone_and_in_a_batch_of_any_size() -> None:
    most = asked(MODEL, seed=5, count=40)
    for texts in (1, 2, 33):
        assert asked(MODEL, seed=5, count=texts) == most[:texts]
    for number in range(3):
        [alone] = asked(MODEL, seed=5 + number)
        assert [alone] == asked(MODEL, seed=5 + number)
        assert text_of(alone) == text_of(most[number])
        assert [one.bits for one in alone] == pytest.approx([one.bits for one in most[number]], abs=2e-5)


def test_a_state_made_without_counts_is_gone_on_from_with_them_and_the_other_way_round() -> None:
    text = TEXT[:50]
    for state in (ALONE.state(text), MODEL.state(text), MODEL.state(text[20:], ALONE.state(text[:20]))):
        assert MODEL.generate(state, 60, seed=1) == MODEL.generate(text, 60, seed=1)
        assert MODEL.generate_many(2, state, 60, seed=1) == MODEL.generate_many(2, text, 60, seed=1)
        assert MODEL.next_characters(state) == MODEL.next_characters(text)
        assert ALONE.generate(state, 60, seed=1) == ALONE.generate(text, 60, seed=1)
        assert len(state.recent) <= 32


@pytest.mark.parametrize("several", [None, 20])
def test_after_a_boundary_counts_begin_anew_as_the_network_does(several: int | None) -> None:
    vocabulary = Vocabulary(to_code_points("abc"), boundary="\n")
    model = made(vocabulary, vocabulary.encode("\nabc\nacb\nabca\nbca\n" * 9))
    ended = 0
    for written in asked(model, "", count=several, length=90, seed=2):
        ids = [vocabulary.boundary_id or 0]
        for character in written:
            assert character.bits == pytest.approx(-np.log2(both(model, ids)[character.id]), abs=1e-4)
            ended += character.id == vocabulary.boundary_id
            ids.append(character.id)
            begun = max(place for place, index in enumerate(ids) if index == vocabulary.boundary_id)
            assert len(model._counts.nodes(ids)) <= len(ids) - begun + 1
            assert model._counts.nodes(ids) == model._counts.nodes(ids[begun:])
    assert ended > 3


def test_the_unknown_symbol_is_counted_and_never_written() -> None:
    rare = Vocabulary.of_counts(np.bincount(to_code_points("aaabbbc")), min_count=2)
    unknown = rare.unknown_id
    assert unknown is not None
    model = made(rare, np.array([0, unknown, 1, unknown] * 20))
    assert model.next_characters("a")[rare.characters[unknown]] > 0.2
    for several in (None, 3):
        for written in asked(model, "a", count=several):
            assert {character.id for character in written} <= {0, 1}


def test_ids_of_a_model_of_bytes_are_bytes() -> None:
    vocabulary = Vocabulary.every_byte()
    model = made(vocabulary, vocabulary.encode("été à côté, " * 20))
    ids = vocabulary.encode("ét").tolist()
    for character in asked(model, "ét", temperatures=(0.0,))[0]:
        assert character.id == int(both(model, ids).argmax())
        ids.append(character.id)


def test_a_text_is_as_surprising_as_what_comes_next_is_unlikely() -> None:
    text = "cab abba ca"
    for ngrams in (None, True, False):
        bits = [-np.log2(MODEL.next_characters(text[:at], ngrams=ngrams)[text[at]]) for at in range(1, len(text))]
        assert MODEL.bits(text, ngrams=ngrams)[1:] == pytest.approx(bits, abs=1e-5)
        assert MODEL.bits_per_character(text, ngrams=ngrams) == pytest.approx(np.mean(bits), abs=1e-5)
    assert MODEL.bits_per_character(text, ngrams=False) == ALONE.bits_per_character(text)
    for ask in (ALONE.bits, ALONE.bits_per_character, ALONE.generate, ALONE.next_characters):
        with pytest.raises(CheckpointError, match="no counts"):
            ask(text, ngrams=True)


def test_what_is_remembered_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = asked(MODEL, seed=1)
    monkeypatch.setattr(context, "_MOST", 0)
    forgetful = Mixture(MODEL._counts.model, SHARES)  # type: ignore[union-attr]
    [text] = Request(length=80, temperatures=(1.0,), seed=1).generate(MODEL._engine, VOCABULARY, "cab", forgetful)
    assert [list(text.characters)] == expected
    assert len(forgetful._reader._short) == 1


def test_a_device_writes_the_same() -> None:
    device_engine = pytest.importorskip("charrnn.network.device_engine")
    torch = pytest.importorskip("torch")
    device = device_engine.DeviceEngine(MODEL.header.model, MODEL_WEIGHTS, torch.device("cpu"))
    request = Request(length=50, seed=1, temperatures=(0.8, 1.2), count=20)
    expected, found = (
        [text_of(text.characters) for text in request.generate(engine, VOCABULARY, "ca", MODEL._counts)]
        for engine in (MODEL._engine, device)
    )
    assert found == expected


def test_a_network_of_another_kind_is_mixed_as_well() -> None:
    config = ModelConfig(model="gru", rnn_size=6, embedding_size=0).completed()
    engine = Engine(config, engines.random_weights(config))
    ids = np.array(list(itertools.islice(itertools.cycle([3, 5, 4]), 60)))
    mixture = Mixture(count(ids, engines.V, order=3), (0.9, 0.9, 0.9))
    [text] = Request(length=30, temperatures=(0.0,)).generate(engine, engines.VOCABULARY, "a", mixture)
    assert {character.id for character in list(text.characters)[2:]} <= {3, 4, 5}
