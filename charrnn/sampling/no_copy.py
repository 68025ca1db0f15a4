"""Texts that copy at most so many characters in a row: a character that would make a longer run is ruled out.

Which characters those are is known exactly. A run of N characters has one of `width` that begins at a multiple of
`stride` in the training text, whatever its place, if `width` + `stride` - 1 is N. So only those are indexed, by
fingerprints (Karp and Rabin, 1987) that are sorted: at N = 20 every seventh place, in 8 bytes. After each character the
last `width` are looked up, what is found is compared with the text itself, to both sides, and it is followed from
character to character as long as it is copied. As no run grows beyond N, only `stride` - 1 characters before such a
place and `stride` after it are ever looked at: of places with the same all around, one will do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.errors import UsageError
from charrnn.formatting import bits
from charrnn.sampling.chain import LogProbs
from charrnn.text.code_points import to_bytes
from charrnn.text.corpus import Corpus
from charrnn.text.vocabulary import UNKNOWN, Vocabulary, smallest, to_code_points

_PIECE = 1 << 22  # ids that are decoded at a time
_BASE = 0x9E3779B97F4A7C15  # odd, so that its powers lose nothing modulo 2**64
_MODULUS = 1 << 64
_NUMBER = (1 << 32) - 1  # the bits of a key that number the place; those above are of the fingerprint
_FREQUENT = 1024  # places that have a fingerprint in common: of more, those with the same surroundings are one
_FOREIGN = -1  # a character that the text has not
_NOWHERE = np.empty(0, dtype=np.intp)

Parts = Sequence[tuple[int, int]]  # (start, stop) in the ids of a corpus
Units = tuple[int, ...]  # characters as code points; of a model of bytes, bytes


class Context(NamedTuple):
    """The end of a text that is written, and where in the indexed text it stands."""

    tail: Units = ()  # the last characters, as many as may be copied
    fingerprint: int = 0  # of the last `width` of them
    ends: NDArray[np.intp] = _NOWHERE  # (k,) after each place where as many of the last characters stand
    lengths: NDArray[np.intp] = _NOWHERE  # (k,) as these, at least `width`


class RuledOut(NamedTuple):
    """What it costs a text not to copy.

    Attributes:
        characters: At how many something was ruled out.
        bits: The sum of -log2(1 - p) over them, with the probability p that the model gave to what was ruled out,
            before any temperature. So much less surprising is the text to the model that may not copy than to the
            model itself.
    """

    characters: int
    bits: float


class CopyIndex:
    """A text in which it is found quickly what follows the last characters of another.

    It takes a byte or two for each character of a European text, four of some others, and 24 / (N + 1) more of the
    index.

    Attributes:
        longest: How many characters in a row may be copied.
    """

    def __init__(self, source: Corpus, longest: int, parts: Parts | None = None, *, backward: bool = False) -> None:
        """Index a text.

        Args:
            source: The text. What is compared are its characters, or bytes, as they are written: the boundary of two
                documents is what stands between them.
            longest: How many characters in a row may be copied; of a model of bytes, bytes.
            parts: Spans of it, none of which a run leaves; None: all of it.
            backward: Whether it is for texts that are written from their end; it is then indexed from its own.

        Raises:
            UsageError: `longest` is below 1, or the index would take more memory than there is.
        """
        if longest < 1:
            raise UsageError(f"--no-copy {longest}: it must be at least 1.")
        self.longest = longest
        self._stride = (longest + 1) // 3 or 1
        self._width = longest - self._stride + 1
        self._vocabulary = source.vocabulary
        self._highest = _highest_unit(source.vocabulary)
        self._separator = self._highest + 1
        parts = [(0, len(source))] if parts is None else parts
        self._require_room(sum(stop - start for start, stop in parts))
        self._text = self._joined(source, parts)[:: -1 if backward else 1]
        self._keys = self._without_repeats(self._sorted_keys())
        self._oldest_power = pow(_BASE, self._width + 1, _MODULUS)

    def _require_room(self, size: int) -> None:
        """Raises UsageError where a text of so many characters cannot be indexed."""
        what, advice = f"--no-copy {self.longest} of {size:,} characters", "Leave it out, or name less: --text FILE"
        if size // self._stride >= _NUMBER:
            raise UsageError(f"{what}: up to {_NUMBER * self._stride:,} can be indexed.", advice)
        each = np.dtype(smallest(self._separator + 1)).itemsize + 8 / self._stride
        memory.require(int(size * each), what, advice)

    def constraints(
        self, count: int, vocabulary: Vocabulary, prime: str = "", *, one_document: bool = False
    ) -> list[NoCopy]:
        """What keeps each of `count` texts from copying.

        Args:
            count: How many texts.
            vocabulary: That of the model that writes them.
            prime: What they all go on from: a run that begins in it counts.
            one_document: Whether a text ends with its document: its end then writes nothing.

        Returns:
            A constraint for each text.
        """
        units = [self._units(vocabulary, index) for index in range(len(vocabulary))]
        if one_document and vocabulary.boundary_id is not None:
            units[vocabulary.boundary_id] = ()
        context = Context()
        for index in vocabulary.encode(prime).tolist()[-self.longest :]:
            for unit in units[index]:
                context = self.after(context, unit)
        return [NoCopy(self, units, vocabulary.unknown_id, context) for _ in range(count)]

    def after(self, context: Context, unit: int) -> Context:
        """The context after one more character: a code point, or a byte."""
        unit = unit if unit <= self._highest else _FOREIGN  # lest it be taken for a separator
        tail = (*context.tail, unit)[-self.longest :]
        oldest = context.tail[-self._width] if len(context.tail) >= self._width else 0
        fingerprint = ((context.fingerprint + unit) * _BASE - oldest * self._oldest_power) % _MODULUS
        ends, lengths = context.ends, context.lengths
        if len(ends):
            copied = self._text[ends] == unit
            ends, lengths = ends[copied] + 1, lengths[copied] + 1
        if len(tail) >= self._width:
            found = self._keyed(fingerprint)
            if len(found):
                found_ends, found_lengths = self._compared(found + self._width, tail)
                ends, lengths = np.concatenate([ends, found_ends]), np.concatenate([lengths, found_lengths])
        return Context(tail, fingerprint, ends, lengths)

    def following(self, context: Context) -> set[int]:
        """The characters that follow the last `longest` in the text, wherever these stand."""
        if not len(context.ends):
            return set()
        following = set(self._text[context.ends[context.lengths >= self.longest]].tolist())
        return following - {self._separator}

    def _units(self, vocabulary: Vocabulary, index: int) -> Units:
        """What an id writes, as the text would have it, in the order in which it is written."""
        if index == vocabulary.boundary_id:
            return tuple(map(ord, vocabulary.boundary or ""))[vocabulary.order]
        if vocabulary.of_bytes:
            return (index,)
        return tuple(map(ord, self._vocabulary.form_of(vocabulary.characters[index]).text))[vocabulary.order]

    def _joined(self, source: Corpus, parts: Parts) -> NDArray[np.unsignedinteger[Any]]:
        """The parts, a separator that is no character behind each, and as many as a tail has around all."""
        dtype = smallest(self._separator + 1)
        pieces = [np.full(self.longest, self._separator, dtype=dtype)]
        for start, stop in parts:
            for begin in range(start, stop, _PIECE):
                text = source.vocabulary.decode(np.asarray(source.ids[begin : min(stop, begin + _PIECE)]))
                of_bytes = source.vocabulary.of_bytes
                units = np.frombuffer(to_bytes(text), dtype=np.uint8) if of_bytes else to_code_points(text)
                pieces.append(units.astype(dtype))
            pieces.append(np.full(1, self._separator, dtype=dtype))
        return np.concatenate([*pieces, pieces[0]])

    def _sorted_keys(self) -> NDArray[np.uint64]:
        """(m,), for each `stride`-th place the upper half of the fingerprint of what begins there, and its number."""
        count = (len(self._text) - self._width - self._stride) // self._stride + 1
        keys = np.zeros(count, dtype=np.uint64)
        for offset in range(self._width):
            keys += self._text[offset : offset + (count - 1) * self._stride + 1 : self._stride]
            keys *= np.uint64(_BASE)
        keys &= np.uint64(_MODULUS - 1 - _NUMBER)
        keys |= np.arange(count, dtype=np.uint64)
        keys.sort()
        return keys

    def _without_repeats(self, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """The keys but those of frequent places whose surroundings another has, too: spaces, or a line told often."""
        heads = keys >> np.uint64(32)
        sizes = np.diff(np.flatnonzero(np.concatenate(([True], heads[1:] != heads[:-1], [True]))))
        frequent = np.flatnonzero(np.repeat(sizes > _FREQUENT, sizes))
        begins = self._places(keys[frequent]) - (self._stride - 1)
        fingerprints = np.zeros(len(begins), dtype=np.uint64)
        for offset in range(self.longest + self._stride):
            fingerprints = fingerprints * np.uint64(_BASE) + self._text[begins + offset]
        _, first, which = np.unique(fingerprints, return_index=True, return_inverse=True)
        others = begins[first[which]]
        repeated = others != begins
        for offset in range(self.longest + self._stride):
            repeated &= self._text[begins + offset] == self._text[others + offset]
        return np.delete(keys, frequent[repeated])

    def _places(self, keys: NDArray[np.uint64]) -> NDArray[np.intp]:
        """The places in the text that keys are of."""
        return (keys & np.uint64(_NUMBER)).astype(np.intp) * self._stride

    def _keyed(self, fingerprint: int) -> NDArray[np.intp]:
        """The indexed places whose fingerprint has the same upper half."""
        first = int(self._keys.searchsorted(np.uint64(fingerprint & ~_NUMBER)))
        if first == len(self._keys) or self._keys.item(first) | _NUMBER != fingerprint | _NUMBER:
            return _NOWHERE
        last = int(self._keys.searchsorted(np.uint64(fingerprint | _NUMBER), "right"))
        return self._places(self._keys[first:last])

    def _compared(self, ends: NDArray[np.intp], tail: Units) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of some places those before which the last `width` characters stand, and how many more of the tail do."""
        differs = self._text[ends[:, None] - np.arange(1, len(tail) + 1)] != np.array(tail[::-1])
        lengths = np.where(differs.any(axis=1), differs.argmax(axis=1), len(tail))
        stands = lengths >= self._width
        return ends[stands], lengths[stands]


