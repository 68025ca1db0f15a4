"""A text over and over: what a longer one like it would be to a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import UsageError
from charrnn.text.encoded_corpus import Corpus
from charrnn.text.id_file import IdFile


class Repeated:
    """The ids of a text over and over, (n,), of which slices are made as they are asked for."""

    def __init__(self, ids: NDArray[Any] | IdFile, length: int) -> None:
        """Lay nothing out.

        Args:
            ids: The text.
            length: n.
        """
        self._ids, self._length = ids, length

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that slices give."""
        return self._ids.dtype

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> NDArray[Any]:
        start, stop, step = span.indices(self._length)
        if step != 1:
            raise ValueError("a repeated text is read in contiguous slices")
        pieces, size = [self._ids[:0]], len(self._ids)
        while start < stop:
            at = start % size
            pieces.append(self._ids[at : min(size, at + stop - start)])
            start += len(pieces[-1])
        return np.concatenate(pieces)


def of_length(corpus: Corpus, characters: int) -> Corpus:
    """A corpus as if it had so many characters.

    Raises:
        UsageError: It has documents that are kept apart, whose lengths decide.
    """
    if corpus.apart:
        raise UsageError("--characters: for one text, not for documents that are kept apart.", "Leave it out.")
    return replace(corpus, ids=cast("NDArray[Any]", Repeated(corpus.ids, characters)))
