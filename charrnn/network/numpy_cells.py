"""One layer, one character at a time, in NumPy: packed weights, and buffers that are worked in and never reallocated.

And what may follow a layer, in the same shape: layer normalisation, and the projection to a tied head. The buffers are
those of one text, (H,), or of several side by side, (H, texts): the same code then multiplies matrix by matrix.

At one character at a time a layer's mathematics costs less than calling NumPy for it, so everything that can be is
done once, in `pack`: the lowest layer's input is one of V characters, so its product with the weights is a row of a
table; the products of the other layers are merged; biases are the weights of a constant 1; the gain and bias of a layer
normalisation are in the weights of what reads it; and since sigmoid(x) = tanh(x / 2) / 2 + 1/2, one tanh serves all
gates once the inner half is in the weights.

Matrices lie (inputs, outputs), and multiply transposed: as fast as the other way round at 512 units and 15 % faster at
1024.
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
Texts = tuple[int, ...]  # what follows H in the shape of every buffer: () for one text, (n,) for n

_HALF = np.array(0.5, dtype=np.float32)  # NumPy needs half a microsecond to make an array of a Python number
_ZERO = np.array(0, dtype=np.float32)
_EPSILON = 1e-5  # of torch's LayerNorm


class Stage(Protocol):
    """What a character passes through: a layer, or what follows it."""

    x: Array  # where the stage below puts its output; the lowest layer has no use for it
    h: Array  # its output; what is no layer can be given another place for it

    def step(self, row: Array | None) -> None:
        """Consume `x` or, in the lowest layer, a row (gates * H, *texts) of the table."""


class Layer(Stage, Protocol):
    """One layer in motion: x and h are (H, *texts)."""

    carried: tuple[Array, ...]  # all it carries to the next character: (h,), or (h, c) for an LSTM


def joined(hidden: int, layers: int, texts: Texts) -> list[Array]:
    """For each layer its x | 1 | h | 1, (2 H + 2, *texts), all overlapping: the h of one is the x of the next."""
    chain = np.ones(((layers + 1) * (hidden + 1), *texts), dtype=np.float32)
    for place in range(layers + 1):
        chain[place * (hidden + 1) :][:hidden] = 0
    return [chain[place * (hidden + 1) :][: 2 * (hidden + 1)] for place in range(layers)]


class Lstm:
    """Its gates lie as i, f, o, g and c behind them, so that one product of neighbours makes both i * g and f * c."""

    def __init__(self, joined: Array, matrix: Array) -> None:
        """Matrix (H, 4 H) for h in the lowest layer, (2 H + 1, 4 H) for x | 1 | h above."""
        hidden = len(joined) // 2 - 1
        self.matrix = matrix.T
        self.x, self.h = joined[:hidden], joined[hidden + 1 : -1]
        self.inputs = joined[:-1][-len(matrix) :]
        work = np.zeros((5 * hidden, *joined.shape[1:]), dtype=np.float32)
        self.gates, self.sigmoids, self.o = work[: 4 * hidden], work[: 3 * hidden], work[2 * hidden : 3 * hidden]
        self.i_f, self.g_c, self.c = work[: 2 * hidden], work[3 * hidden :], work[4 * hidden :]
        self.products = np.empty_like(self.i_f)
        self.written, self.kept = self.products[:hidden], self.products[hidden:]
        self.carried: tuple[Array, ...] = (self.h, self.c)

    def step(self, row: Array | None) -> None:
        gates, sigmoids, c, written = self.gates, self.sigmoids, self.c, self.written
        self.matrix.dot(self.inputs, gates)
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

    def __init__(self, joined: Array, matrix: Array, below: Array | None = None) -> None:
        """Matrix (H + 1, 3 H) for h | 1, and above the lowest layer a second for x | 1."""
        hidden = len(joined) // 2 - 1
        self.matrix, self.below = matrix.T, None if below is None else below.T
        self.inputs_below, self.inputs = joined[: hidden + 1], joined[hidden + 1 :]
        self.x, self.h = self.inputs_below[:-1], self.inputs[:-1]
        self.gates = np.empty((3 * hidden, *joined.shape[1:]), dtype=np.float32)
        self.r_z, self.r = self.gates[: 2 * hidden], self.gates[:hidden]
        self.z, self.n = self.gates[hidden : 2 * hidden], self.gates[2 * hidden :]
        self.row = np.empty_like(self.gates)
        self.both = 2 * hidden
        self.carried: tuple[Array, ...] = (self.h,)

    def step(self, row: Array | None) -> None:
        r_z, n, h = self.r_z, self.n, self.h
        self.matrix.dot(self.inputs, self.gates)
        if self.below is not None:
            row = self.below.dot(self.inputs_below, self.row)
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

    def __init__(self, joined: Array, matrix: Array) -> None:
        """Matrix (H, H) for h in the lowest layer, (2 H + 1, H) for x | 1 | h above."""
        hidden = len(joined) // 2 - 1
        self.matrix = matrix.T
        self.x, self.h = joined[:hidden], joined[hidden + 1 : -1]
        self.inputs = joined[:-1][-len(matrix) :]
        self.work = np.empty_like(self.h)
        self.carried: tuple[Array, ...] = (self.h,)

    def step(self, row: Array | None) -> None:
        self.matrix.dot(self.inputs, self.work)
        if row is not None:
            np.add(self.work, row, self.work)
        np.tanh(self.work, self.h)


class ReluRnn(Rnn):
    """h' = max(0, W x + U h + b)."""

    def step(self, row: Array | None) -> None:
        self.matrix.dot(self.inputs, self.work)
        if row is not None:
            np.add(self.work, row, self.work)
        np.maximum(self.work, _ZERO, out=self.h)


