"""A text in the order in which a network reads it: from its beginning, or from its end.

A corpus, its split and all that is said of them are those of the text as people read it, whatever the direction; here
they are turned round for a network that is trained backward. What it learns is then what it would learn forward of the
same text written from its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.text.encoded_corpus import Corpus
from charrnn.text.id_file import IdFile
from charrnn.text.split import HeldOutSpan, Span, Split
from charrnn.text.vocabulary import Ids


class ReversedIds:
    """The ids of a text from its last to its first, (n,), each slice read where it lies: `ids[a:b]` is a new array."""

    def __init__(self, ids: Ids | IdFile) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that slices give."""
        return self._ids.dtype

    def __getitem__(self, span: slice, /) -> Ids:
        """A contiguous slice, itself contiguous in memory: torch takes no array that runs backward."""
        size = len(self)
        start, stop, step = span.indices(size)
        if step != 1:
            raise ValueError("reversed ids are read in contiguous slices")
        piece = self._ids[size - max(start, stop) : size - start]
        return cast("Ids", np.ascontiguousarray(piece[::-1]))


class ReadText(NamedTuple):
    """What a network reads of a text. Of the corpus its ids, boundaries and validation text are in that order."""

    corpus: Corpus
    split: Split


def as_read(corpus: Corpus, split: Split, *, backward: bool) -> ReadText:
    """A text in the order in which a network reads it.

    Args:
        corpus: The text.
        split: Which spans of it are trained on and which are held out.
        backward: Whether it is read from its end.

    Returns:
        Both as they are; or turned round, so that the very same characters are trained on and held out.
    """
    return ReadText(_reversed(corpus), _mirrored(corpus, split)) if backward else ReadText(corpus, split)


def _reversed(corpus: Corpus) -> Corpus:
    """A text from its end; documents kept apart still have a boundary before, between and after them."""
    size, boundaries = len(corpus), corpus.boundaries
    return replace(
        corpus,
        ids=cast("NDArray[Any]", ReversedIds(corpus.ids)),
        boundaries=None if boundaries is None else size - 1 - boundaries[::-1],
        validation=_reversed(corpus.validation) if corpus.validation else None,
    )


def _mirrored(corpus: Corpus, split: Split) -> Split:
    """The same spans where they lie in the text from its end, in their order there."""
    size = len(corpus)
    documents = None if split.documents is None else size - split.documents[::-1, ::-1]
    return Split(
        training=tuple(Span(size - stop, size - start) for start, stop in reversed(split.training)),
        held_out=tuple(_held_out(corpus.measured, span) for span in reversed(split.held_out)),
        documents=documents,
    )


def _held_out(measured: Corpus, span: HeldOutSpan) -> HeldOutSpan:
    """A span of the held-out text in the text from its end. Reading may begin at the end of its document."""
    size, (context, start, stop) = len(measured), span
    if measured.boundaries is not None:
        # From the boundary that ends the document, which leads to its last character, to the one that begins it.
        end = int(measured.boundaries[np.searchsorted(measured.boundaries, start)])
        return HeldOutSpan(size - 1 - end, size - min(stop, end), size - context)
    end = next((end for end in _ends_of_documents(measured) if end >= stop), size)
    return HeldOutSpan(size - end, size - stop, size - start)


def _ends_of_documents(corpus: Corpus) -> list[int]:
    """Where the documents end that are kept apart without a boundary, as in runs of older versions."""
    return [document.start + document.characters for document in corpus.documents] if corpus.apart else []
