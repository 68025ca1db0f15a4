"""What `charrnn train` would do here, worked out from a trial of some seconds, or on many devices: as data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import (
    CHECKPOINT_DIR,
    LENGTHS,
    ClusterConfig,
    ModelConfig,
    ReadConfig,
    SourceConfig,
    StartConfig,
    TrainConfig,
    settings_of,
)
from charrnn.errors import UsageError
from charrnn.shell import as_typed, typed_path
from charrnn.text.corpus import Corpus
from charrnn.text.repeated import of_length
from charrnn.training import cost_model, limits
from charrnn.training.beginning import Beginning
from charrnn.training.cost_model import Devices, DiskUse, IterationCost
from charrnn.training.devices import choose_device, peak_memory
from charrnn.training.estimate import Estimate
from charrnn.training.limits import Limit
from charrnn.training.plan_trial import MachineFacts, measured
from charrnn.training.presets import NEVER_SHOWN, Candidate, options
from charrnn.training.rank_place import Place
from charrnn.training.reasons import Circumstances, Reason, reasons
from charrnn.training.time_budget import iterations_within, watching_seconds
from charrnn.training.trainer import Trainer
from charrnn.training.watching import Cost

_MOST_LISTED = 1_000_000  # snapshots
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
class Start:
    """Seconds that pass before a training has its text and its libraries."""

    reading: float
    importing: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A training before it begins. What depends on the speed holds about, and while the machine is as it is now."""

    text: TextFacts
    machine: MachineFacts
    devices: Devices
    measured: bool  # whether it is this machine's speed that decides
    rows: int  # streams of each device
    preset: str
    candidates: tuple[Candidate, ...]  # among which it was chosen
    reasons: tuple[Reason, ...]  # of the settings that a preset may choose
    model: ModelConfig
    training: TrainConfig  # with the iterations that will be made
    parameters: int
    epochs: float
    iteration: IterationCost
    start_seconds: float  # before it begins
    seconds: float  # from then on, in all
    watching_seconds: float  # of these, for held-out losses and snapshots
    snapshots: tuple[int, ...]  # the iterations
    snapshot_size: int  # bytes, of weights and counts
    memory: int | None  # bytes of a device at most; of one that is not here, by formulas
    disk: DiskUse
    limits: tuple[Limit, ...]  # the worst first
    assumptions: tuple[str, ...]  # what was not measured
    command: str  # the same training with every setting named

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


def plan(
    beginning: Beginning,
    corpus: Corpus,
    device: str,
    texts: Sequence[str],
    given: Mapping[str, Any],
    cluster: ClusterConfig | None = None,
    start: Start | None = None,
) -> Plan:
    """Plan a training of a text, on this machine or on a cluster.

    Args:
        beginning: What it is to be.
        corpus: The text, read as `beginning.reading` says.
        device: One of auto, cpu, cuda and mps.
        texts: What was typed for the text.
        given: The settings that were typed, by name.
        cluster: The devices, and how much text there is; None: this machine, and that text.
        start: What came before; None: nothing did.

    Returns:
        The plan. Nothing is kept of the trial, nor written.

    Raises:
        UsageError, CorpusError, VocabularyError: As the training would.
        DivergedError: The trial did.
    """
    cluster, start = cluster or ClusterConfig(), start or Start(reading=0.0, importing=0.0)
    reading = start.reading
    if cluster.characters is not None:
        reading = cost_model.reading_seconds(reading, len(corpus), cluster.characters)
        corpus = of_length(corpus, cluster.characters)
    before = peak_memory()
    estimate = Estimate.of(cluster, on_cpu=choose_device(device).type == "cpu")
    trainer, choice, _ = _begun_here(beginning, estimate).begin(corpus, device, estimate.machine(corpus, device))
    Place(size=estimate.devices.count).rows(trainer.config.batch_size)  # or it is refused
    machine = measured(estimate.trial(trainer), before, sharing=estimate.sharing, trains=estimate.measured)
    iteration, cost = estimate.iteration(trainer, machine), estimate.watching(trainer, machine)
    training, begun = _training(trainer, machine, iteration, cost)
    if not estimate.measured:
        training = replace(training, precision=beginning.training.precision)
    evaluations, snapshots = _watching(training, cost)
    epochs = training.iterations / trainer.streams.per_epoch
    start_seconds = start.importing + reading
    model, disk = trainer.model.config, _disk(trainer, training)
    at = Circumstances(
        given=set(given),
        named=beginning.start.preset,
        from_checkpoint=beginning.start.init_from is not None,
        accelerated=estimate.devices.card is not None,
        bfloat16=machine.bfloat16,
        epoch=trainer.streams.per_epoch,
    )
    circumstances = _circumstances(estimate, trainer, machine, iteration, training)
    circumstances = replace(
        circumstances,
        evaluation_seconds=evaluations,
        snapshot_seconds=snapshots,
        start_seconds=start_seconds + begun,
        disk=disk.total,
        disk_free=_free(Path(given.get("checkpoint_dir", CHECKPOINT_DIR))) if estimate.measured else None,
    )
    return Plan(
        text=_facts(corpus, trainer),
        machine=machine,
        devices=estimate.devices,
        measured=estimate.measured,
        rows=circumstances.rows,
        preset=choice.preset,
        candidates=choice.candidates,
        reasons=reasons(model, training, choice, at),
        model=model,
        training=training,
        parameters=trainer.parameters,
        epochs=epochs,
        iteration=iteration,
        start_seconds=start_seconds,
        seconds=begun + training.iterations * iteration.seconds + evaluations + snapshots,
        watching_seconds=begun + evaluations + snapshots,
        snapshots=training.snapshot_iterations(),
        snapshot_size=4 * trainer.parameters + _size_of_counts(trainer),
        memory=circumstances.memory,
        disk=disk,
        limits=limits.limits(circumstances),
        assumptions=tuple(estimate.assumptions(trainer)),
        command=_command(texts, given, beginning.start, model, training, estimate.devices),
    )


