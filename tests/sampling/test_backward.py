"""What a model writes that reads from the end: what it would write forward, the other way round."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from helpers import tiny
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ModelConfig, TrainConfig
from charrnn.model import Model
from charrnn.network.engine import Engine
from charrnn.runs import checkpoint
from charrnn.sampling.generate import Character, text_of
from charrnn.sampling.no_copy import CopyIndex
from charrnn.sampling.request import Request
from charrnn.sampling.stopping import begin_with_letter, stop_after, stop_at_unit_beginning, stop_form
from charrnn.text import corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = 'He said: "Go." She went.\nThe road was long (and 3.5 miles is long!) but dry.\n\nIt rained. (It did.) Oh!'
VOCABULARY = Vocabulary.of(to_code_points("\nabcd"))


def engine_of(vocabulary: Vocabulary) -> Engine:
    model = ModelConfig(rnn_size=8, num_layers=1, embedding_size=0).completed()
    rng = np.random.default_rng(3)
    shapes = model.shapes(len(vocabulary))
    return Engine(model, {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


def written(vocabulary: Vocabulary, prime: str, **asked: object) -> list[str]:
    request = Request(**{"length": 40, "temperatures": (1.0,), "seed": 4} | asked)  # type: ignore[arg-type]
    texts = request.generate(engine_of(vocabulary), vocabulary, prime)
    return [text_of(text.characters, vocabulary) for text in texts]


def from_the_end(text: Iterable[str]) -> list[Character]:
    return [Character(part, 0, 0.0) for part in text][::-1]


def in_order(characters: Iterable[Character]) -> str:
    return "".join(character.text for character in [*characters][::-1])


@pytest.mark.parametrize(
    ("cut", "begins"),
    [
        (
            "\N{DEVANAGARI VOWEL SIGN AA}\N{DEVANAGARI SIGN ANUSVARA}\N{DEVANAGARI LETTER KA}a",
            "\N{DEVANAGARI LETTER KA}a",
        ),
        ("\N{COMBINING ACUTE ACCENT}", ""),
        ("\N{HANGUL JUNGSEONG A}\N{HANGUL JONGSEONG HIEUH}x", "x"),
        ("e\N{COMBINING ACUTE ACCENT}", "e\N{COMBINING ACUTE ACCENT}"),
        ("", ""),
    ],
)
def test_a_text_that_is_cut_begins_with_no_mark_without_its_letter(cut: str, begins: str) -> None:
    assert in_order(begin_with_letter(from_the_end(cut))) == begins
    until_its_beginning = stop_after(begin_with_letter(from_the_end(f"a{cut}")), [cut[0]] if cut else [], backward=True)
    assert in_order(until_its_beginning).endswith(cut)


def test_no_sample_begins_with_a_mark_without_its_letter() -> None:
    marks = Vocabulary.of(to_code_points("\N{DEVANAGARI LETTER KA}\N{DEVANAGARI VOWEL SIGN AA}"))
    marks = marks.in_direction(backward=True)
    texts = [text for length in range(12) for text in written(marks, "", length=length, count=3)]
    assert any(texts)
    assert not any(text.startswith("\N{DEVANAGARI VOWEL SIGN AA}") for text in texts)


@pytest.mark.parametrize("count", [None, 3])
def test_it_writes_what_the_same_network_writes_forward(count: int | None) -> None:
    forward = written(VOCABULARY, "abc", count=count)
    backward = written(VOCABULARY.in_direction(backward=True), "cba", count=count)
    assert backward == [text[::-1] for text in forward]


def test_of_bytes_it_writes_the_same_bytes() -> None:
    vocabulary = Vocabulary.every_byte()
    [forward] = written(vocabulary, "é", length=300)
    [backward] = written(
        vocabulary.in_direction(backward=True), b"\xa9\xc3".decode("utf-8", "surrogateescape"), length=300
    )
    data = forward.encode("utf-8", "surrogateescape")[::-1]
    assert backward == data.decode("utf-8", "surrogateescape")


def test_documents_end_where_they_begin() -> None:
    vocabulary = dataclasses.replace(VOCABULARY, boundary="\n\n")
    forward = written(vocabulary, "ab", length=None, count=5)
    backward = written(vocabulary.in_direction(backward=True), "ba", length=None, count=5)
    assert backward == [text[::-1] for text in forward]


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3))
def test_until_is_what_the_text_begins_with(text: str, strings: list[str]) -> None:
    begins = [at for string in strings if (at := text.rfind(string)) >= 0]
    assert in_order(stop_after(from_the_end(text), strings, backward=True)) == text[max(begins, default=0) :]


def test_until_looks_into_texts_of_any_size() -> None:
    parts = from_the_end(["ab", "", "cd", "e"])
    assert in_order(stop_after(parts, ["bc"], backward=True)) == "abcde"
    assert in_order(stop_after(parts, ["de"], backward=True)) == "cde"


def test_a_quote_that_a_text_begins_with_opens() -> None:
    vocabulary = Vocabulary.of(to_code_points("“”ab"))
    assert stop_form('"a', vocabulary).text == "”a"
    assert stop_form('"a', vocabulary.in_direction(backward=True)).text == "“a"


@pytest.mark.parametrize(
    ("length", "unit", "begins"),
    [
        (0, "line", "It rained."),
        (23, "line", "It rained."),
        (30, "line", "The road"),
        (0, "paragraph", "It rained."),
        (30, "paragraph", "He said"),
        (0, "sentence", "Oh!"),
        (4, "sentence", "(It did.)"),
        (20, "sentence", "It rained."),
        (30, "sentence", "but dry."),
        (40, "sentence", "The road"),  # 3.5 ends none
        (80, "sentence", "She went."),
        (90, "sentence", "He said"),
        (1000, "sentence", "He said"),
    ],
)
def test_a_unit_is_written_to_its_beginning(length: int, unit: str, begins: str) -> None:
    stop = stop_at_unit_beginning(from_the_end(TEXT), length, unit)
    assert in_order(stop) == TEXT[TEXT.index(begins) :]


def test_what_may_stand_before_a_unit_is_kept_where_it_does_not() -> None:
    assert in_order(stop_at_unit_beginning(from_the_end("a.b c\n d"), 0, "sentence")) == "a.b c\n d"
    assert in_order(stop_at_unit_beginning(from_the_end("the dogs' tails"), 0, "sentence")) == "the dogs' tails"
    assert in_order(stop_at_unit_beginning(from_the_end("a.) ) b"), 0, "sentence")) == ") b"
    assert in_order(stop_at_unit_beginning(from_the_end("a\nb"), 0, "paragraph")) == "a\nb"
    assert in_order(stop_at_unit_beginning(from_the_end("ab cd"), 1, "line", max_overrun=2)) == " cd"
    assert in_order(stop_at_unit_beginning(from_the_end(["a.", "", " ", "", "b"]), 0, "sentence")) == "b"


@pytest.mark.parametrize("longest", [1, 3, 6])
def test_it_does_not_copy_what_it_would_not_forward(longest: int) -> None:
    text = "abcdabcbadcbaabbccdd" * 3
    spans = [(2, 20), (25, 50)]
    mirrored = [(len(text) - stop, len(text) - start) for start, stop in spans]
    index = CopyIndex(corpus.from_text(text), longest, spans, backward=True)
    [new] = written(VOCABULARY.in_direction(backward=True), "dcb", no_copy=index)
    forward = CopyIndex(corpus.from_text(text[::-1]), longest, mirrored)
    assert [new[::-1]] == written(VOCABULARY, "bcd", no_copy=forward)
    whole = new + "dcb"
    runs = [whole[at : at + longest + 1] for at in range(len(new) - longest)]
    assert not any(run in text[start:stop] for run in runs for start, stop in spans)


def test_a_model_in_python(tmp_path: Path) -> None:
    models = {}
    for backward in (False, True):
        training = TrainConfig(iterations=100, backward=backward)
        path = tiny.save(tmp_path / f"{backward}.safetensors", training=training)
        models[backward] = Model(checkpoint.load(path))
    forward, model = models[False], models[True]
    assert model.header.backward
    assert "backward" in model.header.summary
    assert "backward" not in forward.header.summary
    assert model.generate("Lucca", 30, seed=1) == forward.generate("accuL", 30, seed=1)[::-1]
    assert "".join(c.text for c in model.stream("Lucca", 9, seed=1))[::-1] == model.generate("Lucca", 9, seed=1)
    assert model.generate_many(2, "so", 9, seed=1) == [text[::-1] for text in forward.generate_many(2, "os", 9, seed=1)]
    bits = model.bits("Genoa")
    assert np.isnan(bits[-1])
    assert bits[:-1].tolist() == forward.bits("aoneG")[:0:-1].tolist()
    assert model.bits_per_character("Genoa") == forward.bits_per_character("aoneG")
    assert model.next_characters("oa") == forward.next_characters("ao")
    assert model.generate(model.state("Ge", model.state("noa")), 9, seed=1) == model.generate("Genoa", 9, seed=1)
