"""The end of a text is held out, in the share or the number asked for."""

from __future__ import annotations

import pytest

from charrnn.text import corpus


@pytest.mark.parametrize(("val_frac", "begins"), [(0.0, 1000), (0.1, 900), (0.25, 750), (0.999, 1)])
def test_split(val_frac: float, begins: int) -> None:
    assert corpus.from_text("ab" * 500).split(val_frac).held_out == ((0, begins, 1000),)


def test_split_is_bounded() -> None:
    source = corpus.from_text("ab" * 500)
    assert source.split(0.1, 30).held_out == ((0, 970, 1000),)
    assert source.split(0.1, 100).held_out == source.split(0.1, 101).held_out == ((0, 900, 1000),)
    assert source.split(0.0, 30).held_out == ((0, 1000, 1000),)
