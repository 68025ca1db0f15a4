"""What an n-gram model predicts while a text is being read or written, character by character."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.ngrams.grams import Floats
from charrnn.ngrams.model import NgramModel

_REMEMBERED = 3  # characters of the contexts whose predictions are kept: they come again and again
_MOST = 1 << 22  # numbers that are kept so, 32 MB


class ContextReader:
    """Finds nodes of a model and the predictions at them; texts that are written with one model share it.

    At one character at a time calling NumPy costs more than the numbers do: nodes are Python integers, entries are
    found in a string of bytes, and one entry is one addition.
    """

    def __init__(self, model: NgramModel) -> None:
        """Look nothing up yet."""
        self.model = model
        self._starts, self._children = model.starts.data, model.children.data
        self._continued = model.continued.data
        self._values = model.values.data
        self._find = self._finder()
        self._short = dict[int, Floats]()  # what is predicted after a context of up to _REMEMBERED characters, by node

    def _finder(self) -> Callable[[int, int, int], int]:
        """(character, start, stop) -> the entry of that character among those, -1 if there is none."""
        characters = self.model.characters
        if characters.dtype == np.uint8:
            return characters.tobytes().find  # takes an integer for a byte

        def find(character: int, start: int, stop: int) -> int:
            entry = start + int(characters[start:stop].searchsorted(character))
            return entry if entry < stop and characters[entry] == character else -1

        return find

    def nodes_after(self, nodes: list[int], character: int) -> list[int]:
        """The nodes of the contexts that a text ends with.

        Args:
            nodes: Those before the character, of 0, 1, 2, ... characters; longer ones were not counted.
            character: Its id.

        Returns:
            Those after it, likewise.
        """
        after, starts = [0], self._starts
        for node in nodes:
            entry = self._find(character, starts[node], starts[node + 1])
            if entry < 0 or not self._continued[entry]:
                break
            after.append(self._children[entry])
        return after

    def probabilities(self, nodes: list[int]) -> Floats:
        """The probability of every character, (V,), after the context of the last of these nodes.

        Args:
            nodes: As `nodes_after` gives them.
        """
        remembered = min(len(nodes) - 1, _REMEMBERED)
        shorter = self._short.get(nodes[remembered])
        if shorter is None:
            if len(self._short) * self.model.vocabulary_size > _MOST:
                self._short.clear()
            shorter = self._short[nodes[remembered]] = self._summed(
                nodes[: remembered + 1], np.full(self.model.vocabulary_size, 1 / self.model.vocabulary_size)
            )
        return self._summed(nodes[remembered + 1 :], shorter)

    def _summed(self, nodes: list[int], shorter: Floats) -> Floats:
        """What is predicted by the contexts of nodes and, as far as they leave it something, by a shorter one, (V,)."""
        starts, model, left = self._starts, self.model, 1.0
        parts = list[tuple[int, int, float]]()
        for node in reversed(nodes):
            start, stop = starts[node], starts[node + 1]
            parts.append((start, stop, left))
            left *= 1 - (self._values[start] if stop - start == 1 else float(np.add.reduce(model.values[start:stop])))
        summed = shorter * left
        for start, stop, share in parts:
            if stop - start == 1:
                summed[model.characters[start]] += share * self._values[start]
            else:
                summed[model.characters[start:stop]] += share * model.values[start:stop]
        return summed
