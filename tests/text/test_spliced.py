"""Spans of a text as one text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charrnn.text.spliced import Spliced


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(0, 60), st.integers(0, 60))
def test_it_reads_as_the_spans_joined(cuts: list[int], start: int, stop: int) -> None:
    ids = np.arange(60, dtype=np.uint8)
    cuts.sort()
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    spliced = Spliced(ids, spans)
    joined = np.concatenate([ids[:0], *(ids[begin:end] for begin, end in spans)])
    assert len(spliced) == len(joined)
    assert spliced[start:stop].tolist() == joined[start:stop].tolist()
