"""The ordered characters of a text and their ids."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import Unseen
from charrnn.errors import CorpusError, VocabularyError
from charrnn.formatting import BYTE, CHARACTER, Unit
from charrnn.text.code_points import (
    CodePoints,
    Ids,
    describe,
    smallest,
    text_of_bytes,
    to_bytes,
    to_code_points,
    to_text,
)
from charrnn.text.decoding import byte_decoder
from charrnn.text.known_forms import UNKNOWN, KnownCharacters, KnownForm, unseen_error

__all__ = ["UNKNOWN", "CodePoints", "Ids", "Vocabulary", "describe", "smallest", "to_code_points", "to_text"]


@dataclass(frozen=True, eq=False, repr=False)
class Vocabulary:
    """What a model reads and writes <-> ids: the characters of a text, or the 256 bytes.

    The id of a character is its place in `code_points`, which ascend, so that the same set of characters always gives
    the same ids. With `unknown` one more id, the last, stands for every character too rare to have its own; it is read
    and predicted like any other, and never sampled. As text it is U+FFFD.

    With `of_bytes` an id is a byte. As text, bytes are UTF-8; one that is no part of it is the lone surrogate that
    Python's "surrogateescape" makes of it, so that any bytes go into text and out of it unharmed.

    With `boundary` the very last id stands for where a document ends and another begins. Where documents are lines, the
    newline between two of them is read as that.

    With `backward` ids come from the end of a text, as a model of that direction reads and writes it. Text is turned
    round where it becomes ids, and ids where they become text, here and nowhere else. It is an equal vocabulary.

    >>> vocabulary = Vocabulary.of(to_code_points("banana"))
    >>> vocabulary.characters, vocabulary.encode("nab").tolist(), vocabulary.decode(np.array([2, 0, 1]))
    (('a', 'b', 'n'), [2, 0, 1], 'nab')
    """

    code_points: CodePoints  # (K,) ascending, distinct; the bytes 0 ... 255 if of_bytes
    most_frequent: int = 0  # id of the commonest character of the text it was built from
    unknown: bool = False
    of_bytes: bool = False
    boundary: str | None = None  # how the boundary symbol looks between two documents; None: there is no such symbol
    backward: bool = False  # whether ids come from the end of a text

    def __post_init__(self) -> None:
        points = self.code_points
        if len(points) == 0 or (len(points) > 1 and not bool(np.all(points[1:] > points[:-1]))):
            raise VocabularyError("a vocabulary needs distinct characters in ascending order; this one is damaged.")
        if int(points[-1]) > 0x10FFFF:
            raise VocabularyError(f"U+{int(points[-1]):X} is no Unicode character; this vocabulary is damaged.")
        if not 0 <= self.most_frequent < len(points) or (self.of_bytes and (len(points) != 256 or self.unknown)):
            raise VocabularyError("a vocabulary that contradicts itself; it is damaged.")

    @classmethod
    def of(cls, code_points: NDArray[np.uint32]) -> Vocabulary:
        """The vocabulary of a text.

        Args:
            code_points: (n,) of its characters.

        Returns:
            Its different characters, in the order of their code points; none is unknown.

        Raises:
            CorpusError: It has fewer than two different characters.
        """
        return cls.of_counts(np.bincount(code_points))  # at most 0x110000 long; one pass, no sort

    @classmethod
    def of_counts(cls, counts: NDArray[np.integer], min_count: int = 1, *, least: int = 2) -> Vocabulary:
        """The vocabulary of a text from how often each code point occurs in it.

        Args:
            counts: (at most 0x110000,), of every code point from 0 on.
            min_count: Characters that occur less often share the unknown symbol.
            least: How many different characters there must be: from fewer than two nothing can be learnt.

        Returns:
            The vocabulary; it has the unknown symbol if a character was too rare.

        Raises:
            CorpusError: Fewer than `least` characters remain.
        """
        points = np.flatnonzero(counts).astype(np.uint32)
        frequent = points[counts[points] >= min_count]
        if len(frequent) < least:
            if len(points) > 1:
                what = f"--min-count {min_count}: leaves fewer than two characters of this text."
                raise CorpusError(what, "Lower it.")
            only = f"only the character {describe(chr(int(points[0])))}" if len(points) else "no characters"
            raise CorpusError(f"the text has {only}; there is nothing to learn.", "Give a text with at least two.")
        return cls(frequent, most_frequent=int(np.argmax(counts[frequent])), unknown=len(frequent) < len(points))

    @classmethod
    def every_byte(cls, most_frequent: int = ord(" ")) -> Vocabulary:
        """All 256 bytes: what `--bytes` models."""
        return cls(np.arange(256, dtype=np.uint32), most_frequent=most_frequent, of_bytes=True)

    def __len__(self) -> int:
        return len(self.code_points) + self.unknown + (self.boundary is not None)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vocabulary)
            and (self.unknown, self.of_bytes, self.boundary) == (other.unknown, other.of_bytes, other.boundary)
            and np.array_equal(self.code_points, other.code_points)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Vocabulary of {'all bytes' if self.of_bytes else f'{len(self):,} characters'}>"

    @property
    def unknown_id(self) -> int | None:
        """The id of the unknown symbol; None if there is none."""
        return len(self.code_points) if self.unknown else None

    @property
    def boundary_id(self) -> int | None:
        """The id of the boundary symbol, the last; None if there is none."""
        return None if self.boundary is None else len(self) - 1

    @property
    def lead(self) -> list[int]:
        """The ids that are read before any text: the boundary of documents, or none."""
        return [] if self.boundary_id is None else [self.boundary_id]

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16] | type[np.uint32]:
        """The smallest unsigned integer that holds every id."""
        return smallest(len(self))

    @property
    def order(self) -> slice:
        """What turns the characters of a text into the order of ids, and back."""
        return slice(None, None, -1 if self.backward else 1)

    def in_direction(self, *, backward: bool) -> Vocabulary:
        """The same, of a model that reads from the beginning of a text or from its end."""
        return self if backward == self.backward else replace(self, backward=backward)

    @cached_property
    def characters(self) -> Sequence[str]:
        """The text of every id, in order; the boundary's is "".

        Bytes from 0x80 on are surrogates: `readable` joins them.
        """
        points = self.code_points + 0xDC00 * (self.code_points >= 0x80) if self.of_bytes else self.code_points
        symbols = ((UNKNOWN,) if self.unknown else ()) + (("",) if self.boundary is not None else ())
        return (*map(chr, points.tolist()), *symbols)

    def readable(self, text: str) -> str:
        """`text`, joined of `characters`, with bytes that together are a character made that character."""
        return text_of_bytes(to_bytes(text)) if self.of_bytes else text

    def decoder(self) -> Callable[[int, bool], str]:
        """What makes text of ids one by one, called with an id and whether it is the last.

        Of bytes it gives "" until a character is whole. What it gives one after another is a text as `joined` joins it.
        """
        between, boundary = self.boundary or "", self.boundary_id
        if not self.of_bytes:
            return lambda index, last: between if index == boundary else self.characters[index]
        decode = byte_decoder(backward=self.backward)
        return lambda index, last: decode(between.encode() if index == boundary else index.to_bytes(), last)

    def joined(self, texts: Iterable[str]) -> str:
        """The text of what was written one after another, each a character or more as people read them."""
        return "".join(list(texts)[self.order])

    @property
    def unit(self) -> Unit:
        """What an id is: a character or a byte."""
        return BYTE if self.of_bytes else CHARACTER

    @property
    def default_prime(self) -> str:
        """A newline if the vocabulary has one, else its most frequent character; "" after a boundary."""
        if self.boundary is not None:
            return ""
        return "\n" if "\n" in self else self.characters[self.most_frequent]

    def __contains__(self, character: str) -> bool:
        if self.of_bytes:
            return not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff"
        if (self.unknown and character == UNKNOWN) or (self.boundary == character == "\n"):
            return True
        point = np.uint32(ord(character))
        place = int(self.code_points.searchsorted(point))
        return place < len(self.code_points) and bool(self.code_points[place] == point)

    @cached_property
    def _lookup(self) -> NDArray[np.int32]:
        """(largest code point + 1,) -> id, -1 for unseen: up to 4 MB, which what is only listed does without."""
        points = self.code_points
        lookup = np.full(max(int(points[-1]), ord(UNKNOWN)) + 1, -1, dtype=np.int32)
        if self.unknown:
            lookup[ord(UNKNOWN)] = len(points)
        if self.boundary == "\n":
            lookup[ord("\n")] = len(self) - 1
        lookup[points] = np.arange(len(points), dtype=np.int32)
        return lookup

    def encode_points(self, code_points: NDArray[np.uint32]) -> Ids:
        """Encode code points.

        Args:
            code_points: (n,).

        Returns:
            Their ids, (n,) of `dtype`.

        Raises:
            VocabularyError: There are unseen characters among them. Names these.
        """
        inside = code_points < len(self._lookup)
        ids = self._lookup[np.where(inside, code_points, 0)]
        known = inside & (ids >= 0)
        if not bool(known.all()):
            unseen = [chr(point) for point in np.unique(code_points[~known]).tolist()]
            raise unseen_error(unseen, self.nearest, rare=self.unknown)
        return cast("Ids", ids.astype(self.dtype))

    def encode(self, text: str) -> Ids:
        """Encode text.

        Args:
            text: N characters, or n bytes as text. U+FFFD is the unknown symbol, unless the text of the vocabulary had
                it as a character.

        Returns:
            Its ids, (n,) of `dtype`, in the order in which the model reads them.

        Raises:
            VocabularyError: There are unseen characters in it. Names these.
        """
        if not self.of_bytes:
            return self.encode_points(to_code_points(text))[self.order]
        try:
            ids: Ids = np.frombuffer(to_bytes(text), dtype=np.uint8)[self.order]
            return np.where(ids == ord("\n"), np.uint16(len(self) - 1), ids) if self.boundary == "\n" else ids
        except UnicodeEncodeError as error:
            raise unseen_error([text[error.start]], self.nearest) from None

    def encode_beginning(self, text: str) -> list[int]:
        """The ids of what is read first: the boundary, as of documents, or else the default prime where it is empty.

        Raises:
            VocabularyError: There are unseen characters in it. Names these.
        """
        return [*self.lead, *self.encode(text or self.default_prime).tolist()]

    def decode(self, ids: NDArray[np.integer]) -> str:
        """Decode ids, (n,) of any integer type, to text; a boundary is what stands between two documents."""
        return self._in_order(ids[self.order])

    def _in_order(self, ids: NDArray[np.integer]) -> str:
        """The text of ids that lie as it does."""
        if self.boundary is not None and (at := np.flatnonzero(ids == self.boundary_id)).size:
            documents = np.split(ids, np.stack([at, at + 1], axis=1).ravel())[::2]
            return self.boundary.join(map(self._in_order, documents))
        if self.of_bytes:
            return text_of_bytes(ids.astype(np.uint8).tobytes())
        return to_text(np.append(self.code_points, np.uint32(ord(UNKNOWN)))[ids])

    def nearest(self, character: str) -> str | None:
        """What of the vocabulary a person would type instead of a character; None if there is nothing like it.

        That is a straight quote for a curly one, the same letter without its accent, or the other case.
        """
        return None if self.of_bytes else self._known_characters.nearest(character)

    def form_of(self, text: str, unseen: Unseen = "error", *, before: str = "") -> KnownForm:
        """A text in characters of the vocabulary, as far as it has the same in another form.

        Those are the other normal forms of Unicode, and the equivalents of quotes, dashes and spaces in print and on a
        keyboard. What is in the vocabulary is never changed.

        Args:
            text: Anyone's.
            unseen: What becomes of a character that it has in no form: "error" leaves it, for `encode` to refuse;
                "replace" takes the nearest, the unknown symbol where there is none, and without one nothing; "drop"
                leaves it out, and what has only an equivalent in print or on a keyboard.
            before: What is thought to stand before it: to which side a quote at its beginning belongs.

        Returns:
            The text, with what of it is read as something else.
        """
        if self.of_bytes:  # any text is bytes, but for surrogates that stand for none
            return KnownForm(text if unseen == "error" else "".join(c for c in text if c in self))
        substitutes = {"error": None, "replace": self._nearest_or_symbol, "drop": lambda character: ""}
        return self._known_characters.form_of(text, before, substitutes[unseen], typography=unseen != "drop")

    def _nearest_or_symbol(self, character: str) -> str:
        """What is read for an unseen character; an accent without its letter is nothing."""
        is_mark = unicodedata.category(character)[0] == "M"
        return self.nearest(character) or (UNKNOWN if self.unknown and not is_mark else "")

    @cached_property
    def _known_characters(self) -> KnownCharacters:
        characters = self.characters[: len(self.code_points) + self.unknown]
        return KnownCharacters((*characters, *("\n" * (self.boundary == "\n"))))
