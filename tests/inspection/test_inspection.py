"""What `Model.inspect` gives: arrays that belong to characters, of texts of every kind."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from helpers import engines

from charrnn.config import ModelConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.inspection.inspection import inspect
from charrnn.network.engine import Engine
from charrnn.text.vocabulary import Vocabulary

KNOWN = engines.VOCABULARY


def _engine(vocabulary: Vocabulary, **settings: object) -> Engine:
    config = ModelConfig(**{"rnn_size": 4, "embedding_size": 3} | settings)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    shapes = config.shapes(len(vocabulary))
    return Engine(config, {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


@engines.each_kind
def test_shapes_are_those_that_are_documented(kind: dict[str, str]) -> None:
    seen = inspect(engines.make(**kind, num_layers=2), KNOWN, "a bad cab")
    assert (len(seen), len(seen.characters), len(seen.layers)) == (9, 9, 2)
    assert "".join(seen.characters) == seen.text == "a bad cab"
    gates = {"lstm": ["input", "forget", "output", "candidate"], "gru": ["reset", "update", "candidate"], "rnn": []}
    for layer in seen.layers:
        assert layer.h.shape == (9, 12)
        assert (layer.c is not None) == (kind["model"] == "lstm")
        assert list(layer.gates) == gates[kind["model"]]
        assert all(gate.shape == (9, 12) for gate in layer.gates.values())
    assert seen.log_probs.shape == seen.probabilities.shape == (9, len(KNOWN))
    np.testing.assert_allclose(seen.probabilities.sum(1), 1, rtol=1e-5)
    assert np.array_equal(seen.of("2.3"), seen.layers[1].h[:, 2])
    likeliest = seen.likeliest(3)
    assert [len(place) for place in likeliest] == [3] * 9
    character, probability = likeliest[4][0]
    assert probability == pytest.approx(seen.probabilities[4].max())
    assert seen.vocabulary[int(seen.probabilities[4].argmax())] == character
    assert seen.gate_statistics().characters == 9
    assert len(repr(seen)) < 80


def test_reading_on_from_a_state_is_reading_on() -> None:
    engine = engines.make("gru")
    whole = inspect(engine, KNOWN, "a bad cab")
    state = engine.read(KNOWN.encode("a bad").tolist())
    rest = inspect(engine, KNOWN, " cab", state)
    assert np.array_equal(rest.layers[1].h, whole.layers[1].h[5:])


def test_a_boundary_comes_first() -> None:
    vocabulary = dataclasses.replace(KNOWN, boundary="\n\n")
    engine = _engine(vocabulary)
    seen = inspect(engine, vocabulary, "cab")
    assert seen.characters == ("", "c", "a", "b")
    assert seen.vocabulary[-1] == ""
    np.testing.assert_array_equal(seen.log_probs.shape, (4, len(vocabulary)))
    after = engine.read([vocabulary.boundary_id or 0])
    assert inspect(engine, vocabulary, "cab", after).characters == ("c", "a", "b")


def test_bytes_are_read_one_by_one() -> None:
    vocabulary = Vocabulary.every_byte()
    seen = inspect(_engine(vocabulary), vocabulary, "aé")
    assert seen.characters == ("a", "\udcc3", "\udca9")
    assert seen.log_probs.shape == (3, 256)
    assert not seen.unseen.any()


def test_a_model_that_reads_from_the_end_has_its_last_character_first() -> None:
    vocabulary = dataclasses.replace(KNOWN, backward=True)
    seen = inspect(engines.make(), vocabulary, "cab")
    assert seen.characters == ("b", "a", "c")
    assert np.array_equal(seen.log_probs, inspect(engines.make(), KNOWN, "bac").log_probs)


def test_what_was_never_seen_is_told() -> None:
    seen = inspect(engines.make(), KNOWN, "aΩÀ")
    assert seen.unseen.tolist() == [False, True, True]  # be it read as the letter without its accent
    assert seen.characters[0] == "a"


def test_what_cannot_be_inspected_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="nothing to read"):
        inspect(engines.make(), KNOWN, "")
    seen = inspect(engines.make("gru"), KNOWN, "cab")
    for unit, said in (("1.13", "units 1 to 12"), ("x", "LAYER.UNIT"), ("1.1.c", "only an LSTM")):
        with pytest.raises(UsageError, match=said):
            seen.of(unit)
    monkeypatch.setattr("charrnn.memory.available", lambda: 60_000_000)
    with pytest.raises(UsageError, match="all of 200,000 characters: takes"):
        inspect(engines.make(), KNOWN, "ab" * 100_000)
