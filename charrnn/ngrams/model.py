"""An n-gram model of bounded size: a trie of contexts in a few flat arrays, read a character or a whole text at a time.

A context is a node of the trie, the empty one its root; an entry (h, c) says that character c was counted after context
h. The probability is interpolated from the shortest context to the longest that was counted,

    P(c | h) = a(h, c) + (1 - sum of a(h, .)) P(c | h without its first character),    P(c | nothing) = 1 / V,

so that it sums to one whatever the entries are. Nodes are numbered level by level, in the order of the entries that
they continue: an entry says by one bit whether it has a node, and which one follows from the bits before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError
from charrnn.ngrams.grams import Floats, Ids

Places = NDArray[np.intp]
Tensors = dict[str, NDArray[Any]]

_TENSORS = ("characters", "probabilities", "continued", "sizes")
_ONE = 0x3C00  # the bits of 1 in float16: those of what is negative, more or no number are more
_DAMAGED = "its n-grams are damaged.", "Use another checkpoint."


class NgramModel:
    """Predicts a character from up to `order - 1` before it.

    Attributes:
        order: Characters of the longest context, + 1.
        vocabulary_size: V.
        characters: (E,) of each entry; ascending within a context.
        probabilities: (E,) float16, the a above.
        continued: (E,) whether the entry, context and character together, is a context itself.
        sizes: (N,) entries of each node.
    """

    def __init__(
        self,
        vocabulary_size: int,
        characters: Ids,
        probabilities: NDArray[np.float16],
        continued: NDArray[np.bool_],
        sizes: NDArray[np.integer[Any]],
    ) -> None:
        """Take the arrays over.

        Raises:
            CheckpointError: They are not those of a trie, or no probabilities.
        """
        self.vocabulary_size = vocabulary_size
        self.characters, self.probabilities, self.continued, self.sizes = characters, probabilities, continued, sizes
        # Entries of node n are those from starts[n] up to starts[n + 1]; the node of entry e, if it is continued, is
        # children[e].
        if len(sizes) and int(sizes.max()) > len(characters):  # their sums could go beyond what an integer holds
            raise CheckpointError(*_DAMAGED)
        self.starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.intp)))
        self.children = np.cumsum(continued, dtype=np.intp)
        if not self._fits_together():
            raise CheckpointError(*_DAMAGED)
        levels = self._levels()
        if levels[-1] != len(sizes):
            raise CheckpointError(*_DAMAGED)
        self.order = len(levels)

    def __len__(self) -> int:
        """Its entries."""
        return len(self.characters)

    def __repr__(self) -> str:
        return f"<NgramModel of order {self.order}, {len(self):,} entries>"

    def _fits_together(self) -> bool:
        """Whether nodes and entries can be counted and looked up: cheaply, since every start pays for it."""
        entries, nodes = len(self.characters), len(self.sizes)
        if not nodes or int(self.sizes.min()) == 0 or int(self.starts[-1]) != entries:
            return False
        if entries != len(self.probabilities) or entries != len(self.continued) or self.children[-1] != nodes - 1:
            return False
        if int(self.characters.max()) >= self.vocabulary_size:
            return False
        descends = self.characters[1:] <= self.characters[:-1]
        descends[self.starts[1:-1] - 1] = False  # from one node to the next anything may be
        if descends.any() or int(self.probabilities.view(np.uint16).max()) > _ONE:
            return False
        return bool(np.add.reduceat(self.values, self.starts[:-1]).max() <= 1)  # in float64 exact

    def _levels(self) -> list[int]:
        """Behind the last node of the contexts of 0, 1, 2, ... characters."""
        stops, stop = list[int](), 1
        while not stops or stop > stops[-1]:
            stops.append(stop)
            stop = 1 + int(self.children[self.starts[stop] - 1])
        return stops

    @classmethod
    def from_tensors(cls, vocabulary_size: int, tensors: Mapping[str, NDArray[Any]]) -> NgramModel:
        """The model that `tensors` described.

        Raises:
            CheckpointError: Something is missing, or is not as it must be.
        """
        try:
            characters, probabilities, continued, sizes = (tensors[name] for name in _TENSORS)
        except KeyError as error:
            raise CheckpointError(f"its n-grams are not whole: {error.args[0]} is missing.", _DAMAGED[1]) from None
        integers = all(part.dtype.kind == "u" for part in (characters, continued, sizes))
        flat = all(part.ndim == 1 for part in (characters, probabilities, continued, sizes))
        if not integers or not flat or probabilities.dtype != np.float16 or len(continued) != -(-len(characters) // 8):
            raise CheckpointError(*_DAMAGED)
        bits = np.unpackbits(continued.astype(np.uint8), count=len(characters)).view(np.bool_)
        return cls(vocabulary_size, characters, probabilities, bits, sizes)

    def tensors(self) -> Tensors:
        """The arrays as a file keeps them: 8 entries' bits in a byte, integers as narrow as they can be."""
        return {
            "characters": self.characters.astype(np.min_scalar_type(self.vocabulary_size - 1)),
            "probabilities": self.probabilities,
            "continued": np.packbits(self.continued),
            "sizes": self.sizes.astype(np.min_scalar_type(int(self.sizes.max()))),
        }

    @property
    def bytes(self) -> int:
        """Bytes in a file."""
        return sum(tensor.nbytes for tensor in self.tensors().values())

    @cached_property
    def values(self) -> Floats:
        """The probabilities in float64, (E,)."""
        return self.probabilities.astype(np.float64)

    @cached_property
    def _remaining(self) -> Floats:
        """What each node leaves to shorter contexts, (N,)."""
        remaining: Floats = np.maximum(0.0, 1 - np.add.reduceat(self.values, self.starts[:-1]))
        return remaining

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        """(E,), ascending: node times V plus character."""
        nodes = np.repeat(np.arange(len(self.sizes), dtype=np.int64), self.sizes)
        return nodes * self.vocabulary_size + self.characters

    def predict(self, ids: Ids, known: NDArray[np.integer[Any]] | None = None) -> tuple[Floats, Places]:
        """How likely each character of a text was.

        Args:
            ids: (n,).
            known: (n,) how many characters before each may be looked at; None: all.

        Returns:
            The probability of each after those before it, (n,); and how many of those the longest context had that was
            counted, (n,).
        """
        size = len(ids)
        characters = np.asarray(ids, dtype=np.int64)
        before = np.arange(size) if known is None else np.minimum(known, np.arange(size))
        probabilities, lengths = np.full(size, 1 / self.vocabulary_size), np.zeros(size, dtype=np.intp)
        nodes = np.zeros(size, dtype=np.intp)  # of the context of so many characters; -1 where it was not counted
        for length in range(self.order):
            alive = np.flatnonzero((nodes >= 0) & (before >= length))
            if not len(alive):
                break
            entries, found = self._find(nodes[alive], characters[alive])
            probabilities[alive] = self._remaining[nodes[alive]] * probabilities[alive]
            probabilities[alive[found]] += self.values[entries[found]]
            lengths[alive] = length
            longer = np.full(size + 1, -1, dtype=np.intp)
            goes_on = found & self.continued[entries]
            longer[alive[goes_on] + 1] = self.children[entries[goes_on]]
            nodes = longer[:-1]
        return probabilities, lengths

    def _find(self, nodes: Places, characters: NDArray[np.int64]) -> tuple[Places, NDArray[np.bool_]]:
        """The entries of nodes (n,) and characters (n,), and whether they are there."""
        wanted = nodes * np.int64(self.vocabulary_size) + characters
        entries = np.minimum(self._keys.searchsorted(wanted), len(self._keys) - 1)
        return entries, self._keys[entries] == wanted
