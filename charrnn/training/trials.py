"""How long networks would take to learn a text on this machine, by training each for a moment, and which to choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import CorpusError
from charrnn.text.corpus import Corpus
from charrnn.training.presets import PRESETS, Choice

_SECONDS = 1.5  # of real iterations behind a speed, at least


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A preset's network that was trained on the text for a moment."""

    preset: str
    layers: int
    width: int
    parameters: int
    speed: float  # characters a second
    iterations: int  # of a whole training with the default settings
    epochs: float  # times that it reads the training text
    seconds: float  # that it would take


def trials(
    corpus: Corpus, training: TrainConfig | None = None, presets: Sequence[str] = tuple(PRESETS)
) -> Iterator[Trial]:
    """Train the presets' networks for some real iterations each, and tell how long a training would take.

    Args:
        corpus: The text.
        training: Settings to train with; by default the usual ones.
        presets: Names of PRESETS.

    Yields:
        A Trial for each; nothing for a text too short to train on.
    """
    from charrnn.training.autotune import begin, seconds_per_iteration

    for preset in presets:
        try:
            trainer, _ = begin(corpus, preset, ModelConfig(), training or TrainConfig(), "auto")
        except CorpusError:
            return
        seconds = seconds_per_iteration(trainer, _SECONDS)
        iterations, model = trainer.config.iterations, trainer.model.config
        yield Trial(
            preset=preset,
            layers=model.num_layers,
            width=model.rnn_size,
            parameters=trainer.parameters,
            speed=trainer.characters / trainer.iteration / seconds,
            iterations=iterations,
            epochs=iterations / trainer.streams.per_epoch,
            seconds=iterations * seconds,
        )


def suggestions(corpus: Corpus, budgets: Sequence[float], training: TrainConfig | None = None) -> Iterator[Choice]:
    """What `charrnn train --time` would choose for so many seconds each.

    Raises:
        CorpusError: For a text too short.
    """
    from charrnn.training.autotune import resolve

    for seconds in budgets:
        yield resolve(corpus, "auto", ModelConfig(), replace(training or TrainConfig(), time=seconds), "auto")
