"""The bits of a text's characters against torch in double precision, and what is made of them."""

from __future__ import annotations

import math
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import scripts
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import Cell, ModelConfig, ReadConfig
from charrnn.errors import CorpusError, DivergedError, VocabularyError
from charrnn.evaluation.scoring import UNSEEN_BITS, Score, _cold, carried_rows, score, score_each
from charrnn.network.engine import Engine
from charrnn.network.torch_model import CharModel
from charrnn.sampling.generate import bits_per_character
from charrnn.text import corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points
from charrnn.training.validation import held_out_loss

cold_loss = scripts.load("bench/losses.py").cold_loss

LETTERS = "\n abcdefghijklmnopé."
VOCABULARY = Vocabulary.of(to_code_points(LETTERS))
BYTES = Vocabulary.every_byte()


@cache
def network(vocabulary_size: int, cell: Cell = "lstm", scale: float = 1.5, **settings: Any) -> CharModel:
    """A small network whose memory matters: its weights are `scale` times those it would begin with."""
    config = ModelConfig(model=cell, **({"num_layers": 1, "rnn_size": 8, "embedding_size": 5} | settings))
    model = CharModel(config, vocabulary_size, seed=5)
    model.load_weights({name: scale * value for name, value in model.weights().items()})
    return model.eval()


def engine(model: CharModel) -> Engine:
    return Engine(model.config, model.weights())


@cache
def in_double(model: CharModel) -> CharModel:
    double = CharModel(model.config, model.vocabulary_size).double().eval()
    double.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
    return double


def bits_of(model: CharModel, ids: NDArray[Any]) -> NDArray[np.float64]:
    """Bits of ids[1:], read from the zero state by torch in double precision."""
    double = in_double(model)
    state = tuple(tuple(part.double() for part in layer) for layer in double.zero_state(1))
    given = torch.from_numpy(ids.astype(np.int64))
    with torch.no_grad():
        logits, _ = double(given[None, :-1], state)
        nats: NDArray[np.float64] = F.cross_entropy(logits[0], given[1:], reduction="none").numpy()
    return nats / math.log(2)


def letters(length: int, seed: int = 3) -> str:
    return "".join(np.random.default_rng(seed).choice(list(LETTERS), length))


# -- the figures -----------------------------------------------------------------------------------------------------


def test_a_uniform_model_is_surprised_by_log_v() -> None:
    found = score(engine(network(len(VOCABULARY), scale=0.0)), VOCABULARY, "a cab\né")
    assert (found.before, found.text) == ("a", " cab\né")
    assert found.bits == pytest.approx(np.full(6, math.log2(len(LETTERS))))
    assert found.bits_per_character == pytest.approx(math.log2(len(LETTERS)))
    assert not found.unseen.any()


def by_its_bias(vocabulary: Vocabulary, *probabilities: float) -> Engine:
    """An engine of which the head's bias alone speaks."""
    model = network(len(vocabulary), scale=0.0)
    return Engine(model.config, model.weights() | {"head.bias": np.log(np.array(probabilities, np.float32))})


def test_by_hand() -> None:
    abc = Vocabulary.of(to_code_points("abc"))
    found = score(by_its_bias(abc, 0.5, 0.25, 0.25), abc, "aabcaé")
    assert found.bits == pytest.approx([1, 2, 2, 1, UNSEEN_BITS])
    assert found.unseen.tolist() == [False, False, False, False, True]
    assert found.bits_per_character == pytest.approx((6 + math.log2(1_114_112)) / 5)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("layers", [1, 3])
def test_carried_and_cold_agree_with_torch(cell: Cell, layers: int) -> None:
    model, text = network(len(VOCABULARY), cell, num_layers=layers), letters(700)
    ids = VOCABULARY.encode(text)
    carried = score(engine(model), VOCABULARY, text)
    assert carried.bits == pytest.approx(bits_of(model, ids), abs=1e-4)
    assert carried.bits_per_character == pytest.approx(bits_of(model, ids).mean(), rel=1e-5)
    assert carried.bits_per_character == pytest.approx(bits_per_character(engine(model), VOCABULARY, text), rel=1e-6)
    whole = held_out_loss(model, ids, [(0, 1, 700)], streams=1) / math.log(2)
    assert carried.bits_per_character == pytest.approx(whole, rel=1e-5)
    for window, lead in ((256, 1), (50, 1), (64, 123), (7, 2), (5000, 1)):
        cold = score(engine(model), VOCABULARY, text, window=window, lead=lead)
        windows = [bits_of(model, ids[at : at + window + 1]) for at in range(lead - 1, 699, window)]
        assert cold.bits == pytest.approx(np.concatenate(windows), abs=1e-4)
        loss = cold_loss(model, ids, [(0, lead, 700)], window=window) / math.log(2)
        assert cold.bits_per_character == pytest.approx(loss, rel=1e-5)


