"""How long networks would take to learn a text on this machine, by training each for a moment, and which to choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

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


def trials(corpus: Corpus, config: TrainConfig | None = None, names: Sequence[str] = tuple(PRESETS)) -> Iterator[Trial]:
    """Train the presets' networks for some real iterations each, and tell how long a training would take.

    Yields nothing for a text too short to train on."""
    from charrnn.training.autotune import begin, seconds_an_iteration

    settings = asdict(ModelConfig()) | asdict(config or TrainConfig())
    for name in names:
        try:
            training, _ = begin(corpus, name, settings, set(), "auto")
        except CorpusError:
            return
        seconds = seconds_an_iteration(training, _SECONDS)
        iterations, model = training.config.iterations, training.model.config
        yield Trial(
            preset=name,
            layers=model.num_layers,
            width=model.rnn_size,
            parameters=training.parameters,
            speed=training.characters / training.iteration / seconds,
            iterations=iterations,
            epochs=iterations / training.streams.per_epoch,
            seconds=iterations * seconds,
        )


def suggestions(corpus: Corpus, budgets: Sequence[float], config: TrainConfig | None = None) -> Iterator[Choice]:
    """What `charrnn train --time` would choose for so many seconds each. Raises CorpusError for a text too short."""
    from charrnn.training.autotune import settle

    for seconds in budgets:
        settings = asdict(ModelConfig()) | asdict(replace(config or TrainConfig(), time=seconds))
        yield settle(corpus, "auto", settings, set(), "auto")
