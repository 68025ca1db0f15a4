"""What a trained model of both directions is for: restoring. `charrnn.Model` has it beside what it writes."""

from __future__ import annotations

from pathlib import Path

from charrnn.errors import CheckpointError
from charrnn.network.bidirectional import BidirectionalEngine, bidirectional_refusal
from charrnn.network.engine import Engine, causal_refusal
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.header import Header
from charrnn.sampling.restoring import MARK, RestoredText, restored


class Restoring:
    """The engine of a model, be it for writing or for restoring.

    Attributes:
        header: What the checkpoint says of itself.
        path: The file, if it came from one.
    """

    header: Header
    path: Path | None

    def __init__(self, checkpoint: Checkpoint) -> None:
        """Lay the weights out."""
        model, weights = checkpoint.header.model, checkpoint.weights
        self._engines: tuple[Engine | None, BidirectionalEngine | None] = (
            (None, BidirectionalEngine(model, weights, single_threaded=True))
            if model.bidirectional
            else (Engine(model, weights, single_threaded=True), None)
        )

    @property
    def _engine(self) -> Engine:
        """Of a model that predicts what comes next. Raises CheckpointError."""
        engine, _ = self._engines
        if engine is None:
            raise self._named(causal_refusal())
        return engine

    def restore(self, text: str, *, mark: str = MARK, alternatives: int = 5) -> RestoredText:
        """Give back the damaged or missing characters of a text. It takes a model of --bidirectional.

        Args:
            text: With a mark in place of each of these characters.
            mark: The mark.
            alternatives: How many of the likeliest characters to tell of each place.

        Returns:
            The text with the likeliest characters in place of the marks, the most certain filled in first; and of each
            its place, its probability and the alternatives. A character that the model has never seen stays.

        Raises:
            CheckpointError: The model reads in one direction.
            UsageError: The mark is not one character.
            DivergedError: The model's outputs are not numbers.
        """
        _, engine = self._engines
        if engine is None:
            raise self._named(bidirectional_refusal())
        return restored(engine, self.header.vocabulary, text, mark=mark, alternatives=alternatives)

    def _named(self, error: CheckpointError) -> CheckpointError:
        """The error, with the file if there is one."""
        return error if self.path is None else CheckpointError(f"{self.path}: {error.what}", error.advice)
