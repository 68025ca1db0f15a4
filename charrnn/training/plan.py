"""What `charrnn train` would do here, worked out from a trial of some seconds: as data."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from charrnn.config import LENGTHS, ModelConfig, ReadConfig, SourceConfig, StartConfig, TrainConfig, settings_of
from charrnn.errors import UsageError
from charrnn.shell import as_typed, typed_path
from charrnn.text.corpus import Corpus
from charrnn.training.autotune import seconds_per_iteration, watching_cost
from charrnn.training.beginning import Beginning
from charrnn.training.devices import has_bfloat16, peak_device_memory, peak_memory
from charrnn.training.presets import NEVER_SHOWN, Candidate, options
from charrnn.training.reasons import Circumstances, Reason, reasons
from charrnn.training.time_budget import iterations_within, watching_seconds
from charrnn.training.trainer import Trainer

_TRIAL_SECONDS = 1.5  # of real iterations behind the speed, at least
_MOST_LISTED = 1_000_000  # snapshots
_NUMBER = 4  # bytes of a number in a snapshot
_CONFIGS = (SourceConfig, ReadConfig, StartConfig, TrainConfig)  # whose settings are typed


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFacts:
    """The text, as far as it decides."""

    name: str
    unit: str  # "character" or "byte"
    length: int  # in these, as the others
    trained_on: int
    held_out: int
    distinct: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineFacts:
    """The machine, as far as it decides, and what was measured of it with the network that will be trained."""

    device: str
    threads: int | None  # of a CPU
    precision: str
    bfloat16: bool  # whether it has that in hardware
    characters_per_second: float  # trained on
    seconds_per_iteration: float
    seconds_per_evaluation: float  # of all held-out text
    seconds_per_snapshot: float  # beside the evaluation
    seconds_of_counting: float  # the training text's n-grams, once; 0 where no counts are kept
    memory: int | None  # bytes that the trial took at most, torch and the text included; None: it cannot be told
    device_memory: int | None  # bytes of a GPU's own


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A training before it begins. What depends on the speed holds about, and while the machine is as it is now."""

    text: TextFacts
    machine: MachineFacts
    preset: str
    candidates: tuple[Candidate, ...]  # among which it was chosen
    reasons: tuple[Reason, ...]  # of the settings that a preset may choose
    model: ModelConfig
    training: TrainConfig  # with the iterations that will be made
    parameters: int
    epochs: float
    seconds: float  # in all
    watching_seconds: float  # of these, for held-out losses and snapshots
    snapshots: tuple[int, ...]  # the iterations
    snapshot_size: int  # bytes, of weights and counts
    command: str  # the same training with every setting named

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def plan(beginning: Beginning, corpus: Corpus, device: str, texts: Sequence[str], given: Mapping[str, Any]) -> Plan:
    """Plan a training of a text, on this machine.

    Args:
        beginning: What it is to be.
        corpus: The text, read as `beginning.reading` says.
        device: One of auto, cpu, cuda and mps.
        texts: What was typed for the text.
        given: The settings that were typed, by name.

    Returns:
        The plan. Nothing is kept of the trial, nor written.

    Raises:
        UsageError, CorpusError, VocabularyError: As the training would.
        DivergedError: The trial did.
    """
    trainer, choice, _ = beginning.begin(corpus, device)
    model, machine = trainer.model.config, _measured(trainer)
    each = (machine.seconds_per_evaluation, machine.seconds_per_snapshot)
    before = machine.seconds_of_counting + sum(each) * trainer.config.snapshot_due(0)
    iterations = trainer.horizon.iterations
    if iterations is None:
        left = (trainer.config.time or 0.0) - before
        iterations = iterations_within(left, trainer.config, 0, machine.seconds_per_iteration, each)
    training = replace(trainer.config, iterations=iterations)
    if training.snapshot_every and iterations // training.snapshot_every > _MOST_LISTED:
        raise UsageError(
            f"--snapshot-every {training.snapshot_every}: more snapshots than can be listed.",
            f"Give {iterations // _MOST_LISTED + 1} or more.",
        )
    watching = before + watching_seconds(training, 0, iterations, each)
    epochs = iterations / trainer.streams.per_epoch
    at = Circumstances(
        given=set(given),
        named=beginning.start.preset,
        from_checkpoint=beginning.start.init_from is not None,
        accelerated=trainer.device.type != "cpu",
        bfloat16=machine.bfloat16,
        epoch=trainer.streams.per_epoch,
    )
    return Plan(
        text=TextFacts(
            name=corpus.name,
            unit=trainer.vocabulary.unit.one,
            length=corpus.characters,
            trained_on=trainer.split.training_size,
            held_out=trainer.held_out,
            distinct=len(corpus.alphabet),
        ),
        machine=machine,
        preset=choice.preset,
        candidates=choice.candidates,
        reasons=reasons(model, training, choice, at),
        model=model,
        training=training,
        parameters=trainer.parameters,
        epochs=epochs,
        seconds=iterations * machine.seconds_per_iteration + watching,
        watching_seconds=watching,
        snapshots=training.snapshot_iterations(),
        snapshot_size=_NUMBER * trainer.parameters + _size_of_counts(trainer),
        command=_command(texts, given, beginning.start, model, training),
    )


def _measured(trainer: Trainer) -> MachineFacts:
    """What a trial tells of the machine."""
    seconds = seconds_per_iteration(trainer, _TRIAL_SECONDS)
    cost = watching_cost(trainer)
    began = time.perf_counter()
    _size_of_counts(trainer)  # which counts
    counted = time.perf_counter()
    on_cpu = trainer.device.type == "cpu"
    return MachineFacts(
        device=trainer.device.type,
        threads=torch.get_num_threads() if on_cpu else None,
        precision=trainer.config.precision,
        bfloat16=has_bfloat16(trainer.device),
        characters_per_second=trainer.characters / trainer.iteration / seconds,
        seconds_per_iteration=seconds,
        seconds_per_evaluation=cost.evaluation,
        seconds_per_snapshot=cost.snapshot,
        seconds_of_counting=counted - began if trainer.has_counts else 0.0,
        memory=peak_memory(),
        device_memory=peak_device_memory(trainer.device),
    )


def _size_of_counts(trainer: Trainer) -> int:
    """Bytes of the n-grams that are kept beside the network; they are counted when first asked for."""
    counts = trainer.evaluator.counts
    return counts.model.bytes if counts else 0


def _command(
    texts: Sequence[str], given: Mapping[str, Any], start: StartConfig, model: ModelConfig, training: TrainConfig
) -> str:
    """The training as it is typed with every setting named that a preset may choose, or that is not as usual."""
    named = [text if text == "-" else typed_path(Path(text)) for text in texts]
    length: dict[str, Any] = {"iterations": training.iterations}
    if training.time is not None:
        length = {"time": f"{training.time:g}s"}
    elif start.max_epochs is not None:
        length = {"max_epochs": start.max_epochs}
    said = {field.name for config in (model, training) for field in fields(config)} - NEVER_SHOWN
    said |= {*LENGTHS, "preset"}
    settings = {setting.name: setting for config in _CONFIGS for setting in settings_of(config)}
    others = {
        name: settings[name].typed(value) if name in settings else value
        for name, value in given.items()
        if name not in said and value is not None
    }
    return " ".join(filter(None, ["charrnn train", *named, as_typed(length | others), options(model, training)]))
