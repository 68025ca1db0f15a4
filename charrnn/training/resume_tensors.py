"""The tensors of a resume file: what they are called, and whether they are those that a training has.

The file's names are given here and nowhere else: a tensor of a part of the training is named after it, as in
`optimizer/0/exp_avg`, `average/head.bias`, `state/1/0`. Those of the state that a rollback would go back to have the
same names after `rollback/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.training.trainer import Trainer

_NEVER_NEGATIVE = ("/step", "/exp_avg_sq", "/square_avg")


def tensors_of(state: Mapping[str, Any]) -> Tensors:
    """The tensors of a trainer's `state_dict`, under the names of the file."""
    before = state.get("rollback")
    return {
        **state["model"],
        **_named("optimizer", state["optimizer"]["moments"]),
        **_named("average", state.get("average", {})),
        **_named("state", state["state"]),
        **(_named("rollback", tensors_of(before)) if before else {}),
    }


def named_after(part: str, tensors: Tensors) -> Tensors:
    """Those of one part of the training, under the names that it has for them."""
    return {name.removeprefix(f"{part}/"): tensors[name] for name in tensors if name.startswith(f"{part}/")}


def fitting_tensors(checkpoint: Checkpoint, trainer: Trainer) -> Tensors:
    """The tensors of a resume file, once they are known to be those that a training has: torch writes beyond others.

    Files of before dropout masks were a function of the iteration have random generators, too, which say nothing here.

    Args:
        checkpoint: The resume file.
        trainer: A training of the same text and settings.

    Raises:
        CheckpointError: A tensor is missing, is of another shape, has no finite numbers, or belongs to nothing.
    """
    before = named_after("rollback", checkpoint.tensors)
    now = {name: tensor for name, tensor in checkpoint.tensors.items() if not name.startswith("rollback/")}
    header = checkpoint.header
    updated = header.iteration > (header.fell_back_to or 0)
    if header.training.precision == "float16":  # the first updates may all have overflowed
        updated = _has_moments(now)
    fitting = _fitting(checkpoint, trainer, now, updated=updated)
    if before:
        updated = _has_moments(before)
        fitting |= _named("rollback", _fitting(checkpoint, trainer, before, "rollback/", updated=updated))
    return fitting


def _fitting(checkpoint: Checkpoint, trainer: Trainer, tensors: Tensors, prefix: str = "", *, updated: bool) -> Tensors:
    """The same of a state whose tensors these are, without the prefix that they have in the file."""
    own = tensors_of(trainer.learning_state())
    shapes = {name: tensor.shape for name, tensor in own.items()}
    if updated:
        shapes |= _named("optimizer", trainer.optimizer.moment_shapes())
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("generator/")}
    for name in sorted(tensors.keys() | shapes.keys()):
        problem = _misfit(name, tensors.get(name), shapes.get(name))
        if problem is not None:
            raise CheckpointError(f"{checkpoint.path}: cannot be resumed: tensor {prefix}{name} {problem}.")
    return tensors


def _has_moments(tensors: Tensors) -> bool:
    return any(name.startswith("optimizer/") for name in tensors)


def _misfit(name: str, tensor: NDArray[Any] | None, shape: tuple[int, ...] | None) -> str | None:
    """What is wrong with a tensor, where one of this shape is to be; None where nothing is."""
    if shape is None:
        return "is none that this training has"
    if tensor is None:
        return "is missing"
    if tensor.shape != shape:
        return f"is {tensor.shape}, not {shape}"
    if not np.isfinite(tensor).all():
        return "has numbers that are not finite"
    if name.startswith("optimizer/") and name.endswith(_NEVER_NEGATIVE) and (tensor < 0).any():
        return "has negative numbers"
    return None


def _named(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a part of the training has, under the names of the file."""
    return {f"{part}/{name}": value for name, value in values.items()}
