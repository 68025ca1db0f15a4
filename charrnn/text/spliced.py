"""Spans of an encoded text, read as one text without what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from charrnn.text.id_file import IdFile
from charrnn.text.vocabulary import Ids


class Spliced:
    """The ids of some spans one after another, (n,), each slice read where it lies."""

    def __init__(self, ids: Ids | IdFile, spans: Sequence[tuple[int, int]]) -> None:
        """`spans` are (start, stop) of `ids`, in the order in which they are read."""
        self.ids = ids
        bounds = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
        self._starts = bounds[:, 0]
        self._ends = np.cumsum(bounds[:, 1] - bounds[:, 0])  # of each in the spliced text

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, span: slice, /) -> Ids:
        """A contiguous slice."""
        start, stop, step = span.indices(len(self))
        if step != 1:
            raise ValueError("a spliced text is read in contiguous slices")
        pieces = [self.ids[0:0]]
        part = int(np.searchsorted(self._ends, start, side="right"))
        while start < stop:
            end = int(self._ends[part])
            begin = int(self._starts[part]) - (int(self._ends[part - 1]) if part else 0)
            pieces.append(self.ids[begin + start : begin + min(stop, end)])
            start, part = min(stop, end), part + 1
        return pieces[1] if len(pieces) == 2 else cast("Ids", np.concatenate(pieces))
