"""A corpus: a text as a training takes it, read, joined and encoded in its own vocabulary.

What is too large for memory is written to the cache, from which every later reading takes it (`charrnn.text.id_cache`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MAX_EXPANSION, ReadConfig
from charrnn.formatting import few
from charrnn.text import id_cache, known_texts, sources
from charrnn.text.charsets import DecodingStatistics, Piece, decode, prepare
from charrnn.text.encoder import Document, EncodedDocuments, ReadingCallback, UnreadDocument, encode
from charrnn.text.id_cache import IdFile
from charrnn.text.sources import Source
from charrnn.text.vocabulary import Ids, Vocabulary

_CACHED_FROM = 4 << 20  # bytes of files from which the cache is asked; less is read in no time


class Span(NamedTuple):
    """The ids from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


class HeldOutSpan(NamedTuple):
    """Ids that are predicted and never trained on: those from `start` up to `stop`."""

    context: int  # where reading may begin, at most `start`: at the beginning of the document
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Split:
    """Which spans of a corpus' ids are trained on and which are held out, in the order of the text. Of documents kept
    apart each has one of both, which may be empty; a joined text is a single document."""

    training: tuple[Span, ...]
    held_out: tuple[HeldOutSpan, ...]

    @property
    def training_size(self) -> int:
        """Characters trained on."""
        return sum(span.size for span in self.training)

    @property
    def held_out_size(self) -> int:
        """Characters held out."""
        return sum(span.size for span in self.held_out)


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Corpus:
    """A text, encoded."""

    name: str
    ids: Ids | IdFile  # (n,) of `vocabulary`
    vocabulary: Vocabulary
    alphabet: Vocabulary  # every character, those below min_count too
    counts: NDArray[np.int64]  # how often each of `alphabet` occurs
    digest: str  # of the documents' characters and how they are joined, hexadecimal
    documents: tuple[Document, ...]
    config: ReadConfig
    origin: Mapping[str, Any] = field(default_factory=dict)  # the arguments of `read` that find the files again
    notes: tuple[str, ...] = ()  # what a person should know of the reading

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def text(self) -> str:
        """All of it, in memory."""
        return self.vocabulary.decode(self.ids[0 : len(self)])

    def describe(self) -> dict[str, Any]:
        """What a checkpoint remembers of it."""
        facts = {"name": self.name, "digest": self.digest, "characters": len(self)}
        return facts if len(self.documents) == 1 else facts | {"documents": len(self.documents)}

    def split(self, val_frac: float, val_max: int = 0) -> Split:
        """Hold out the end of the joined text, or of each document where they are kept apart.

        Of n characters the first floor((1 - val_frac) n) are for training, more if `val_max` (0: no bound) bounds the
        others.
        """
        size = len(self)
        if not self.config.documents:
            boundary = int(size * (1 - val_frac))
            bounds = [(0, max(boundary, size - val_max) if val_max else boundary, size)]
        else:
            share = min(val_frac, val_max / size) if val_max else val_frac
            bounds = [
                (
                    document.start,
                    document.start + int(document.characters * (1 - share)),
                    document.start + document.characters,
                )
                for document in self.documents
            ]
        return Split(
            training=tuple(Span(begin, boundary) for begin, boundary, _ in bounds),
            held_out=tuple(HeldOutSpan(*bound) for bound in bounds),
        )


def from_text(text: str, name: str = "text", config: ReadConfig | None = None) -> Corpus:
    """A corpus from characters already in memory. Raises CorpusError if there are none."""
    config = config or ReadConfig()
    if config.bytes:
        data = text.encode("utf-8", "surrogateescape")
        unread = UnreadDocument(name, None, lambda seen: [data])
    else:
        pieces = [text.removeprefix("\ufeff")]
        unread = UnreadDocument(name, None, lambda seen: prepare(pieces, config, seen))
    encoded = encode([unread], config, in_memory=sys.maxsize)
    assert encoded.ids is not None
    return _corpus(name, encoded.ids, encoded, config, {}, [])


