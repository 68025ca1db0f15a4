"""What of a text units are tried on: each feature on texts whose values are told by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.inspection.features import (
    FEATURES,
    Feature,
    bracket_depth,
    capital_to_come,
    characters_in_line,
    characters_since_space,
    digit,
    indentation,
    inside_brackets,
    inside_quotes,
    markup,
    position_in_word,
    sentence_ended,
    word_ended,
)


def marked(values: np.ndarray) -> str:
    """Flags or counts below ten, a digit each."""
    return "".join(str(int(value)) for value in values)


CASES = [
    (inside_quotes, 'a "b c" d', "001111000"),
    (inside_quotes, "a “b” c „d“ e «f»", "00110000110000110"),
    (inside_quotes, "“a ‘b’ c”", "111111110"),  # those within others change nothing
    (inside_quotes, "‘it’s’ a", "11111000"),  # an apostrophe closes nothing
    (inside_quotes, "it's 'a'", "00000000"),  # straight single ones are apostrophes
    (inside_quotes, "»a« »b«", "1100110"),
    (inside_quotes, "”a” b", "11000"),
    (inside_quotes, "「あ」い", "1100"),
    (inside_quotes, '"a\nb"\n\nc', "11110000"),
    (inside_quotes, '"a\n\n"b" c', "110011000"),  # one that is not closed ends with its paragraph
    (inside_quotes, '"a\nb "c"', "11000110"),  # a line, where there are no empty lines
    (inside_quotes, 'a "b', "0011"),
    (inside_quotes, '"a \r\n\r\nb', "11110000"),
    (bracket_depth, "a(b[c]d)e", "011221100"),
    (bracket_depth, "(a]b)c)d", "11110000"),  # a bracket without its partner
    (bracket_depth, "1) a (b c", "000000000"),
    (bracket_depth, "(a\n\nb) {\n\n}", "00000001110"),  # { may span paragraphs, ( may not
    (bracket_depth, "([)]", "1100"),
    (inside_brackets, "((a)b)", "111110"),
    (characters_in_line, "ab\n\nc", "12001"),
    (characters_since_space, "ab c\nd", "120101"),
    (position_in_word, "don't 'a' é1", "123450010010"),
    (word_ended, "a, b\n1", "010010"),
    (word_ended, "don't.", "000001"),
    (capital_to_come, "a B. c", "110000"),
    (capital_to_come, "A, É", "1110"),
    (digit, "a12 ²", "01100"),
    (sentence_ended, "Ab. B", "00110"),
    (sentence_ended, 'A?" he. B', "000000110"),
    (sentence_ended, 'A?" He', "011100"),
    (sentence_ended, "Mr. N. B... C", "0000000011110"),
    (sentence_ended, "3.5 is.", "0000001"),
    (sentence_ended, "春。眠", "010"),
    (sentence_ended, "So do I. A", "0000000110"),
    (indentation, "a\n  b c\n\td", "0012222011"),
    (markup, "a <i>b</i>", "0011101111"),
    (markup, "a<b or b>c", "0000000000"),
    (markup, "at http://a.b/c.", "0001111111111111"),
    (markup, "&amp; a@b.org", "1111101111111"),
    (markup, r"\emph a _b_ c_d_e", "11111000111000000"),
    (markup, "[[a]] `b` [c](d)", "1111101110001111"),
]


@pytest.mark.parametrize(("feature", "text", "expected"), CASES, ids=[f"{f.__name__}-{t!r}" for f, t, _ in CASES])
def test_values_are_those_told_by_hand(feature: object, text: str, expected: str) -> None:
    assert marked(feature(text)) == expected  # type: ignore[operator]


@settings(max_examples=60)
@given(text=st.text(alphabet="aB1 .\n\"“”‘’«»()[]{}<>&;_`\\@/:'\u0301\udc80é", max_size=40))
def test_any_text_has_a_value_for_every_character(text: str) -> None:
    for feature in FEATURES:
        values = feature.of(text)
        assert values.shape == (len(text),)
        assert values.dtype == (np.int32 if feature.counted else np.bool_)
        assert not len(text) or values.min() >= 0
        assert 0 <= feature.places(values) <= len(text)


@pytest.mark.parametrize(
    "text", ["(" * 9_000 + "]" * 9_000, "{\n\n" * 9_000, "a" * 30_000, "<!--" * 4_000, '"' * 30_000]
)
def test_no_text_takes_more_than_its_length_asks_for(text: str) -> None:
    for feature in FEATURES:
        assert len(feature.of(text)) == len(text)


def test_places_are_runs_and_not_characters() -> None:
    flags = Feature("f", "", lambda text: np.array([], dtype=np.bool_))
    assert [flags.places(np.array(list(case), dtype=np.int32)) for case in ("1100101", "000", "", "0111")] == [
        3,
        0,
        0,
        1,
    ]
    depth = Feature("f", "", bracket_depth, counted=True, least=2)
    assert depth.places(bracket_depth("(a) ((b)) ((c)(d))")) == 3


def test_who_reads_from_the_end_is_inside_at_the_closing_quote() -> None:
    quotes, letters = FEATURES[0], FEATURES[5]
    assert marked(quotes.read('a "b" c')) == "0011000"
    assert marked(quotes.read('a "b" c', backward=True)) == "0001100"
    assert np.array_equal(letters.read("to be", backward=True), letters.read("to be"))
