"""A corpus: a text as a training takes it, read, joined and encoded in its own vocabulary.

What is too large for memory is written to the cache, from which every later reading takes it (`charrnn.text.id_cache`).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MAX_EXPANSION, ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import charsets, id_cache, reading, shuffle, sources, validation
from charrnn.text.cache_place import CachePlace
from charrnn.text.charsets import DecodingStatistics, Piece
from charrnn.text.documents import boundary_text
from charrnn.text.encoded_corpus import Corpus
from charrnn.text.encoder import IN_MEMORY, Document, DocumentReader, EncodedText, ReadingCallback, encode
from charrnn.text.id_cache import Entry
from charrnn.text.id_file import IdFile
from charrnn.text.sources import Source
from charrnn.text.vocabulary import Ids, Vocabulary, smallest

__all__ = ["Corpus", "from_text", "read", "with_validation"]

_CACHED_FROM = 4 << 20  # bytes of files from which the cache is asked; less is read in no time
_PIECE = 1 << 20  # ids that are copied at once


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
    learn: bool = True,
    val_text: str | Path | None = None,
    progress: ReadingCallback = lambda stage, count: None,
) -> Corpus:
    """Read a text, from the cache if it is large and was read before.

    Args:
        texts: Files, folders, standard input ("-"), texts known by name, and sources; each file is a document.
        config: How they are decoded, normalized and joined.
        glob: Which files of folders; by default *.txt.
        max_expansion: How many times its size a compressed file may decompress to.
        learn: Whether it is to be learnt from, and so must have at least two different characters.
        val_text: The validation text, read in the same way; None: what is held out is of the text itself.
        progress: Called with what is being done, and how many characters or bytes more of it.

    Returns:
        The corpus; its ids are in memory, or in the cache if the text is large.

    Raises:
        CorpusError: A text is missing, no regular file, damaged, undecodable, empty or binary.
        UsageError: Standard input is named twice or is a terminal, or there is a `glob` but no folder.
    """
    config = config or ReadConfig()
    texts = [texts] if isinstance(texts, str | Path) else list(texts)
    named = [text if isinstance(text, Source) else reading.path_or_stdin(text) for text in texts]
    gathered = sources.gather(named, glob=glob, max_expansion=max_expansion)
    if config.shuffle == "documents" and config.document_separator is None:
        gathered = reading.shuffled_sources(gathered, config)
    places = [reading.place_of(text) for text in named]
    origin = {"texts": places, "glob": glob, "max_expansion": max_expansion}
    whole_text = _read(gathered, reading.name_of(gathered, places), config, origin, progress, learn=learn)
    return with_validation(whole_text, val_text, progress)


def _read(
    gathered: Sequence[Source],
    name: str,
    config: ReadConfig,
    origin: Mapping[str, Any],
    progress: ReadingCallback,
    *,
    learn: bool,
) -> Corpus:
    """The corpus of some files, from the cache if it is large and was read before. Raises CorpusError."""
    size = sum(source.size for source in gathered)
    place = CachePlace.of(gathered, config, progress) if size >= _CACHED_FROM else None
    entry = place.find() if place else None
    with ExitStack() as stack:
        if place and entry is None and size >= IN_MEMORY:
            stack.enter_context(place.claimed(progress))
            entry = place.find()  # by now
        if entry and not (learn and np.count_nonzero(entry.facts["counts"]) < 2):
            return _of_entry(entry, gathered, name, config, origin)
        encoded = encode(
            [reading.document_reader(source, config) for source in gathered], config, progress, learn=learn
        )
        notes = reading.notes_of(gathered, encoded.documents)
        known = (encoded.alphabet, encoded.counts, encoded.documents, config, origin)
        if encoded.ids is not None:
            return _corpus(name, _in_order(encoded.ids, encoded, config), *known, notes)
        entry, trouble = _store(encoded, place or CachePlace.of(gathered, config, progress), name, config)
        return _corpus(name, entry.ids, *known, [*notes, *([trouble] if trouble else [])], entry.boundaries)


def _of_entry(
    entry: Entry, gathered: Sequence[Source], name: str, config: ReadConfig, origin: Mapping[str, Any]
) -> Corpus:
    """The corpus of what the cache has of some files."""
    facts = entry.facts
    counts, points = np.array(facts["counts"], dtype=np.int64), np.array(facts["code_points"], dtype=np.uint32)
    documents = tuple(Document(**values, path=gathered[values["source"]].path) for values in facts["documents"])
    alphabet = Vocabulary(points, int(np.argmax(counts)), of_bytes=config.bytes)
    notes = reading.notes_of(gathered, documents)
    return _corpus(name, entry.ids, alphabet, counts, documents, config, origin, notes, entry.boundaries)


def with_validation(
    corpus: Corpus, val_text: str | Path | None, progress: ReadingCallback = lambda stage, count: None
) -> Corpus:
    """A corpus with a text of its own that is held out, read as it was.

    Args:
        corpus: What is trained on.
        val_text: A file, a folder or a known name; None leaves the corpus as it is.
        progress: As in `read`.

    Returns:
        The corpus with its `validation`, in its own vocabulary; what that has not is named in its notes.

    Raises:
        CorpusError: The validation text cannot be read.
    """
    if val_text is None:
        return corpus
    config = dataclasses.replace(corpus.config, min_count=1, shuffle="none")
    if not corpus.apart:
        config = dataclasses.replace(config, documents=False, document_separator=None)
    files = {name: corpus.origin[name] for name in ("max_expansion",) if name in corpus.origin}

    def read_as(config: ReadConfig) -> Corpus:
        return read([val_text], config, learn=False, progress=progress, **files)

    own = read_as(config)
    if str(val_text) != sources.STDIN and not config.bytes and config.normalize == "none":
        own = validation.composed(own, corpus.vocabulary, lambda: read_as(dataclasses.replace(config, normalize="nfc")))
    if corpus.boundaries is not None and own.boundaries is None:
        own = _as_one_document(own)
    translated = validation.translate(own.ids, own.alphabet, own.counts, corpus.vocabulary)
    boundaries = own.boundaries
    if boundaries is not None and len(translated.ids) < len(own):  # something is left out
        boundaries = shuffle.places_of(translated.ids, len(corpus.vocabulary) - 1)
    known = len(translated.ids) - (0 if boundaries is None else len(boundaries))
    if known < 2:
        few = "one of its characters is" if known else "none of its characters is"
        raise CorpusError(f"--val-text {own.name}: {few} in the training text.", "Name another.")
    held_out = dataclasses.replace(own, ids=translated.ids, vocabulary=corpus.vocabulary, boundaries=boundaries)
    notes = (*corpus.notes, *own.notes, *([f"--val-text {own.name}: {translated.note}"] if translated.note else []))
    origin = dict(corpus.origin) | {"val_text": own.origin["texts"][0]}
    return dataclasses.replace(corpus, validation=held_out, notes=notes, origin=origin)


def _as_one_document(corpus: Corpus) -> Corpus:
    """A corpus of one document, with a boundary before and after it."""
    size, boundary = len(corpus), len(corpus.alphabet)
    dtype = np.dtype(smallest(boundary + 1))
    end = np.array([boundary], dtype=dtype)

    def pieces() -> Iterator[Ids]:
        yield end
        for start in range(0, size, _PIECE):
            yield corpus.ids[start : start + _PIECE]
        yield end

    ids: Ids | IdFile
    if isinstance(corpus.ids, IdFile):
        ids = id_cache.store_for_now(pieces, dtype)
    else:
        ids = cast("Ids", np.concatenate(list(pieces())))
    notes = tuple(note for note in corpus.notes if not note.startswith("--document"))
    return dataclasses.replace(corpus, ids=ids, notes=notes, boundaries=np.array([0, size + 1]))


def _segments(encoded: EncodedText, config: ReadConfig) -> shuffle.Segments | None:
    """What is shuffled of an encoded text; None if nothing is. Raises CorpusError."""
    if config.shuffle == "none" or (config.shuffle == "documents" and config.document_separator is None):
        return None
    if encoded.boundaries:
        return shuffle.Segments(separator=len(encoded.alphabet), begin=1)
    if config.shuffle == "documents":
        raise CorpusError("--shuffle documents: there is only one.", "Try --shuffle lines.")
    if "\n" not in encoded.alphabet:
        raise CorpusError("--shuffle lines: the text is one line.", "Leave it out.")
    return shuffle.Segments(separator=int(encoded.alphabet.encode("\n")[0]), begin=0)


def _in_order(ids: Ids, encoded: EncodedText, config: ReadConfig) -> Ids:
    """The ids of a text in memory, in the order in which it is trained on."""
    segments = _segments(encoded, config)
    if segments is None:
        return ids
    return cast("Ids", np.concatenate(list(shuffle.shuffled(ids, segments, config.split_seed))))


def _store(encoded: EncodedText, place: CachePlace, name: str, config: ReadConfig) -> tuple[Entry, str | None]:
    """Encode a text into the cache. Returns the entry, and what to tell the user if the cache cannot be written."""
    dtype = np.dtype(smallest(len(encoded.alphabet) + (encoded.boundaries > 0)))
    documents = [dataclasses.asdict(document) for document in encoded.documents]
    facts = {
        "name": name,
        "characters": int(encoded.counts.sum()),
        "documents": [{field: document[field] for field in document if field != "path"} for document in documents],
        "code_points": encoded.alphabet.code_points.tolist(),
        "counts": encoded.counts.tolist(),
    }
    segments, iter_ids = _segments(encoded, config), encoded.iter_ids
    if segments is not None:
        in_order = id_cache.store_for_now(encoded.iter_ids, dtype)
        iter_ids = partial(shuffle.shuffled, in_order, segments, config.split_seed)
    boundary = len(encoded.alphabet) if encoded.boundaries else None
    entry, trouble = id_cache.store(place.key, iter_ids, dtype, facts, boundary)
    if trouble is None:
        place.remember()
    return entry, trouble


def _corpus(
    name: str,
    ids: Ids | IdFile,
    alphabet: Vocabulary,
    counts: NDArray[np.int64],
    documents: tuple[Document, ...],
    config: ReadConfig,
    origin: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    places: NDArray[np.int64] | None = None,
) -> Corpus:
    """What is rare enough becomes the unknown symbol, the boundary its own; then everything is known."""
    vocabulary, boundaries = alphabet, None
    if config.documents and config.boundary:
        places = shuffle.places_of(ids, len(alphabet)) if places is None else places
        boundaries = places if len(places) else None
    if config.min_count > 1:
        all_counts = np.zeros(0x110000, dtype=np.int64)
        all_counts[alphabet.code_points] = counts
        vocabulary = Vocabulary.of_counts(all_counts, config.min_count)
    if boundaries is not None:
        vocabulary = dataclasses.replace(vocabulary, boundary=boundary_text(config))
    if vocabulary.unknown:
        merged = cast("Ids", np.full(len(alphabet) + 1, vocabulary.unknown_id, dtype=vocabulary.dtype))
        known = np.isin(alphabet.code_points, vocabulary.code_points)
        merged[:-1][known] = np.arange(len(vocabulary.code_points))
        merged[-1] = vocabulary.boundary_id or 0
        ids = ids.translated(merged) if isinstance(ids, IdFile) else merged[ids]
    return Corpus(
        name=name,
        ids=ids,
        vocabulary=vocabulary,
        alphabet=alphabet,
        counts=counts,
        digest=reading.digest_of(documents, config),
        documents=documents,
        config=config,
        origin=origin or {},
        notes=(*notes, *reading.separation_notes(documents, 1 if boundaries is None else len(boundaries) - 1, config)),
        boundaries=boundaries,
    )
