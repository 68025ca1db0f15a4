"""What was expected at every place: the network's own probabilities, in whatever parts they are read."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from helpers import engines

from charrnn.inspection.activations import join, read
from charrnn.inspection.predictions import predictions, view


@pytest.mark.parametrize("chunk", [1, 4, 1024])
def test_they_are_those_of_the_network(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, ids = engines.make("gru"), np.array(engines.ids(11))
    whole = np.exp(join(read(engine, ids)).log_probs)
    monkeypatch.setattr("charrnn.inspection.activations._CHUNK", chunk)
    told = list[float]()
    predicted = predictions(engine, engines.VOCABULARY, ids, count=4, progress=told.append)
    assert sum(told) == pytest.approx(1)
    assert predicted.likeliest.shape == predicted.probabilities.shape == (11, 4)
    np.testing.assert_allclose(predicted.probabilities, -np.sort(-whole, axis=1)[:, :4], rtol=1e-6)
    np.testing.assert_allclose(predicted.probabilities, np.take_along_axis(whole, predicted.likeliest, 1), rtol=1e-6)
    np.testing.assert_allclose(predicted.following, whole[np.arange(10), ids[1:]], rtol=1e-6)
    places = json.loads(json.dumps(predicted.to_dict(), allow_nan=False))["places"]
    assert places[0]["probability"] is None
    assert places[3]["character"] == engines.VOCABULARY.characters[ids[3]]
    assert len(places[3]["next"]) == 4


def test_more_than_there_are_characters_is_all_of_them() -> None:
    predicted = predictions(engines.make(), engines.VOCABULARY, np.array([1, 2]), count=100)
    assert predicted.likeliest.shape == (2, engines.V)
    np.testing.assert_allclose(predicted.probabilities.sum(1), 1, rtol=1e-5)


def test_the_likeliest_stand_below_each_character() -> None:
    vocabulary = engines.VOCABULARY
    ids = vocabulary.encode("a bad cab").astype(np.intp)
    predicted = predictions(engines.make(), vocabulary, ids)
    [text] = view(predicted, "").texts
    assert "".join(text.characters) == "a bad cab"
    assert text.below
    assert text.shares is not None
    assert text.shares.shape == (9, 5)
    assert text.chosen[2][0] == (vocabulary.characters[predicted.likeliest[2, 0]], f"{text.shares[2, 0]:.0%}")
    assert np.isnan(text.colourings[0].values[0])
    np.testing.assert_array_equal(text.colourings[0].values[1:], predicted.following)


def test_a_text_that_was_read_from_its_end_stands_as_it_is_read_by_people() -> None:
    vocabulary = dataclasses.replace(engines.VOCABULARY, backward=True)
    engine, ids = engines.make(), vocabulary.encode("a bad cab").astype(np.intp)
    predicted = predictions(engine, vocabulary, ids)
    assert predicted.to_dict()["backward"]
    shown = view(predicted, "")
    [text] = shown.texts
    assert "".join(text.characters) == "a bad cab"
    [forward] = view(predictions(engine, engines.VOCABULARY, ids), "").texts
    assert forward.chosen == text.chosen[::-1]
    assert np.isnan(text.colourings[0].values[-1]), "nothing predicts the one that is read first"
    assert text.heads[0] == "Before it"
    assert "read from its end" in shown.remarks[0]
