"""What network and counts together make of a text, against a reader that takes one character at a time."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.evaluation.scoring import UNSEEN_BITS, score, score_each
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.ngrams.counting import count
from charrnn.ngrams.mixing import Mixture
from charrnn.sampling.chain import log_softmax
from charrnn.text.vocabulary import Vocabulary, to_code_points

LETTERS = "\n abcdeé."
VOCABULARY = Vocabulary.of(to_code_points(LETTERS))
RARE = Vocabulary(VOCABULARY.code_points, unknown=True)
DOCUMENTS = Vocabulary(VOCABULARY.code_points, boundary="\n")
BYTES = Vocabulary.every_byte()


def letters(length: int, seed: int = 3) -> str:
    return "".join(np.random.default_rng(seed).choice(list(LETTERS), length, p=np.arange(1, 10) / 45))


@cache
def engine(vocabulary_size: int) -> Engine:
    """A small network that remembers."""
    config = ModelConfig(num_layers=1, rnn_size=8, embedding_size=5).completed()
    rng = np.random.default_rng(1)
    shapes = config.shapes(vocabulary_size).items()
    return Engine(config, {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes})


def mixture(vocabulary: Vocabulary) -> Mixture:
    """Counts of a text, whose longer contexts have larger shares."""
    counted = vocabulary.encode((letters(400, seed=8) + "é.") * 2)
    model = count(counted, len(vocabulary), order=5, boundary=vocabulary.boundary_id)
    assert model.order == 5
    return Mixture(model, (0.1, 0.3, 0.5, 0.7, 0.9))


def one_by_one(vocabulary: Vocabulary, ids: NDArray[Any], both: Mixture) -> list[float]:
    """Bits of ids[1:] by the mixture, which reads from the zero state, and of no context before the first."""
    stack = RecurrentStack(engine(len(vocabulary)))
    nodes, bits = [0], []
    for now, following in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
        stack.step(engine(len(vocabulary)).input_rows[now])
        nodes = both.nodes_after(nodes, now)
        log_probs = both.log_probs(log_softmax(stack.logits()).astype(np.float64), nodes)
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-6)
        bits.append(-log_probs[following] / math.log(2))
    return bits


def test_by_hand() -> None:
    """A uniform network, and counts that have half a say: of `aab` a character a has 2/3 of what they give to any."""
    vocabulary = Vocabulary.of(to_code_points("ab"))
    config = ModelConfig(num_layers=1, rnn_size=2, embedding_size=2).completed()
    uniform = Engine(config, {name: np.zeros(shape, np.float32) for name, shape in config.shapes(2).items()})
    model = count(vocabulary.encode("aab"), 2, order=1)
    a, b = (model.predict(np.array([index]))[0][0] for index in (0, 1))
    assert a + b == pytest.approx(1)
    found = score(uniform, vocabulary, "bab", mixture=Mixture(model, (0.5,)))
    assert found.bits == pytest.approx([1, 1])
    assert found.mixed is not None
    assert found.mixed.bits == pytest.approx([-math.log2(0.25 + a / 2), -math.log2(0.25 + b / 2)])
    assert (found.mixed.text, found.mixed.before, found.mixed.mixed) == ("ab", "b", None)


def test_the_network_alone_is_what_it_was() -> None:
    text = letters(300)
    alone = score(engine(len(VOCABULARY)), VOCABULARY, text)
    beside = score(engine(len(VOCABULARY)), VOCABULARY, text, mixture=mixture(VOCABULARY))
    assert alone.mixed is None
    assert np.array_equal(alone.bits, beside.bits)
    assert beside.mixed is not None
    assert not np.allclose(beside.mixed.bits, beside.bits)


@pytest.mark.parametrize("vocabulary", [VOCABULARY, RARE, DOCUMENTS, BYTES])
@pytest.mark.parametrize("window", [None, 1, 3, 64, 5000])
def test_as_one_character_at_a_time(vocabulary: Vocabulary, window: int | None) -> None:
    text = letters(333)
    begin = [] if vocabulary.boundary_id is None else [vocabulary.boundary_id]
    ids, both = np.array(begin + vocabulary.encode(text).tolist()), mixture(vocabulary)
    for lead in (1, 2, 40) if vocabulary.boundary_id is None else (0, 1, 40):
        found = score(engine(len(vocabulary)), vocabulary, text, lead=lead, window=window, mixture=both)
        first = len(begin) + len(vocabulary.encode(text[:lead]))
        if window is None:
            expected = one_by_one(vocabulary, ids, both)[first - 1 :]
        else:
            starts = range(first - 1, len(ids) - 1, window)
            expected = [bits for at in starts for bits in one_by_one(vocabulary, ids[at : at + window + 1], both)]
        assert found.mixed is not None
        if vocabulary.of_bytes:
            assert found.mixed.bits.sum() == pytest.approx(sum(expected), rel=1e-5)
        else:
            assert found.mixed.bits == pytest.approx(expected, abs=1e-4)


def test_a_character_of_several_bytes_costs_all_of_them() -> None:
    text = "bé é.\né"
    each = one_by_one(BYTES, BYTES.encode(text), mixture(BYTES))
    found = score(engine(256), BYTES, text, mixture=mixture(BYTES)).mixed
    assert found is not None
    assert found.bits == pytest.approx([sum(each[:2]), each[2], sum(each[3:5]), *each[5:7], sum(each[7:])], abs=1e-4)


def test_counts_see_what_is_read_in_the_place_of_what_was_never_seen() -> None:
    found = score(engine(len(VOCABULARY)), VOCABULARY, "abÉ世cé", mixture=mixture(VOCABULARY)).mixed
    frequent = VOCABULARY.decode([VOCABULARY.most_frequent])
    read = one_by_one(VOCABULARY, VOCABULARY.encode(f"abé{frequent}cé"), mixture(VOCABULARY))
    assert found is not None
    assert found.unseen.tolist() == [False, True, True, False, False]
    assert found.bits == pytest.approx([read[0], UNSEEN_BITS, UNSEEN_BITS, *read[3:]], abs=1e-4)


def test_the_unknown_symbol_costs_what_both_give_it() -> None:
    found = score(engine(len(RARE)), RARE, "abÉ世c", mixture=mixture(RARE)).mixed
    read = one_by_one(RARE, RARE.encode("ab\ufffd\ufffdc"), mixture(RARE))
    assert found is not None
    assert found.bits == pytest.approx(np.array(read) + np.array([0, UNSEEN_BITS, UNSEEN_BITS, 0]), abs=1e-4)


@settings(max_examples=60)
@given(st.text(LETTERS, min_size=2, max_size=40), st.data())
def test_a_text_in_two_halves_is_the_whole(text: str, data: st.DataObject) -> None:
    """The second half after the first as its lead; and what leads changes no figure."""
    both = mixture(VOCABULARY)
    whole = score(engine(len(VOCABULARY)), VOCABULARY, text, mixture=both).mixed
    middle = data.draw(st.integers(1, len(text) - 1))
    second = score(engine(len(VOCABULARY)), VOCABULARY, text, lead=middle, mixture=both).mixed
    assert whole is not None
    assert second is not None
    assert np.array_equal(second.bits, whole.bits[middle - 1 :])
    if middle > 1:
        first = score(engine(len(VOCABULARY)), VOCABULARY, text[:middle], mixture=both).mixed
        assert first is not None
        assert first.bits == pytest.approx(whole.bits[: middle - 1], abs=1e-5)


def test_rows_side_by_side_see_what_one_sees() -> None:
    text = letters(512 + 2 * 4096 + 50)
    found = score(engine(len(VOCABULARY)), VOCABULARY, text, mixture=mixture(VOCABULARY))
    ids = VOCABULARY.encode(text)
    counted, lengths = mixture(VOCABULARY).model.predict(ids)
    network = np.append(0.0, found.bits * math.log(2))
    assert found.mixed is not None
    assert found.mixed.bits == pytest.approx(mixture(VOCABULARY).nats(network, counted, lengths)[1:] / math.log(2))


@pytest.mark.parametrize("vocabulary", [VOCABULARY, DOCUMENTS, BYTES])
def test_each_text_alone_begins_anew(vocabulary: Vocabulary) -> None:
    texts = ["cab", "a", "dab é", "cab", "bad"] * 20
    begin = vocabulary.boundary_id
    begins = [begin] if begin is not None else vocabulary.encode(vocabulary.default_prime).tolist()[-1:]
    both = mixture(vocabulary)
    for text, one in zip(texts, score_each(engine(len(vocabulary)), vocabulary, texts, mixture=both), strict=True):
        expected = one_by_one(vocabulary, np.array(begins + vocabulary.encode(text).tolist()), both)
        assert one.mixed is not None
        assert one.mixed.text == text
        assert one.mixed.bits.sum() == pytest.approx(sum(expected), abs=1e-4)
