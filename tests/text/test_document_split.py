"""Whole documents are held out: spread over the text, about as many characters as are wanted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.text import corpus
from charrnn.text.corpus import Corpus


def documents(*sizes: int, seed: int = 1) -> Corpus:
    text = "|".join("abcdefghijklmnop"[number % 16] * size for number, size in enumerate(sizes))
    return corpus.from_text(text, config=ReadConfig(document_separator="|", split_seed=seed))


def test_by_hand() -> None:
    text = documents(3, 3, 3, 3)  # |aaa|bbb|ccc|ddd|
    at_end = text.split(0.3, val_at="end")
    assert at_end.held_out == ((12, 13, 17),)
    assert at_end.training == ((0, 13),)
    assert at_end.documents is not None
    assert at_end.documents.tolist() == [[0, 5], [4, 9], [8, 13]]
    [(context, start, stop)] = text.split(0.3).held_out
    assert (start - context, stop - start, context % 4) == (1, 4, 0)
    nothing = text.split(0.0)
    assert (nothing.held_out, nothing.training) == ((), ((0, 17),))


def test_at_least_one_and_never_all() -> None:
    for share in (0.01, 0.5, 0.99):
        assert len(documents(50, 900).split(share).held_out) == 1
    assert documents(900, 50).split(0.01).held_out == ((901, 902, 953),)  # the smallest
    assert documents(900, 50).split(0.01, 20).held_out == ((901, 902, 922),)  # as far as may be measured
    assert len(documents(5, 5, 5).split(0.99).held_out) == 2


def test_they_are_spread() -> None:
    text = documents(*[10] * 200)
    held_out = text.split(0.1).held_out
    assert len(held_out) == 20
    assert {(start - 1) // 11 // 10 for _, start, _ in held_out} == set(range(20))
    assert held_out == documents(*[10] * 200).split(0.1).held_out
    assert held_out != documents(*[10] * 200, seed=2).split(0.1).held_out


@given(st.lists(st.integers(1, 60), min_size=2, max_size=40), st.floats(0.01, 0.9), st.integers(0, 300), st.booleans())
def test_any_documents(sizes: list[int], share: float, val_max: int, end: bool) -> None:
    text = documents(*sizes)
    split = text.split(share, val_max, "end" if end else None)
    assert split.documents is not None
    kept = [stop - start - 2 for start, stop in split.documents.tolist()]
    held_out = [min(stop, len(text)) - start - 1 for _, start, stop in split.held_out]
    assert len(kept) + len(held_out) == len(sizes) or int(text.characters * share) == 0
    assert kept
    wanted = int(text.characters * share)
    assert sum(held_out) <= max(min(wanted, val_max or wanted), min(sizes), sizes[-1])
    if wanted and (not val_max or len(held_out) > 1):
        assert sorted(kept + held_out) == sorted(sizes)


def test_a_validation_text_of_documents(tmp_path: pytest.TempPathFactory) -> None:
    path = tmp_path / "v.txt"  # type: ignore[operator]
    path.write_text("ab|ba", "utf-8")
    text = corpus.with_validation(documents(3, 3), path)
    split = text.split(0.1)
    assert split.training == ((0, 9),)
    assert split.held_out == ((0, 1, 4), (3, 4, 7))
    assert text.measured.text == "ab\n\nba"
    path.write_text("ab", "utf-8")
    one = corpus.with_validation(documents(3, 3), path)
    assert one.split(0.1).held_out == ((0, 1, 4),)
    assert np.array_equal(one.measured.ids, [2, 0, 1, 2])