def _begun_here(beginning: Beginning, estimate: Estimate) -> Beginning:
    """A training that is begun on this machine for its sizes: of a GPU that is not here, in one of its two bytes."""
    if estimate.measured or beginning.training.precision != "auto":
        return beginning
    return replace(beginning, training=replace(beginning.training, precision="bfloat16"))


def _training(
    trainer: Trainer, machine: MachineFacts, iteration: IterationCost, cost: Cost
) -> tuple[TrainConfig, float]:
    """The training with the iterations that it will make, and what passes before the first.

    Raises:
        UsageError: It keeps more snapshots than can be listed.
    """
    config, each = trainer.config, (cost.evaluation, cost.snapshot)
    begun = machine.seconds_of_counting + machine.seconds_of_words + sum(each) * config.snapshot_due(0)
    iterations = trainer.horizon.iterations
    if iterations is None:
        iterations = iterations_within((config.time or 0.0) - begun, config, 0, iteration.seconds, each)
    if config.snapshot_every and iterations // config.snapshot_every > _MOST_LISTED:
        raise UsageError(
            f"--snapshot-every {config.snapshot_every}: more snapshots than can be listed.",
            f"Give {iterations // _MOST_LISTED + 1} or more.",
        )
    return replace(config, iterations=iterations), begun


def _circumstances(
    estimate: Estimate, trainer: Trainer, machine: MachineFacts, iteration: IterationCost, training: TrainConfig
) -> limits.Circumstances:
    """What decides what breaks first, as far as an iteration tells."""
    devices = estimate.devices
    return limits.Circumstances(
        devices=devices,
        rows=devices.rows(training.batch_size),
        threads=1 if devices.card else max(1, (machine.threads or 1) // estimate.sharing),
        iteration=iteration,
        waiting=estimate.waiting(trainer),
        gradients=4 * trainer.parameters,
        iterations=training.iterations,
        epoch=trainer.streams.per_epoch,
        memory=estimate.memory(trainer, machine),
        memory_there=estimate.memory_there(machine),
    )


def _watching(training: TrainConfig, cost: Cost) -> tuple[float, float]:
    """Seconds of all evaluations, and of all snapshots, after the first iteration."""
    total = training.iterations
    return (
        watching_seconds(training, 0, total, (cost.evaluation, 0.0)),
        watching_seconds(training, 0, total, (0.0, cost.snapshot)),
    )


def _facts(corpus: Corpus, trainer: Trainer) -> TextFacts:
    """What the plan says of the text."""
    return TextFacts(
        name=corpus.name,
        unit=trainer.vocabulary.unit.one,
        length=corpus.characters,
        trained_on=trainer.split.training_size,
        held_out=trainer.held_out,
        distinct=len(corpus.alphabet),
    )


def _disk(trainer: Trainer, training: TrainConfig) -> DiskUse:
    """What the training leaves on the disk."""
    ids, model, characters = trainer.corpus.ids, trainer.model.config, len(trainer.vocabulary)
    evaluations = round(watching_seconds(training, 0, training.iterations, (1.0, 0.0)))
    each = cost_model.snapshot_bytes(model, characters, _size_of_counts(trainer))
    lines = cost_model.logged_lines(training.iterations)
    return DiskUse(
        snapshots=cost_model.kept_snapshots(training) * each,
        resume=cost_model.resume_bytes(model, training, characters),
        log=cost_model.log_bytes(training, evaluations, lines),
        cache=0 if isinstance(ids, np.ndarray) else len(ids) * ids.dtype.itemsize,
    )


def _free(folder: Path) -> int | None:
    """Bytes that are free where runs are kept; None where nothing tells."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), None)
    try:
        return shutil.disk_usage(there or Path()).free
    except OSError:
        return None


def _size_of_counts(trainer: Trainer) -> int:
    """Bytes of the n-grams that are kept beside the network."""
    counts = trainer.evaluator.counts
    return counts.model.bytes if counts else 0


def _command(
    texts: Sequence[str],
    given: Mapping[str, Any],
    start: StartConfig,
    model: ModelConfig,
    training: TrainConfig,
    devices: Devices | None = None,
) -> str:
    """The training as it is typed with every setting named that a preset may choose, or that is not as usual."""
    named = [text if text == "-" else typed_path(Path(text)) for text in texts]
    length: dict[str, Any] = {"iterations": training.iterations}
    if training.time is not None:
        length = {"time": f"{training.time:g}s"}
    elif start.max_epochs is not None:
        length = {"max_epochs": start.max_epochs}
    said = {field.name for config in (model, training) for field in fields(config)} - NEVER_SHOWN
    said |= {*LENGTHS, "preset", *(field.name for field in fields(ClusterConfig))}
    settings = {setting.name: setting for config in _CONFIGS for setting in settings_of(config)}
    others = {
        name: settings[name].typed(value) if name in settings else value
        for name, value in given.items()
        if name not in said and value is not None
    }
    return " ".join(filter(None, [_launch(devices), *named, as_typed(length | others), options(model, training)]))


def _launch(devices: Devices | None) -> str:
    """The command that trains, by torchrun where there are several processes; it is given on every node."""
    if devices is None or devices.count == 1:
        return "charrnn train"
    several = f"--nnodes {devices.nodes} --rdzv-backend c10d --rdzv-endpoint HOST:29400 " if devices.nodes > 1 else ""
    return f"torchrun {several}--nproc-per-node {devices.per_node} -m charrnn train"
