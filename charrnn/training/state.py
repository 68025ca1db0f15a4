"""The one way in which everything that changes during a training is copied and put back, so that resuming is exact."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch

from charrnn.network.torch_model import LayerStates


class Stateful(Protocol):
    """What changes from iteration to iteration."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that changes, as numbers and NumPy arrays."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        ...


def to_arrays(state: LayerStates) -> dict[str, Any]:
    """A copy of a recurrent state as float32 arrays, named "layer/part": h is part 0, an LSTM's c part 1."""
    return {
        f"{layer}/{part}": tensor.float().cpu().numpy().copy()
        for layer, tensors in enumerate(state)
        for part, tensor in enumerate(tensors)
    }


def to_layer_states(arrays: Mapping[str, Any], like: LayerStates) -> LayerStates:
    """The inverse of `to_arrays`.

    Args:
        arrays: What it returned.
        like: A state of the same layers and parts, on the device where the result is to be.

    Returns:
        The state, each part on the device of its like.

    Raises:
        KeyError: One of them is missing.
    """
    return tuple(
        tuple(
            torch.from_numpy(np.array(arrays[f"{layer}/{part}"])).to(tensor.device)
            for part, tensor in enumerate(tensors)
        )
        for layer, tensors in enumerate(like)
    )


def spoilt_part(state: Mapping[str, Any]) -> str | None:
    """The first part of what a `state_dict` returned that has a number which is not finite; None without any."""
    return next((name for name, part in state.items() if not _is_finite(part)), None)


def _is_finite(value: object) -> bool:
    match value:
        case Mapping():
            return all(map(_is_finite, value.values()))
        case np.ndarray() if np.issubdtype(value.dtype, np.floating):
            return bool(np.isfinite(value).all())
        case float():
            return math.isfinite(value)
    return True
