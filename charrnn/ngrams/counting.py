"""From a text to an n-gram model: modified Kneser-Ney smoothing, and what is left of it within a bound."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.ngrams.grams import Counts, Floats, Grams, Ids, Names, discounts
from charrnn.ngrams.model import NgramModel

ORDER = 8  # prose is predicted best by 7 or 8 characters
ENTRIES = 1_000_000  # at most: less than 4 MB in a file
COUNTED = 5_000_000  # characters at most, the last of a longer text: some 0.3 GB while they are counted

_LEAST_WORTH = 1e-3  # nats of the whole text
_NEXT_TO_NOTHING = 1e-6  # of a probability
_STEPS = 16  # of the bisection that finds how much an entry must be worth
_Kept = list[NDArray[np.bool_]]


def count(
    ids: Ids, vocabulary_size: int, *, order: int = ORDER, most: int = ENTRIES, boundary: int | None = None
) -> NgramModel:
    """Count a text.

    The models of all orders are smoothed as `evaluation.ngrams` does it, exactly. Of what is more than the bound those
    entries go that change least: by n(h) P(c | h) log(P(c | h) / what is predicted without the entry), the weighted
    difference of Seymore and Rosenfeld (Scalable backoff language models, ICSLP 1996). What is kept predicts as
    before, nearly, and the contexts of a context that is kept are kept.

    Args:
        ids: (N,), below `vocabulary_size`.
        vocabulary_size: V.
        order: Characters of the longest context, + 1; N at most.
        most: Entries at most; those of the empty context are always kept.
        boundary: The id between two documents, which nothing is remembered before.

    Returns:
        The model.

    Raises:
        CorpusError: There is nothing to count.
    """
    if len(ids) == 0:
        raise CorpusError("the training text is empty: there are no n-grams to count.", "Give a longer text.")
    text = np.asarray(ids[-COUNTED:]).astype(np.min_scalar_type(vocabulary_size - 1))
    levels = _levels(text, order, boundary)
    smoothed, inherited = _smoothed(levels, vocabulary_size)
    kept = _kept(levels, smoothed, inherited, most)
    return _trie(levels, smoothed, inherited, kept, vocabulary_size)


@dataclass(frozen=True, eq=False, slots=True)
class _Level:
    """The k-grams of a text, G of them, by name: what is still needed of `Grams` when all are counted."""

    contexts: Names  # (G,) of each, the name of the (k - 1)-gram without its last character
    suffixes: Names  # (G,) the same without its first character
    counts: NDArray[np.int32]  # (G,) how often it occurs
    characters: Ids  # (G,) its last character
    begins: NDArray[np.bool_] | None  # (G,) whether it begins with a boundary; None if there is none

    def __len__(self) -> int:
        return len(self.contexts)

    @classmethod
    def of(cls, grams: Grams, text: Ids, boundary: int | None) -> Self:
        """What is needed of k-grams; of the empty one there are no characters."""
        counts = np.bincount(grams.ranks, minlength=len(grams)).astype(np.int32)
        if len(grams.names) > len(text):
            return cls(grams.contexts, grams.suffixes, counts, text[:0], None)
        begins = None
        if boundary is not None:
            begins = np.empty(len(grams), dtype=np.bool_)
            begins[grams.ranks] = text[grams.places] == boundary
        return cls(grams.contexts, grams.suffixes, counts, grams.last_characters(text), begins)


def _levels(text: Ids, order: int, boundary: int | None) -> list[_Level]:
    """The k-grams for k = 0, 1, ..., `order`, or fewer if there are none."""
    grams = Grams.empty(len(text))
    levels = [_Level.of(grams, text, boundary)]
    for _ in range(min(order, len(text))):
        grams = grams.extended(text, never_before=boundary)
        if not len(grams):
            break
        levels.append(_Level.of(grams, text, boundary))
    return levels


def _smoothed(levels: Sequence[_Level], vocabulary_size: int) -> tuple[list[Floats], list[Floats]]:
    """Of each k-gram P of the last character after the others, and what that P owes to one character less; (G,).

    For k = 0, 1, ... The longest k-grams are smoothed by how often they occur, the others by how many characters come
    before them; but what begins with a boundary, before which nothing is remembered, by how often it occurs.
    """
    probabilities: list[Floats] = [np.array([1 / vocabulary_size])]
    inherited: list[Floats] = [np.zeros(1)]
    for k, grams in enumerate(levels[1:], 1):
        occurrences: Counts = grams.counts.astype(np.intp)
        if k + 1 < len(levels):
            before = np.bincount(levels[k + 1].suffixes, minlength=len(grams))
            occurrences = before if grams.begins is None or k == 1 else np.where(grams.begins, occurrences, before)
        discounted_by = discounts(occurrences)[np.minimum(occurrences, 3)]
        contexts, size = grams.contexts, len(levels[k - 1])
        total = np.bincount(contexts, weights=occurrences, minlength=size)[contexts]
        discounted = np.bincount(contexts, weights=discounted_by, minlength=size)[contexts]
        below = probabilities[k - 1][grams.suffixes]
        inherited.append(np.where(total > 0, discounted / np.maximum(total, 1), 1.0) * below)
        probabilities.append((occurrences - discounted_by) / np.maximum(total, 1) + inherited[k])
    return probabilities, inherited


def _kept(
    levels: Sequence[_Level],
    smoothed: Sequence[Floats],
    inherited: Sequence[Floats],
    most: int,
) -> _Kept:
    """Which k-grams are entries, (G,) for k = 0, 1, ...: at most so many in all, but all of one character."""
    everything = [np.ones(len(grams), dtype=np.bool_) for grams in levels]
    if sum(len(grams) for grams in levels[1:]) <= most:
        return everything
    worths = [np.zeros(len(grams), dtype=np.float32) for grams in levels[:2]]
    for k, grams in enumerate(levels[2:], 2):
        seen = np.bincount(grams.contexts, weights=grams.counts, minlength=len(levels[k - 1]))[grams.contexts]
        worths.append((seen * smoothed[k] * np.log(smoothed[k] / inherited[k])).astype(np.float32))
    least, enough = _LEAST_WORTH, max(float(worth.max()) for worth in worths) + 1
    kept = _closed(levels, [worth > enough for worth in worths])
    for _ in range(_STEPS):
        between = math.sqrt(least * enough)
        candidate = _closed(levels, [worth > between for worth in worths])
        if sum(int(part.sum()) for part in candidate[1:]) > most:
            least = between
        else:
            enough, kept = between, candidate
    return kept


def _closed(levels: Sequence[_Level], wanted: _Kept) -> _Kept:
    """These k-grams, those of one character, and of each that is kept what it is without its first or last one."""
    kept = [part.copy() for part in wanted]
    for k in range(len(levels) - 1, 1, -1):
        grams = levels[k]
        kept[k - 1][grams.contexts[kept[k]]] = True
        kept[k - 1][grams.suffixes[kept[k]]] = True
    kept[1][:] = True
    return kept


def _trie(
    levels: Sequence[_Level],
    smoothed: Sequence[Floats],
    inherited: Sequence[Floats],
    kept: _Kept,
    vocabulary_size: int,
) -> NgramModel:
    """The model that has the k-grams that are kept as its entries."""
    characters, probabilities, continued, sizes = [], [], [], []
    nodes = np.zeros(1, dtype=np.intp)  # (G,) of k-grams one shorter, counted from their level's first; -1: no node
    for k, grams in enumerate(levels[1:], 1):
        entries = np.flatnonzero(kept[k])
        if not len(entries):
            break
        last = grams.characters[entries]
        node_of = nodes[grams.contexts[entries]]
        order = np.argsort(node_of * vocabulary_size + last.astype(np.intp), kind="stable")
        entries, node_of = entries[order], node_of[order]
        characters.append(last[order])
        sizes.append(np.bincount(node_of))
        below = smoothed[k - 1][grams.suffixes[entries]]
        share = _share_of_below(smoothed[k][entries], below, node_of)
        share = np.where(np.isnan(share), inherited[k][entries] / below, share)
        probabilities.append(_at_most(np.maximum(0.0, smoothed[k][entries] - share * below)))
        has_node = np.zeros(len(grams), dtype=np.bool_)
        if k + 1 < len(levels):
            has_node[levels[k + 1].contexts[kept[k + 1]]] = True
        continued.append(has_node[entries])
        nodes = np.full(len(grams), -1, dtype=np.intp)
        nodes[entries[continued[-1]]] = np.arange(int(continued[-1].sum()))
    return NgramModel(
        vocabulary_size,
        np.concatenate(characters),
        np.concatenate(probabilities),
        np.concatenate(continued),
        np.concatenate(sizes),
    )


def _share_of_below(here: Floats, below: Floats, nodes: Counts) -> Floats:
    """Of entries (n,), which share their context leaves to what one character less predicts.

    It is what the probabilities leave over, spread over what is no entry there. NaN where one character less predicts
    next to nothing but the entries.
    """
    others = 1 - np.bincount(nodes, weights=below)
    unseen = np.maximum(0.0, 1 - np.bincount(nodes, weights=here))
    share = np.where(others > _NEXT_TO_NOTHING, unseen / np.maximum(others, _NEXT_TO_NOTHING), np.nan)
    return np.minimum(share, 1.0)[nodes]


def _at_most(values: Floats) -> NDArray[np.float16]:
    """The nearest float16 that is not above: what is lost goes to shorter contexts, and no sum exceeds one."""
    rounded = values.astype(np.float16)
    return np.where(rounded > values, np.nextafter(rounded, np.float16(0)), rounded)
