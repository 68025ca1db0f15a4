"""How files are found, named and decoded for a corpus, and what is said of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import ReadConfig
from charrnn.errors import UsageError
from charrnn.formatting import few
from charrnn.text import charsets, known_texts, sources
from charrnn.text.charsets import DecodingStatistics, Piece
from charrnn.text.encoder import Document, DocumentReader
from charrnn.text.sources import Source


def path_or_stdin(text: str | Path) -> str:
    """What was typed, as a path, or standard input's "-"."""
    if str(text) == sources.STDIN:
        return sources.STDIN
    path = str(known_texts.find(text))
    return os.path.join(os.curdir, path) if path == sources.STDIN else path  # "./-" is a file


def place_of(text: str | Source) -> str:
    """What finds a text again from any working directory."""
    path = text if isinstance(text, str) else str(text.path or sources.STDIN)
    return path if path == sources.STDIN else os.path.abspath(path)


def name_of(gathered: Sequence[Source], places: Sequence[str]) -> str:
    """What to call a text.

    Args:
        gathered: Its files.
        places: The files and folders that were named, which they are from.
    """
    first = gathered[0].name if len(gathered) == 1 else Path(places[0]).name
    return first if len(places) == 1 else f"{first} and {len(places) - 1} more"


def findable(origin: Mapping[str, Any]) -> bool:
    """Whether a text can be read again without being named.

    Args:
        origin: The arguments of `corpus.read` by which it was read, {} for one that was in memory.

    Returns:
        False for standard input and for what was in memory.
    """
    texts = origin.get("texts")
    return isinstance(texts, Sequence) and len(texts) > 0 and sources.STDIN not in texts


def document_reader(source: Source, config: ReadConfig) -> DocumentReader:
    """What decodes a source as `config` says."""

    def decode(statistics: DecodingStatistics) -> Iterable[Piece]:
        return source.chunks() if config.bytes else charsets.decode(source, config, statistics)

    return DocumentReader(source.name, source.path, decode, source.display_name)


def digest_of(documents: Sequence[Document], config: ReadConfig) -> str:
    """SHA-256 of the documents' characters and how they are joined, hexadecimal."""
    if len(documents) == 1:
        return documents[0].digest
    separator = None if config.documents else config.separator
    joined = json.dumps([separator, [document.digest for document in documents]])
    return hashlib.sha256(joined.encode()).hexdigest()


def notes_of(gathered: Sequence[Source], documents: Sequence[Document]) -> list[str]:
    """What a person would want to be told of this reading."""
    notes, used_sources = [], {document.source for document in documents}
    empty = [source.name for index, source in enumerate(gathered) if index not in used_sources]
    if empty:
        notes.append(f"left out as empty: {few(empty)}")
    others: dict[str, list[str]] = {}
    for document in documents:
        if document.remark:
            others.setdefault(document.remark, []).append(document.name)
        elif document.encoding not in ("utf-8", "bytes"):
            others.setdefault(f"read as {document.encoding}", []).append(document.name)
    return notes + [f"{remark}: {few(names)}" for remark, names in others.items()]


def shuffled_sources(gathered: Sequence[Source], config: ReadConfig) -> list[Source]:
    """The files in a random order. Raises UsageError where there is but one."""
    if len(gathered) < 2:
        raise UsageError("--shuffle documents: there is only one.", "Try --shuffle lines.")
    return [gathered[index] for index in np.random.default_rng(config.split_seed).permutation(len(gathered))]


def separation_notes(documents: Sequence[Document], count: int, config: ReadConfig) -> list[str]:
    """What to tell of documents that should be kept apart where a separator is missing; there are `count` of them."""
    if not config.documents or not config.boundary or count > max(1, len(documents)):
        return []
    name, separator = documents[0].name, config.document_separator
    if separator is not None:
        what = f"is in none of the {count:,} files" if count > 1 else f"does not come in {name}"
        so = "each is one document" if count > 1 else "it is one document, and nothing is kept apart"
        return [f"--document-separator {separator!r}: {what}; {so}"]
    if count > 1:
        return []
    return [
        f"--documents: {name} is one document, and nothing is kept apart; name what separates documents in it: "
        r"--documents line, or --document-separator '\n\n'"
    ]
