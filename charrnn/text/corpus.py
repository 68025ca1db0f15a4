"""A corpus: a text as a training takes it, read, joined and encoded in its own vocabulary.

What is too large for memory is written to the cache, from which every later reading takes it (`charrnn.text.id_cache`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MAX_EXPANSION, ReadConfig
from charrnn.formatting import few
from charrnn.text import charsets, id_cache, known_texts, sources
from charrnn.text.charsets import DecodingStatistics, Piece
from charrnn.text.encoder import Document, DocumentReader, EncodedText, ReadingCallback, encode
from charrnn.text.finding import Finding
from charrnn.text.id_cache import IdFile
from charrnn.text.sources import Source
from charrnn.text.split import HeldOutSpan, Span, Split
from charrnn.text.vocabulary import Ids, Vocabulary

_CACHED_FROM = 4 << 20  # bytes of files from which the cache is asked; less is read in no time


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
    findings: tuple[Finding, ...] = ()  # of what is held out of it: what its measure is worth

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def text(self) -> str:
        """All of it, in memory."""
        return self.vocabulary.decode(self.ids[0 : len(self)])

    @property
    def entropy(self) -> float:
        """Bits per character that a model takes which knows how frequent each of `vocabulary` is, and no more."""
        known = np.isin(self.alphabet.code_points, self.vocabulary.code_points)
        shares = np.append(self.counts[known], self.counts[~known].sum()) / max(1, int(self.counts.sum()))
        shares = shares[shares > 0]
        return float(-(shares * np.log2(shares)).sum()) + 0.0  # of one character 0, and not -0

    def describe(self) -> dict[str, Any]:
        """What a checkpoint remembers of it."""
        facts = {"name": self.name, "digest": self.digest, "characters": len(self), "entropy": round(self.entropy, 4)}
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
    """A corpus from characters already in memory.

    Args:
        text: The characters; a byte order mark before them is left out.
        name: What to call it.
        config: How it is normalized, and whether its bytes are modelled.

    Returns:
        The corpus, in memory.

    Raises:
        CorpusError: There is nothing to learn, or it is binary.
    """
    config = config or ReadConfig()
    pieces: list[Piece] = [text.encode("utf-8", "surrogateescape") if config.bytes else text.removeprefix("\ufeff")]

    def decode(statistics: DecodingStatistics) -> Iterable[Piece]:
        return pieces if config.bytes else charsets.normalize(pieces, config, statistics)

    encoded = encode([DocumentReader(name, None, decode, name)], config, in_memory=sys.maxsize)
    assert encoded.ids is not None
    return _corpus(name, encoded.ids, encoded.alphabet, encoded.counts, encoded.documents, config)


def read(
    texts: Sequence[str | Path | Source] | str | Path,
    config: ReadConfig | None = None,
    *,
    glob: str | None = None,
    max_expansion: int = MAX_EXPANSION,
    progress: ReadingCallback = lambda stage, count: None,
) -> Corpus:
    """Read a text, from the cache if it is large and was read before.

    Args:
        texts: Files, folders, standard input ("-"), texts known by name, and sources; each file is a document.
        config: How they are decoded, normalized and joined.
        glob: Which files of folders; by default *.txt.
        max_expansion: How many times its size a compressed file may decompress to.
        progress: Called with what is being done, and how many characters or bytes more of it.

    Returns:
        The corpus; its ids are in memory, or in the cache if the text is large.

    Raises:
        CorpusError: A text is missing, no regular file, damaged, undecodable, empty or binary.
        UsageError: Standard input is named twice or is a terminal, or there is a `glob` but no folder.
    """
    config = config or ReadConfig()
    texts = [texts] if isinstance(texts, str | Path) else list(texts)
    named = [text if isinstance(text, Source) else _path(text) for text in texts]
    gathered = sources.gather(named, glob=glob, max_expansion=max_expansion)
    places = [_place(text) for text in named]
    first_name = gathered[0].name if len(gathered) == 1 else Path(places[0]).name
    name = first_name if len(named) == 1 else f"{first_name} and {len(named) - 1} more"
    origin = {"texts": places, "glob": glob, "max_expansion": max_expansion}
    key = _key(gathered, config) if sum(source.size for source in gathered) >= _CACHED_FROM else None
    ids: Ids | IdFile
    if key and (hit := id_cache.find(key, partial(progress, "checking the cache"))):
        ids, facts = hit
        counts, points = np.array(facts["counts"], dtype=np.int64), np.array(facts["code_points"], dtype=np.uint32)
        documents = tuple(Document(**values, path=gathered[values["source"]].path) for values in facts["documents"])
        alphabet = Vocabulary(points, int(np.argmax(counts)), of_bytes=config.bytes)
        return _corpus(name, ids, alphabet, counts, documents, config, origin, _notes(gathered, documents))
    encoded = encode([_reader(source, config) for source in gathered], config, progress)
    notes = _notes(gathered, encoded.documents)
    if encoded.ids is not None:
        ids = encoded.ids
    else:
        ids, trouble = _store(encoded, key or _key(gathered, config), name)
        notes += [trouble] if trouble else []
    return _corpus(name, ids, encoded.alphabet, encoded.counts, encoded.documents, config, origin, notes)


def _path(text: str | Path) -> str:
    """What was typed, as a path, or standard input's "-"."""
    if str(text) == sources.STDIN:
        return sources.STDIN
    path = str(known_texts.find(text))
    return os.path.join(os.curdir, path) if path == sources.STDIN else path  # "./-" is a file


