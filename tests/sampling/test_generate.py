"""Texts as they are written, one and several, and texts as they are measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from helpers.engines import CELLS, VOCABULARY, V, each_kind, ids, make, random_weights, same

from charrnn.config import Cell, ModelConfig
from charrnn.errors import CorpusError, DivergedError, UsageError, VocabularyError
from charrnn.network.engine import Engine, State
from charrnn.sampling.chain import log_softmax, make_chain
from charrnn.sampling.generate import Character, bits_per_character, generate, generate_many
from charrnn.text.vocabulary import Vocabulary, to_code_points


@pytest.mark.parametrize("switches", [{"layer_norm": False}, {"layer_norm": True, "tied": True}], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_what_was_handed_out_never_changes(cell: Cell, switches: dict[str, Any]) -> None:
    engine = make(cell, **switches)
    state = engine.read(ids(5))
    kept = State(state.layers.copy(), state.logits.copy())
    for _ in generate(engine, VOCABULARY, "abc", 5, make_chain(), np.random.default_rng(0)):
        engine.read(ids(7), state)
    for _ in zip(*many(engine, state, 3, length=5), strict=True):
        engine.read(ids(7), state)
    same(state, kept)
    for array in (engine.read([], state).layers, engine.read(ids(5)).layers, engine.read(ids(5)).logits):
        array[:] = 9  # writing in what was handed out reaches nothing
    same(state, kept)
    same(engine.read(ids(5)), kept)


@pytest.mark.parametrize("cell", CELLS)
def test_a_uniform_model_scores_log2_v_bits(cell: Cell) -> None:
    config = ModelConfig(model=cell, rnn_size=8, embedding_size=3)
    engine = Engine(config, {name: np.zeros(shape, np.float32) for name, shape in config.shapes(V).items()})
    assert bits_per_character(engine, VOCABULARY, "abc abc\n") == pytest.approx(math.log2(V), rel=1e-14)
    for character in generate(engine, VOCABULARY, "a", 20, make_chain(0.1), np.random.default_rng(0)):
        assert character.bits == pytest.approx(math.log2(V), rel=1e-14)


def test_bits_per_character_is_the_mean_after_the_first() -> None:
    engine, text = make(), "a cabbage named pie.\n"
    state, total = None, 0.0
    for here, following in itertools.pairwise(VOCABULARY.encode(text).tolist()):
        state = engine.read([here], state)
        total -= log_softmax(state.logits)[following] / math.log(2)
    assert bits_per_character(engine, VOCABULARY, text) == pytest.approx(total / (len(text) - 1), rel=1e-12)


@pytest.mark.parametrize("text", ["", "a"])
def test_bits_per_character_needs_two_characters(text: str) -> None:
    with pytest.raises(CorpusError, match="two characters"):
        bits_per_character(make(), VOCABULARY, text)


def write(
    engine: Engine, prime: str = "a", length: int = 60, temperature: float = 1.0, seed: int = 5
) -> list[tuple[str, int, float]]:
    written = generate(engine, VOCABULARY, prime, length, make_chain(temperature), np.random.default_rng(seed))
    return [(character.text, character.id, character.bits) for character in written]


def many(
    engine: Engine, prime: str | State, texts: int, length: int = 60, temperature: float = 1.0, seed: int = 5
) -> list[Iterator[Character]]:
    """Texts with the seeds seed, seed + 1, ..."""
    rngs = [np.random.default_rng(seed + number) for number in range(texts)]
    return generate_many(engine, VOCABULARY, prime, length, [make_chain(temperature)] * texts, rngs)


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_seed_writes_the_same(cell: Cell) -> None:
    engine = make(cell)
    assert write(engine) == write(engine) == write(make(cell))
    assert write(engine) != write(engine, seed=6)
    assert write(engine)[:20] == write(engine, length=20)


def test_greedy_needs_no_luck() -> None:
    assert write(make(), temperature=0, seed=1) == write(make(), temperature=0, seed=2)


def test_characters_know_their_id_and_the_models_own_surprise() -> None:
    """Bits are those of the distribution before the temperature, after prime and text as written."""
    engine, prime = make(), "a cab"
    written = write(engine, prime, temperature=0.3)
    text = prime + "".join(character for character, _, _ in written)
    for place, (character, index, bits) in enumerate(written):
        assert VOCABULARY.characters[index] == character
        before = VOCABULARY.encode(text[: len(prime) + place]).tolist()
        assert bits == pytest.approx(-log_softmax(engine.read(before).logits)[index] / math.log(2))


def test_two_texts_at_once_do_not_disturb_each_other() -> None:
    engine = make()
    one, other = (
        generate(engine, VOCABULARY, prime, 40, make_chain(), np.random.default_rng(5)) for prime in ("a cab", "pig")
    )
    pairs = list(zip(one, other, strict=True))
    assert [pair[0].text for pair in pairs] == [text for text, _, _ in write(engine, "a cab", 40)]
    assert [pair[1].text for pair in pairs] == [text for text, _, _ in write(engine, "pig", 40)]


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("ends", [{"embedding_size": 0}, {"tied": True, "embedding_size": 7}], ids=str)
@each_kind
def test_texts_side_by_side_are_those_written_alone(
    kind: dict[str, Any], ends: dict[str, Any], norm: bool, residual: bool
) -> None:
    config = ModelConfig(**kind, rnn_size=24, num_layers=3, layer_norm=norm, residual=residual, **ends)
    engine = Engine(config, random_weights(config, scale=0.2))
    for number, written in enumerate(many(engine, "a cab", 5, length=100)):
        alone = list(generate(engine, VOCABULARY, "a cab", 100, make_chain(), np.random.default_rng(5 + number)))
        together = list(written)
        assert [character.text for character in together] == [character.text for character in alone]
        np.testing.assert_allclose([one.bits for one in together], [one.bits for one in alone], atol=2e-5)


@pytest.mark.parametrize("size", [24, 100, 256])
@each_kind
def test_a_text_is_the_same_to_the_last_bit_however_many_are_written_with_it(kind: dict[str, Any], size: int) -> None:
    config = ModelConfig(**kind, rnn_size=size, embedding_size=7)
    engine = Engine(config, random_weights(config, scale=size**-0.5))
    most = [list(written) for written in many(engine, "a", 70, length=30)]
    for texts in (1, 2, 3, 16, 17, 33, 64):
        assert [list(written) for written in many(engine, "a", texts, length=30)] == most[:texts]


def test_texts_side_by_side_may_have_chains_of_their_own_and_be_read_in_any_order() -> None:
    engine, temperatures = make(), (0.0, 0.5, 2.0)
    processors, rngs = [make_chain(one) for one in temperatures], [np.random.default_rng(5) for _ in temperatures]
    written = generate_many(engine, VOCABULARY, "a", 60, processors, rngs)
    for number in (2, 0, 1):
        text = [character.text for character in written[number]]
        assert text == [text for text, _, _ in write(engine, temperature=temperatures[number])]


def test_a_state_can_be_gone_on_from_again_and_again() -> None:
    engine = make(layer_norm=True)
    state = engine.read(VOCABULARY.encode("a cab").tolist())
    for _ in range(2):
        written = generate(engine, VOCABULARY, state, 60, make_chain(), np.random.default_rng(5))
        assert [(one.text, one.id, one.bits) for one in written] == write(engine, "a cab")
    for number, one in enumerate(many(engine, state, 2)):
        assert [character.text for character in one] == [text for text, _, _ in write(engine, "a cab", seed=5 + number)]


def test_the_unknown_symbol_is_never_written_side_by_side() -> None:
    rare = Vocabulary.of_counts(np.bincount(to_code_points("aaabbbc")), min_count=2)
    assert rare.unknown_id == 2
    config = ModelConfig(rnn_size=8, embedding_size=0)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes(3).items()}
    weights["head.bias"][2] = 9
    rngs = [np.random.default_rng(seed) for seed in range(3)]
    for processors in ([make_chain()] * 3, [make_chain(), make_chain(2.0), make_chain(0.0)]):
        for written in generate_many(Engine(config, weights), rare, "a", 30, processors, rngs):
            assert {character.id for character in written} <= {0, 1}


def test_an_empty_prime_is_the_default_one() -> None:
    assert VOCABULARY.default_prime == "\n"
    assert write(make(), "") == write(make(), "\n")


def test_length_counts_new_characters_and_may_be_none() -> None:
    assert len(write(make(), "a cab", length=7)) == 7
    assert write(make(), length=0) == []


def test_what_cannot_be_is_refused_before_the_first_character() -> None:
    engine, rng = make(), np.random.default_rng(0)
    with pytest.raises(UsageError, match="--length"):
        generate(engine, VOCABULARY, "", -1, make_chain(), rng)
    with pytest.raises(VocabularyError, match="Z"):
        generate(engine, VOCABULARY, "Z", 1, make_chain(), rng)
    with pytest.raises(UsageError, match="--length"):
        generate_many(engine, VOCABULARY, "", -1, [make_chain()], [rng])
    with pytest.raises(VocabularyError, match="Z"):
        generate_many(engine, VOCABULARY, "Z", 1, [make_chain()], [rng])


def test_a_diverged_model_is_named_as_such() -> None:
    config = ModelConfig(rnn_size=8, embedding_size=3)
    weights = random_weights(config) | {"head.bias": np.full(V, np.nan, np.float32)}
    with pytest.raises(DivergedError):
        list(generate(Engine(config, weights), VOCABULARY, "", 1, make_chain(), np.random.default_rng(0)))
    with pytest.raises(DivergedError):
        list(many(Engine(config, weights), "", 2)[1])
