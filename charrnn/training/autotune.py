"""How fast this machine trains, and what it should train with so much time."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import DivergedError
from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan
from charrnn.training import presets
from charrnn.training.devices import choose_device
from charrnn.training.presets import Choice, Machine, Speed, TextSize
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.time_budget import WorkClock
from charrnn.training.trainer import Trainer
from charrnn.training.validation import characters_read
from charrnn.training.watching import Cost

_WARMUP_ITERATIONS = 3  # that set memory and threads up
_FEWEST_ITERATIONS = 5  # behind a speed
_TRIAL_SECONDS = 0.7  # of real iterations by which a preset is chosen for a time budget
_TRIAL_CHARACTERS = 16_384  # held out, by which the time of an evaluation is told, at most
_TRIAL_SAMPLE = 100  # characters of a sample, by which the time of a whole one is told, at most
WRITING_SECONDS = 5e-8  # for each parameter, that a snapshot and the resume file take to be written, about


def seconds_per_iteration(trainer: Trainer, least: float) -> float:
    """The mean over at least `least` seconds of iterations that `trainer` then makes."""
    for _ in range(_WARMUP_ITERATIONS):
        trainer.step()
    clock, at = WorkClock(), trainer.iteration
    while (passed := trainer.ranks.from_first(clock)) < least or trainer.iteration - at < _FEWEST_ITERATIONS:
        for _ in trainer.steps(trainer.read_every):
            pass
    return passed / (trainer.iteration - at)


def watching_cost(trainer: Trainer) -> Cost:
    """What an evaluation and a snapshot take, by a part of each; the training stays as it is."""
    writing = WRITING_SECONDS * trainer.parameters
    return Cost(evaluation=evaluation_seconds(trainer), snapshot=sample_seconds(trainer) + writing)


def evaluation_seconds(trainer: Trainer) -> float:
    """What reading the held-out text takes, by a part of it; 0 where there is none."""
    held_out, evaluation = trainer.read.split.held_out, 0.0
    for characters in (_TRIAL_CHARACTERS // 8, _TRIAL_CHARACTERS) if trainer.held_out else ():  # once to warm up
        clock, some = WorkClock(), _first(held_out, characters)
        trainer.evaluator.nats(some, warmup=0)
        evaluation = clock() * characters_read(held_out) / characters_read(some, warmup=0) / trainer.ranks.size
    return evaluation


def sample_seconds(trainer: Trainer) -> float:
    """What writing a snapshot's sample takes, by a part of it."""
    clock, length = WorkClock(), trainer.config.sample_length
    with contextlib.suppress(DivergedError):
        weights = trainer.evaluated_model.weights()
        trainer.evaluator.sample_writer.text(weights, min(length, _TRIAL_SAMPLE))
    return clock() * max(1.0, length / _TRIAL_SAMPLE)


def _first(spans: Sequence[HeldOutSpan], most: int) -> list[HeldOutSpan]:
    """The beginning of held-out text: so many characters at most."""
    first = []
    for span in spans:
        if most <= 0:
            break
        first.append(span._replace(stop=min(span.stop, span.start + most)))
        most -= span.stop - span.start
    return first


def begin(
    corpus: Corpus,
    preset: str,
    model: ModelConfig,
    training: TrainConfig,
    device: str,
    machine: Machine | None = None,
    ranks: Ranks = ALONE,
    fixed: Collection[str] = (),
) -> tuple[Trainer, Choice]:
    """A trainer with the settings that `resolve` chooses; the time that took is part of a time budget.

    Raises:
        UsageError, CorpusError: As Trainer does.
    """
    clock = WorkClock()
    choice = resolve(corpus, preset, model, training, device, machine, ranks, fixed)
    return Trainer(corpus, choice.model, choice.training, device=device, spent=clock(), ranks=ranks), choice


def resolve(
    corpus: Corpus,
    preset: str,
    model: ModelConfig,
    training: TrainConfig,
    device: str,
    machine: Machine | None = None,
    ranks: Ranks = ALONE,
    fixed: Collection[str] = (),
) -> Choice:
    """`presets.resolve` for this text on a machine: by default this one, whose speed with a time budget is measured.

    Raises:
        UsageError, CorpusError: As Trainer does.
    """
    split = corpus.split(training.val_frac, training.val_max, training.val_at)
    text = TextSize(
        training=split.training_size,
        held_out=split.held_out_size,
        vocabulary=len(corpus.vocabulary),
        rotatable=not (corpus.apart or training.stateless),
    )
    machine = machine or machine_here(corpus, device, ranks)
    return presets.resolve(preset, model, training, text, machine, fixed)


def machine_here(corpus: Corpus, device: str, ranks: Ranks = ALONE, processes: int | None = None) -> Machine:
    """What the rules ask of this machine.

    Args:
        corpus: A network is trained on it for a moment where its speed is asked for.
        device: One of auto, cpu, cuda and mps.
        ranks: The processes that train together now.
        processes: Among which streams are to be divided; None: among those ranks.
    """
    where = choose_device(device)

    def speed(model: ModelConfig, training: TrainConfig) -> Speed:
        trial = Trainer(corpus, model, training, device=str(where), ranks=ranks)
        seconds = seconds_per_iteration(trial, _TRIAL_SECONDS)
        characters = training.batch_size * training.effective_shift / seconds
        return ranks.from_first(lambda: Speed(characters, watching_cost(trial)))

    return Machine(where.type != "cpu", speed, processes or ranks.size)
