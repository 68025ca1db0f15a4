from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text import corpus
from charrnn.text.repeated import Repeated, of_length


@given(size=st.integers(1, 9), length=st.integers(0, 60), start=st.integers(0, 70), stop=st.integers(0, 70))
def test_a_slice_is_that_of_the_text_over_and_over(size: int, length: int, start: int, stop: int) -> None:
    ids = np.arange(size, dtype=np.uint8)
    laid_out = np.tile(ids, 70)[:length]
    repeated = Repeated(ids, length)
    assert len(repeated) == len(laid_out)
    assert repeated[start:stop].tolist() == laid_out[start:stop].tolist()
    assert repeated[:].dtype == np.uint8
    with pytest.raises(ValueError, match="contiguous"):
        repeated[::2]


def test_a_corpus_of_another_length_lays_nothing_out() -> None:
    long = of_length(corpus.from_text("abcab" * 100), 10**15)
    assert len(long) == long.characters == 10**15
    split = long.split(0.1, 1_000_000)
    assert (split.training_size, split.held_out_size) == (10**15 - 10**6, 10**6)
    assert long.vocabulary.decode(long.ids[10**15 - 5 : 10**15]) == "abcab"
