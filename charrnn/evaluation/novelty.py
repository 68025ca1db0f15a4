"""What of a text is new: the stretches of it that a training text has word for word, and the rest.

A character is found if it lies in a run of at least `least` characters that the training text has as it stands. Such
runs are looked up by fingerprints, polynomials modulo 2**64 (Karp and Rabin, 1987) over a random number for each
character: the training text is passed through once, a piece at a time, in constant memory however long it is, and the
texts are short enough to keep all of theirs. That two different runs have one fingerprint has a probability of some
1e-10 for a page against a novel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import UsageError
from charrnn.text.corpus import Corpus
from charrnn.text.vocabulary import Vocabulary, to_code_points

LEAST = 30  # characters: some five words, few of which come together twice by chance
_PIECE = 1 << 19  # characters of the training text at a time
_BASE = 0x9E3779B97F4A7C15  # odd, so that its powers lose nothing modulo 2**64

Parts = Sequence[tuple[int, int]]  # (start, stop) in the ids of a corpus


@dataclass(frozen=True, slots=True)
class Overlap:
    """The stretches [start, stop) of a text of so many characters that the training text has, in order."""

    stretches: tuple[tuple[int, int], ...]
    characters: int

    @property
    def share(self) -> float:
        """Of the characters, how many lie in a stretch: 0 to 1."""
        return sum(stop - start for start, stop in self.stretches) / max(1, self.characters)


def find(texts: Sequence[str], source: Corpus, parts: Parts | None = None, least: int = LEAST) -> list[Overlap]:
    """What of each text is found in a corpus.

    Args:
        texts: Any texts, short enough to keep a number for each of their characters.
        source: Where they are looked up.
        parts: Spans of it; None: all.
        least: Characters of the shortest run that counts, at least 1.

    Returns:
        Of each text, the stretches that the corpus has.

    Raises:
        UsageError: `least` is below 1.
    """
    if least < 1:
        raise UsageError(f"--novelty-length {least}: at least 1 character.")
    numbers = np.random.default_rng(0).integers(1 << 64, size=len(source.vocabulary) + 1, dtype=np.uint64)
    encoded = [_units(text, source.vocabulary) for text in texts]
    units = [unit for unit, _ in encoded]
    prints = [_fingerprints(numbers[unit], least) for unit in units]
    wanted = np.unique(np.concatenate([*prints, np.empty(0, np.uint64)]))
    occurs = np.zeros(len(wanted), dtype=bool)
    if len(wanted):
        likely = np.zeros(1 << 16, dtype=bool)  # by the upper bits: spares most of a novel the search
        likely[wanted >> np.uint64(48)] = True
        for start, stop in parts or [(0, len(source))]:
            for begin in range(start, stop - least + 1, _PIECE):
                ids = np.asarray(source.ids[begin : min(stop, begin + _PIECE + least - 1)])
                prints_here = _fingerprints(numbers[ids], least)
                prints_here = prints_here[likely[prints_here >> np.uint64(48)]]
                places = np.minimum(wanted.searchsorted(prints_here), len(wanted) - 1)
                occurs[places[wanted[places] == prints_here]] = True
    return [
        _in_characters(sizes, occurs[wanted.searchsorted(print_)], least)
        for (_, sizes), print_ in zip(encoded, prints, strict=True)
    ]


def _units(text: str, vocabulary: Vocabulary) -> tuple[NDArray[np.integer[Any]], NDArray[np.intp]]:
    """Ids (n,) of what is looked up, and how many they are of each character (len(text),).

    Those are bytes, or characters in the form that the vocabulary has; what it has in none is one id more, which no
    corpus has.
    """
    if vocabulary.of_bytes:
        sizes = np.array([len(character.encode("utf-8", "surrogateescape")) for character in text], dtype=np.intp)
        return np.frombuffer(text.encode("utf-8", "surrogateescape"), dtype=np.uint8), sizes
    form = vocabulary.form_of(text)
    read = form.text
    known = np.array([character in vocabulary for character in read], dtype=bool)
    ids = np.full(len(known), len(vocabulary), dtype=np.int64)
    ids[known] = vocabulary.encode_points(to_code_points(read)[known])
    return ids, form.sizes()


def _fingerprints(values: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Values (n,) -> the fingerprint of each run of `length` of them, (n - length + 1,), or none.

    That of a run is that of its first part times a power of the base, plus that of its second; by doubling, so that it
    takes 2 log2(length) passes.
    """
    if len(values) < length:
        return values[:0]
    whole, done = np.zeros(len(values) + 1, dtype=np.uint64), 0  # of runs of `done`, from each place
    power, size = values, 1  # of runs of `size`
    while True:
        if length & size:
            whole = whole[: len(power) - done] * np.uint64(pow(_BASE, size, 1 << 64)) + power[done:]
            done += size
        if done == length:
            return whole
        power = power[:-size] * np.uint64(pow(_BASE, size, 1 << 64)) + power[size:]
        size *= 2


def _in_characters(sizes: NDArray[np.intp], begins: NDArray[np.bool_], least: int) -> Overlap:
    """The stretches of a text from where the runs begin that were found; `sizes` has the units of each character."""
    ends = np.cumsum([0, *sizes.tolist()])
    change = np.zeros(ends[-1] + 1, dtype=np.int64)
    starts = np.flatnonzero(begins)
    np.add.at(change, starts, 1)
    np.add.at(change, starts + least, -1)
    covered = np.concatenate(([False], np.cumsum(change)[:-1] > 0, [False]))
    edges = np.flatnonzero(covered[1:] != covered[:-1])
    # A character that is found in part is not.
    begin, end = ends.searchsorted(edges[0::2]), ends.searchsorted(edges[1::2], side="right") - 1
    pairs = zip(begin.tolist(), end.tolist(), strict=True)
    return Overlap(tuple((start, stop) for start, stop in pairs if start < stop), len(sizes))