def _place(text: str | Source) -> str:
    """What finds a text again from any working directory."""
    path = text if isinstance(text, str) else str(text.path or sources.STDIN)
    return path if path == sources.STDIN else os.path.abspath(path)


def _reader(source: Source, config: ReadConfig) -> DocumentReader:
    """What decodes a source as `config` says."""

    def decode(statistics: DecodingStatistics) -> Iterable[Piece]:
        return source.chunks() if config.bytes else charsets.decode(source, config, statistics)

    return DocumentReader(source.name, source.path, decode, source.display_name)


def _key(gathered: Sequence[Source], config: ReadConfig) -> str:
    """The name of the cache entry of these files read this way; what is rare is decided later."""
    reading = dataclasses.asdict(dataclasses.replace(config, min_count=1))
    return id_cache.key_of([reading, [[source.name, source.sha256()] for source in gathered]])


def _store(encoded: EncodedText, key: str, name: str) -> tuple[IdFile, str | None]:
    """Encode a text into the cache. Returns its ids, and what to tell the user if the cache cannot be written."""
    documents = [dataclasses.asdict(document) for document in encoded.documents]
    facts = {
        "name": name,
        "characters": int(encoded.counts.sum()),
        "documents": [{field: document[field] for field in document if field != "path"} for document in documents],
        "code_points": encoded.alphabet.code_points.tolist(),
        "counts": encoded.counts.tolist(),
    }
    return id_cache.store(key, encoded.iter_ids, np.dtype(encoded.alphabet.dtype), facts)


def _corpus(
    name: str,
    ids: Ids | IdFile,
    alphabet: Vocabulary,
    counts: NDArray[np.int64],
    documents: tuple[Document, ...],
    config: ReadConfig,
    origin: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> Corpus:
    """What is rare enough becomes the unknown symbol; then everything is known."""
    vocabulary = alphabet
    if config.min_count > 1:
        all_counts = np.zeros(0x110000, dtype=np.int64)
        all_counts[alphabet.code_points] = counts
        vocabulary = Vocabulary.of_counts(all_counts, config.min_count)
    if vocabulary.unknown:
        merged = cast("Ids", np.full(len(alphabet), vocabulary.unknown_id, dtype=vocabulary.dtype))
        merged[np.isin(alphabet.code_points, vocabulary.code_points)] = np.arange(len(vocabulary) - 1)
        ids = ids.translated(merged) if isinstance(ids, IdFile) else merged[ids]
    return Corpus(
        name=name,
        ids=ids,
        vocabulary=vocabulary,
        alphabet=alphabet,
        counts=counts,
        digest=_digest(documents, config),
        documents=documents,
        config=config,
        origin=origin or {},
        notes=tuple(notes),
    )


def _digest(documents: Sequence[Document], config: ReadConfig) -> str:
    """SHA-256 of the documents' characters and how they are joined, hexadecimal."""
    if len(documents) == 1:
        return documents[0].digest
    separator = None if config.documents else config.separator
    joined = json.dumps([separator, [document.digest for document in documents]])
    return hashlib.sha256(joined.encode()).hexdigest()


def _notes(gathered: Sequence[Source], documents: Sequence[Document]) -> list[str]:
    """What a person would want to be told of this reading."""
    notes, used_sources = [], {document.source for document in documents}
    empty = [source.name for index, source in enumerate(gathered) if index not in used_sources]
    if empty:
        notes.append(f"left out as empty: {few(empty)}")
    others: dict[str, list[str]] = {}
    for document in documents:
        if document.encoding not in ("utf-8", "bytes"):
            others.setdefault(document.encoding, []).append(document.name)
    return notes + [f"read as {encoding}: {few(names)}" for encoding, names in others.items()]
