"""Documents to ids, in one pass where the text fits in memory, and in two where it does not.

The first pass counts its characters; the second, whenever it is asked for, yields the ids piece by piece.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text.charsets import DecodingStatistics, Piece, Points, code_points_of, to_utf8
from charrnn.text.documents import BOUNDARY, split_documents
from charrnn.text.sources import changed_while_read, joined
from charrnn.text.vocabulary import Ids, Vocabulary, smallest

IN_MEMORY = 64 << 20  # bytes of decoded text up to which one pass is enough
_BATCH = 1 << 18  # code points that are counted at once
_MOST_NULS = 1e-3  # share of a text; more are no slips of a file that is text

ReadingCallback = Callable[[str, int], None]  # what is being done, and how many characters or bytes more of it


class Digest(Protocol):
    """A hash at work."""

    def update(self, data: bytes, /) -> None:
        """Go on with more data."""
        ...


@dataclass(frozen=True, slots=True)
class DocumentReader:
    """A document's name, and how its characters are had, as often as they are needed."""

    name: str
    path: Path | None
    decode: Callable[[DecodingStatistics], Iterable[Piece]]  # yields pieces; notes in its argument what it notices
    display_name: str  # what an error message calls it


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A document as read."""

    source: int  # which of the files that were named it is
    name: str
    path: Path | None
    start: int  # of its first character among the ids of all documents
    characters: int  # ids; the boundaries of the documents within a file are among them
    digest: str  # SHA-256 of its characters as UTF-8, or of its bytes; hexadecimal
    encoding: str
    crlf: int  # line ends that became LF
    cr: int
    remark: str = ""  # what a person should know of it


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class EncodedText:
    """Documents encoded, or ready to be."""

    documents: tuple[Document, ...]  # those with any characters
    alphabet: Vocabulary  # all their characters
    counts: NDArray[np.int64]  # (len(alphabet),) how often each of them occurs, separators included
    boundaries: int  # of documents kept apart, that are among the ids: one before each and one at the end; or 0
    ids: Ids | None  # (n,) of `alphabet`; None if they are too many for memory
    iter_ids: Callable[[], Iterator[Ids]]  # the same piece by piece. Raises CorpusError if a document has changed


class _CodePointCounter:
    """How often each code point occurs, counted in batches."""

    def __init__(self) -> None:
        self._counts = np.zeros(BOUNDARY + 1, dtype=np.int64)
        self._pending: list[Points] = []
        self._size = 0

    def add(self, points: Points) -> None:
        self._pending.append(points)
        self._size += len(points)
        if self._size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        points: Points = np.concatenate([np.zeros(0, dtype=np.uint8), *self._pending])
        for start in range(0, len(points), _BATCH):  # bincount makes 8 bytes of each
            counts = np.bincount(points[start : start + _BATCH])
            self._counts[: len(counts)] += counts
        self._pending, self._size = [], 0

    def total(self) -> NDArray[np.int64]:
        """The counts of every code point, and of BOUNDARY, (0x110001,)."""
        self._flush()
        return self._counts


class _TextBuffer:
    """A text in memory, until it grows too large for that."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        self.pieces: list[Points] | None = []
        self._left = limit

    def add(self, points: Points) -> None:
        self._left -= points.nbytes
        if self._left < 0:
            self.pieces = None
        if self.pieces is not None:
            self.pieces.append(points)


def encode(
    readers: Sequence[DocumentReader],
    config: ReadConfig,
    progress: ReadingCallback = lambda stage, count: None,
    in_memory: int = IN_MEMORY,
    *,
    learn: bool = True,
) -> EncodedText:
    """Build the vocabulary of documents, and encode them in it.

    Args:
        readers: The documents, at least one.
        config: How they are joined, and whether their bytes are modelled.
        progress: Called with what is being done, and how many characters more of it.
        in_memory: Bytes of decoded text up to which the ids are kept in memory.
        learn: Whether there must be something to learn: at least two different characters.

    Returns:
        The ids in the vocabulary of all characters, or how to have them.

    Raises:
        CorpusError: The documents are all empty, binary, or of a single character; or cannot be read.
    """
    separator = _separator(config)
    counter, buffer = _CodePointCounter(), _TextBuffer(in_memory)

    def add(points: Points) -> None:
        counter.add(points)
        buffer.add(points)

    documents = _read_all(readers, separator, config, add, progress)
    counts = counter.total()
    boundaries, counts = int(counts[BOUNDARY]), counts[:BOUNDARY]
    if boundaries:  # one before the first and one after the last
        boundaries += 2
    elif documents and config.documents and config.boundary:
        documents = [replace(documents[0], start=0)]
    _check(readers, documents, counts, config, learn=learn)
    if config.bytes:
        alphabet = Vocabulary.every_byte(int(np.argmax(counts)))
    else:
        alphabet = Vocabulary.of_counts(counts, least=2 if learn else 1)
    table = cast("Ids", np.zeros(BOUNDARY + 1, dtype=smallest(len(alphabet) + (boundaries > 0))))
    table[alphabet.code_points] = np.arange(len(alphabet))
    around: list[Points] = [separator] if boundaries else []
    if boundaries:
        table[BOUNDARY] = len(alphabet)
    pieces = None if buffer.pieces is None else [*around, *buffer.pieces, *around]
    return EncodedText(
        documents=tuple(documents),
        alphabet=alphabet,
        counts=counts[alphabet.code_points],
        boundaries=boundaries,
        ids=None if pieces is None else np.concatenate([table[points] for points in pieces]),
        iter_ids=partial(_iter_ids, readers, documents, table, separator, around, config, progress),
    )