def test_what_leads_is_read_and_not_scored() -> None:
    model, text = engine(network(len(VOCABULARY))), letters(90)
    whole = score(model, VOCABULARY, text)
    for lead in (1, 2, 40, 89):
        found = score(model, VOCABULARY, text, lead=lead)
        assert (found.before, found.text) == (text[:lead], text[lead:])
        assert np.array_equal(found.bits, whole.bits[lead - 1 :])


@pytest.mark.parametrize(("text", "lead"), [("", 1), ("a", 1), ("abc", 3), ("abc", 7)])
def test_nothing_to_score(text: str, lead: int) -> None:
    with pytest.raises(CorpusError, match="nothing to score"):
        score(engine(network(len(VOCABULARY))), VOCABULARY, text, lead=lead)


def test_a_model_that_diverged_is_refused() -> None:
    model = network(len(VOCABULARY))
    ruined = Engine(model.config, model.weights() | {"head.bias": np.full(len(VOCABULARY), np.nan, np.float32)})
    with pytest.raises(DivergedError):
        score(ruined, VOCABULARY, "a cab")


# -- rows ------------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.integers(1, 400_000))
def test_the_rows_of_a_carried_text_cover_it_and_have_their_warm_up(inputs: int) -> None:
    [(begins, size)] = carried_rows(inputs)
    assert begins[0] == 0
    assert begins[-1] + size == inputs
    assert len(begins) <= 64
    between = np.diff(begins)
    assert (between > 0).all()
    assert (between <= size - 512).all()  # a row has read 512 characters where the one before it ends
    assert len(begins) == 1 or size >= 4096 + 512
    assert len(begins) in (64, (inputs - 512) // 4096) or len(begins) == 1 > (inputs - 512) // 4096


@settings(max_examples=200)
@given(st.integers(1, 3000), st.integers(1, 400), st.data())
def test_cold_windows_tile_the_text(inputs: int, window: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, inputs))
    pieces = [(int(begin), int(begin) + size) for begins, size in _cold(inputs, first, window) for begin in begins]
    assert pieces == [(at, min(at + window, inputs)) for at in range(first - 1, inputs, window)]


def test_a_long_text_is_cut_into_rows_that_say_what_one_says() -> None:
    text = letters(512 + 3 * 4096 + 100)
    model = network(len(VOCABULARY))
    shares: list[float] = []
    found = score(engine(model), VOCABULARY, text, progress=shares.append)
    whole = bits_of(model, VOCABULARY.encode(text))
    assert len(shares) < len(text) / 2  # side by side
    assert sum(shares) == pytest.approx(1)
    assert found.bits == pytest.approx(whole, abs=1e-4)  # this model has forgotten more after 512 characters
    assert found.bits_per_character == pytest.approx(whole.mean(), rel=1e-6)


def test_each_row_has_read_what_comes_before_it_and_no_more() -> None:
    """A model that never forgets its first character tells where each row began."""
    abc = Vocabulary.of(to_code_points("abc"))
    config = ModelConfig(
        model="rnn", nonlinearity="relu", num_layers=1, rnn_size=1, embedding_size=0, layer_norm=False, residual=False
    )
    zero = {name: np.zeros(shape, np.float32) for name, shape in config.shapes(3).items()}
    counts = {
        "layers.0.weight_ih_l0": np.array([[1, 0, 0]], np.float32),  # how many a it has read,
        "layers.0.weight_hh_l0": np.ones((1, 1), np.float32),
        "head.weight": np.array([[0], [0], [-1]], np.float32),  # makes c so much less likely
    }
    inputs = 512 + 2 * 4096
    [([_, second], size)] = carried_rows(inputs)
    places = {size: 0, size + 1: second, inputs: second}  # of a c, and where what predicts it began to read
    text = "".join("c" if place in places else "ab"[place % 2] for place in range(inputs + 1))
    found = score(Engine(config, zero | counts), abc, text)
    for place, begin in places.items():
        seen = text[begin:place].count("a")
        nats = seen + math.log(2 + math.exp(-seen))
        assert found.bits[place - 1] == pytest.approx(nats / math.log(2), rel=1e-6)


