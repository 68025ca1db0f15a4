"""How fast this machine trains, and what it should train with so much time."""

from __future__ import annotations

from charrnn.config import ModelConfig, TrainConfig
from charrnn.text.corpus import Corpus
from charrnn.training import presets
from charrnn.training.devices import choose_device
from charrnn.training.presets import Choice, Machine, TextSize
from charrnn.training.time_budget import WorkClock
from charrnn.training.trainer import Trainer

_WARMUP_ITERATIONS = 3  # that set memory and threads up
_FEWEST_ITERATIONS = 5  # behind a speed
_TRIAL_SECONDS = 0.7  # of real iterations by which a preset is chosen for a time budget


def seconds_per_iteration(trainer: Trainer, least: float) -> float:
    """The mean over at least `least` seconds of iterations that `trainer` then makes."""
    for _ in range(_WARMUP_ITERATIONS):
        trainer.step()
    clock, at = WorkClock(), trainer.iteration
    while (passed := clock()) < least or trainer.iteration - at < _FEWEST_ITERATIONS:
        trainer.step()
    return passed / (trainer.iteration - at)


def begin(
    corpus: Corpus, preset: str, model: ModelConfig, training: TrainConfig, device: str
) -> tuple[Trainer, Choice]:
    """A trainer with the settings that `resolve` chooses; the time that took is part of a time budget.

    Raises:
        UsageError, CorpusError: As Trainer does.
    """
    clock = WorkClock()
    choice = resolve(corpus, preset, model, training, device)
    return Trainer(corpus, choice.model, choice.training, device=device, spent=clock()), choice


def resolve(corpus: Corpus, preset: str, model: ModelConfig, training: TrainConfig, device: str) -> Choice:
    """`presets.resolve` for this text on this machine, whose speed a time budget is measured against for a second.

    Raises:
        UsageError, CorpusError: As Trainer does.
    """
    split = corpus.split(training.val_frac, training.val_max, training.val_at)
    where = choose_device(device)

    def speed(model: ModelConfig, training: TrainConfig) -> float:
        trial = Trainer(corpus, model, training, device=str(where))
        return training.batch_size * training.effective_shift / seconds_per_iteration(trial, _TRIAL_SECONDS)

    text = TextSize(
        training=split.training_size,
        held_out=split.held_out_size,
        vocabulary=len(corpus.vocabulary),
        rotatable=not (corpus.apart or training.stateless),
    )
    return presets.resolve(preset, model, training, text, Machine(where.type != "cpu", speed))
