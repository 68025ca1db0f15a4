"""How the characters of a text are written in its bytes: what a model of bytes reads where others read characters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.text.corpus import Corpus
from charrnn.text.detection import byte_order_mark
from charrnn.text.split import Span

_PIECE = 1 << 19  # characters that are written at a time


@dataclass(frozen=True, slots=True)
class ByteForm:
    r"""The encoding of a text, its line ends and the length of its byte order mark.

    >>> encoded, sizes = ByteForm("cp1252", "\r\n").encode("é\n")
    >>> ascii(encoded), sizes.tolist()
    ("'\\udce9\\r\\n'", [1, 2])
    """

    encoding: str = "utf-8"
    newline: str = "\n"
    begin: int = 0  # bytes before the first character

    @classmethod
    def of(cls, of_bytes: Corpus, of_characters: Corpus) -> ByteForm | None:
        """The form by which one reading of a text is the bytes of the other.

        Args:
            of_bytes: The text as bytes.
            of_characters: The text as characters.

        Returns:
            The form; None where the bytes are not those of the characters: where these are lower-cased, normalized, or
            written in several ways, or documents are kept apart.
        """
        if of_bytes.boundaries is not None or of_characters.boundaries is not None or not of_characters.documents:
            return None
        document = of_characters.documents[0]
        newline = "\r\n" if document.crlf else "\r" if document.cr else "\n"
        mark, _ = byte_order_mark(np.asarray(of_bytes.ids[:4], dtype=np.uint8).tobytes())
        form = cls(document.encoding, newline, len(mark))
        at = form.begin
        try:
            for data, _ in form._written(of_characters):
                if not np.array_equal(np.frombuffer(data, np.uint8), of_bytes.ids[at : at + len(data)]):
                    return None
                at += len(data)
        except (UnicodeEncodeError, LookupError):
            return None
        return form if at == len(of_bytes) else None

    def spans(self, of_characters: Corpus, spans: Iterable[Span]) -> list[Span]:
        """Spans of the bytes as spans of the characters; a character is in one if any of its bytes is."""
        starts, stops = np.array([tuple(span) for span in spans], dtype=np.int64).reshape(-1, 2).T
        first, last = np.zeros_like(starts), np.zeros_like(stops)
        at = self.begin
        for data, sizes in self._written(of_characters):
            ends = at + np.cumsum(sizes)
            first += np.searchsorted(ends, starts, side="right")  # characters that end before a span
            last += np.searchsorted(ends - sizes, stops)  # characters that begin before its end
            at += len(data)
        return [Span(start, stop) for start, stop in zip(first.tolist(), last.tolist(), strict=True)]

    def encode(self, text: str) -> tuple[str, NDArray[np.intp]]:
        """A text for a vocabulary of bytes, one character for each byte; and how many each of its characters is."""
        table = {character: self._bytes_of(character) for character in set(text)}
        pieces = [table[character] for character in text]
        return b"".join(pieces).decode("ascii", "surrogateescape"), np.array([*map(len, pieces)], dtype=np.intp)

    def note(self) -> str | None:
        """What is to be said of it; None of plain UTF-8."""
        parts = [] if self.encoding == "utf-8" else [f"in {self.encoding}"]
        if self.newline != "\n":
            parts.append(f"with {'CRLF' if len(self.newline) == 2 else 'CR'} line ends")
        return f"the text is read as its bytes are, {' and '.join(parts)}." if parts else None

    def _bytes_of(self, character: str) -> bytes:
        return (self.newline if character == "\n" else character).encode(self.encoding)

    def _written(self, corpus: Corpus) -> Iterator[tuple[bytes, NDArray[np.intp]]]:
        """A text's bytes, piece by piece, and how many each character is. Raises UnicodeEncodeError, LookupError."""
        table: Sequence[bytes] = [self._bytes_of(character) for character in corpus.vocabulary.characters]
        sizes = np.array([*map(len, table)], dtype=np.intp)
        for start in range(0, len(corpus), _PIECE):
            ids = np.asarray(corpus.ids[start : start + _PIECE])
            yield b"".join([table[index] for index in ids.tolist()]), sizes[ids]
