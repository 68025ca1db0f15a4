"""Counts beside a network in training: what the n-grams of the training text make of the held-out text."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from charrnn.ngrams.counting import ORDER, count
from charrnn.ngrams.grams import Floats
from charrnn.ngrams.mixing import Mixing, cross_fitted
from charrnn.ngrams.model import NgramModel, Places
from charrnn.text.corpus import Corpus
from charrnn.text.split import Split
from charrnn.training.validation import counted_spans


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
        vocabulary = self.corpus.vocabulary
        return count(self.corpus.joined(self.split.training), len(vocabulary), boundary=vocabulary.boundary_id)

    @cached_property
    def _predicted(self) -> tuple[Floats, Places]:
        """The probability of each held-out character that counts, and the length of its context, (n,) each."""
        pieces, known, counted = list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
        ids = self.corpus.measured.ids
        for span in counted_spans(self.split.held_out):
            begin = max(span.context, span.start - ORDER)
            piece = np.asarray(ids[begin : span.stop])
            pieces.append(piece)
            known.append(np.arange(len(piece)))
            counted.append(known[-1] >= span.start - begin)
        probabilities, lengths = self.model.predict(np.concatenate(pieces), np.concatenate(known))
        wanted = np.concatenate(counted)
        return probabilities[wanted], lengths[wanted]

    def mixing(self, nats: Floats) -> Mixing:
        """How the counts are mixed with a network.

        Args:
            nats: The network's loss at every held-out character, (n,), as `validation.held_out_nats` gives them.

        Returns:
            Shares chosen on that text, and the loss of both, each half with the shares of the other.
        """
        shares, loss = cross_fitted(nats, *self._predicted, self.model.order)
        return Mixing(shares=tuple(shares.tolist()), held_out_loss=loss, improves=bool(loss < nats.mean()))
