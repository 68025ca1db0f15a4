"""Counts beside a network in training: what the n-grams of the training text make of the held-out text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from charrnn.ngrams.counting import COUNTED, ORDER, count
from charrnn.ngrams.grams import Floats
from charrnn.ngrams.mixing import Mixing, cross_fitted
from charrnn.ngrams.model import NgramModel, Places
from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan, Span, Split
from charrnn.training.validation import counted_spans

_AT_ONCE = 1 << 20  # characters that are looked up together: bounds memory


class HeldOutCounts:
    """The n-grams of a training text. They are counted, and the held-out text is looked up, when first asked for."""

    def __init__(self, corpus: Corpus, split: Split) -> None:
        """Count nothing yet.

        Args:
            corpus: The text.
            split: Which parts of it are trained on and which are held out: some.
        """
        self.corpus, self.split = corpus, split

    def prepare(self) -> None:
        """Count, and look up, now."""
        _ = self._predicted

    @cached_property
    def model(self) -> NgramModel:
        """The n-grams of what is trained on."""
        vocabulary, counted = self.corpus.vocabulary, last_of(self.split.training, COUNTED)
        return count(self.corpus.joined(counted), len(vocabulary), boundary=vocabulary.boundary_id)

    @cached_property
    def _predicted(self) -> tuple[Floats, Places]:
        """The probability of each held-out character that counts, and the length of its context, (n,) each."""
        ids, spans = self.corpus.measured.ids, counted_spans(self.split.held_out)
        size = sum(span.size for span in spans)
        probabilities, lengths = np.empty(size), np.empty(size, dtype=np.intp)
        for at, parts in _batches(spans, _AT_ONCE):
            begins = [max(span.context, span.start - ORDER) for span in parts]
            pieces = [np.asarray(ids[begin : span.stop]) for begin, span in zip(begins, parts, strict=True)]
            known = [np.arange(len(piece)) for piece in pieces]
            counted = [places >= span.start - begin for places, begin, span in zip(known, begins, parts, strict=True)]
            wanted = np.concatenate(counted)
            predicted = self.model.predict(np.concatenate(pieces), np.concatenate(known))
            stop = at + int(wanted.sum())
            probabilities[at:stop], lengths[at:stop] = (values[wanted] for values in predicted)
        return probabilities, lengths

    def mixing(self, nats: Floats) -> Mixing:
        """How the counts are mixed with a network.

        Args:
            nats: The network's loss at every held-out character, (n,), as `validation.held_out_nats` gives them.

        Returns:
            Shares chosen on that text, and the loss of both, each half with the shares of the other.
        """
        shares, loss = cross_fitted(nats, *self._predicted, self.model.order)
        return Mixing(shares=tuple(shares.tolist()), held_out_loss=loss, improves=bool(loss < nats.mean()))


def last_of(spans: Sequence[Span], most: int) -> list[Span]:
    """The last so many characters of spans: of a text that is longer than can be counted no more is read.

    >>> last_of([Span(0, 10), Span(20, 25), Span(30, 33)], 6)
    [Span(start=22, stop=25), Span(start=30, stop=33)]
    """
    kept = list[Span]()
    for span in reversed(spans):
        if most <= 0:
            break
        kept.append(Span(max(span.start, span.stop - most), span.stop))
        most -= span.size
    return kept[::-1]


def _batches(spans: Sequence[HeldOutSpan], most: int) -> Iterator[tuple[int, list[HeldOutSpan]]]:
    """Spans, long ones cut, so that some together have about so many characters; and how many came before."""
    batch, size, before = list[HeldOutSpan](), 0, 0
    for context, begin, end in spans:
        for start in range(begin, end, most):
            batch.append(HeldOutSpan(context, start, min(start + most, end)))
            size += batch[-1].size
            if size >= most:
                yield before, batch
                batch, size, before = [], 0, before + size
    if batch:
        yield before, batch
