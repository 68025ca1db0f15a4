"""A training as it is at some iteration: how well it does on held-out text, and a snapshot of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import DivergedError
from charrnn.ngrams.mixing import Mixing
from charrnn.runs.checkpoint import Tensors, ngram_tensors
from charrnn.training import snapshots
from charrnn.training.divergence import diverged, finite_state
from charrnn.training.events import Evaluated, Event, Snapshot
from charrnn.training.held_out_counts import HeldOutCounts
from charrnn.training.masked_validation import masked_nats
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.validation import Spans, held_out_nats

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer


class Evaluator:
    """Evaluates a training and takes its snapshots."""

    def __init__(self, trainer: Trainer, sample_writer: snapshots.SampleWriter) -> None:
        """Begin before the first iteration.

        Args:
            trainer: The training, which stays as it is but for what held-out losses decide of its schedule.
            sample_writer: Writes the samples of its snapshots.
        """
        self.trainer, self.sample_writer = trainer, sample_writer
        self.counts = HeldOutCounts(*trainer.read) if trainer.has_counts else None
        self.held_out_loss: float | None = None  # the network's
        self.mixing: Mixing | None = None  # of the counts with it
        self._held_out_at = -1  # the iteration that those are of
        self.evaluation_seconds = 0.0  # that measuring them took

    def prepare(self) -> None:
        """Count the text and read its words now: what the first evaluation and the first snapshot take longer for."""
        if not self.trainer.ranks.first:
            return
        if self.counts:
            self.counts.prepare()
        self.sample_writer.prepare()

    def evaluate(self) -> float | None:
        """The held-out loss of the network now, and how counts are mixed with it, measured once an iteration.

        Returns:
            Nats per character; None without held-out text.

        Raises:
            DivergedError: The loss, or that with counts, is not finite.
        """
        trainer = self.trainer
        if self._held_out_at != trainer.iteration:
            started = trainer.budget.clock()
            self.forget()
            if trainer.held_out:
                ranks = trainer.ranks
                nats = self.nats(trainer.read.split.held_out, ranks=ranks)
                loss = float(nats.mean())
                self._require_finite("held-out loss", loss)
                if counts := self.counts:
                    self.mixing = ranks.from_first(lambda: counts.mixing(nats))
                    for value in (*self.mixing.shares, self.mixing.held_out_loss):
                        self._require_finite("held-out loss with counts", value)
                self.held_out_loss = loss
            self._held_out_at = trainer.iteration
            self.evaluation_seconds = trainer.budget.clock() - started
        return self.held_out_loss

    def nats(self, spans: Spans, *, warmup: int = 512, ranks: Ranks = ALONE) -> NDArray[np.float64]:
        """The losses of spans of the measured text: of each character, or of the hidden ones if it is to restore them.

        Args:
            spans: As for `held_out_nats`.
            warmup: As there; no matter to a bidirectional network.
            ranks: As there.

        Returns:
            Nats, (n,).
        """
        corpus, model = self.trainer.read.corpus, self.trainer.evaluated_model
        if model.config.bidirectional:
            return masked_nats(model, corpus.measured.ids, spans, boundary=corpus.vocabulary.boundary_id, ranks=ranks)
        return held_out_nats(model, corpus.measured.ids, spans, warmup=warmup, ranks=ranks)

    def forget(self) -> None:
        """Measure anew when next asked, whatever the iteration."""
        self._held_out_at, self.held_out_loss, self.mixing = -1, None, None

    @property
    def latest_held_out_loss(self) -> float | None:
        """The held-out loss of the present weights, if it has been measured."""
        return self.held_out_loss if self._held_out_at == self.trainer.iteration else None

    @property
    def mixed_loss(self) -> float | None:
        """The held-out loss of network and counts together, where it was measured with the latest."""
        return self.mixing.held_out_loss if self.mixing else None

    def events(self) -> Iterator[Event]:
        """What is due at this iteration: Evaluated, whose loss schedule and early stopping go by, then Snapshot."""
        trainer = self.trainer
        at, config = trainer.iteration, trainer.config
        evaluation_due = at > 0 and config.eval_every > 0 and at % config.eval_every == 0
        snapshot_due, best = config.snapshot_due(at), False
        if evaluation_due or snapshot_due:
            loss = self.evaluate()
            if loss is not None:
                yield Evaluated(at, loss, trainer.train_loss if at else None, self.mixed_loss)
                if evaluation_due:  # not by snapshots: when they are kept must change nothing in the training
                    trainer.schedule.observe(loss)
                    best = trainer.early_stopping.observe(loss)
        if snapshot_due or (config.patience and best) or trainer.early_stopping.stopped:
            yield self.snapshot()

    def snapshot(self) -> Snapshot:
        """Weights, held-out loss and a sample as they are now. Changes nothing in the training.

        Raises:
            DivergedError: The latest update left a model that computes no numbers, so that nothing is kept; or there is
                none, and the weights that training begins with are such.
        """
        trainer = self.trainer
        weights = self._finite_weights()
        held_out = self.evaluate()
        try:
            sample = trainer.ranks.from_first(lambda: self.sample_writer.write(weights))
        except DivergedError:
            raise diverged(trainer, trainer.iteration, "its update left weights that compute no numbers.") from None
        mixing = self.mixing
        header = snapshots.create_header(trainer, "snapshot", held_out_loss=held_out, mixing=mixing, sample=sample)
        counts = ngram_tensors(self.counts.model) if self.counts and mixing and trainer.ranks.first else {}
        return Snapshot(header, {**weights, **counts})

    def _finite_weights(self) -> Tensors:
        """A copy of the weights that are measured, of a state that is fit to be kept. Raises DivergedError."""
        state = finite_state(self.trainer)
        weights: Tensors = state.get("average", state["model"])
        return weights

    def _require_finite(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise diverged(self.trainer, self.trainer.iteration, f"after it the {name} is {value}.")
