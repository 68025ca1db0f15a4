"""What to train when only a text and a budget are named: four sizes of network, and the rule that picks one.

Every figure here was measured on a CPU: bench/settings.md has the tables and says how they were read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from charrnn.config import DEMO_ITERATIONS, ModelConfig, TrainConfig, pick
from charrnn.errors import UsageError
from charrnn.formatting import as_typed

PresetName = Literal["auto", "quick", "small", "medium", "large"]

# What each stands for beside the defaults of ModelConfig and TrainConfig, from the smallest to the largest.
PRESETS: dict[str, dict[str, Any]] = {
    "quick": {"rnn_size": 192, "learning_rate": 0.014},
    "small": {"rnn_size": 256, "learning_rate": 0.014},
    "medium": {"rnn_size": 384, "learning_rate": 0.0113},
    "large": {"rnn_size": 512, "learning_rate": 0.0085},
}
_RATED = 32  # streams that these rates are for; for others they go by the square root
_TIMED = 64  # streams with a time budget: they learn more in it, though less in so many iterations
_USUAL, _ACCELERATED = "small", "large"  # for a number of iterations; and whose speed tells that of the others
_ENOUGH = 3.0  # characters read for each parameter, from which a size above the first pays
_TOO_MANY = 2.0  # parameters for each character of the text, above which a size only learns it by heart
# Up to so many epochs: what keeps a text that is read so often from being learnt by heart.
_REGULARISED: tuple[tuple[float, dict[str, Any]], ...] = (
    (3.0, {"dropout": 0.0, "input_dropout": 0.0, "recurrent_dropout": 0.0, "rotate": False}),
    (8.0, {"dropout": 0.0, "input_dropout": 0.05, "recurrent_dropout": 0.1, "rotate": True}),
    (30.0, {"dropout": 0.05, "input_dropout": 0.1, "recurrent_dropout": 0.1, "rotate": True}),
    (math.inf, {"dropout": 0.1, "input_dropout": 0.15, "recurrent_dropout": 0.2, "rotate": True}),
)
_DECAY = (0.1, 0.5)  # of weights: such that they remember one epoch, but within these bounds
_WINDOWS = 4  # that every stream of a short text should have, at least
_WATCHING = 0.05  # of a time budget, at most, goes into held-out losses on the way
_EVALUATION = 2.5  # characters measured in the time that one is trained on, about

_NOT_TOLD = {
    *("iterations", "time", "seed", "val_frac", "val_max", "freeze"),
    *("sample_length", "sample_temperature", "sample_prime"),
}
_ALWAYS = {"snapshot_at", "eval_every", "rotate", *_REGULARISED[0][1]}  # chosen by budget


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
    training_text = max(1, training_text)  # what is too short is refused where it is cut into streams
    found = dict(settings)

    def take(values: Mapping[str, Any]) -> None:
        found.update({key: value for key, value in values.items() if key not in given})

    streams = _TIMED if found["time"] is not None else found["batch_size"]
    take({"batch_size": max(1, min(streams, training_text // (_WINDOWS * found["seq_length"])))})
    usual = _ACCELERATED if accelerated else _USUAL
    config = pick(TrainConfig, found)
    networks = {one: pick(ModelConfig, found | _of_size(one, found, given)) for one in PRESETS}
    sizes = {one: network.parameters(vocabulary_size) for one, network in networks.items()}
    window, most = config.batch_size * config.effective_shift, _TOO_MANY * training_text
    if config.time is None:
        read = dict.fromkeys(PRESETS, config.iterations * window)
        most = min(most, sizes[usual])
    else:  # a character costs as much as there are parameters, nearly
        work = config.time * pace(networks[usual], config) * sizes[usual]
        read = {one: round(work / size) for one, size in sizes.items()}
        most = min(most, math.sqrt(work / _ENOUGH))
    if name == "auto":
        fitting = [usual] if "rnn_size" in given else [one for one in PRESETS if sizes[one] <= most]
        name = fitting[-1] if fitting else next(iter(PRESETS))
    epochs = read[name] / training_text

    take(_of_size(name, found, given))
    take(next(values for up_to, values in _REGULARISED if epochs <= up_to))
    epoch = training_text / window  # in iterations; a weight should be remembered as long (Wang and Aitchison, 2024)
    take({"weight_decay": round(min(max(1 / (found["learning_rate"] * epoch), _DECAY[0]), _DECAY[1]), 2)})
    if config.time is not None and held_out and not config.steered:
        take(_watched(read[name] / window, max(1, int(_WATCHING * read[name] * _EVALUATION / held_out))))
    return Choice(preset=name, settings=found, epochs=epochs)


def _of_size(name: str, settings: Mapping[str, Any], given: Set[str]) -> dict[str, Any]:
    """The width a preset stands for, unless one is given, and the learning rate of that width and so many streams."""
    width = settings["rnn_size"] if "rnn_size" in given else PRESETS[name]["rnn_size"]
    rates = [one["learning_rate"] for one in PRESETS.values() if one["rnn_size"] >= width]
    rate = (rates[0] if rates else PRESETS["large"]["learning_rate"]) * math.sqrt(settings["batch_size"] / _RATED)
    return {"rnn_size": width, "learning_rate": float(f"{rate:.2g}")}


def _watched(iterations: float, affordable: int) -> dict[str, Any]:
    """Snapshots and evaluations of a training, so many at most; its end is always one."""
    before = affordable - 1
    snapshots = DEMO_ITERATIONS[:: -(-len(DEMO_ITERATIONS) // before)] if before else ()
    others, every = before - len(snapshots), TrainConfig().eval_every
    return {
        "snapshot_at": snapshots,
        "eval_every": max(every, math.ceil(iterations / others / every) * every) if others else 0,
    }