def read(
    texts: Sequence[str | Path] | str | Path,
    config: ReadConfig | None = None,
    *,
    glob: str | None = None,
    max_expansion: int = MAX_EXPANSION,
    stdin: BinaryIO | None = None,
    progress: ReadingCallback = lambda stage, count: None,
) -> Corpus:
    """Read files, folders, standard input ("-", or `stdin` in its place) and texts known by name; each is a document.

    `glob` chooses among the files of folders; a packed file may unpack to `max_expansion` times its size. Raises
    CorpusError for what is missing, no regular file, damaged, undecodable, empty or binary.
    """
    config = config or ReadConfig()
    texts = [texts] if isinstance(texts, str | Path) else list(texts)
    paths = list(map(_path, texts))
    found = sources.gather(paths, glob=glob, max_expansion=max_expansion, stdin=stdin)
    places = [path if path == sources.STDIN else os.path.abspath(path) for path in paths]
    first = found[0].name if len(found) == 1 else Path(places[0]).name
    name = first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"
    origin = {"texts": places, "glob": glob, "max_expansion": max_expansion}
    unread = [UnreadDocument(one.name, one.path, partial(_pieces, one, config)) for one in found]
    key = _key(found, config) if sum(one.size for one in found) >= _CACHED_FROM else None
    if key and (hit := id_cache.find(key, partial(progress, "checking the cache"))):
        ids, facts = hit
        counts, points = np.array(facts["counts"], dtype=np.int64), np.array(facts["code_points"], dtype=np.uint32)
        encoded = EncodedDocuments(
            documents=tuple(Document(**values, path=found[values["source"]].path) for values in facts["documents"]),
            alphabet=Vocabulary(points, int(np.argmax(counts)), of_bytes=config.bytes),
            counts=counts,
            ids=None,
            again=lambda: iter(()),
        )
        return _corpus(name, ids, encoded, config, origin, _notes(unread, encoded.documents))
    return _encoded(unread, name, config, origin, lambda: key or _key(found, config), progress)


def _path(text: str | Path) -> str:
    """What was typed, as a path, or standard input's "-"."""
    if str(text) == sources.STDIN:
        return sources.STDIN
    path = str(known_texts.resolve(text))
    return os.path.join(os.curdir, path) if path == sources.STDIN else path  # "./-" is a file


def _pieces(source: Source, config: ReadConfig, seen: DecodingStatistics) -> Iterable[Piece]:
    return source.chunks() if config.bytes else decode(source, config, seen)


def _key(found: Sequence[Source], config: ReadConfig) -> str:
    """The cache's name for these files read this way; what is rare is decided later."""
    reading = dataclasses.asdict(dataclasses.replace(config, min_count=1))
    return id_cache.key_of([reading, [[one.name, one.sha256()] for one in found]])


def _encoded(
    unread: Sequence[UnreadDocument],
    name: str,
    config: ReadConfig,
    origin: Mapping[str, Any] | None = None,
    key: Callable[[], str] = str,
    progress: ReadingCallback = lambda stage, count: None,
) -> Corpus:
    encoded = encode(unread, config, progress)
    notes = _notes(unread, encoded.documents)
    ids: Ids | IdFile
    if encoded.ids is not None:
        ids = encoded.ids
    else:
        documents = [{k: v for k, v in dataclasses.asdict(one).items() if k != "path"} for one in encoded.documents]
        facts = {
            "name": name,
            "characters": int(encoded.counts.sum()),
            "documents": documents,
            "code_points": encoded.alphabet.code_points.tolist(),
            "counts": encoded.counts.tolist(),
        }
        ids, trouble = id_cache.store(key(), encoded.again, np.dtype(encoded.alphabet.dtype), facts)
        notes += [trouble] if trouble else []
    return _corpus(name, ids, encoded, config, origin or {}, notes)


def _corpus(
    name: str,
    ids: Ids | IdFile,
    encoded: EncodedDocuments,
    config: ReadConfig,
    origin: Mapping[str, Any],
    notes: Sequence[str],
) -> Corpus:
    """What is rare enough becomes the unknown symbol; then everything is known."""
    alphabet, counts, documents = encoded.alphabet, encoded.counts, encoded.documents
    vocabulary = alphabet
    if config.min_count > 1:
        every = np.zeros(0x110000, dtype=np.int64)
        every[alphabet.code_points] = counts
        vocabulary = Vocabulary.of_counts(every, config.min_count)
    if vocabulary.unknown:
        merged = cast(Ids, np.full(len(alphabet), vocabulary.unknown_id, dtype=vocabulary.dtype))
        merged[np.isin(alphabet.code_points, vocabulary.code_points)] = np.arange(len(vocabulary) - 1)
        ids = ids.translated(merged) if isinstance(ids, IdFile) else merged[ids]
    digest = documents[0].digest
    if len(documents) > 1:
        joined = None if config.documents else config.separator
        digest = hashlib.sha256(json.dumps([joined, [one.digest for one in documents]]).encode()).hexdigest()
    return Corpus(
        name=name,
        ids=ids,
        vocabulary=vocabulary,
        alphabet=alphabet,
        counts=counts,
        digest=digest,
        documents=documents,
        config=config,
        origin=origin,
        notes=tuple(notes),
    )


def _notes(unread: Sequence[UnreadDocument], documents: Sequence[Document]) -> list[str]:
    """What a person would want to be told of this reading."""
    notes, used = [], {document.source for document in documents}
    empty = [one.name for index, one in enumerate(unread) if index not in used]
    if empty:
        notes.append(f"left out as empty: {few(empty)}")
    others: dict[str, list[str]] = {}
    for document in documents:
        if document.encoding not in ("utf-8", "bytes"):
            others.setdefault(document.encoding, []).append(document.name)
    return notes + [f"read as {encoding}: {few(names)}" for encoding, names in others.items()]
