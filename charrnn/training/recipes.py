"""The recipes of other programs, as presets that are chosen by name: to watch them at their pace, and to compare.

The figures are facts of the programs' own defaults: https://github.com/karpathy/char-rnn/blob/master/train.lua and
https://github.com/jcjohnson/torch-rnn/blob/master/train.lua. docs/training.md says in what a training here differs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.config import LENGTHS, ModelConfig, StartConfig, TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What another program trains by default: every setting in which charrnn's own defaults might differ."""

    model: Mapping[str, Any]
    training: Mapping[str, Any]
    max_epochs: float = 50.0


_NETWORK = {
    "model": "lstm",
    "num_layers": 2,
    "rnn_size": 128,
    "residual": False,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "recurrent_dropout": 0.0,
    "layer_norm": False,
    "tied": False,
}
_TRAINING = {
    "batch_size": 50,
    "seq_length": 50,
    "shift": None,
    "stateless": False,
    "state_reset": 0.0,
    "rotate": False,
    "learning_rate": 2e-3,
    "weight_decay": 0.0,
    "l1": 0.0,
    "l2": 0.0,
    "grad_clip": 5.0,
    "grad_clip_mode": "value",
    "average": 0.0,
    "warmup": 0,
    "decay": "step",
}
RECIPES: Mapping[str, Recipe] = {
    "char-rnn": Recipe(
        model=_NETWORK | {"embedding_size": 0},
        training=_TRAINING
        | {"optimizer": "rmsprop", "beta2": 0.95, "momentum": 0.0}
        | {"decay_factor": 0.97, "decay_every": 1.0, "decay_after": 10.0},
    ),
    "torch-rnn": Recipe(
        model=_NETWORK | {"embedding_size": 64},
        training=_TRAINING
        | {"optimizer": "adamw", "beta1": 0.9, "beta2": 0.999}  # which without weight decay is Adam
        # It numbers its epochs from 1, and halves the rate where the one to come has a multiple of 5.
        | {"decay_factor": 0.5, "decay_every": 5.0, "decay_after": 4.0},
    ),
}


def with_recipe(
    start: StartConfig, model: ModelConfig, training: TrainConfig, given: Collection[str]
) -> tuple[StartConfig, ModelConfig, TrainConfig]:
    """The settings as a recipe has them, if one is the preset.

    Args:
        start: Names the preset.
        model: What the network is.
        training: How it is trained.
        given: Which settings were said, by name; they stand. A length that was said stands for the recipe's epochs.

    Returns:
        All three.
    """
    recipe = RECIPES.get(start.preset)
    if recipe is None:
        return start, model, training
    if not set(LENGTHS) & set(given):
        start = replace(start, max_epochs=recipe.max_epochs)
    model = replace(model, **{name: value for name, value in recipe.model.items() if name not in given})
    training = replace(training, **{name: value for name, value in recipe.training.items() if name not in given})
    return start, model, training