def test_memory_does_not_grow_with_the_vocabulary() -> None:
    many = Vocabulary.of(np.arange(0x4E00, 0x4E00 + 2000, dtype=np.uint32))
    text = "".join(chr(0x4E00 + index) for index in np.random.default_rng(1).integers(2000, size=64 * 100))
    model = engine(network(2000))
    tracemalloc.start()
    try:
        score(model, many, text, window=100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2000 * 8 * 8  # some logits of one character for each of 64 rows; all would be 12 times as much


# -- what has never been seen ----------------------------------------------------------------------------------------


def test_an_unseen_character_is_charged_and_read_as_the_nearest_or_the_most_frequent() -> None:
    model = engine(network(len(VOCABULARY)))
    frequent = Vocabulary(VOCABULARY.code_points, most_frequent=int(VOCABULARY.encode("d")[0]))
    found = score(model, frequent, "cab É B世 cab")
    read = score(model, frequent, "cab é bd cab")
    assert found.text == "ab É B世 cab"
    assert np.flatnonzero(found.unseen).tolist() == [3, 5, 6]
    assert found.bits[found.unseen] == pytest.approx(UNSEEN_BITS)
    assert np.array_equal(found.bits[~found.unseen], read.bits[~found.unseen])
    assert np.array_equal(score(model, frequent, "世ab").bits, score(model, frequent, "dab").bits)  # the first of all


def test_the_unknown_symbol_costs_its_own_bits_too_and_is_read() -> None:
    vocabulary = Vocabulary(VOCABULARY.code_points, unknown=True)
    model = network(len(vocabulary))
    found = score(engine(model), vocabulary, "cab É世\ufffd cab")
    read = score(engine(model), vocabulary, "cab \ufffd\ufffd\ufffd cab")
    symbols = bits_of(model, vocabulary.encode("cab \ufffd\ufffd\ufffd cab"))
    assert found.unseen.tolist() == read.unseen.tolist() == [False] * 3 + [True] * 3 + [False] * 4
    assert np.array_equal(found.bits, read.bits)
    assert found.bits == pytest.approx(symbols + UNSEEN_BITS * found.unseen, abs=1e-5)


def test_without_the_charge_rare_characters_are_measured_as_in_training() -> None:
    text = letters(400).replace("é", "É").replace("b", "世", 1)
    source = corpus.from_text(text, config=ReadConfig(min_count=15))
    model = network(len(source.vocabulary))
    found = score(engine(model), source.vocabulary, text)
    assert found.unseen.any()
    loss = held_out_loss(model, source.ids, [(0, 1, 400)], streams=1) / math.log(2)
    assert (found.bits - UNSEEN_BITS * found.unseen).mean() == pytest.approx(loss, rel=1e-5)


def test_a_replacement_character_that_the_text_had_is_a_character() -> None:
    vocabulary = Vocabulary.of(to_code_points("ab\ufffd"))
    assert not score(engine(network(3)), vocabulary, "ab\ufffd").unseen.any()


# -- bytes -----------------------------------------------------------------------------------------------------------


def test_of_bytes_a_character_costs_those_of_its_bytes() -> None:
    text = "é😀 naïve\udcff 世\n"
    model = network(256)
    each = bits_of(model, BYTES.encode(text))  # of every byte but the first
    lengths = [len(character.encode("utf-8", "surrogateescape")) for character in text]
    assert lengths[:2] == [2, 4]
    ends = np.cumsum(lengths) - 1
    expected = [each[stop - size : stop].sum() for size, stop in zip(lengths[1:], ends[1:], strict=True)]
    found = score(engine(model), BYTES, text)
    assert (found.before, found.text) == ("é", text[1:])
    assert found.bits == pytest.approx(expected, abs=1e-4)
    assert not found.unseen.any()
    cold = score(engine(model), BYTES, text, window=3, lead=2)
    data = BYTES.encode(text)
    windows = np.concatenate([bits_of(model, data[at : at + 4]) for at in range(5, len(data) - 1, 3)])
    assert cold.bits.sum() == pytest.approx(windows.sum(), rel=1e-5)
    loss = cold_loss(model, data, [(0, 6, len(data))], window=3) / math.log(2)
    assert cold.bits.sum() == pytest.approx(loss * (len(data) - 6), rel=1e-5)


def test_a_surrogate_that_is_no_byte_cannot_be_read_as_bytes() -> None:
    with pytest.raises(VocabularyError):
        score(engine(network(256)), BYTES, "ab\ud800")
    assert score(engine(network(len(VOCABULARY))), VOCABULARY, "ab\ud800").unseen[-1]


# -- other people's typing, and several texts ------------------------------------------------------------------------


def test_what_the_model_has_in_another_form_costs_what_is_read_for_it() -> None:
    vocabulary = Vocabulary.of(to_code_points("caé b.'\n"))
    model = engine(network(len(vocabulary)))
    composed, typed = "caé 'b' ... cab", "cae\u0301 ‘b’ … cab"
    plain, other = score(model, vocabulary, composed), score(model, vocabulary, typed)
    assert other.text == typed[1:]
    assert not other.unseen.any()
    assert other.bits.sum() == pytest.approx(plain.bits.sum())
    assert other.bits[typed.index("\u0301") - 1] == 0
    assert other.bits[typed.index("…") - 1] == pytest.approx(plain.bits[composed.index("...") - 1 :][:3].sum())
    normal = score(model, vocabulary, vocabulary.form_of(typed).normalized())
    assert len(normal.text) == len(typed) - 2
    assert normal.bits.sum() == pytest.approx(plain.bits.sum())


def test_a_text_may_begin_with_what_is_read_as_nothing() -> None:
    vocabulary = Vocabulary.of(to_code_points("cab "))
    model = engine(network(len(vocabulary)))
    found, plain = score(model, vocabulary, "\u200bcab cab"), score(model, vocabulary, "cab cab")
    assert found.bits.tolist() == [0, *plain.bits.tolist()]
    with pytest.raises(CorpusError):
        score(model, vocabulary, "\u200b\u200b")


def test_the_mean_without_what_is_left_out() -> None:
    found = Score("abc", np.array([1.0, 5.0, 3.0]), np.array([False, True, False]))
    assert found.mean_without(found.unseen) == 2.0
    assert found.mean_without(np.ones(3, dtype=bool)) is None


@pytest.mark.parametrize("vocabulary", [VOCABULARY, BYTES])
def test_each_text_alone_is_as_after_a_line_end(vocabulary: Vocabulary) -> None:
    model = engine(network(len(vocabulary)))
    texts = ["cab", "a", "dab é", "cab", "x世", "bad"] * 30
    found = score_each(model, vocabulary, texts)
    begin = vocabulary.default_prime
    for text, one in zip(texts, found, strict=True):
        alone = score(model, vocabulary, begin + text)
        assert one.text == alone.text == text
        assert one.bits == pytest.approx(alone.bits, abs=1e-5)
        assert one.unseen.tolist() == alone.unseen.tolist()
    assert score_each(model, vocabulary, []) == []


# -- from the end ----------------------------------------------------------------------------------------------------

WITH_RARE = Vocabulary.of_counts(np.bincount(to_code_points("aabbéé\n\nc'")), 2)
OF_DOCUMENTS = corpus.from_text("ab\nba\né", config=ReadConfig(document_separator="\n")).vocabulary


@pytest.mark.parametrize("vocabulary", [VOCABULARY, WITH_RARE, OF_DOCUMENTS], ids=["usual", "rare", "documents"])
@pytest.mark.parametrize(("lead", "window"), [(None, None), (3, None), (2, 4)])
def test_a_text_from_the_end_is_scored_as_the_text_written_from_its_end(
    vocabulary: Vocabulary, lead: int | None, window: int | None
) -> None:
    text, scorer = "abe\u0301 a’b\nüzzé", engine(network(len(vocabulary)))  # composed, replaced, unseen
    backward = score(scorer, vocabulary.in_direction(backward=True), text, lead=lead, window=window)
    least = int(vocabulary.boundary is None) if lead is None else lead
    cut = len(text) - least
    assert (backward.before, backward.text, backward.after) == ("", text[:cut], text[cut:])
    known = vocabulary.form_of(text)
    assert known.sizes().tolist() == [1, 1, 1, 0, *[1] * 9]
    forward = score(scorer, vocabulary, known.text[::-1], lead=least, window=window)
    assert backward.bits.tolist() == np.insert(forward.bits[::-1], 3, 0.0).tolist()


def test_so_are_several() -> None:
    scorer, texts = engine(network(len(VOCABULARY))), ["dab", "a", "bad", "éé."]
    backward = score_each(scorer, VOCABULARY.in_direction(backward=True), texts)
    forward = score_each(scorer, VOCABULARY, [text[::-1] for text in texts])
    assert [scored.text for scored in backward] == texts
    assert [scored.bits.tolist() for scored in backward] == [scored.bits[::-1].tolist() for scored in forward]


def test_of_bytes_from_the_end_a_character_costs_those_of_its_bytes() -> None:
    model, text = network(len(BYTES)), "né €s"
    ids = np.frombuffer(text.encode()[::-1], dtype=np.uint8)
    expected = bits_of(model, ids)[::-1]  # of every byte but the last
    scored = score(engine(model), BYTES.in_direction(backward=True), text)
    assert scored.bits == pytest.approx([expected[0], expected[1:3].sum(), expected[3], expected[4:7].sum()], abs=1e-4)
