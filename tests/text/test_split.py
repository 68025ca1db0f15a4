"""The end of a text is held out, in the share or the number asked for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.text import corpus
from charrnn.text.split import HeldOutSpan, without


@pytest.mark.parametrize(("val_frac", "begins"), [(0.0, 1000), (0.1, 900), (0.25, 750), (0.999, 1)])
def test_split(val_frac: float, begins: int) -> None:
    assert corpus.from_text("ab" * 500).split(val_frac).held_out == ((0, begins, 1000),)


def test_split_is_bounded() -> None:
    source = corpus.from_text("ab" * 500)
    assert source.split(0.1, 30).held_out == ((0, 970, 1000),)
    assert source.split(0.1, 100).held_out == source.split(0.1, 101).held_out == ((0, 900, 1000),)
    assert source.split(0.0, 30).held_out == ((0, 1000, 1000),)


def test_passages_are_spread_over_the_text_and_the_rest_is_trained_on() -> None:
    text = "".join(f"{number:04}: a line of this list\n" for number in range(2000))
    source = corpus.from_text(text)
    split = source.split(0.1, val_at="spread")
    assert 0.08 * len(text) < split.held_out_size <= 0.1 * len(text)
    places = sorted([*split.training, *((start, stop) for _, start, stop in split.held_out)])
    assert places[0][0] == 0
    assert places[-1][1] == len(text)
    assert all(before[1] == after[0] for before, after in pairwise(places))
    assert all(text[start - 1] == text[stop - 1] == "\n" for _, start, stop in split.held_out)  # whole lines
    assert {20 * start // len(text) for _, start, _ in split.held_out} == set(range(20))
    assert split == corpus.from_text(text).split(0.1, val_at="spread")
    assert split != corpus.from_text(text, config=ReadConfig(split_seed=2)).split(0.1, val_at="spread")
    assert source.split(0.1, 1000, "spread").held_out_size <= 1000


@given(st.integers(2, 3000), st.floats(0, 0.99), st.integers(0, 500), st.integers(0, 3))
def test_passages_of_any_text(size: int, val_frac: float, val_max: int, seed: int) -> None:
    text = "".join("a\nb"[number * number % 3] for number in range(size)) + "b"
    split = corpus.from_text(text, config=ReadConfig(split_seed=seed)).split(val_frac, val_max, "spread")
    assert split.training_size + split.held_out_size == size + 1
    assert split.held_out_size <= val_frac * (size + 1)
    assert not val_max or split.held_out_size <= val_max


SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)).map(lambda span: (span[0], sum(span))), max_size=4)


@given(SPANS, SPANS)
def test_what_is_left_of_spans_is_what_no_other_has(
    spans: list[tuple[int, int]], removed: list[tuple[int, int]]
) -> None:
    left = without([HeldOutSpan(number, *span) for number, span in enumerate(spans)], removed)
    assert all(part.size > 0 for part in left)
    taken = {place for start, stop in removed for place in range(start, stop)}
    assert [(part.context, place) for part in left for place in range(part.start, part.stop)] == [
        (number, place) for number, span in enumerate(spans) for place in range(*span) if place not in taken
    ]
