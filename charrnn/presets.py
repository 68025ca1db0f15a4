"""What to train when only a text and a budget are named: four sizes of network, and the rule that picks one.

Every figure here was measured: bench/presets.md has the tables and says how they were read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from charrnn.config import DEMO_ITERATIONS, ModelConfig, TrainConfig, pick
from charrnn.errors import UsageError
from charrnn.units import as_typed

PresetName = Literal["auto", "quick", "small", "medium", "large"]

# What each stands for beside the defaults of ModelConfig and TrainConfig, from the smallest to the largest.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"rnn_size": 192, "learning_rate": 0.016},
    "small": {"rnn_size": 256, "learning_rate": 0.016},
    "medium": {"rnn_size": 384, "learning_rate": 0.012},
    "large": {"rnn_size": 512, "learning_rate": 0.008},
}
_USUAL, _ACCELERATED = "small", "large"  # for a number of iterations
_ENOUGH = {"quick": 0.0, "small": 3.0, "medium": 3.0, "large": 3.0}  # characters read for a parameter: then a size pays
_DROPOUT = ((3.0, 0.0), (8.0, 0.05), (16.0, 0.1), (32.0, 0.2), (math.inf, 0.3))  # up to so many epochs, this share
_WATCHING = 0.05  # of a time budget, at most, goes into held-out losses on the way
_EVALUATION = 2.5  # characters measured in the time that one is trained on, about

_NOT_TOLD = {
    *("iterations", "time", "seed", "val_frac", "val_max", "freeze"),
    *("sample_length", "sample_temperature", "sample_prime"),
}
_ALWAYS = {"dropout", "snapshot_at", "eval_every"}  # chosen by budget


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A preset, and what it stands for on this text, with this budget, on this machine."""

    preset: str
    settings: dict[str, Any]  # fields of ModelConfig and TrainConfig
    epochs: float  # times that the text will be read, about


def options(model: ModelConfig, config: TrainConfig) -> str:
    """The full set of options that a training's settings stand for, as they can be typed; its length, what is held out
    and its samples are not among them, nor what is off and would be without a word."""
    told: dict[str, Any] = {}
    for settings, without in ((model, set[str]()), (config, _NOT_TOLD)):
        for field in fields(settings):
            value = getattr(settings, field.name)
            if field.name not in without and (value or value != field.default or field.name in _ALWAYS):
                told[field.name] = value
    idle = {
        "nonlinearity": model.model != "rnn",
        "state_reset": config.stateless,
        "momentum": config.optimizer == "adamw",
        "beta1": config.optimizer != "adamw",
        "beta2": config.optimizer == "sgd",
        "final_rate": config.decay == "constant",
        "plateau_patience": config.decay != "plateau",
        "plateau_factor": config.decay != "plateau",
        "grad_clip_mode": not config.grad_clip,
    }
    return as_typed({name: value for name, value in told.items() if not idle.get(name)})


def choose(
    name: str,
    settings: Mapping[str, Any],
    given: Set[str],
    *,
    training_text: int,
    held_out: int,
    vocabulary_size: int,
    accelerated: bool,
    pace: Callable[[ModelConfig, TrainConfig], float],
) -> Choice:
    """Settle what `settings`, fields of ModelConfig and TrainConfig, leave open; what is `given` stands.

    The budget is `time` in seconds, else `iterations`. A time budget asks `pace` for the characters a second that this
    machine trains on, once. `training_text` and `held_out` are characters. Raises UsageError for an unknown name.
    """
    if name not in get_args(PresetName):
        raise UsageError(f"--preset {name}: choose one of {', '.join(get_args(PresetName))}.")

    def filled(preset: str) -> dict[str, Any]:
        values = {**settings, **{key: value for key, value in PRESETS[preset].items() if key not in given}}
        if "learning_rate" not in given:  # that of the width there will be
            widths = [one for one in PRESETS.values() if one["rnn_size"] >= values["rnn_size"]]
            values["learning_rate"] = (widths or [PRESETS["large"]])[0]["learning_rate"]
        return values

    def parameters(values: Mapping[str, Any]) -> int:
        return sum(math.prod(shape) for shape in pick(ModelConfig, values).shapes(vocabulary_size).values())

    config = pick(TrainConfig, filled(_USUAL))
    if config.time is None:
        preset = (_ACCELERATED if accelerated else _USUAL) if name == "auto" else name
        read = config.iterations * config.batch_size * config.effective_shift
    else:  # a character costs as much as there are parameters, nearly
        work = config.time * parameters(filled(_USUAL)) * pace(pick(ModelConfig, filled(_USUAL)), config)
        size = {one: parameters(filled(one)) for one in PRESETS}
        enough = [one for one, least in _ENOUGH.items() if work / size[one] >= least * size[one]]
        preset = enough[-1] if name == "auto" else name
        read = round(work / size[preset])
    found, epochs = filled(preset), read / max(1, training_text)
    if "dropout" not in given:
        found["dropout"] = next(share for most, share in _DROPOUT if epochs <= most)
    if config.time is not None and held_out and not config.steered:
        iterations = read / (config.batch_size * config.effective_shift)
        watched = _watched(iterations, max(1, int(_WATCHING * read * _EVALUATION / held_out)))
        found |= {key: value for key, value in watched.items() if key not in given}
    return Choice(preset=preset, settings=found, epochs=epochs)


def _watched(iterations: float, affordable: int) -> dict[str, Any]:
    """Snapshots and evaluations of a training, so many at most; its end is always one."""
    before = affordable - 1
    snapshots = DEMO_ITERATIONS[:: -(-len(DEMO_ITERATIONS) // before)] if before else ()
    others, every = before - len(snapshots), TrainConfig().eval_every
    return {
        "snapshot_at": snapshots,
        "eval_every": max(every, math.ceil(iterations / others / every) * every) if others else 0,
    }
