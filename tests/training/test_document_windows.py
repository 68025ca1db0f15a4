"""Short documents share packs, whose composition changes from epoch to epoch; each is read once in each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.errors import CorpusError
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.windows import IGNORED

SIZES = st.lists(st.integers(1, 30), min_size=4, max_size=30)


def streams(sizes: list[int], batch_size: int = 2, seq_length: int = 8, shift: int = 8, **more: int) -> DocumentStreams:
    """Documents of these sizes, each id its place; a boundary before each, and one at the end."""
    starts = np.cumsum([0, *(size + 1 for size in sizes)])
    spans = np.stack([starts[:-1], starts[1:] + 1], axis=1)
    return DocumentStreams(np.arange(starts[-1] + 1), spans, batch_size, seq_length, shift, pack=32, **more)  # type: ignore[arg-type]


@given(SIZES, st.integers(0, 3))
def test_every_target_comes_once_an_epoch(sizes: list[int], seed: int) -> None:
    try:
        windows = streams(sizes, seed=seed)
    except CorpusError:
        return
    expected = sorted(range(1, sum(sizes) + len(sizes) + 1))
    for epoch in range(3):
        seen = list[int]()
        for index in range(epoch * windows.per_epoch, (epoch + 1) * windows.per_epoch):
            window = windows[index]
            counted = window.targets != IGNORED
            assert (window.targets[counted] == window.inputs[counted] + 1).all()
            seen += window.targets[counted].tolist()
        assert sorted(seen) == expected


def test_a_row_goes_on_in_its_pack_and_begins_with_a_boundary() -> None:
    sizes = [5, 40, 3, 3, 3, 21, 3, 3]
    boundaries = set(np.cumsum([0, *(size + 1 for size in sizes)]).tolist())
    windows = streams(sizes, batch_size=1)
    for index in range(2 * windows.per_epoch):
        window = windows[index]
        assert window.continues[0] or int(window.inputs[0, 0]) in boundaries


def test_short_documents_fill_their_windows_and_change_their_neighbours() -> None:
    windows = streams([3] * 400, batch_size=4, seq_length=8)
    filled = [float((windows[index].targets != IGNORED).mean()) for index in range(windows.per_epoch)]
    assert np.mean(filled) > 0.95
    firsts = [tuple(windows[epoch * windows.per_epoch].inputs[0].tolist()) for epoch in range(3)]
    assert len(set(firsts)) == 3


def test_too_few_windows_are_told() -> None:
    with pytest.raises(CorpusError, match="too few for 8 rows"):
        streams([3] * 8, batch_size=8)
