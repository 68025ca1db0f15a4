"""A model of documents kept apart begins with a boundary, ends with one, and goes on with another document."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import tiny

from charrnn.model import Model
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.runs.checkpoint import Checkpoint
from charrnn.sampling.chain import log_softmax, make_chain
from charrnn.sampling.generate import generate
from charrnn.sampling.request import LONGEST_DOCUMENT, Request
from charrnn.text.vocabulary import Vocabulary, to_code_points

VOCABULARY = Vocabulary(to_code_points("\nabc"), boundary="\n")
HEADER = tiny.header(vocabulary=VOCABULARY)
ENGINE = Engine(HEADER.model, tiny.weights(HEADER, seed=3))
END = 4


def written(text: object) -> str:
    return "".join(character.text for character in text.characters)  # type: ignore[attr-defined]


@pytest.mark.parametrize("count", [None, 3])
def test_without_a_length_a_text_is_one_document(count: int | None) -> None:
    for seed in range(5):
        for text in Request(seed=seed, temperatures=(1.0,), count=count).generate(ENGINE, VOCABULARY, ""):
            *characters, last = text.characters
            assert (last.text, last.id) == ("", END)
            assert all(character.id != END for character in characters)
            assert len(characters) < LONGEST_DOCUMENT


@pytest.mark.parametrize("count", [None, 40])
def test_with_a_length_another_document_begins_as_the_first_did(count: int | None) -> None:
    """By hand: after every boundary the log-probabilities are those of the zero state after a boundary."""
    texts = Request(length=60, seed=1, temperatures=(1.0,), count=count).generate(ENGINE, VOCABULARY, "")
    assert any(END in [character.id for character in list(text.characters)[:-1]] for text in texts)
    texts = Request(length=60, seed=1, temperatures=(1.0,), count=count).generate(ENGINE, VOCABULARY, "")
    for text in texts:
        characters = list(text.characters)
        assert len(characters) == 60
        stack = RecurrentStack(ENGINE)
        stack.step(ENGINE.input_rows[END])
        for character in characters:
            expected = -log_softmax(stack.logits())[character.id] / np.log(2)
            assert character.bits == pytest.approx(expected, abs=1e-4)
            assert character.text == ("\n" if character.id == END else VOCABULARY.characters[character.id])
            stack = RecurrentStack(ENGINE) if character.id == END else stack
            stack.step(ENGINE.input_rows[character.id])


def test_a_prime_begins_a_document() -> None:
    model = Model(Checkpoint(HEADER, tiny.weights(HEADER, seed=3)))
    assert model.generate("ab", seed=2) == model.generate(model.state("ab"), seed=2)
    one = generate(ENGINE, VOCABULARY, "ab", 5, make_chain(1.0), np.random.default_rng(0))
    stack = RecurrentStack(ENGINE)
    for index in (END, 1 + VOCABULARY.code_points.tolist().index(97) - 1, 2):
        stack.step(ENGINE.input_rows[index])
    first = next(one)
    assert first.bits == pytest.approx(-log_softmax(stack.logits())[first.id] / np.log(2), abs=1e-6)


def test_the_first_character_counts_where_the_boundary_predicts_it() -> None:
    model = Model(Checkpoint(HEADER, tiny.weights(HEADER, seed=3)))
    stack = RecurrentStack(ENGINE)
    stack.step(ENGINE.input_rows[END])
    assert model.bits("ab")[0] == pytest.approx(-log_softmax(stack.logits())[1] / np.log(2), abs=1e-5)
    assert model.next_characters()[""] == pytest.approx(float(np.exp(log_softmax(stack.logits())[END])), abs=1e-6)
    assert model.bits_per_character("a") == pytest.approx(-log_softmax(stack.logits())[1] / np.log(2), abs=1e-6)


def test_bytes_with_a_boundary_are_decoded() -> None:
    vocabulary = Vocabulary(np.arange(256, dtype=np.uint32), of_bytes=True, boundary="\n\n")
    assert len(vocabulary) == 257
    decode = vocabulary.decoder()
    assert [decode(index, False) for index in (0xC3, 0xA9, 256, 97)] == ["", "é", "\n\n", "a"]
    assert vocabulary.decode(np.array([256, 0xC3, 0xA9, 256, 97, 256])) == "\n\né\n\na\n\n"


def test_a_device_begins_documents_anew_as_numpy_does() -> None:
    device_engine = pytest.importorskip("charrnn.network.device_engine")
    torch = pytest.importorskip("torch")
    device = device_engine.DeviceEngine(HEADER.model, tiny.weights(HEADER, seed=3), torch.device("cpu"))
    request = Request(length=50, seed=1, temperatures=(0.8, 1.2), count=20)
    expected, found = (list(map(written, request.generate(engine, VOCABULARY, ""))) for engine in (ENGINE, device))
    assert found == expected


def test_why_a_text_ended_is_told() -> None:
    for count in (None, 2):
        for length, reason in ((None, "document"), (3, "length")):
            [text, *_] = Request(length=length, seed=1, temperatures=(1.0,), count=count).generate(
                ENGINE, VOCABULARY, ""
            )
            written(text)
            assert text.characters.ended_by == reason


def test_where_documents_are_lines_a_newline_is_read_as_the_boundary() -> None:
    lines = Vocabulary(to_code_points("abc"), boundary="\n")
    assert lines.encode("ab\nc").tolist() == [0, 1, 3, 2]
    assert lines.decode(lines.encode("ab\nc")) == "ab\nc"
    assert "\n" in lines
    assert lines.form_of("a\nb").text == "a\nb"
    as_bytes = Vocabulary(np.arange(256, dtype=np.uint32), of_bytes=True, boundary="\n")
    assert as_bytes.encode("a\nb").tolist() == [97, 256, 98]
    header = tiny.header(vocabulary=lines)
    model = Model(Checkpoint(header, tiny.weights(header, seed=1)))
    ids = [3, 0, 1, 3, 2]
    stack = RecurrentStack(model._engine)
    expected = []
    for index, following in itertools.pairwise(ids):
        stack.step(model._engine.input_rows[index])
        expected.append(-log_softmax(stack.logits())[following] / np.log(2))
    assert model.bits("ab\nc").tolist() == pytest.approx(expected, abs=1e-5)
