"""A text encoded in its vocabulary, and how it is divided into what is trained on and what is held out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ReadConfig, ValAt
from charrnn.text.document_split import split_of_documents
from charrnn.text.encoder import Document
from charrnn.text.finding import Finding
from charrnn.text.id_file import IdFile
from charrnn.text.split import HeldOutSpan, Span, Split, passages, tail
from charrnn.text.vocabulary import Ids, Vocabulary

DIGEST_LENGTH = 16  # hexadecimal digits by which a checkpoint knows a document again
_MOST_DIGESTS = 256  # documents that it knows


@dataclass(frozen=True, eq=False, kw_only=True, slots=True, repr=False)
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
    boundaries: NDArray[np.int64] | None = None  # (D + 1,) their places, of D documents kept apart by them
    validation: Corpus | None = None  # a text of its own that is held out instead, in the same vocabulary

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Corpus {self.name!r} of {len(self):,} {self.vocabulary.unit.many}>"

    @property
    def text(self) -> str:
        """All of it, in memory."""
        ends = int(self.boundaries is not None)
        return self.vocabulary.decode(self.ids[ends : len(self) - ends])

    @property
    def characters(self) -> int:
        """How many it has (bytes, of a text of bytes); boundaries are none."""
        return len(self) - (0 if self.boundaries is None else len(self.boundaries))

    @property
    def document_count(self) -> int:
        """How many documents it has."""
        return len(self.documents) if self.boundaries is None else len(self.boundaries) - 1

    @property
    def apart(self) -> bool:
        """Whether it has documents that are kept apart."""
        return self.boundaries is not None or (self.config.documents and not self.config.boundary)

    @property
    def measured(self) -> Corpus:
        """The text that the held-out spans of a split lie in: its own, or the validation text."""
        return self.validation or self

    @property
    def entropy(self) -> float:
        """Bits per character that a model takes which knows how frequent each of `vocabulary` is, and no more."""
        known = np.isin(self.alphabet.code_points, self.vocabulary.code_points)
        shares = np.append(self.counts[known], self.counts[~known].sum()) / max(1, int(self.counts.sum()))
        shares = shares[shares > 0]
        return float(-(shares * np.log2(shares)).sum()) + 0.0  # of one character 0, and not -0

    def describe(self) -> dict[str, Any]:
        """What a checkpoint remembers of it."""
        facts: dict[str, Any] = {"name": self.name, "digest": self.digest, "characters": self.characters}
        facts["entropy"] = round(self.entropy, 4)
        if self.document_count > 1:
            facts["documents"] = self.document_count
        if 1 < len(self.documents) <= _MOST_DIGESTS:
            facts["document_digests"] = [document.digest[:DIGEST_LENGTH] for document in self.documents]
        if self.validation:
            facts["validation"] = self.validation.describe()
        return facts

    def without_boundaries(self, spans: Iterable[HeldOutSpan]) -> Iterator[HeldOutSpan]:
        """Each document that lies in some spans, or what of it does, without the boundaries around it."""
        assert self.boundaries is not None
        for _, start, stop in spans:
            first = int(np.searchsorted(self.boundaries, start))
            edges = [start - 1, *self.boundaries[first : int(np.searchsorted(self.boundaries, stop))].tolist(), stop]
            for before, after in pairwise(edges):
                if after > before + 1:
                    yield HeldOutSpan(before + 1, before + 1, after)

    def characters_in(self, spans: Iterable[HeldOutSpan]) -> int:
        """How many characters some spans have; boundaries are none."""
        return sum(span.size for span in (spans if self.boundaries is None else self.without_boundaries(spans)))

    def joined(self, spans: Iterable[Sequence[int]], most: int | None = None) -> Ids:
        """The ids of spans (..., start, stop), one after another, (n,): the first `most` of them."""
        pieces, remaining = [self.ids[:0]], len(self) if most is None else most
        for *_, start, stop in spans:
            pieces.append(self.ids[start : min(stop, start + remaining)])
            remaining -= len(pieces[-1])
        return cast("Ids", np.concatenate(pieces))

    def split(self, val_frac: float, val_max: int = 0, val_at: ValAt | None = None) -> Split:
        """Divide the text into what is trained on and what is held out.

        Args:
            val_frac: The share of the characters that is held out. With a validation text, that is held out instead.
            val_max: So many characters at most; 0: no bound.
            val_at: One stretch at the end, or passages spread over the text; None: as is usual for the text.

        Returns:
            The split. The spans that are held out lie in `measured`.
        """
        size, seed = len(self), self.config.split_seed
        if self.validation:
            return self._split_elsewhere(self.validation, val_max)
        if self.config.documents and not self.config.boundary:
            return self._tails(val_frac, val_max)
        wanted = min(int(self.characters * val_frac), val_max or size)
        if self.boundaries is not None:
            return split_of_documents(self.boundaries, wanted, seed, at_end=val_at == "end", val_max=val_max)
        if val_at == "spread":
            return passages(size, wanted, seed, self._line_before) if wanted else tail(size, 0.0, 0)
        return tail(size, val_frac, val_max)

    def _split_elsewhere(self, validation: Corpus, val_max: int) -> Split:
        """All of this text is trained on, and another is held out."""
        length = min(len(validation), val_max or len(validation))
        held_out: tuple[HeldOutSpan, ...] = (HeldOutSpan(0, 0, length),)
        if validation.boundaries is not None:
            pairs = pairwise(validation.boundaries.tolist())
            held_out = tuple(HeldOutSpan(start, start + 1, stop + 1) for start, stop in pairs if start < length)
        if self.boundaries is None:
            return Split((Span(0, len(self)),), held_out)
        documents = np.stack([self.boundaries[:-1], self.boundaries[1:] + 1], axis=1)
        return Split((Span(0, len(self)),), held_out, documents)

    def _tails(self, val_frac: float, val_max: int) -> Split:
        """The end of each document held out, as before there were boundaries."""
        share = min(val_frac, val_max / len(self)) if val_max else val_frac
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

    def held_out_in_words(self, split: Split) -> str:
        """How much of which text a split holds out, and where."""
        size = f"{self.measured.characters_in(split.held_out):,}"
        if self.validation:
            return f"{size} of {self.validation.name}"
        if not split.held_out_size:
            return "none"
        if self.boundaries is not None:
            return f"{len(split.held_out):,} of {self.document_count:,} documents, in all {size},"
        if self.apart and len(self.documents) > 1:
            return f"the last of each, in all {size},"
        ends = split.held_out[-1].stop == len(self)
        return f"the last {size}" if len(split.held_out) == 1 and ends else f"{size} in {len(split.held_out)} passages"

    def _line_before(self, place: int, least: int) -> int:
        """Where the last line begins that begins at `place` or before it, not before `least`; `place` if none does."""
        if "\n" not in self.vocabulary:
            return place
        first = max(1, least)
        newlines = np.flatnonzero(self.ids[first - 1 : place] == self.vocabulary.encode("\n")[0])
        return first + int(newlines[-1]) if len(newlines) else place
