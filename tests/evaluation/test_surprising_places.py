"""The places that surprised a model most, against the definition."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charrnn.evaluation.scoring import Score
from charrnn.evaluation.surprising_places import Place, most_surprising


def made(text: str, bits: list[float], before: str = "") -> Score:
    return Score(text, np.array(bits, dtype=np.float64), np.array([value > 20 for value in bits]), before)


def test_places_are_told_with_their_line_and_what_is_around() -> None:
    text = "the cat\nsat, don't\n"
    bits = [0.0] * len(text)
    for character, value in (("c", 5.0), (",", 7.0), ("o", 21.0)):
        bits[text.index(character)] = value
    found = most_surprising(made(text, bits, before="\n"), 3)
    assert found == [
        Place(15, 3, "o", 21.0, True, "\nthe cat\nsat, d", "n't\n"),
        Place(12, 3, ",", 7.0, False, "\nthe cat\nsat", " don't\n"),
        Place(5, 2, "c", 5.0, False, "\nthe ", "at\nsat, don't\n"),
    ]
    assert most_surprising(made(text, bits), 0) == []


def test_a_word_is_surprising_once() -> None:
    found = most_surprising(made("don't été? !", [8, 9, 1, 7, 6, 2, 4, 3, 5, 2.5, 1.5, 3.5]), 20)
    assert [(place.position, place.bits) for place in found] == [(1, 9), (8, 5), (11, 3.5), (9, 2.5), (5, 2), (10, 1.5)]
    marks = most_surprising(made("e\u0301te\u0301 b", [1.0, 2, 3, 4, 5, 0, 6]), 9)  # accents apart from their letters
    assert [place.position for place in marks] == [6, 4, 5]


def test_of_equals_the_earlier_come_first() -> None:
    assert [place.position for place in most_surprising(made("a b c d", [1.0] * 7), 3)] == [0, 1, 2]


def same_word(text: str) -> Callable[[int, int], bool]:
    return lambda a, b: a == b or text[min(a, b) : max(a, b) + 1].replace("'", "x").isalnum()


@given(st.lists(st.tuples(st.sampled_from("ab'é7 ,\n"), st.integers(0, 9)), min_size=1, max_size=60), st.integers(0, 9))
def test_nothing_more_surprising_is_left_out_but_in_words_that_are_told(
    drawn: list[tuple[str, int]], count: int
) -> None:
    text, bits = "".join(character for character, _ in drawn), [float(value) for _, value in drawn]
    places = most_surprising(made(text, bits), count)
    together = same_word(text)
    assert [place.bits for place in places] == sorted((place.bits for place in places), reverse=True)
    at = [place.position for place in places]
    assert not any(together(a, b) for a in at for b in at if a != b)
    least = places[-1].bits if len(places) == count and places else -1.0 if count else math.inf
    for position, value in enumerate(bits):
        assert value <= least or any(together(position, other) for other in at)
    for place in places:
        assert text[place.position] == place.character
        assert text[: place.position].count("\n") + 1 == place.line
        assert text[: place.position].endswith(place.before)
        assert text[place.position + 1 :].startswith(place.after)


def test_a_place_is_shown_with_the_marks_of_its_character() -> None:
    for before, character, after, shown in [
        ("xe", "\u0301", "y", ("x", "e\u0301", "y")),
        ("x", "e", "\u0301\u0308y", ("x", "e\u0301\u0308", "y")),
        ("ab", "c", "de", ("ab", "c", "de")),
        ("", "a", "", ("", "a", "")),
        ("", "\u0301", "\n", ("", "\u0301", "\n")),
    ]:
        assert Place(0, 1, character, 2.0, False, before, after).shown == shown
