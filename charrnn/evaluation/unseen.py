"""What of a text none of several models was trained on: the intersection of what they held out, by content.

A model may have been trained on the very text, with other held-out text than another's; on an earlier state of it, from
which it has grown; or on some of its documents. Positions are ids of the text as the first of the models reads it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.errors import CharrnnError, CorpusError, UsageError
from charrnn.evaluation import novelty
from charrnn.evaluation.byte_form import ByteForm
from charrnn.runs.header import Header
from charrnn.runs.training_text import Read, TrainingText, find_training_text, resume_header
from charrnn.text.corpus import Corpus
from charrnn.text.encoder import Document
from charrnn.text.id_file import part_of
from charrnn.text.split import HeldOutSpan, Span, tail, without
from charrnn.text.vocabulary import Vocabulary

_VERBATIM = 60  # characters in a row that are no chance: what a model was trained on, where no position tells
_FRAGMENT = 100  # characters of a passage, at least, that is measured
_SHORT = 600  # characters of a document, on average, below which its lines are looked up one by one
_PIECE = 1 << 19  # characters that are looked up at a time


@dataclass(frozen=True, slots=True)
class Reader:
    """A model, and the text as it reads it."""

    path: Path
    header: Header
    text: TrainingText

    @property
    def of_bytes(self) -> bool:
        """Whether it reads bytes."""
        return self.text.corpus.vocabulary.of_bytes


def first_of(readers: Sequence[Reader]) -> Reader:
    """The one whose reading all are measured on: of characters if there is one, and what it was trained on."""
    return min(readers, key=lambda reader: (reader.of_bytes, not reader.text.same))


@dataclass(frozen=True, slots=True)
class UnseenText:
    """What none of the models was trained on."""

    corpus: Corpus
    spans: tuple[HeldOutSpan, ...]  # of its ids
    held_out: bool  # whether any model was trained on the rest
    forms: Mapping[Path, ByteForm] = field(default_factory=dict)  # of models of bytes, where others read characters


def unseen_text(readers: Sequence[Reader], length: int, read: Read) -> UnseenText:
    """What of a text none of the models was trained on.

    Args:
        readers: The models, and the same text as each of them reads it.
        length: Characters of it, at most.
        read: What reads the texts that they were trained on, as `corpus.read` does.

    Returns:
        The spans that can be measured.

    Raises:
        UsageError: They read different characters, or nothing tells what a model has read of the text.
        CorpusError: All of it was read by one or another.
    """
    first = first_of(readers)
    corpus = first.text.corpus
    forms = _byte_forms(first, readers)
    _require_alike(first, [reader for reader in readers if reader.path not in forms])
    spans = [HeldOutSpan(0, 0, len(corpus))]
    if corpus.boundaries is not None:
        spans = [*corpus.without_boundaries(spans)]
    elif corpus.apart:
        places = [(document.start, document.start + document.characters) for document in corpus.documents]
        spans = [HeldOutSpan(start, start, stop) for start, stop in places]
    known, sources = list[Span](), list[tuple[Corpus, Sequence[Span]]]()
    for reader in readers:
        seen = _seen(reader, corpus, forms.get(reader.path), read)
        if isinstance(seen, tuple):
            sources.append(seen)
        else:
            known += seen
    remaining = without(spans, known)
    chosen = _first(_looked_up(corpus, remaining, sources) if sources else remaining, length)
    if not chosen:
        what = "was trained on" if len(readers) == 1 else "or another of these models was trained on"
        raise CorpusError(
            f"{corpus.name}: nothing of it is left to be measured, all of it is what one {what}.",
            "Name a text that none of them was trained on: --text FILE",
        )
    return UnseenText(corpus, tuple(chosen), held_out=chosen != _first(spans, length), forms=forms)


def _byte_forms(first: Reader, readers: Iterable[Reader]) -> dict[Path, ByteForm]:
    """How the characters of the first are written in what models of bytes read, as far as they are in one way."""
    if first.of_bytes:
        return {}
    found = {reader.path: ByteForm.of(reader.text.corpus, first.text.corpus) for reader in readers if reader.of_bytes}
    return {path: form for path, form in found.items() if form is not None}


def _require_alike(first: Reader, readers: Iterable[Reader]) -> None:
    """Raises UsageError where a model reads other characters in the same file than the first."""
    for reader in readers:
        ours, theirs = first.text.corpus, reader.text.corpus
        if [document.digest for document in ours.documents] == [document.digest for document in theirs.documents]:
            continue
        if ours.digest == theirs.digest:
            continue
        names = ("bytes", "lowercase", "normalize", "keep_newlines", "strip_gutenberg", "encoding")
        differing = [name for name in names if getattr(ours.config, name) != getattr(theirs.config, name)]
        if not differing:
            raise UsageError("these models were trained on different texts.", "Name one for all: --text FILE")
        how = ", ".join(f"--{name.replace('_', '-')}" for name in differing)
        raise UsageError(
            f"{first.path} and {reader.path} read different characters in {ours.name} ({how}).",
            "Compare models that read alike.",
        )


def _seen(
    reader: Reader, corpus: Corpus, form: ByteForm | None, read: Read
) -> list[Span] | tuple[Corpus, Sequence[Span]]:
    """What a model was trained on of a text: spans of it; or those of another text, which are to be looked up in it."""
    own, header = reader.text, reader.header
    if own.same and form is not None:
        return form.spans(corpus, own.split.training)
    if own.same:
        return list(own.split.training) if same_places(own.corpus, corpus) else (own.corpus, own.split.training)
    earlier = _earlier(own.corpus, header)
    if earlier and (form is not None or same_places(own.corpus, corpus)):
        begin, trained = earlier
        spans = [Span(begin + span.start, begin + span.stop) for span in trained]
        return form.spans(corpus, spans) if form is not None else spans
    resume = resume_header(reader.path)
    stored: Sequence[Any] = resume.progress.get("documents", ()) if resume else ()
    digests = {str(document[2]) for document in stored}
    common = [document for document in corpus.documents if document.digest in digests]
    if common and _digests_mean_the_same(own.corpus.vocabulary, corpus.vocabulary):
        return _of_documents(header, stored, common)
    try:
        found = find_training_text(reader.path, header, None, read)
    except CharrnnError:
        found = None
    if found and found.same:
        return found.corpus, found.split.training
    places = {str(place) for place in resume.origin.get("texts") or ()} if resume else set()
    if places & {str(place) for place in corpus.origin.get("texts", ())}:
        raise UsageError(
            f"{corpus.name}: has changed since {reader.path} was trained on it; what of it that has read is not known.",
            "Name a text that none of the models was trained on: --text",
        )
    return []


def same_places(first: Corpus, second: Corpus) -> bool:
    """Whether positions in two readings of one text are the same: nothing is shuffled, or all in one way."""
    layouts = [
        (
            corpus.digest,
            len(corpus),
            corpus.config.shuffle,
            corpus.config.split_seed * (corpus.config.shuffle != "none"),
        )
        for corpus in (first, second)
    ]
    return layouts[0] == layouts[1] and first.vocabulary.of_bytes == second.vocabulary.of_bytes


def _digests_mean_the_same(first: Vocabulary, second: Vocabulary) -> bool:
    return first.of_bytes == second.of_bytes


def _earlier(corpus: Corpus, header: Header) -> tuple[int, Sequence[Span]] | None:
    """Where the text that a model was trained on begins in what has grown from it, and what of it was trained on.

    It has grown at its end or at its beginning, and is known by its digest.
    """
    size, digest = header.corpus.get("characters"), header.corpus.get("digest")
    if len(corpus.documents) != 1 or corpus.config.documents or corpus.config.shuffle != "none":
        return None
    if not isinstance(size, int) or not 0 < size < len(corpus) or header.training.val_text is not None:
        return None
    for begin in (0, len(corpus) - size):
        if _digest(corpus, begin, begin + size) == digest:
            document = replace(corpus.documents[0], start=0, characters=size)
            earlier = replace(corpus, ids=part_of(corpus.ids, begin, size), documents=(document,), validation=None)
            training = header.training
            return begin, earlier.split(training.val_frac, training.val_max, training.val_at).training
    return None


def _digest(corpus: Corpus, begin: int, end: int) -> str:
    """The digest of a document of which these are the ids."""
    sha = hashlib.sha256()
    for start in range(begin, end, _PIECE):
        text = corpus.vocabulary.decode(corpus.ids[start : min(end, start + _PIECE)])
        sha.update(text.encode("utf-8", "surrogateescape" if corpus.vocabulary.of_bytes else "surrogatepass"))
    return sha.hexdigest()


def _of_documents(header: Header, stored: Sequence[Any], common: Sequence[Document]) -> list[Span]:
    """What a model was trained on of documents that it has in common with a text.

    Where they were joined, and all are still there, its held-out end is known; else each counts as read whole.
    """
    sizes = [int(characters) for _, characters, _ in stored]
    gap = len(header.reading.separator)
    at_end = header.training.val_at in (None, "end") and header.training.val_text is None
    whole = sum(sizes) + gap * (len(sizes) - 1) == header.corpus.get("characters")
    if header.reading.documents or header.reading.shuffle != "none" or not at_end or not whole:
        return [Span(document.start, document.start + document.characters) for document in common]
    total = int(header.corpus["characters"])
    boundary = tail(total, header.training.val_frac, header.training.val_max).training[0].stop
    starts = np.cumsum([0, *(size + gap for size in sizes)]).tolist()
    read_of = {str(digest): boundary - start for (_, _, digest), start in zip(stored, starts, strict=False)}
    spans = []
    for document in common:
        characters = read_of[document.digest]
        if characters > 0:  # with what joins it to the next
            spans.append(Span(document.start, document.start + min(document.characters + gap, characters)))
    return spans


def _looked_up(
    corpus: Corpus, spans: Iterable[HeldOutSpan], sources: Sequence[tuple[Corpus, Sequence[Span]]]
) -> Iterable[HeldOutSpan]:
    """Spans without what other texts have word for word, a piece at a time; of lines in another order, line by line."""
    lines = set[str]()
    for source, trained in sources:
        if _is_reordered(corpus) or _is_reordered(source):
            for start, stop in trained:
                lines.update(source.vocabulary.decode(source.ids[start:stop]).split("\n"))
    for span in spans:
        for begin in range(span.start, span.stop, _PIECE):
            end = min(span.stop, begin + _PIECE)
            text = corpus.vocabulary.decode(corpus.ids[begin:end])
            if corpus.vocabulary.of_bytes:
                offsets = np.cumsum([0, *(len(character.encode("utf-8", "surrogateescape")) for character in text)])
            else:
                offsets = np.arange(len(text) + 1)
            found = [
                stretch
                for source, trained in sources
                for stretch in novelty.find([text], source, trained, _VERBATIM)[0].stretches
            ]
            found += _lines_among(text, lines) if lines else []
            seen = [Span(begin + int(offsets[start]), begin + int(offsets[stop])) for start, stop in found]
            whole = not seen and begin == span.start and end == span.stop
            pieces = [span] if whole else without([HeldOutSpan(span.context, begin, end)], seen)
            least = 1 if lines else _FRAGMENT
            yield from (piece for piece in pieces if whole or piece.size >= least)


def _is_reordered(corpus: Corpus) -> bool:
    """Whether its lines stand elsewhere than in the file, or are trained on without those around them."""
    short = corpus.apart and len(corpus) < _SHORT * corpus.document_count
    return short or corpus.config.shuffle != "none"


def _lines_among(text: str, lines: Container[str]) -> Iterator[tuple[int, int]]:
    """Where the lines of a text are (start, stop) that are among others, each with the blank lines after it."""
    start, known = 0, False
    for line in text.split("\n"):
        stop = min(len(text), start + len(line) + 1)
        known = line in lines if line.strip() else known
        if known and start < stop:
            yield start, stop
        start = stop


def _first(spans: Iterable[HeldOutSpan], length: int) -> list[HeldOutSpan]:
    """The first so many characters of spans."""
    chosen = list[HeldOutSpan]()
    for context, start, stop in spans:
        if length <= 0:
            break
        end = min(stop, start + length)
        if end > max(start, context + 1):
            chosen.append(HeldOutSpan(context, start, end))
            length -= end - start
    return chosen
