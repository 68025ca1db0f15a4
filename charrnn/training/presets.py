"""What to train when only a text and a budget are named: six sizes of network, and the rules that choose.

Every figure of the four that a CPU trains was measured on one: bench/settings.md has the tables and says how they were
read. Nothing of the other two was, which are for GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from charrnn.config import AUTO, ModelConfig, PresetName, TrainConfig
from charrnn.config.option import ConfigType
from charrnn.config.training import OptimizerName
from charrnn.errors import UsageError
from charrnn.shell import as_typed
from charrnn.training.recipes import RECIPES
from charrnn.training.watching import Cost, watching_for

PRESETS: dict[str, int] = {"quick": 192, "small": 256, "medium": 384, "large": 512}  # units in each layer
# Those for GPUs, whose kernels want widths that are multiples of 128; there auto chooses among all.
GPU_PRESETS: dict[str, dict[str, Any]] = {
    "xlarge": {"num_layers": 2, "rnn_size": 1024, "embedding_size": 128},
    "xxlarge": {"num_layers": 3, "rnn_size": 2048, "embedding_size": 128},
}
WIDTHS = PRESETS | {name: size["rnn_size"] for name, size in GPU_PRESETS.items()}
# The peak learning rate up to so many units, for _RATE_STREAMS streams; for others it goes by the square root.
# Of more units it is not measured: with Adam it goes by the inverse of the width (Yang et al., 2022: muP).
_RATES = ((192, 0.014), (256, 0.014), (384, 0.0113), (512, 0.0085))
_RATE_STREAMS = 32
_MUON_UNITS = 256  # up to which Muon learns more in the same time, though an iteration takes longer
_TIMED_STREAMS = 64  # with a time budget: they learn more in it, though less in so many iterations
_USUAL, _ACCELERATED = "small", "large"  # for a number of iterations; and whose speed tells that of the others
ENOUGH_READING = 3.0  # characters read for each parameter, from which a size above the first pays
TOO_MANY_PARAMETERS = 2.0  # for each character of the text, above which a size only learns it by heart
_WINDOWS_PER_STREAM = 4  # that a short text should have, at least
_WEIGHT_DECAY = (0.1, 0.5)  # such that weights remember one epoch, but within these bounds


@dataclass(frozen=True, kw_only=True, slots=True)
class Regularisation:
    """What keeps a text that is read so often from being learnt by heart."""

    dropout: float
    input_dropout: float
    recurrent_dropout: float
    rotate: bool


_REGULARISATIONS = (  # up to so many epochs, and so many units
    (3.0, math.inf, Regularisation(dropout=0.0, input_dropout=0.0, recurrent_dropout=0.0, rotate=False)),
    (8.0, 256, Regularisation(dropout=0.0, input_dropout=0.05, recurrent_dropout=0.0, rotate=True)),
    (8.0, math.inf, Regularisation(dropout=0.0, input_dropout=0.05, recurrent_dropout=0.1, rotate=True)),
    (30.0, math.inf, Regularisation(dropout=0.05, input_dropout=0.1, recurrent_dropout=0.1, rotate=True)),
    (math.inf, math.inf, Regularisation(dropout=0.1, input_dropout=0.15, recurrent_dropout=0.2, rotate=True)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSize:
    """What the rules ask of a text."""

    training: int  # characters trained on
    held_out: int  # characters held out
    vocabulary: int  # its size
    rotatable: bool = True  # whether `rotate` would change anything: neither documents apart nor shuffled windows


@dataclass(frozen=True, slots=True)
class Speed:
    """That of a network on a machine."""

    trained: float  # characters a second trained on
    watching: Cost


@dataclass(frozen=True, slots=True)
class Machine:
    """What the rules ask of a machine."""

    accelerated: bool
    speed: Callable[[ModelConfig, TrainConfig], Speed]  # of a network; asked once, with --time
    ranks: int = 1  # processes that streams are divided among


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A preset that could be chosen, and how it stands to the rules."""

    preset: str
    width: int
    parameters: int
    characters_read: int  # with this budget, about
    # Which bounds it exceeds: those of the text and of the time, and "usual", the size for a number of iterations.
    too_large_for: tuple[Literal["text", "time", "usual"], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A preset, and the settings it stands for on this text, with this budget, on this machine."""

    preset: str
    model: ModelConfig
    training: TrainConfig
    epochs: float  # times that the text will be read, about
    candidates: tuple[Candidate, ...]  # by size; with a recipe, that alone


def resolve(
    preset: str,
    model: ModelConfig,
    training: TrainConfig,
    text: TextSize,
    machine: Machine,
    fixed: Collection[str] = (),
) -> Choice:
    """Choose every setting that is AUTO, by text, budget and machine; the others stand.

    Args:
        preset: A PresetName; the settings of a recipe are among the others already.
        model: The network's settings.
        training: The training's; its budget is `time` in seconds, else `iterations`.
        text: The text's size.
        machine: Asked for its speed with a time budget.
        fixed: Settings that were said, or are another network's, by name: no size has others.

    Returns:
        The preset that was chosen, and settings none of which is AUTO.

    Raises:
        UsageError: For an unknown preset.
    """
    if preset not in get_args(PresetName):
        raise UsageError(f"--preset {preset}: choose one of {', '.join(get_args(PresetName))}.")
    text = replace(text, training=max(1, text.training))  # what is too short is refused where it is cut into streams
    training = _chosen(training, batch_size=streams_for(training, text, machine.ranks))
    window = training.completed().batch_size * training.effective_shift
    networks = {name: _chosen(model, rnn_size=width) for name, width in PRESETS.items()}
    if machine.accelerated or preset in GPU_PRESETS:
        for name, size in GPU_PRESETS.items():
            others = {setting: size[setting] for setting in size.keys() - {"rnn_size", *fixed}}
            networks[name] = _chosen(replace(model, **others), rnn_size=size["rnn_size"])
    usual = _ACCELERATED if machine.accelerated else _USUAL
    if preset in RECIPES:  # whose network there is only one of
        networks, usual = {preset: model.completed()}, preset
    speed = machine.speed(networks[usual].completed(), training.completed()) if training.time is not None else None
    candidates = _candidates(networks, usual, training, text, speed)
    if preset == "auto":
        preset = largest_fitting(candidates).preset if model.rnn_size is AUTO else usual
    chosen, measured = (next(its for its in candidates if its.preset == name) for name in (preset, usual))
    epochs = chosen.characters_read / text.training
    model = networks[preset]
    training = _chosen(training, learning_rate=rate_for(model.rnn_size, training.batch_size))
    regularisation = regularisation_for(epochs, model.rnn_size)
    model = _chosen(
        model,
        dropout=regularisation.dropout,
        input_dropout=regularisation.input_dropout,
        recurrent_dropout=regularisation.recurrent_dropout,
    )
    training = _chosen(
        training,
        optimizer=optimizer_for(model.rnn_size),
        rotate=regularisation.rotate and text.rotatable,
        weight_decay=weight_decay_for(training.learning_rate, text.training / window),
    )
    if training.time is not None and speed is not None:
        cost = speed.watching.times(chosen.parameters / measured.parameters)
        snapshot_at, eval_every = watching_for(chosen.characters_read / window, training.time, cost)
        training = _chosen(training, snapshot_at=snapshot_at)
        if not training.follows_held_out_loss:
            training = _chosen(training, eval_every=eval_every)
    return Choice(
        preset=preset, model=model.completed(), training=training.completed(), epochs=epochs, candidates=candidates
    )


def _candidates(
    networks: Mapping[str, ModelConfig], usual: str, training: TrainConfig, text: TextSize, speed: Speed | None
) -> tuple[Candidate, ...]:
    """What speaks against each network, `speed` being that of the usual one, if there is a time budget."""
    sizes = {name: network.parameters(text.vocabulary) for name, network in networks.items()}
    bounds: dict[Literal["text", "time", "usual"], float] = {"text": TOO_MANY_PARAMETERS * text.training}
    if training.time is None or speed is None:
        window = training.completed().batch_size * training.effective_shift
        characters_read = dict.fromkeys(networks, training.iterations * window)
        bounds["usual"] = sizes[usual]
    else:  # a character costs as much as there are parameters, nearly
        work = training.time * speed.trained * sizes[usual]
        characters_read = {name: round(work / size) for name, size in sizes.items()}
        bounds["time"] = math.sqrt(work / ENOUGH_READING)
    return tuple(
        Candidate(
            preset=name,
            width=networks[name].completed().rnn_size,
            parameters=size,
            characters_read=characters_read[name],
            too_large_for=tuple(bound for bound, most in bounds.items() if size > most),
        )
        for name, size in sizes.items()
    )


def _chosen(config: ConfigType, **values: Any) -> ConfigType:
    """The config with these values for those of its settings that are AUTO."""
    automatic = {name: value for name, value in values.items() if getattr(config, name) is AUTO}
    return replace(config, **automatic)


def streams_for(training: TrainConfig, text: TextSize, ranks: int = 1) -> int:
    """How many streams are read in parallel: so many that each has some windows of a short text, and each rank some."""
    streams = _TIMED_STREAMS if training.time is not None else training.completed().batch_size
    most = min(streams, text.training // (_WINDOWS_PER_STREAM * training.seq_length))
    return max(ranks, most - most % ranks)


def largest_fitting(candidates: Sequence[Candidate]) -> Candidate:
    """The largest that nothing speaks against, or the smallest of all."""
    fitting = [candidate for candidate in candidates if not candidate.too_large_for]
    return fitting[-1] if fitting else candidates[0]


def rate_for(width: int, streams: int) -> float:
    """The peak learning rate of so many units and streams, to two figures."""
    widest, least = _RATES[-1]
    rate = next((rate for units, rate in _RATES if units >= width), least * widest / width)
    return float(f"{rate * math.sqrt(streams / _RATE_STREAMS):.2g}")


def optimizer_for(width: int) -> OptimizerName:
    """That which learns most in the same time with so many units: what Muon takes grows faster than the rest."""
    return "muon" if width <= _MUON_UNITS else "adamw"


def regularisation_for(epochs: float, width: int) -> Regularisation:
    """Dropouts and rotation of a text that is read so many times, by a network of so many units."""
    return next(chosen for up_to, units, chosen in _REGULARISATIONS if epochs <= up_to and width <= units)


def weight_decay_for(rate: float, epoch: float) -> float:
    """The weight decay by which weights remember one epoch of so many iterations (Wang and Aitchison, 2024)."""
    least, most = _WEIGHT_DECAY
    return round(min(max(1 / (rate * epoch), least), most), 2)


# What is always said of a plan, though it be off, because the budget chose it; and what is never.
_ALWAYS_SHOWN = {"snapshot_at", "eval_every", "rotate", "dropout", "input_dropout", "recurrent_dropout"}
NEVER_SHOWN = {
    *("iterations", "time", "seed", "val_frac", "val_max", "val_at", "val_text", "freeze"),
    *("sample_length", "sample_temperature", "sample_prime"),
}


def options(model: ModelConfig, training: TrainConfig) -> str:
    """The full set of options that a training's settings stand for, as they can be typed.

    Its length, what is held out and its samples are not among them, nor what is off and would be without a word.
    """
    shown: dict[str, Any] = {}
    for config in (model, training):
        for field in fields(config):
            value = getattr(config, field.name)
            worth_saying = value or value != field.default or field.name in _ALWAYS_SHOWN
            if field.name not in NEVER_SHOWN and worth_saying:
                shown[field.name] = value
    idle = {
        "nonlinearity": model.model != "rnn",
        "state_reset": training.stateless or model.bidirectional,
        "mask_share": not model.bidirectional,
        "momentum": training.optimizer == "adamw",
        "beta1": training.optimizer not in ("muon", "adamw"),
        "beta2": training.optimizer == "sgd",
        "final_rate": training.decay in ("constant", "step"),
        "decay_every": training.decay != "step",
        "decay_factor": training.decay != "step",
        "decay_after": training.decay != "step",
        "plateau_patience": training.decay != "plateau",
        "plateau_factor": training.decay != "plateau",
        "grad_clip_mode": not training.grad_clip,
        "ngrams": training.ngrams or model.bidirectional,
    }
    return as_typed({name: value for name, value in shown.items() if not idle.get(name)})
