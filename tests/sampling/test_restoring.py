"""Hidden characters given back: what is filled in when, and what of the text is never touched."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.engines import VOCABULARY, V, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.bidirectional import BidirectionalEngine
from charrnn.network.pieces import LENGTH
from charrnn.sampling import restoring
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.restoring import RestoredPart, restore
from charrnn.text.vocabulary import Vocabulary, to_code_points

CONFIG = ModelConfig(rnn_size=6, embedding_size=5, bidirectional=True).completed()
ENGINE = BidirectionalEngine(CONFIG, random_weights(CONFIG, scale=1.5))


class Copying:
    """Says of each place what stands after it, and is as certain as its id is large; of what is hidden, an "a"."""

    hidden_id = V

    def __init__(self) -> None:
        self.read: list[NDArray[np.intp]] = []

    def logits(self, ids: NDArray[np.intp]) -> NDArray[np.float32]:
        self.read += list(ids)
        after = np.concatenate((ids[:, 1:], ids[:, :1]), axis=1)
        said = np.where(after == V, int(VOCABULARY.encode("a")[0]), after)
        logits = np.zeros((*ids.shape, V), dtype=np.float32)
        np.put_along_axis(logits, said[:, :, None], np.float32(2 + 0.1 * said[:, :, None]), axis=2)
        return logits


def joined(parts: Iterator[RestoredPart]) -> str:
    return "".join(part.text for part in parts)


def test_the_most_certain_of_neighbours_comes_first_and_the_others_know_it() -> None:
    engine = Copying()
    [part] = restore(engine, VOCABULARY, ["bad##p"])  # type: ignore[arg-type]
    assert part.text == "badppp"
    assert len(engine.read) == 2  # the second # first, as it is before a p; then the first, before that
    [part] = restore(engine, VOCABULARY, ["bad##p"], at_once=True)  # type: ignore[arg-type]
    assert part.text == "badapp"
    assert len(engine.read) == 3


def test_places_far_from_each_other_are_filled_in_one_reading() -> None:
    engine = Copying()
    text = "#b" + "c" * 20 + "#d" + "c" * 20 + "#e"
    filled = text.replace("#b", "bb").replace("#d", "dd").replace("#e", "ee")
    assert joined(restore(engine, VOCABULARY, [text])) == filled  # type: ignore[arg-type]
    assert len(engine.read) == 1


def test_probabilities_are_those_of_the_network_when_it_was_filled() -> None:
    text = "able# and b#d"
    [part] = restore(ENGINE, VOCABULARY, [text], alternatives=3)
    places = {place.at: place for place in part.places}
    first, second = sorted(part.places, key=lambda place: -place.probability)  # in reach of each other
    shown = list(text)
    for place in (first, second):
        ids = np.array([V if one == "#" else VOCABULARY.encode(one)[0] for one in shown], dtype=np.intp)
        probabilities = np.exp(log_softmax(ENGINE.logits(ids[None])[0, place.at]))
        order = np.argsort(-probabilities)[:3]
        expected = [(VOCABULARY.characters[index], pytest.approx(float(probabilities[index]))) for index in order]
        assert list(place.alternatives) == expected
        assert (place.character, place.probability) == place.alternatives[0]
        shown[place.at] = place.character
    assert part.text == "".join(shown)
    assert list(places) == [4, 11] == list(part.offsets)


@settings(deadline=None, max_examples=30)
@given(st.text("\n abcdefghijklmnopé.#", max_size=90), st.integers(1, 40), st.lists(st.integers(0, 90), max_size=4))
def test_nothing_but_the_marks_changes_however_a_text_comes(text: str, block: int, cuts: list[int]) -> None:
    before = restoring._BLOCK
    restoring._BLOCK = block
    try:
        bounds = [0, *sorted(cuts), len(text)]
        pieces = [text[start:stop] for start, stop in itertools.pairwise(bounds)]
        parts = list(restore(ENGINE, VOCABULARY, pieces))
    finally:
        restoring._BLOCK = before
    whole = "".join(part.text for part in parts)
    assert len(whole) == len(text)
    assert "#" not in whole
    assert all(given == shown for given, shown in zip(whole, text, strict=True) if shown != "#")
    assert [place.at for part in parts for place in part.places] == [at for at, one in enumerate(text) if one == "#"]
    assert all(whole[place.at] == place.character for part in parts for place in part.places)


def test_blocks_do_not_matter_where_marks_are_far_from_their_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    text = list("".join(rng.choice(list(" abcdefghijklmnop."), 3 * LENGTH)))
    for at in (5, 6, 300, 302, 570):
        text[at] = "#"
    whole = joined(restore(ENGINE, VOCABULARY, ["".join(text)]))
    monkeypatch.setattr(restoring, "_BLOCK", 200)
    monkeypatch.setattr(restoring, "_ROWS", 1)
    assert joined(restore(ENGINE, VOCABULARY, ["".join(text)])) == whole


def test_a_character_never_seen_is_read_as_hidden_and_stays() -> None:
    [part] = restore(ENGINE, VOCABULARY, ["aЖb#"])
    assert part.text[:3] == "aЖb"
    assert part.unseen == 1
    assert [place.at for place in part.places] == [3]


def test_the_unknown_and_the_boundary_are_never_given_back() -> None:
    vocabulary = Vocabulary(to_code_points("abcd"), unknown=True, boundary="\n\n")
    config = ModelConfig(rnn_size=4, embedding_size=0, bidirectional=True).completed()
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes(len(vocabulary)).items()}
    weights["head.bias"] = np.array([0, 1, 0, 0, 5, 7], np.float32)
    engine = BidirectionalEngine(config, weights)
    [part] = restore(engine, vocabulary, ["a#"], alternatives=99)
    assert part.text == "ab"
    assert [character for character, _ in part.places[0].alternatives] == ["b", "a", "c", "d"]
    assert sum(likely for _, likely in part.places[0].alternatives) == pytest.approx(1)


def test_a_text_of_documents_begins_and_ends_with_their_boundary() -> None:
    vocabulary = Vocabulary(VOCABULARY.code_points, boundary="\n\n")
    weights = random_weights(CONFIG, scale=1.5)
    weights["embedding.weight"] = np.insert(weights["embedding.weight"], V, 0.5, axis=0)
    weights["head.weight"] = np.insert(weights["head.weight"], V, 9.0, axis=0)
    weights["head.bias"] = np.append(weights["head.bias"], np.float32(9))
    engine = BidirectionalEngine(CONFIG, weights)
    [part] = restore(engine, vocabulary, ["ab#d"])
    a, b, d = vocabulary.encode("abd").tolist()
    logits = engine.logits(np.array([[V, a, b, V + 1, d, V]]))[0, 3]
    logits[V] = -np.inf
    assert part.places[0].probability == pytest.approx(float(np.exp(log_softmax(logits).max())))


def test_a_mark_stands_for_one_byte_of_a_model_of_bytes() -> None:
    vocabulary = Vocabulary.every_byte()
    config = ModelConfig(rnn_size=4, embedding_size=0, bidirectional=True).completed()
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes(256).items()}
    weights["head.bias"][0xA9] = 5
    engine = BidirectionalEngine(config, weights)
    [part] = restore(engine, vocabulary, ["é \udcc3# ü"])
    assert vocabulary.readable(part.text) == "é é ü"
    assert [place.at for place in part.places] == [3]
    with pytest.raises(UsageError, match="one byte"):
        next(restore(engine, vocabulary, ["x"], mark="€"))


@pytest.mark.parametrize("mark", ["", "##"])
def test_a_mark_is_one_character(mark: str) -> None:
    with pytest.raises(UsageError, match="one character"):
        next(restore(ENGINE, VOCABULARY, ["a"], mark=mark))


def test_another_mark_leaves_this_one_alone() -> None:
    [part] = restore(ENGINE, VOCABULARY, ["a_b#"], mark="_")
    assert part.text[0] + part.text[2:] == "ab#"
    assert part.text[1] != "_"
