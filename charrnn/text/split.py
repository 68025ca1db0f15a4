"""Which spans of a corpus are trained on and which are held out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_PASSAGES = 40  # at most, of held-out text that is spread; each has some words before it that are not counted
_PASSAGE = 250  # characters of one, at least


class Span(NamedTuple):
    """The ids from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


class HeldOutSpan(NamedTuple):
    """Ids that are predicted and never trained on: those from `start` up to `stop`."""

    context: int  # where reading may begin, at most `start`: at the beginning of the document
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Split:
    """Which spans of a corpus' ids are trained on and which are held out, in the order of the text.

    Documents kept apart are held out whole, with the boundaries around each; in runs of older versions the end of each.
    """

    training: tuple[Span, ...]
    held_out: tuple[HeldOutSpan, ...]
    documents: NDArray[np.int64] | None = field(default=None, compare=False)  # (D, 2), those to train on, kept apart

    @property
    def training_size(self) -> int:
        """Characters trained on."""
        return sum(span.size for span in self.training)

    @property
    def held_out_size(self) -> int:
        """Characters held out."""
        return sum(span.size for span in self.held_out)


def without(spans: Iterable[HeldOutSpan], removed: Iterable[tuple[int, int]]) -> list[HeldOutSpan]:
    """What is left of spans.

    Args:
        spans: In any order.
        removed: What is taken out of them, (start, stop); these may overlap each other.

    Returns:
        The parts that are left, in the order of the spans.

    >>> [part[1:] for part in without([HeldOutSpan(0, 0, 10), HeldOutSpan(0, 20, 30)], [(25, 40), (3, 5), (4, 6)])]
    [(0, 3), (6, 10), (20, 25)]
    """
    cuts = list[tuple[int, int]]()  # apart, in order
    for start, stop in sorted((start, stop) for start, stop in removed if start < stop):
        if cuts and start <= cuts[-1][1]:
            cuts[-1] = (cuts[-1][0], max(stop, cuts[-1][1]))
        else:
            cuts.append((start, stop))
    remaining, stops = list[HeldOutSpan](), [stop for _, stop in cuts]
    for context, begin, end in spans:
        at = begin
        for number in range(bisect_right(stops, begin), len(cuts)):
            start, stop = cuts[number]
            if start >= end:
                break
            if start > at:
                remaining.append(HeldOutSpan(context, at, start))
            at = stop
        if at < end:
            remaining.append(HeldOutSpan(context, at, end))
    return remaining


def tail(size: int, val_frac: float, val_max: int) -> Split:
    """The end held out: all after the first floor((1 - val_frac) size) characters, `val_max` at most (0: all)."""
    boundary = int(size * (1 - val_frac))
    boundary = max(boundary, size - val_max) if val_max else boundary
    return Split((Span(0, boundary),), (HeldOutSpan(0, boundary, size),))


def passages(size: int, wanted: int, seed: int, line_before: Callable[[int, int], int]) -> Split:
    """Passages spread over a text: each at a random place of its part of it, from the beginning of a line if it can be.

    Args:
        size: Characters of the text.
        wanted: Characters to hold out, at most.
        seed: Of the places.
        line_before: Where the last line begins that does at a place or before it, but not before another; that place
            if none does.

    Returns:
        The split; what is read before a passage is the training text before it.
    """
    rng = np.random.default_rng([seed, 1])
    count = max(1, min(_PASSAGES, wanted // _PASSAGE))
    parts = np.linspace(0, size, count + 1).astype(int).tolist()
    lengths = np.diff(np.linspace(0, wanted, count + 1).astype(int)).tolist()
    held_out, training, at = list[HeldOutSpan](), list[Span](), 0
    for (begin, end), length in zip(pairwise(parts), lengths, strict=True):
        start = begin + int(rng.integers(max(0, end - begin - length) + 1))
        start = max(at, line_before(start, start - length // 3)) if start else 0
        stop = min(start + length, size)
        stop = stop if stop == size else line_before(stop, stop - length // 3)
        held_out.append(HeldOutSpan(0, start, stop))
        training.append(Span(at, start))
        at = stop
    training.append(Span(at, size))
    return Split(tuple(span for span in training if span.size), tuple(span for span in held_out if span.size))
