"""A bidirectional network in NumPy, which reads pieces of text as a whole: what is likely at each of their characters.

The cells are those of `numpy_cells`, a batch of pieces at a time. All that a layer has of x is multiplied before its
steps, in one product for all characters; so each cell is at work as the lowest is elsewhere. The numbers are those of
`charrnn.network.torch_model` to float32 rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.config import ModelConfig
from charrnn.config.network import DIRECTIONS
from charrnn.errors import CheckpointError
from charrnn.network import numpy_cells, numpy_weights
from charrnn.network.numpy_cells import Array
from charrnn.network.numpy_products import Matrix, TiledMatrix, WholeMatrix
from charrnn.network.numpy_weights import Weights

_EPSILON = 1e-5  # of torch's LayerNorm


class BidirectionalEngine:
    """A trained network that restores; nothing writes to its weights.

    Attributes:
        config: The network's settings.
        hidden_id: V, the id that stands for a character to restore.
    """

    def __init__(self, model: ModelConfig, weights: Weights, *, single_threaded: bool = False) -> None:
        """Lay the weights out.

        Args:
            model: The network's settings.
            weights: Named and shaped as `ModelConfig.shapes` has it; they are copied.
            single_threaded: Whether products stay on the thread that asks, whatever BLAS is set to.

        Raises:
            CheckpointError: The network reads in one direction.
            UsageError: They take more memory than there is.
        """
        if not model.bidirectional:
            raise bidirectional_refusal()
        self.config, self.hidden_id = model, len(weights["head.bias"])
        table = 8 * self.hidden_id * model.gates * model.rnn_size  # bytes
        memory.require(table, f"{model.title} of {self.hidden_id:,} characters", "Use a smaller model.")
        matrix: Callable[[Array], Matrix] = TiledMatrix if single_threaded else WholeMatrix
        ways = [_of_direction(weights, direction) for direction in DIRECTIONS]
        self._tables = [np.ascontiguousarray(numpy_weights.input_table(model, way).T) for way in ways]
        self._layers = [[_Direction(model, layer, way, matrix) for way in ways] for layer in range(model.num_layers)]
        projection, head = numpy_weights.output_weights(model, weights)
        self._outputs = [matrix(part) for part in (projection, head) if part is not None]

    def logits(self, ids: NDArray[np.integer]) -> Array:
        """Read pieces of text, each from both of its ends.

        Args:
            ids: (B, T); `hidden_id` where a character is to be restored.

        Returns:
            (B, T, V), of the character at each place.
        """
        batch, length = ids.shape
        config, in_time = self.config, np.ascontiguousarray(ids.T).reshape(-1)  # (T B,), time-major
        x = residual = np.empty((0, 0), dtype=np.float32)
        for layer, ways in enumerate(self._layers):
            y = np.empty((config.width, length * batch), dtype=np.float32)
            for number, way in enumerate(ways):
                wx = way.of_input(x) if layer else self._tables[number].take(in_time, axis=1)
                half = y[number * config.rnn_size : (number + 1) * config.rnn_size]
                way.run(wx.reshape(-1, length, batch), half.reshape(-1, length, batch), backwards=number == 1)
            residual = residual + y if config.residual and layer else y
            x = _normalized(residual) if config.layer_norm else residual
        for matrix in self._outputs:
            x = _product(matrix, x)
        return np.ascontiguousarray(x.reshape(-1, length, batch).transpose(2, 1, 0))


class _Direction:
    """A layer in one direction."""

    def __init__(self, model: ModelConfig, layer: int, weights: Weights, matrix: Callable[[Array], Matrix]) -> None:
        """`weights` are named as if there were no other direction."""
        self.model = model
        laid_out = numpy_weights.layer_weights(model, layer, weights)
        w_ih: Array | None = None
        if layer and model.model == "gru":
            w_hh, w_ih = laid_out
        elif layer:
            w_ih, w_hh = np.split(laid_out[0], [model.width + 1])
        else:
            [w_hh] = laid_out
        self.w_hh = matrix(w_hh.T)
        self.w_ih = None if w_ih is None else matrix(w_ih.T)

    def of_input(self, x: Array) -> Array:
        """What x (2 H, N), the outputs of the layer below, adds to the gates: (gates * H, N)."""
        assert self.w_ih is not None
        return _product(self.w_ih, x)

    def run(self, wx: Array, y: Array, *, backwards: bool) -> None:
        """From what x adds to the gates (gates * H, T, B) to the outputs (H, T, B), the state being zero at first."""
        _, length, batch = wx.shape
        [joint] = numpy_cells.joint_buffers(self.model.rnn_size, 1, (batch,))
        cell = numpy_cells.make_cell(self.model, (self.w_hh,), joint)
        for at in reversed(range(length)) if backwards else range(length):
            cell.step(wx[:, at])
            y[:, at] = cell.y


def bidirectional_refusal() -> CheckpointError:
    """What is said where a network is to restore, and reads in one direction."""
    return CheckpointError(
        "this network reads in one direction: it predicts what comes next, and knows nothing of what stands after.",
        "Train one with --bidirectional; for forward models there is charrnn fill.",
    )


def _of_direction(weights: Weights, direction: str) -> Mapping[str, NDArray[Any]]:
    """All weights but the layers' of the other direction, their names without the direction."""
    own = {name: value for name, value in weights.items() if not name.endswith("_reverse")}
    return own | {name: weights[f"{name}{direction}"] for name in own if name.startswith("layers.")}


def _product(matrix: Matrix, x: Array) -> Array:
    """A matrix (M, K + 1), whose last column is its bias, times x | 1 of (K, N): (M, N)."""
    x_1 = np.concatenate((x, np.ones((1, x.shape[1]), dtype=np.float32)))
    result = np.empty((matrix.shape[0], x.shape[1]), dtype=np.float32)
    matrix.product((x.shape[1],))(x_1, result)
    return result


def _normalized(x: Array) -> Array:
    """Layer normalisation (Ba et al., 2016, eq. 3) of columns (H, N), without the gain and bias that weights have."""
    y: Array = x - x.mean(axis=0)
    y /= np.sqrt(np.square(y).mean(axis=0) + _EPSILON)
    return y
