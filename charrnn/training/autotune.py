"""How fast this machine trains, and what it should train with so much time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Set
from typing import Any

from charrnn.config import ModelConfig, TrainConfig, pick
from charrnn.text.corpus import Corpus
from charrnn.training import presets
from charrnn.training.devices import choose_device
from charrnn.training.presets import Choice
from charrnn.training.trainer import Trainer

_SETTLING = 3  # iterations that set memory and threads up
_FEWEST = 5  # iterations behind a pace, at least
_TRIAL = 0.7  # seconds of real iterations by which a preset is chosen for a time budget


def seconds_an_iteration(training: Trainer, least: float) -> float:
    """The mean over `least` seconds of iterations that `training` then makes."""
    for _ in range(_SETTLING):
        training.step()
    began, at = time.perf_counter(), training.iteration
    while (passed := time.perf_counter() - began) < least or training.iteration - at < _FEWEST:
        training.step()
    return passed / (training.iteration - at)


def begin(
    corpus: Corpus, preset: str, settings: Mapping[str, Any], given: Set[str], device: str
) -> tuple[Trainer, Choice]:
    """A training by what `settle` settles; the time that took is part of its budget."""
    began = time.perf_counter()
    choice = settle(corpus, preset, settings, given, device)
    network, learning = pick(ModelConfig, choice.settings), pick(TrainConfig, choice.settings)
    return Trainer(corpus, network, learning, device=device, spent=time.perf_counter() - began), choice


def settle(corpus: Corpus, preset: str, settings: Mapping[str, Any], given: Set[str], device: str) -> Choice:
    """The preset's settings for this text, budget and machine; of `settings`, what is `given` stands (presets.choose).

    A time budget is measured against, which takes a second. Raises UsageError, CorpusError as Training does.
    """
    where = choose_device(device)
    shuffled = corpus.config.documents or settings["stateless"]  # which rotating would not change
    split = corpus.split(settings["val_frac"], settings["val_max"])

    def pace(model_config: ModelConfig, config: TrainConfig) -> float:
        trial = Trainer(corpus, model_config, config, device=str(where))
        return config.batch_size * config.effective_shift / seconds_an_iteration(trial, _TRIAL)

    return presets.choose(
        preset,
        settings,
        given | {"rotate"} if shuffled else given,
        training_text=split.training_size,
        held_out=split.held_out_size,
        vocabulary_size=len(corpus.vocabulary),
        accelerated=where.type != "cpu",
        pace=pace,
    )