def _separator(config: ReadConfig) -> Points:
    """The code points that stand between two documents."""
    if config.documents:
        return np.array([BOUNDARY] * config.boundary, dtype=np.uint32)
    return code_points_of(to_utf8(config.separator) if config.bytes else config.separator)


def _read_all(
    readers: Sequence[DocumentReader],
    separator: Points,
    config: ReadConfig,
    add: Callable[[Points], None],
    progress: ReadingCallback,
) -> list[Document]:
    """Read documents once, `add` their code points, and return those that have any. Raises CorpusError."""
    documents: list[Document] = []
    errors: list[CorpusError] = []
    start = int(config.documents and config.boundary)  # after the boundary before the first
    for source, reader in enumerate(readers):
        before = separator if documents else separator[:0]
        try:
            document = _read(reader, source, start, before, config, add, progress)
        except CorpusError as error:
            errors.append(error)
            continue
        if document.characters:
            documents.append(document)
            start = document.start + document.characters
    if errors:
        raise joined(errors)
    return documents


def _read(
    reader: DocumentReader,
    source: int,
    start: int,
    separator: Points,
    config: ReadConfig,
    add: Callable[[Points], None],
    progress: ReadingCallback,
) -> Document:
    """Read a document once and `add` its code points, after those of `separator` if it has any."""
    statistics, digest, characters, nuls = DecodingStatistics(), hashlib.sha256(), 0, 0
    for points in _points(reader.decode(statistics), digest, config):
        if not characters and len(points):
            start += len(separator)
            add(separator)
        add(points)
        characters += len(points)
        nuls += len(points) - int(np.count_nonzero(points))
        progress("reading", len(points))
    if nuls > _MOST_NULS * characters and not config.bytes:
        what = f"{reader.display_name}: is no text: {nuls:,} of its {characters:,} characters are NUL."
        raise CorpusError(what, "Leave it out; --bytes models the bytes of anything.")
    return Document(
        source=source,
        name=reader.name,
        path=reader.path,
        start=start,
        characters=characters,
        digest=digest.hexdigest(),
        encoding="bytes" if config.bytes else statistics.encoding,
        crlf=statistics.crlf,
        cr=statistics.cr,
        remark=statistics.remark,
    )


def _points(pieces: Iterable[Piece], digest: Digest, config: ReadConfig) -> Iterator[Points]:
    """The code points of a file, its documents split if they are to be; `digest` is fed the pieces as they are."""

    def digested() -> Iterator[Piece]:
        for piece in pieces:
            digest.update(to_utf8(piece))
            yield piece

    if config.documents and config.document_separator is not None:
        return split_documents(digested(), config)
    return (code_points_of(piece) for piece in digested())


def _iter_ids(
    readers: Sequence[DocumentReader],
    documents: Sequence[Document],
    table: Ids,
    separator: Points,
    around: list[Points],
    config: ReadConfig,
    progress: ReadingCallback,
) -> Iterator[Ids]:
    """Read the documents again and look their code points up in `table`. Raises CorpusError if one has changed."""
    yield from (table[points] for points in around)
    for document in documents:
        reader = readers[document.source]
        if document is not documents[0]:
            yield table[separator]
        digest = hashlib.sha256()
        for points in _points(reader.decode(DecodingStatistics()), digest, config):
            progress("encoding", len(points))
            yield table[points]
        if digest.hexdigest() != document.digest:
            raise changed_while_read(reader.display_name)
    yield from (table[points] for points in around)


def _check(
    readers: Sequence[DocumentReader],
    documents: Sequence[Document],
    counts: NDArray[np.int64],
    config: ReadConfig,
    *,
    learn: bool,
) -> None:
    """Raises CorpusError for what cannot be learnt from; if it is only to be read, for what is no text."""
    first_name = readers[0].display_name
    if not documents:
        all_of = f"{first_name}: is" if len(readers) == 1 else f"{first_name} and {len(readers) - 1} more: all are"
        raise CorpusError(f"{all_of} empty.", "Name a text to learn from." if learn else "Name another text.")
    first_name = readers[documents[0].source].display_name
    where = first_name if len(documents) == 1 else f"{first_name} and {len(documents) - 1} more"
    if config.bytes and learn and np.count_nonzero(counts) < 2:
        raise CorpusError(f"{where}: one byte over and over; there is nothing to learn.")
