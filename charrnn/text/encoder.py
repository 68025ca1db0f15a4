"""Documents to ids, in one pass where the text fits in memory, and in two where it does not: the first counts its
characters, the second, whenever it is asked for, yields the ids piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text.charsets import DecodingStatistics, Piece, Points, to_points, to_utf8
from charrnn.text.vocabulary import Ids, Vocabulary

IN_MEMORY = 64 << 20  # bytes of decoded text up to which one pass is enough
_BATCH = 1 << 18  # code points that are counted at once
_MOST_NULS = 1e-3  # share of a text; more are no slips of a file that is text

ReadingCallback = Callable[[str, int], None]  # what is being done, and how many characters or bytes more of it


@dataclass(frozen=True, slots=True)
class UnreadDocument:
    """A document's name, and how its pieces are had, as often as they are needed."""

    name: str
    path: Path | None
    pieces: Callable[[DecodingStatistics], Iterable[Piece]]

    @property
    def where(self) -> str:
        """What an error message calls it."""
        return str(self.path or self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document as read."""

    source: int  # which of the files that were named it is
    name: str
    path: Path | None
    start: int  # of its first character among those of all documents
    characters: int
    digest: str  # SHA-256 of its characters as UTF-8, or of its bytes; hexadecimal
    encoding: str
    crlf: int  # line ends that were folded to LF
    cr: int


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class EncodedDocuments:
    """Documents encoded, or ready to be."""

    documents: tuple[Document, ...]  # those with any characters
    alphabet: Vocabulary  # all their characters
    counts: NDArray[np.int64]  # how often each of them occurs, separators included
    ids: Ids | None  # (n,) of `alphabet`; None if they are too many for memory
    again: Callable[[], Iterator[Ids]]  # the ids piece by piece. Raises CorpusError if a document has changed


class _Count:
    """How often each code point occurs, counted in batches."""

    def __init__(self) -> None:
        self._counts = np.zeros(0x110000, dtype=np.int64)
        self._waiting: list[Points] = []
        self._size = 0

    def add(self, points: Points) -> None:
        self._waiting.append(points)
        self._size += len(points)
        if self._size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        points: Points = np.concatenate([np.zeros(0, dtype=np.uint8), *self._waiting])
        for at in range(0, len(points), _BATCH):  # bincount makes 8 bytes of each
            counts = np.bincount(points[at : at + _BATCH])
            self._counts[: len(counts)] += counts
        self._waiting, self._size = [], 0

    def total(self) -> NDArray[np.int64]:
        """(0x110000,)"""
        self._flush()
        return self._counts


class _Kept:
    """A text in memory, until it grows too large for that."""

    def __init__(self, limit: int) -> None:
        self.pieces: list[Points] | None = []
        self._left = limit

    def add(self, points: Points) -> None:
        self._left -= points.nbytes
        if self._left < 0:
            self.pieces = None
        if self.pieces is not None:
            self.pieces.append(points)


def encode(
    unread: Sequence[UnreadDocument],
    config: ReadConfig,
    progress: ReadingCallback = lambda stage, count: None,
    in_memory: int = IN_MEMORY,
) -> EncodedDocuments:
    """Read documents, at least one; and keep their ids, if the text takes no more than `in_memory` bytes.

    Raises CorpusError if they are all empty, binary, or of a single character.
    """
    separator = to_points(to_utf8(config.separator) if config.bytes else config.separator)
    separator = separator[: 0 if config.documents else None]
    count, kept = _Count(), _Kept(in_memory)
    documents: list[Document] = []
    used: list[UnreadDocument] = []
    start = 0
    for source, one in enumerate(unread):
        seen, digest, characters = DecodingStatistics(), hashlib.sha256(), 0
        for piece in one.pieces(seen):
            points = to_points(piece)
            if documents and not characters and len(points):
                start += len(separator)
                count.add(separator)
                kept.add(separator)
            digest.update(to_utf8(piece))
            count.add(points)
            kept.add(points)
            characters += len(points)
            progress("reading", len(points))
        if characters:
            documents.append(
                Document(
                    source=source,
                    name=one.name,
                    path=one.path,
                    start=start,
                    characters=characters,
                    digest=digest.hexdigest(),
                    encoding="bytes" if config.bytes else seen.encoding,
                    crlf=seen.crlf,
                    cr=seen.cr,
                )
            )
            used.append(one)
            start += characters
    counts = count.total()
    _refuse(unread, used, counts, config)
    alphabet = Vocabulary.every_byte(int(np.argmax(counts))) if config.bytes else Vocabulary.of_counts(counts)
    table = cast(Ids, np.zeros(0x110000, dtype=alphabet.dtype))
    table[alphabet.code_points] = np.arange(len(alphabet))

    def again() -> Iterator[Ids]:
        for one, document in zip(used, documents, strict=True):
            if document.start:
                yield table[separator]
            digest = hashlib.sha256()
            for piece in one.pieces(DecodingStatistics()):
                digest.update(to_utf8(piece))
                points = to_points(piece)
                progress("encoding", len(points))
                yield table[points]
            if digest.hexdigest() != document.digest:
                raise CorpusError(f"{one.where}: changed while it was read. Try again when nothing writes to it.")

    ids = None if kept.pieces is None else np.concatenate([table[points] for points in kept.pieces])
    return EncodedDocuments(
        documents=tuple(documents), alphabet=alphabet, counts=counts[alphabet.code_points], ids=ids, again=again
    )


def _refuse(
    unread: Sequence[UnreadDocument], used: Sequence[UnreadDocument], counts: NDArray[np.int64], config: ReadConfig
) -> None:
    """Raises CorpusError for what cannot be a text."""
    first = unread[0].where
    if not used:
        all_of = f"{first}: is" if len(unread) == 1 else f"{first} and {len(unread) - 1} more: all are"
        raise CorpusError(f"{all_of} empty. Name a text to learn from.")
    where = used[0].where if len(used) == 1 else f"{used[0].where} and {len(used) - 1} more"
    if config.bytes and np.count_nonzero(counts) < 2:
        raise CorpusError(f"{where}: one byte over and over; there is nothing to learn.")
    nuls, total = int(counts[0]), int(counts.sum())
    if nuls > _MOST_NULS * total and not config.bytes:
        raise CorpusError(
            f"{where}: {nuls:,} of {total:,} characters are NUL; it looks binary, or like UTF-16 without its mark. Try "
            "--encoding utf-16-le, or model its --bytes."
        )
