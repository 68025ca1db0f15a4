"""One layer, one character at a time, in NumPy: packed weights, and buffers that are worked in and never reallocated.

And what may follow a layer, in the same shape: layer normalisation, and the projection to a tied head.

At one character at a time a layer's mathematics costs less than calling NumPy for it, so everything that can be is
done once, in `pack`: the lowest layer's input is one of V characters, so its product with the weights is a row of a
table; the products of the other layers are merged; biases are the weights of a constant 1; and since
sigmoid(x) = tanh(x / 2) / 2 + 1/2, one tanh serves all gates once the inner half is in the weights.

Matrices lie (inputs, outputs), for `vector.dot(matrix, out)`: as fast as the other way round at 512 units and 15 %
faster at 1024.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig

Array = NDArray[np.float32]
Weights = Mapping[str, NDArray[Any]]

_HALF = np.array(0.5, dtype=np.float32)  # NumPy needs half a microsecond to make an array of a Python number
_ZERO = np.array(0, dtype=np.float32)
_EPSILON = 1e-5  # of torch's LayerNorm


class Stage(Protocol):
    """What a character passes through: a layer, or what follows it."""

    x: Array  # where the stage below puts its output; the lowest layer has no use for it
    h: Array  # its output

    def step(self, row: Array | None) -> None:
        """Consume `x` or, in the lowest layer, a row (gates * H,) of the table."""


class Layer(Stage, Protocol):
    """One layer in motion: x and h are (H,)."""

    carried: tuple[Array, ...]  # all it carries to the next character: (h,), or (h, c) for an LSTM


def _joined(matrix: Array, hidden: int) -> tuple[Array, Array, Array]:
    """The vector h, or x | h | 1, that multiplies a matrix, and its parts x and h."""
    vector = np.zeros(len(matrix), dtype=np.float32)
    if len(vector) == hidden:
        return vector, vector[:0], vector
    vector[-1] = 1
    return vector, vector[:hidden], vector[hidden:-1]


class Lstm:
    """Its gates lie as i, f, o, g and c behind them, so that one product of neighbours makes both i * g and f * c."""

    def __init__(self, hidden: int, matrix: Array) -> None:
        """Matrix (H, 4 H) for h in the lowest layer, (2 H + 1, 4 H) for x | h | 1 above."""
        self.matrix = matrix
        self.inputs, self.x, self.h = _joined(matrix, hidden)
        work = np.zeros(5 * hidden, dtype=np.float32)
        self.gates, self.sigmoids, self.o = work[: 4 * hidden], work[: 3 * hidden], work[2 * hidden : 3 * hidden]
        self.i_f, self.g_c, self.c = work[: 2 * hidden], work[3 * hidden :], work[4 * hidden :]
        self.products = np.empty(2 * hidden, dtype=np.float32)
        self.written, self.kept = self.products[:hidden], self.products[hidden:]
        self.carried: tuple[Array, ...] = (self.h, self.c)

    def step(self, row: Array | None) -> None:
        gates, sigmoids, c, written = self.gates, self.sigmoids, self.c, self.written
        self.inputs.dot(self.matrix, gates)
        if row is not None:
            np.add(gates, row, gates)
        np.tanh(gates, gates)
        np.multiply(sigmoids, _HALF, sigmoids)
        np.add(sigmoids, _HALF, sigmoids)
        np.multiply(self.i_f, self.g_c, self.products)
        np.add(written, self.kept, c)
        np.tanh(c, written)
        np.multiply(self.o, written, self.h)


class Gru:
    """Two products a layer: in gate n, r multiplies only h's side, W_hn h + b_hn."""

    def __init__(self, hidden: int, matrix: Array, below: Array | None = None) -> None:
        """Matrix (H + 1, 3 H) for h | 1, and above the lowest layer a second for x | 1."""
        self.matrix, self.below = matrix, below
        self.inputs = np.ones(hidden + 1, dtype=np.float32)
        self.inputs_below = np.ones(hidden + 1, dtype=np.float32)
        self.h, self.x = self.inputs[:-1], self.inputs_below[:-1]
        self.h[:] = self.x[:] = 0
        self.gates = np.empty(3 * hidden, dtype=np.float32)
        self.r_z, self.r = self.gates[: 2 * hidden], self.gates[:hidden]
        self.z, self.n = self.gates[hidden : 2 * hidden], self.gates[2 * hidden :]
        self.row = np.empty(3 * hidden, dtype=np.float32)
        self.both = 2 * hidden
        self.carried: tuple[Array, ...] = (self.h,)

    def step(self, row: Array | None) -> None:
        r_z, n, h = self.r_z, self.n, self.h
        self.inputs.dot(self.matrix, self.gates)
        if self.below is not None:
            row = self.inputs_below.dot(self.below, self.row)
        assert row is not None
        np.add(r_z, row[: self.both], r_z)
        np.tanh(r_z, r_z)
        np.multiply(r_z, _HALF, r_z)
        np.add(r_z, _HALF, r_z)
        np.multiply(self.r, n, n)
        np.add(n, row[self.both :], n)
        np.tanh(n, n)
        np.subtract(h, n, h)  # h' = (1 - z) * n + z * h = n + z * (h - n)
        np.multiply(h, self.z, h)
        np.add(h, n, h)