class Norm:
    """Layer normalisation but for its gain and bias: x less its mean, over its deviation (Ba et al., 2016, eq. 3)."""

    def __init__(self, hidden: int, texts: Texts) -> None:
        self.x, self.h, self.squares = (np.zeros((hidden, *texts), dtype=np.float32) for _ in range(3))
        self.share = 1 / hidden
        self.shares = np.full(hidden, self.share, dtype=np.float32)  # their product is the mean, ten times faster

    def step(self, row: Array | None) -> None:
        x, h = self.x, self.h
        np.subtract(x, x.dot(self.shares), h)
        np.multiply(h, 1 / math.sqrt(float(h.dot(h)) * self.share + _EPSILON), h)


class NormOfMany(Norm):
    """The same for several texts."""

    def step(self, row: Array | None) -> None:
        x, h = self.x, self.h
        np.subtract(x, np.add.reduce(x, axis=0) * self.share, h)
        variance = np.add.reduce(np.multiply(h, h, self.squares), axis=0) * self.share
        np.divide(h, np.sqrt(variance + _EPSILON), h)


class Projection:
    """The last layer's output at the width of a tied head."""

    def __init__(self, matrix: Array, texts: Texts) -> None:
        """Matrix (E, H + 1) for x | 1."""
        self.matrix = matrix
        self.inputs = np.ones((matrix.shape[1], *texts), dtype=np.float32)
        self.x = self.inputs[:-1]
        self.h = np.empty((len(matrix), *texts), dtype=np.float32)

    def step(self, row: Array | None) -> None:
        self.matrix.dot(self.inputs, self.h)


_CELLS: dict[str, Callable[..., Layer]] = {"lstm": Lstm, "gru": Gru, "tanh": Rnn, "relu": ReluRnn}


def make(model: ModelConfig, packed: tuple[Array, ...], joined: Array) -> Layer:
    """A layer over packed weights, which it only reads, at work in its x | 1 | h | 1, (2 H + 2, *texts)."""
    return _CELLS[model.nonlinearity if model.model == "rnn" else model.model](joined, *packed)


def norm(hidden: int, texts: Texts) -> Stage:
    """Layer normalisation but for its gain and bias, which are in the weights of what reads it."""
    return NormOfMany(hidden, texts) if texts else Norm(hidden, texts)


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


_Affine = tuple[NDArray[Any], NDArray[Any]]  # a matrix (X, H), and what is added to its product, (X,)


def _after_norm(model: ModelConfig, index: int, matrix: NDArray[Any], weights: Weights) -> _Affine:
    """What a matrix (X, H) is to layer `index`'s output if that is normalised without gain and bias: these are in the
    matrix, and in what is added to its product."""
    if not model.layer_norm:
        return matrix, np.zeros(len(matrix), dtype=np.float32)
    gain, bias = (weights[f"norms.{index}.{name}"] for name in ("weight", "bias"))
    return matrix * gain, matrix @ bias


def pack(model: ModelConfig, index: int, weights: Weights) -> tuple[Array, ...]:
    """Copies of layer `index`'s matrices, as its cell takes them."""
    w_ih, w_hh = (weights[f"layers.{index}.weight_{side}_l0"] for side in ("ih", "hh"))
    b_x, b_h = _biases(model, index, weights)
    if index:
        w_ih, b_norm = _after_norm(model, index - 1, w_ih, weights)
        b_x = b_x + b_norm
    if model.model == "gru":
        own = _stacked(model, w_hh, b_h)
        return (own, _stacked(model, w_ih, b_x)) if index else (own,)
    return (_stacked(model, w_ih, b_x, w_hh) if index else _stacked(model, w_hh),)


def pack_end(model: ModelConfig, weights: Weights) -> tuple[Array | None, Array]:
    """The projection (E, H + 1), if there is one, and the head (V, H + 1 or E + 1), both for their input | 1."""
    top, head = model.num_layers - 1, weights["embedding.weight" if model.tied else "head.weight"]
    bias = weights["head.bias"]
    if model.projected:
        return _with_bias(*_after_norm(model, top, weights["projection.weight"], weights)), _with_bias(head, bias)
    head, b_norm = _after_norm(model, top, head, weights)
    return None, _with_bias(head, bias + b_norm)


def _with_bias(matrix: NDArray[Any], bias: NDArray[Any]) -> Array:
    return np.column_stack((matrix, bias)).astype(np.float32, order="C")


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
