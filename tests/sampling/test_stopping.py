"""Where a text ends, character by character."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import UsageError
from charrnn.sampling.generate import Character
from charrnn.sampling.stopping import stop_after, stop_at_unit_end

TEXT = 'He said: "Go." She went.\nThe road was long (and 3.5 miles is long!) but dry.\n\nIt rained.\n'


def characters(text: Iterable[str]) -> list[Character]:
    return [Character(part, 0, 0.0) for part in text]


def joined(written: Iterable[Character]) -> str:
    return "".join(character.text for character in written)


@pytest.mark.parametrize(
    ("strings", "end"),
    [
        (["."], 'He said: "Go.'),
        (["\n"], 'He said: "Go." She went.\n'),
        (["\n\n", "rained"], TEXT[: TEXT.index("\n\n") + 2]),
        (["dry", "long"], TEXT[: TEXT.index("long") + 4]),
        (["nowhere"], TEXT),
        ([], TEXT),
    ],
)
def test_until(strings: list[str], end: str) -> None:
    assert joined(stop_after(characters(TEXT), strings)) == end


@given(st.text("ab", max_size=30), st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3))
def test_until_is_where_find_finds_the_earliest_end(text: str, strings: list[str]) -> None:
    ends = [at + len(string) for string in strings if (at := text.find(string)) >= 0]
    assert joined(stop_after(characters(text), strings)) == text[: min(ends, default=len(text))]


def test_until_looks_into_texts_of_any_size() -> None:
    assert joined(stop_after(characters(["ab", "", "cd", "e"]), ["bc"])) == "abcd"  # each is written whole


@pytest.mark.parametrize(
    ("length", "unit", "end"),
    [
        (0, "line", 'He said: "Go." She went.\n'),
        (1, "line", 'He said: "Go." She went.\n'),
        (25, "line", 'He said: "Go." She went.\n'),
        (26, "line", TEXT[: TEXT.index("dry.") + 5]),
        (1, "sentence", 'He said: "Go."'),
        (12, "sentence", 'He said: "Go."'),
        (13, "sentence", 'He said: "Go."'),
        (15, "sentence", 'He said: "Go." She went.'),
        (30, "sentence", TEXT[: TEXT.index(" but")]),
        (1, "paragraph", TEXT[: TEXT.index("\n\n") + 1]),
        (TEXT.index("\n\n") + 1, "paragraph", TEXT[: TEXT.index("\n\n") + 1]),
        (TEXT.index("It"), "paragraph", TEXT),
    ],
)
def test_finish(length: int, unit: str, end: str) -> None:
    assert joined(stop_at_unit_end(characters(TEXT), length, unit)) == end


def test_a_sentence_ends_with_its_paragraph_at_the_latest() -> None:
    assert joined(stop_at_unit_end(characters("ACT I\n\nA room.\n"), 2, "sentence")) == "ACT I\n"


def test_sentences_of_other_scripts() -> None:
    assert joined(stop_at_unit_end(characters("他说：「走吧。」 她走了。\n"), 3, "sentence")) == "他说：「走吧。」"
    assert joined(stop_at_unit_end(characters("वह गया। फिर"), 3, "sentence")) == "वह गया।"


def test_a_unit_without_an_end_is_given_up() -> None:
    assert joined(stop_at_unit_end(characters("a" * 100), 10, "sentence", max_overrun=5)) == "a" * 15
    assert joined(stop_at_unit_end(characters("a" * 12), 10, "line")) == "a" * 12


def test_bytes_that_are_no_character_yet() -> None:
    assert joined(stop_at_unit_end(characters(["a", ".", "", " ", "b"]), 2, "sentence")) == "a."
    assert joined(stop_after(characters(["", "é", "", "."]), ["."])) == "é."


def test_what_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="--until"):
        stop_after([], ["a", ""])
    with pytest.raises(UsageError, match=r"--finish chapter: .* Choose one of line, sentence, paragraph"):
        stop_at_unit_end([], 1, "chapter")