class Rnn:
    """h' = tanh(W x + U h + b)."""

    def __init__(self, hidden: int, matrix: Array) -> None:
        """Matrix (H, H) for h in the lowest layer, (2 H + 1, H) for x | h | 1 above."""
        self.matrix = matrix
        self.inputs, self.x, self.h = _joined(matrix, hidden)
        self.work = np.empty(hidden, dtype=np.float32)
        self.carried: tuple[Array, ...] = (self.h,)

    def step(self, row: Array | None) -> None:
        self.inputs.dot(self.matrix, self.work)
        if row is not None:
            np.add(self.work, row, self.work)
        np.tanh(self.work, self.h)


class ReluRnn(Rnn):
    """h' = max(0, W x + U h + b)."""

    def step(self, row: Array | None) -> None:
        self.inputs.dot(self.matrix, self.work)
        if row is not None:
            np.add(self.work, row, self.work)
        np.maximum(self.work, _ZERO, out=self.h)


class Norm:
    """Layer normalisation (Ba et al., 2016, equation 3): x less its mean, over its deviation, times gain plus bias."""

    def __init__(self, gain: Array, bias: Array) -> None:
        """Gain and bias (H,)."""
        self.gain, self.bias = gain, bias
        self.x, self.h = np.empty_like(gain), np.empty_like(gain)
        self.share = 1 / len(gain)
        self.shares = np.full_like(gain, self.share)  # a product with them is the mean, in a tenth of np.mean's time

    def step(self, row: Array | None) -> None:
        x, h = self.x, self.h
        np.subtract(x, x.dot(self.shares), h)
        variance = float(h.dot(h)) * self.share
        np.multiply(h, 1 / math.sqrt(variance + _EPSILON), h)
        np.multiply(h, self.gain, h)
        np.add(h, self.bias, h)


class Projection:
    """The last layer's output at the width of a tied head."""

    def __init__(self, matrix: Array) -> None:
        """Matrix (E, H)."""
        self.matrix = matrix
        self.h, self.x = (np.empty(size, dtype=np.float32) for size in matrix.shape)

    def step(self, row: Array | None) -> None:
        self.matrix.dot(self.x, self.h)


_CELLS: dict[str, Callable[..., Layer]] = {"lstm": Lstm, "gru": Gru, "tanh": Rnn, "relu": ReluRnn}


def make(model: ModelConfig, packed: tuple[Array, ...]) -> Layer:
    """A layer in the zero state over packed weights, which it only reads."""
    return _CELLS[model.nonlinearity if model.model == "rnn" else model.model](model.rnn_size, *packed)


# The layers' order of gates: (which of torch's, its scale), the scale being 1/2 where a sigmoid follows.
_GATES: dict[str, tuple[tuple[int, float], ...]] = {
    "lstm": ((0, 0.5), (1, 0.5), (3, 0.5), (2, 1.0)),  # i, f, o, g of i, f, g, o
    "gru": ((0, 0.5), (1, 0.5), (2, 1.0)),  # r, z, n
    "rnn": ((0, 1.0),),
}


def _aligned(rows: int, columns: int) -> Array:
    """A matrix, not yet filled, that begins at a cache line. NumPy's own need not, and are read a tenth slower."""
    size = rows * columns * 4
    memory = np.empty(size + 64, dtype=np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    return memory[start : start + size].view(np.float32).reshape(rows, columns)


def _stacked(model: ModelConfig, *parts: NDArray[Any]) -> Array:
    """Torch's matrices (gates * H, X), and biases (gates * H,) as if of X = 1 -> (sum of X, gates * H) in our order."""
    columns = [part.reshape(model.gates * model.rnn_size, -1) for part in parts]
    stacked = _aligned(sum(part.shape[1] for part in columns), len(columns[0]))
    gates = np.split(stacked, model.gates, axis=1)
    row = 0
    for part in columns:
        end = row + part.shape[1]
        blocks = np.split(part, model.gates)
        for gate, (theirs, scale) in zip(gates, _GATES[model.model], strict=True):
            np.multiply(blocks[theirs].T, scale, out=gate[row:end])  # written where it belongs: these are megabytes
        row = end
    return stacked


def _biases(model: ModelConfig, index: int, weights: Weights) -> tuple[NDArray[Any], NDArray[Any]]:
    """Layer `index`'s biases (gates * H,) on x's side and on h's: all on x's, but GRU's n has one on each."""
    ours, theirs = weights[f"layers.{index}.bias_ih_l0"], weights[f"layers.{index}.bias_hh_l0"].copy()
    shared = 2 * model.rnn_size if model.model == "gru" else len(ours)
    total = ours.copy()
    total[:shared] += theirs[:shared]
    theirs[:shared] = 0
    return total, theirs


def pack(model: ModelConfig, index: int, weights: Weights) -> tuple[Array, ...]:
    """Copies of layer `index`'s matrices, as its cell takes them."""
    w_ih, w_hh = (weights[f"layers.{index}.weight_{side}_l0"] for side in ("ih", "hh"))
    b_x, b_h = _biases(model, index, weights)
    if model.model == "gru":
        own = _stacked(model, w_hh, b_h)
        return (own, _stacked(model, w_ih, b_x)) if index else (own,)
    return (_stacked(model, w_ih, w_hh, b_x) if index else _stacked(model, w_hh),)


def table(model: ModelConfig, weights: Weights) -> Array:
    """(V, gates * H): what each character, through the embedding, adds to the lowest layer's gates, biases included."""
    packed = _stacked(model, weights["layers.0.weight_ih_l0"], _biases(model, 0, weights)[0])  # (X + 1, gates * H)
    rows: Array = packed[:-1]
    if model.embedding_size:
        rows = weights["embedding.weight"].astype(np.float32) @ rows
        if model.tied:
            rows *= model.embedding_size**0.5
    rows += packed[-1]
    return rows
