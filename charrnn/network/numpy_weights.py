"""The weights of a checkpoint, which have torch's names and layout, as the NumPy cells take them.

Matrices lie (inputs, outputs) and multiply transposed: as fast as the other way round at 512 units and 15 % faster at
1024. Everything that does not depend on the text is worked out here, once: see `numpy_cells` for what and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.network.numpy_cells import Array
from charrnn.network.numpy_products import multiply

Weights = Mapping[str, NDArray[Any]]  # named and shaped as `ModelConfig.shapes` has it

# The cells' order of gates: (which of torch's, its scale), the scale being 1/2 where a sigmoid follows.
_GATES: dict[str, tuple[tuple[int, float], ...]] = {
    "lstm": ((0, 0.5), (1, 0.5), (3, 0.5), (2, 1.0)),  # i, f, o, g of i, f, g, o
    "gru": ((0, 0.5), (1, 0.5), (2, 1.0)),  # r, z, n
    "rnn": ((0, 1.0),),
}


def layer_weights(model: ModelConfig, layer: int, weights: Weights) -> tuple[Array, ...]:
    """Copies of a layer's matrices, as its cell takes them.

    Args:
        model: The network's settings.
        layer: Which, 0 being the lowest.
        weights: All of the network's.

    Returns:
        (W_hh,) for h in the lowest layer, above it ([W_ih; b; W_hh],) for x | 1 | h. Of a GRU (W_hh,) for h | 1, and
        above the lowest layer W_ih for x | 1 as well. Each has gates * H columns.
    """
    w_ih, w_hh = (weights[f"layers.{layer}.weight_{side}_l0"] for side in ("ih", "hh"))
    b_ih, b_hh = _biases(model, layer, weights)
    if layer:
        w_ih, b_norm = _after_norm(model, layer - 1, w_ih, weights)
        b_ih = b_ih + b_norm
    if model.model == "gru":
        recurrent = _gate_columns(model, w_hh, b_hh)
        return (recurrent, _gate_columns(model, w_ih, b_ih)) if layer else (recurrent,)
    return (_gate_columns(model, w_ih, b_ih, w_hh) if layer else _gate_columns(model, w_hh),)


def output_weights(model: ModelConfig, weights: Weights) -> tuple[Array | None, Array]:
    """What follows the stack.

    Args:
        model: The network's settings.
        weights: All of the network's.

    Returns:
        The projection (E, H + 1), or None without one; and the head (V, H + 1), or (V, E + 1) after a projection. Both
        are for their input | 1.
    """
    top, head = model.num_layers - 1, weights["embedding.weight" if model.tied else "head.weight"]
    bias = weights["head.bias"]
    head = head[: len(bias)]  # a tied one has a row more for what is hidden
    if model.projected:
        return _with_bias(*_after_norm(model, top, weights["projection.weight"], weights)), _with_bias(head, bias)
    head, b_norm = _after_norm(model, top, head, weights)
    return None, _with_bias(head, bias + b_norm)


def input_table(model: ModelConfig, weights: Weights) -> Array:
    """What each character, through the embedding, adds to the gates of the lowest layer: W_ih x + b_ih.

    Args:
        model: The network's settings.
        weights: All of the network's.

    Returns:
        (V, gates * H), a row for each id.
    """
    columns = _gate_columns(model, weights["layers.0.weight_ih_l0"], _biases(model, 0, weights)[0])  # (X + 1, gates H)
    rows: Array = columns[:-1]
    if model.embedding_size:
        rows = multiply(weights["embedding.weight"], rows)
        if model.tied:
            rows *= model.embedding_size**0.5
    rows += columns[-1]
    return rows


def _aligned(rows: int, columns: int) -> Array:
    """A matrix, not yet filled, that begins at a cache line. NumPy's own need not, and are read a tenth slower."""
    size = rows * columns * 4
    memory = np.empty(size + 64, dtype=np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    return memory[start : start + size].view(np.float32).reshape(rows, columns)


def _gate_columns(model: ModelConfig, *parts: NDArray[Any]) -> Array:
    """Torch's matrices (gates * H, X), and biases (gates * H,) as if of X = 1 -> (sum of X, gates * H) in our order."""
    matrices = [part.reshape(model.gates * model.rnn_size, -1) for part in parts]
    joined = _aligned(sum(matrix.shape[1] for matrix in matrices), len(matrices[0]))
    gates = np.split(joined, model.gates, axis=1)
    row = 0
    for matrix in matrices:
        end = row + matrix.shape[1]
        torch_gates = np.split(matrix, model.gates)
        for gate, (torch_gate, scale) in zip(gates, _GATES[model.model], strict=True):
            np.multiply(torch_gates[torch_gate].T, scale, out=gate[row:end])  # in place: these are megabytes
        row = end
    return joined


def _biases(model: ModelConfig, layer: int, weights: Weights) -> tuple[NDArray[Any], NDArray[Any]]:
    """A layer's biases (gates * H,) on x's side and on h's: all on x's, but a GRU's n has one on each."""
    b_ih, b_hh = weights[f"layers.{layer}.bias_ih_l0"].copy(), weights[f"layers.{layer}.bias_hh_l0"].copy()
    shared = 2 * model.rnn_size if model.model == "gru" else len(b_ih)
    b_ih[:shared] += b_hh[:shared]
    b_hh[:shared] = 0
    return b_ih, b_hh


def _after_norm(
    model: ModelConfig, layer: int, matrix: NDArray[Any], weights: Weights
) -> tuple[NDArray[Any], NDArray[Any]]:
    """What reads a layer's output through its norm: the matrix (X, H) with the norm's gain in it, and the bias (X,)."""
    if not model.layer_norm:
        return matrix, np.zeros(len(matrix), dtype=np.float32)
    gain, bias = (weights[f"norms.{layer}.{name}"] for name in ("weight", "bias"))
    return matrix * gain, multiply(matrix, bias)


def _with_bias(matrix: NDArray[Any], bias: NDArray[Any]) -> Array:
    """[matrix, bias], for an input | 1."""
    return np.column_stack((matrix, bias)).astype(np.float32, order="C")
