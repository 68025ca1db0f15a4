"""Why a training has the settings it has, in words: which were given, and which rule of `presets` chose the others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from charrnn.config import ModelConfig, TrainConfig
from charrnn.training.presets import ENOUGH_READING, TOO_MANY_PARAMETERS, Candidate, Choice, largest_fitting
from charrnn.training.recipes import RECIPES

_OF_THE_NETWORK = ("rnn_size", "dropout", "input_dropout", "recurrent_dropout")
_OF_THE_TRAINING = ("rotate", "batch_size", "optimizer", "learning_rate", "weight_decay", "precision")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a setting is as it is."""

    setting: str
    value: Any
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What decides beside the rules."""

    given: Collection[str]  # settings that were said
    named: str  # the preset that was asked for; auto: none was
    from_checkpoint: bool  # whether the network is another's
    accelerated: bool
    bfloat16: bool  # whether the machine has it in hardware
    epoch: int  # iterations that read the text once


def reasons(model: ModelConfig, training: TrainConfig, choice: Choice, at: Circumstances) -> tuple[Reason, ...]:
    """Why each setting is as it is that a preset may choose.

    Args:
        model: The network's settings.
        training: The training's.
        choice: What was chosen, and among what.
        at: What decided beside the rules.
    """
    return tuple(
        Reason(setting=name, value=getattr(config, name), why=_why(name, training, choice, at))
        for config, names in ((model, _OF_THE_NETWORK), (training, _OF_THE_TRAINING))
        for name in names
    )


def _why(name: str, training: TrainConfig, choice: Choice, at: Circumstances) -> str:
    """The reason of a setting."""
    if name in at.given:
        return "as given"
    if at.from_checkpoint and name in _OF_THE_NETWORK:
        return "the checkpoint's"
    if name == "precision" and at.accelerated:
        return "the faster of float16 and bfloat16 on the GPU, which a trial tells as training begins there"
    if name == "precision":
        fast = "has bfloat16 in hardware" if at.bfloat16 else "has no bfloat16 in hardware"
        return f"the processor {fast}"
    if choice.preset in RECIPES:
        return f"the recipe of {choice.preset}"
    match name:
        case "rnn_size":
            return _why_of_the_width(training, choice, at)
        case "batch_size":
            return _why_of_the_streams(training)
        case "optimizer":
            return "by the width: what an iteration of Muon takes more grows with it"
        case "learning_rate":
            return "by the width, and by the square root of the streams"
        case "weight_decay":
            return f"such that weights remember an epoch, of {at.epoch:,} iterations, within bounds"
        case _:
            return f"the text is read {choice.epochs:,.{1 if choice.epochs < 10 else 0}f} times, about"


def _why_of_the_width(training: TrainConfig, choice: Choice, at: Circumstances) -> str:
    """Which rule chose the size of the network."""
    if at.named != "auto":
        return f"as given (--preset {at.named})"
    for_text = f"at most {TOO_MANY_PARAMETERS:g} parameters for each character of the text"
    in_time = f"{ENOUGH_READING:g} characters read for each parameter in the time"
    chosen = largest_fitting(choice.candidates)
    if chosen.too_large_for:
        least = " and ".join(_SHORTFALLS[bound] for bound in chosen.too_large_for if bound in _SHORTFALLS)
        return f"the smallest, though it has {least}"
    if training.time is not None:
        return f"the largest with at least {in_time}, and {for_text}"
    if _next_larger(choice.candidates, chosen) in (None, "usual"):
        return f"the usual one for a number of iterations on a {'GPU' if at.accelerated else 'CPU'}"
    return f"the largest with {for_text}"


_SHORTFALLS = {
    "text": f"more than {TOO_MANY_PARAMETERS:g} parameters for each character of the text",
    "time": f"fewer than {ENOUGH_READING:g} characters read for each parameter in the time",
}


def _next_larger(candidates: Collection[Candidate], chosen: Candidate) -> str | None:
    """What speaks first against the next larger size; None where there is none."""
    larger = [candidate.too_large_for for candidate in candidates if candidate.parameters > chosen.parameters]
    return larger[0][0] if larger and larger[0] else None


def _why_of_the_streams(training: TrainConfig) -> str:
    """Which rule chose the number of streams."""
    usual = TrainConfig().completed().batch_size
    if training.time is not None and training.batch_size > usual:
        return "with a time budget more streams learn more in it"
    return "as usual" if training.batch_size == usual else "so that each has some windows of a short text"
