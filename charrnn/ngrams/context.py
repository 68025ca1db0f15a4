"""What an n-gram model predicts while a text is being read or written, character by character."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from charrnn.ngrams.grams import Floats
from charrnn.ngrams.model import NgramModel

_REMEMBERED = 3  # characters of the contexts whose predictions are kept: they come again and again
_FEW = 16  # entries that are added in less time than NumPy takes for any number
_MOST = 1 << 22  # numbers that are kept so, 32 MB


class ContextReader:
    """Finds nodes of a model and the predictions at them; texts that are written with one model share it.

    At one character at a time calling NumPy costs more than the numbers do: nodes are Python integers, entries are
    found in a string of bytes, and a few of them are added one by one. What is looked up lies as close as it can: much
    of the time is spent on waiting for memory.
    """

    def __init__(self, model: NgramModel) -> None:
        """Look nothing up yet."""
        self.model = model
        self._starts = model.starts.astype(np.int32).data
        self._children = np.where(model.continued, model.children, 0).astype(np.int32).data  # 0, the root, is none's
        self._characters = model.characters.data
        self._probabilities = model.probabilities.astype(np.float32)  # exactly; of float16 there is no memoryview
        self._values = self._probabilities.data
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
            child = self._children[entry] if entry >= 0 else 0
            if not child:
                break
            after.append(child)
        return after

    def probabilities(self, nodes: list[int]) -> Floats:
        """The probability of every character, (V,), after the context of the last of these nodes.

        Args:
            nodes: As `nodes_after` gives them.
        """
        return self._summed(nodes[_REMEMBERED + 1 :], self._shorter(nodes))

    def batch_probabilities(self, nodes: Sequence[list[int]]) -> Floats:
        """`probabilities` of several texts, (B, V), in one pass over the contexts of each length."""
        model, size = self.model, self.model.vocabulary_size
        summed = np.array([self._shorter(row) for row in nodes])
        for length in range(_REMEMBERED + 1, max(map(len, nodes))):
            longer = [(text, row[length]) for text, row in enumerate(nodes) if len(row) > length]
            texts, contexts = np.array(longer).T
            starts = model.starts[contexts]
            sizes = model.starts[contexts + 1] - starts
            entries = np.arange(int(sizes.sum())) + np.repeat(starts - np.cumsum(sizes) + sizes, sizes)
            texts = np.repeat(texts, sizes)
            probabilities = self._probabilities[entries].astype(np.float64)
            left = np.maximum(0.0, 1 - np.bincount(texts, weights=probabilities, minlength=len(nodes)))
            summed *= left[:, None]
            summed.reshape(-1)[texts * size + model.characters[entries]] += probabilities
        return summed

    def _shorter(self, nodes: list[int]) -> Floats:
        """The probabilities after what of the contexts is short enough to be remembered; not to be written to."""
        nodes = nodes[: _REMEMBERED + 1]
        known = self._short.get(nodes[-1])
        if known is None:
            if len(self._short) * self.model.vocabulary_size > _MOST:
                self._short.clear()
            uniform = np.full(self.model.vocabulary_size, 1 / self.model.vocabulary_size)
            known = self._short[nodes[-1]] = self._summed(nodes, uniform)
        return known

    def _summed(self, nodes: list[int], shorter: Floats) -> Floats:
        """What is predicted by the contexts of nodes and, as far as they leave it something, by a shorter one, (V,)."""
        starts, characters, values, left = self._starts, self._characters, self._values, 1.0
        summed = np.zeros(self.model.vocabulary_size)
        numbers: memoryview[float] = summed.data  # type: ignore[assignment]
        for node in reversed(nodes):
            start, stop = starts[node], starts[node + 1]
            if stop - start <= _FEW:
                total = 0.0
                for entry in range(start, stop):
                    value = values[entry]
                    total += value
                    numbers[characters[entry]] += left * value
            else:
                several = self._probabilities[start:stop].astype(np.float64)
                total = float(np.add.reduce(several))
                summed[self.model.characters[start:stop]] += left * several
            left *= max(0.0, 1 - total)
        summed += shorter * left
        return summed