class NoCopy:
    """Keeps one text from copying: rules out what would make a run that is too long.

    Attributes:
        steps: Where something was ruled out: (characters written before, bits).
    """

    def __init__(self, index: CopyIndex, units: Sequence[Units], unknown: int | None, context: Context) -> None:
        """`units` are what each id writes; the `unknown` id is never written."""
        self.steps: list[tuple[int, float]] = []
        self._index, self._units, self._unknown, self._context = index, units, unknown, context
        self._written = 0
        self._single = defaultdict[int, list[int]](list)  # the ids of each character
        for number, written in enumerate(units):
            if len(written) == 1:
                self._single[written[0]].append(number)
        self._longer = [number for number, written in enumerate(units) if len(written) > 1]

    def rule_out(self, log_probs: LogProbs) -> bool:
        """Set what would copy, of log-probabilities (V,), to -inf; whether anything is left."""
        copying = [number for unit in self._index.following(self._context) for number in self._single.get(unit, ())]
        copying += filter(self._copies, self._longer)
        if not copying:
            return True
        if self._unknown is not None:
            log_probs[self._unknown] = -np.inf
        before = _log_sum(log_probs)
        log_probs[copying] = -np.inf
        after = _log_sum(log_probs)
        if after == -np.inf:
            return False
        self.steps.append((self._written, max(0.0, bits(before - after))))
        return True

    def accept(self, index: int) -> None:
        """Go on after the id that was drawn."""
        for unit in self._units[index]:
            self._context = self._index.after(self._context, unit)
        self._written += 1

    def ruled_out(self, characters: int) -> RuledOut:
        """What it has cost in the first so many characters of the text."""
        costs = [bits for place, bits in self.steps if place < characters]
        return RuledOut(len(costs), sum(costs, 0.0))

    def _copies(self, number: int) -> bool:
        """Whether any of the several characters that an id writes would make too long a run."""
        context = self._context
        for unit in self._units[number]:
            if unit in self._index.following(context):
                return True
            context = self._index.after(context, unit)
        return False


def _highest_unit(vocabulary: Vocabulary) -> int:
    """The highest code point, or byte, that text of a vocabulary can have."""
    if vocabulary.of_bytes:
        return 255
    symbols = UNKNOWN * vocabulary.unknown + (vocabulary.boundary or "")
    return max([int(vocabulary.code_points[-1]), *map(ord, symbols)])


def _log_sum(log_probs: LogProbs) -> float:
    """The logarithm of the sum of probabilities."""
    largest = float(log_probs.max())
    return largest if largest == -np.inf else largest + math.log(np.exp(log_probs - largest).sum())
