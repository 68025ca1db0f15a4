"""Which of many documents are held out: whole ones, spread over the text."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.text.split import HeldOutSpan, Span, Split

_TRIED = 1000  # documents that are tried one by one, to come near what is wanted


def split_of_documents(
    boundaries: NDArray[np.int64], wanted: int, seed: int, *, at_end: bool = False, val_max: int = 0
) -> Split:
    """Hold out whole documents.

    Args:
        boundaries: (D + 1,), where the boundaries before, between and after the D documents are.
        wanted: Characters to hold out, about; 0 holds nothing out.
        seed: Of the choice.
        at_end: Whether it is the last documents, and not some that are spread over the text.
        val_max: Characters that are held out, at most; 0: no bound. Of a single document that is longer the beginning.

    Returns:
        The split. A document is measured from its boundary on, with the boundary that ends it as one more to predict.
    """
    starts, stops = boundaries[:-1], boundaries[1:]
    held_out = np.zeros(len(starts), dtype=np.bool_)
    held_out[_chosen(stops - starts - 1, wanted, seed, at_end=at_end)] = True
    spans, remaining = list[HeldOutSpan](), val_max or int(boundaries[-1]) + 1
    for start, stop in zip(starts[held_out].tolist(), stops[held_out].tolist(), strict=True):
        size = stop - start - 1
        spans.append(HeldOutSpan(start, start + 1, stop + 1 if size <= remaining else start + 1 + remaining))
        remaining -= min(size, remaining)
    edges = np.flatnonzero(np.diff(np.concatenate(([True], held_out, [True])).astype(np.int8)))
    training = tuple(
        Span(int(starts[first]), int(stops[last - 1]) + 1) for first, last in edges.reshape(-1, 2).tolist()
    )
    kept = np.stack([starts[~held_out], stops[~held_out] + 1], axis=1)
    return Split(training, tuple(spans), kept)


def _chosen(sizes: NDArray[np.int64], wanted: int, seed: int, *, at_end: bool) -> NDArray[np.int64]:
    """The documents to hold out, of those of some sizes (D,): at least one and never all."""
    count = len(sizes)
    if wanted < 1 or count < 2:
        return np.zeros(0, dtype=np.int64)
    order = np.arange(count)[::-1] if at_end else _spread(count, wanted / max(1, int(sizes.sum())), seed)
    order = order[: count - 1]
    fitting = int(np.searchsorted(np.cumsum(sizes[order]), wanted, side="right"))
    chosen, remaining = order[:fitting].tolist(), wanted - int(sizes[order[:fitting]].sum())
    if not at_end:
        for index in order[fitting : fitting + _TRIED].tolist():
            if len(chosen) < count - 1 and sizes[index] <= remaining:
                chosen.append(index)
                remaining -= int(sizes[index])
    if not chosen:
        chosen = [count - 1 if at_end else int(np.argmin(sizes))]
    return np.array(chosen, dtype=np.int64)


def _spread(count: int, share: float, seed: int) -> NDArray[np.int64]:
    """The documents in a random order, of which the first are spread over the text: as many as are this share."""
    rng = np.random.default_rng([seed, 1])
    parts = max(1, min(count - 1, round(count * share)))
    edges = np.arange(parts + 1) * count // parts
    first = edges[:-1] + (rng.random(parts) * np.diff(edges)).astype(np.int64)
    others = np.setdiff1d(np.arange(count), first, assume_unique=True)
    return cast("NDArray[np.int64]", np.concatenate([rng.permutation(first), rng.permutation(others)]))
