"""The lines or documents of a text in a random order: of a list with an order of its own, before its end is held out.

What is in memory stays there; what is too large is read from its file, line by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.text.id_file import IdFile
from charrnn.text.vocabulary import Ids

_PIECE = 1 << 20  # ids that are looked through, or put together, at once


def places_of(ids: Ids | IdFile, wanted: int) -> NDArray[np.int64]:
    """Where an id stands in an encoded text, (n,), ascending."""
    starts = range(0, len(ids), _PIECE)
    found = [np.flatnonzero(ids[start : start + _PIECE] == wanted) + start for start in starts]
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


@dataclass(frozen=True, slots=True)
class Segments:
    """What is shuffled: the parts of a text between two separators."""

    separator: int  # the id that stands between two of them
    begin: int = 0  # where the first one begins; what is before it stays there


def shuffled(ids: Ids | IdFile, segments: Segments, seed: int) -> Iterator[Ids]:
    """The segments of a text in a random order, with as many separators between them and at the end as before.

    Args:
        ids: (n,).
        segments: What they are.
        seed: Of the order.

    Yields:
        The ids, piece by piece.
    """
    separator, begin = segments.separator, segments.begin
    stops = places_of(ids, separator)
    stops = stops[stops >= begin]
    closed = len(ids) > begin and len(stops) > 0 and int(stops[-1]) == len(ids) - 1
    stops = stops if closed else np.append(stops, len(ids))
    starts = np.append(begin, stops[:-1] + 1)
    order = np.random.default_rng(seed).permutation(len(starts))
    ends = np.cumsum(stops[order] - starts[order] + 1)  # each with its separator
    yield ids[0:begin]
    if not len(ids):
        return
    first = 0
    while first < len(order):
        last = max(first + 1, int(np.searchsorted(ends, (ends[first - 1] if first else 0) + _PIECE)))
        piece = _gathered(ids, starts[order[first:last]], stops[order[first:last]], separator)
        yield piece if closed or last < len(order) else piece[:-1]
        first = last


def _gathered(ids: Ids | IdFile, starts: NDArray[np.int64], stops: NDArray[np.int64], separator: int) -> Ids:
    """Segments one after another, each followed by the separator."""
    if isinstance(ids, IdFile):
        end = np.array([separator], dtype=ids.dtype)
        spans = zip(starts.tolist(), stops.tolist(), strict=True)
        return cast("Ids", np.concatenate([part for start, stop in spans for part in (ids[start:stop], end)]))
    sizes = stops - starts + 1
    ends = np.cumsum(sizes)
    places = np.arange(ends[-1]) + np.repeat(starts - (ends - sizes), sizes)
    piece: Ids = ids[np.minimum(places, len(ids) - 1)]
    piece[ends - 1] = separator
    return piece
