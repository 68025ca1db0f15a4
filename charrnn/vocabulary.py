"""The ordered characters of a text and their ids."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError, VocabularyError

CodePoints = NDArray[np.uint32]
Ids = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]

_LOOKALIKES = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": ".", "\u00a0": " ", "\t": " ", "«": '"', "»": '"'}
)


def to_code_points(text: str) -> CodePoints:
    """Characters as Unicode code points: str -> (len(text),) uint32."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)


def to_text(code_points: NDArray[np.uint32]) -> str:
    """The inverse of `to_code_points`."""
    return code_points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


def describe(character: str) -> str:
    """A character that can be shown in any message: `'é' (U+00E9)`."""
    shown = repr(character) if character.isprintable() else unicodedata.name(character, "control")
    return f"{shown} (U+{ord(character):04X})"


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Characters <-> ids; the id of a character is its place in `code_points`.

    The order is ascending code point, so that the same set of characters always gives the same ids.
    """

    code_points: CodePoints  # (V,) ascending, distinct
    most_frequent: int = 0  # id of the commonest character of the text it was built from
    _lookup: NDArray[np.int32] = field(init=False, repr=False)  # code point -> id, -1 for unknown

    def __post_init__(self) -> None:
        points = self.code_points
        if len(points) == 0 or (len(points) > 1 and not bool(np.all(points[1:] > points[:-1]))):
            raise VocabularyError("a vocabulary needs distinct characters in ascending order; this one is damaged.")
        if int(points[-1]) > 0x10FFFF:
            raise VocabularyError(f"U+{int(points[-1]):X} is no Unicode character; this vocabulary is damaged.")
        lookup = np.full(int(points[-1]) + 1, -1, dtype=np.int32)
        lookup[points] = np.arange(len(points), dtype=np.int32)
        object.__setattr__(self, "_lookup", lookup)

    @classmethod
    def of(cls, code_points: NDArray[np.uint32]) -> Vocabulary:
        """The vocabulary of a text, (n,) code points. Raises CorpusError if it has fewer than two characters."""
        counts = np.bincount(code_points)  # at most 0x110000 long; one pass, no sort
        points = np.flatnonzero(counts).astype(np.uint32)
        if len(points) < 2:
            only = f"only the character {describe(chr(int(points[0])))}" if len(points) else "no characters"
            raise CorpusError(f"the text has {only}; there is nothing to learn. Give a text with at least two.")
        return cls(points, most_frequent=int(np.argmax(counts[points])))

    def __len__(self) -> int:
        return len(self.code_points)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and np.array_equal(self.code_points, other.code_points)

    __hash__ = None  # type: ignore[assignment]

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16] | type[np.uint32]:
        """The smallest unsigned integer that holds every id."""
        return np.uint8 if len(self) <= 1 << 8 else np.uint16 if len(self) <= 1 << 16 else np.uint32

    @cached_property
    def characters(self) -> Sequence[str]:
        """The character of every id, in order."""
        return tuple(map(chr, self.code_points.tolist()))

    @property
    def default_prime(self) -> str:
        """A newline if the vocabulary has one, else its most frequent character."""
        return "\n" if "\n" in self else self.characters[self.most_frequent]

    def __contains__(self, character: str) -> bool:
        point = ord(character)
        return point < len(self._lookup) and bool(self._lookup[point] >= 0)

    def encode_points(self, code_points: NDArray[np.uint32]) -> Ids:
        """Code points (n,) -> ids (n,) of `dtype`. Raises VocabularyError naming the unseen characters."""
        inside = code_points < len(self._lookup)
        ids = self._lookup[np.where(inside, code_points, 0)]
        known = inside & (ids >= 0)
        if not bool(known.all()):
            unseen = [chr(point) for point in np.unique(code_points[~known]).tolist()]
            raise VocabularyError(self._unseen_message(unseen))
        return cast(Ids, ids.astype(self.dtype))

    def encode(self, text: str) -> Ids:
        """Text -> ids (n,) of `dtype`. Raises VocabularyError naming the unseen characters."""
        return self.encode_points(to_code_points(text))

    def decode(self, ids: NDArray[np.integer]) -> str:
        """Ids (n,) -> text."""
        return to_text(self.code_points[ids])

    def nearest(self, character: str) -> str | None:
        """The character of the vocabulary that a person would type instead: same letter without its accent, a
        straight quote for a curly one, the other case; None if there is no such."""
        bare = unicodedata.normalize("NFKD", character)[0]
        for candidate in (character.translate(_LOOKALIKES), bare, character.swapcase(), bare.swapcase()):
            if len(candidate) == 1 and candidate != character and candidate in self:
                return candidate
        return None

    def replace_unseen(self, text: str) -> str:
        """`text` with every unseen character replaced by its nearest, or dropped where there is none."""
        return "".join(c if c in self else self.nearest(c) or "" for c in text)

    def drop_unseen(self, text: str) -> str:
        """`text` without its unseen characters."""
        return "".join(c for c in text if c in self)

    def _unseen_message(self, unseen: Sequence[str]) -> str:
        parts = []
        for character in unseen[:8]:
            nearest = self.nearest(character)
            parts.append(describe(character) + (f", nearest {nearest!r}" if nearest else ""))
        more = f" and {len(unseen) - 8} more" if len(unseen) > 8 else ""
        return f"the model has never seen {'; '.join(parts)}{more}."
