"""The layers of the network in NumPy, one character at a time: recurrent cells, layer normalisation, projection.

A layer owns its buffers and works in them; nothing is allocated after it is made. A buffer is (H,) for one sequence and
(H, B) for a batch of B: the same code then multiplies matrix by matrix instead of matrix by vector.

At one character at a time the mathematics of a layer costs less than calling NumPy for it. `numpy_weights` therefore
lays the weights out so that a step needs as few calls as possible, and the cells rely on it:

- The products of a cell with x and with h are one, over the joint buffer x | 1 | h; biases are the weights of the 1.
- The lowest cell gets W_ih x + b_ih as `wx`, a row of a table with one row for each character.
- sigmoid(a) = tanh(a / 2) / 2 + 1/2: the inner half is in the weights, so that one tanh serves all gates.
- The gain and bias of a layer normalisation are in the weights of what reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.network.numpy_products import Matrix

Array = NDArray[np.float32]
BatchShape = tuple[int, ...]  # what follows H in the shape of every buffer: () for one sequence, (B,) for a batch

PARTS: dict[str, tuple[str, ...]] = {  # of what each kind of cell makes on the way to its h (`Cell.made`)
    "lstm": ("input", "forget", "output", "candidate", "c"),
    "gru": ("reset", "update", "candidate"),
    "rnn": (),
}

_HALF = np.array(0.5, dtype=np.float32)  # NumPy needs half a microsecond to make an array of a Python number
_ZERO = np.array(0, dtype=np.float32)
_EPSILON = 1e-5  # of torch's LayerNorm


class Layer(Protocol):
    """What a character passes through on its way up."""

    x: Array  # the input, (H, *batch), which the layer below writes; the lowest cell has no use for it
    y: Array  # the output; a layer that is no cell can be given another buffer for it

    def step(self, wx: Array | None) -> None:
        """Compute y from x. The lowest cell takes `wx` instead, (gates * H, *batch): W_ih x + b_ih."""


class Cell(Layer, Protocol):
    """A recurrent layer: its output is its h."""

    h: Array  # (H, *batch)
    state: tuple[Array, ...]  # what it carries to the next character, each (H, *batch): (h,), or (h, c) for an LSTM
    # After a step, what it made of x and h: (n * H, *batch), the n parts that PARTS names, one below the other.
    made: Array


def joint_buffers(hidden: int, layers: int, batch: BatchShape) -> list[Array]:
    """The buffers x | 1 | h | 1, each (2 H + 2, *batch), of a stack of cells; the h of one is the x of the next.

    Args:
        hidden: H.
        layers: How many cells; 1 for a cell whose output goes elsewhere.
        batch: () or (B,).

    Returns:
        For each cell, from the lowest up, a view of one array; x and h are zero, the ones are one.
    """
    memory = np.ones(((layers + 1) * (hidden + 1), *batch), dtype=np.float32)
    for start in range(0, len(memory), hidden + 1):
        memory[start : start + hidden] = 0
    return [memory[layer * (hidden + 1) :][: 2 * (hidden + 1)] for layer in range(layers)]


class LSTMCell:
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000).

        i, f, o = sigmoid(W x + b + U h)    input, forget and output gate
        g       = tanh(W x + b + U h)       candidate
        c'      = f * c + i * g
        h'      = o * tanh(c')

    The gates lie as i, f, o, g and c behind them, so that one product of neighbours, i f * g c, makes i * g and f * c.
    """

    def __init__(self, joint: Array, weights: Matrix) -> None:
        """Weights (4 H, H) for h in the lowest layer, (4 H, 2 H + 1) for x | 1 | h above it."""
        hidden = len(joint) // 2 - 1
        self.multiply = weights.product(joint.shape[1:])
        self.x, self.h = joint[:hidden], joint[hidden + 1 : -1]
        self.inputs = joint[:-1][-weights.shape[1] :]
        buffer = np.zeros((5 * hidden, *joint.shape[1:]), dtype=np.float32)  # i | f | o | g | c
        self.gates, self.sigmoids, self.o = buffer[: 4 * hidden], buffer[: 3 * hidden], buffer[2 * hidden : 3 * hidden]
        self.i_f, self.g_c, self.c = buffer[: 2 * hidden], buffer[3 * hidden :], buffer[4 * hidden :]
        self.products = np.empty_like(self.i_f)
        self.ig, self.fc = self.products[:hidden], self.products[hidden:]
        self.y, self.made = self.h, buffer
        self.state: tuple[Array, ...] = (self.h, self.c)

    def step(self, wx: Array | None) -> None:
        """From x (or wx), h and c to h' and c'."""
        gates, sigmoids, c, ig = self.gates, self.sigmoids, self.c, self.ig
        self.multiply(self.inputs, gates)
        if wx is not None:
            np.add(gates, wx, gates)
        np.tanh(gates, gates)
        np.multiply(sigmoids, _HALF, sigmoids)
        np.add(sigmoids, _HALF, sigmoids)
        np.multiply(self.i_f, self.g_c, self.products)
        np.add(ig, self.fc, c)
        np.tanh(c, ig)  # i * g is used up: its buffer takes tanh(c')
        np.multiply(self.o, ig, self.h)


class GRUCell:
    """Gated recurrent unit (Cho et al., 2014), with the reset gate after the product, as torch and cuDNN have it.

        r, z = sigmoid(W x + b + U h)              reset and update gate
        n    = tanh(W x + b + r * (U h + b_h))     candidate
        h'   = (1 - z) * n + z * h

    The products with x and h stay apart, because r multiplies only that of h.
    """

    def __init__(self, joint: Array, w_hh: Matrix, w_ih: Matrix | None = None) -> None:
        """Weights w_hh (3 H, H + 1) for h | 1, and above the lowest layer w_ih (3 H, H + 1) for x | 1."""
        hidden, batch = len(joint) // 2 - 1, joint.shape[1:]
        self.multiply_h, self.multiply_x = w_hh.product(batch), None if w_ih is None else w_ih.product(batch)
        self.x_1, self.h_1 = joint[: hidden + 1], joint[hidden + 1 :]
        self.x, self.h = self.x_1[:-1], self.h_1[:-1]
        self.gates = np.empty((3 * hidden, *joint.shape[1:]), dtype=np.float32)  # r | z | n
        self.r_z, self.r = self.gates[: 2 * hidden], self.gates[:hidden]
        self.z, self.n = self.gates[hidden : 2 * hidden], self.gates[2 * hidden :]
        self.wx = np.empty_like(self.gates)
        self.n_start = 2 * hidden
        self.y, self.made = self.h, self.gates
        self.state: tuple[Array, ...] = (self.h,)

    def step(self, wx: Array | None) -> None:
        """From x (or wx) and h to h'."""
        r_z, n, h = self.r_z, self.n, self.h
        self.multiply_h(self.h_1, self.gates)
        if self.multiply_x is not None:
            wx = self.wx
            self.multiply_x(self.x_1, wx)
        assert wx is not None
        np.add(r_z, wx[: self.n_start], r_z)
        np.tanh(r_z, r_z)
        np.multiply(r_z, _HALF, r_z)
        np.add(r_z, _HALF, r_z)
        np.multiply(self.r, n, n)
        np.add(n, wx[self.n_start :], n)
        np.tanh(n, n)
        np.subtract(h, n, h)  # (1 - z) * n + z * h = n + z * (h - n)
        np.multiply(h, self.z, h)
        np.add(h, n, h)


class RNNCell:
    """The plain recurrent network (Elman, 1990): h' = tanh(W x + b + U h)."""

    def __init__(self, joint: Array, weights: Matrix) -> None:
        """Weights (H, H) for h in the lowest layer, (H, 2 H + 1) for x | 1 | h above it."""
        hidden = len(joint) // 2 - 1
        self.multiply = weights.product(joint.shape[1:])
        self.x, self.h = joint[:hidden], joint[hidden + 1 : -1]
        self.inputs = joint[:-1][-weights.shape[1] :]
        self.sums = np.empty_like(self.h)
        self.y, self.made = self.h, self.h[:0]
        self.state: tuple[Array, ...] = (self.h,)

    def step(self, wx: Array | None) -> None:
        """From x (or wx) and h to h'."""
        self.multiply(self.inputs, self.sums)
        if wx is not None:
            np.add(self.sums, wx, self.sums)
        self.activate()

    def activate(self) -> None:
        """The nonlinearity: sums -> h'."""
        np.tanh(self.sums, self.h)


class ReLURNNCell(RNNCell):
    """The same with h' = max(0, W x + b + U h) (Le et al., 2015)."""

    def activate(self) -> None:
        """The nonlinearity: sums -> h'."""
        np.maximum(self.sums, _ZERO, out=self.h)


class LayerNorm:
    """Layer normalisation (Ba et al., 2016, eq. 3) without gain and bias: (x - mean) / sqrt(variance + epsilon)."""

    def __init__(self, hidden: int, batch: BatchShape = ()) -> None:
        self.x, self.y, self.squares = (np.zeros((hidden, *batch), dtype=np.float32) for _ in range(3))
        self.share = 1 / hidden
        self.shares = np.full(hidden, self.share, dtype=np.float32)  # x . shares is the mean, ten times faster

    def step(self, wx: Array | None) -> None:
        """From x to y, of one sequence."""
        x, y = self.x, self.y
        np.subtract(x, x.dot(self.shares), y)
        np.multiply(y, 1 / math.sqrt(float(y.dot(y)) * self.share + _EPSILON), y)


class BatchedLayerNorm(LayerNorm):
    """The same for a batch, whose dot products would not be those that are wanted."""

    def step(self, wx: Array | None) -> None:
        """From x to y, of every sequence."""
        x, y = self.x, self.y
        np.subtract(x, np.add.reduce(x, axis=0) * self.share, y)
        variance = np.add.reduce(np.multiply(y, y, self.squares), axis=0) * self.share
        np.divide(y, np.sqrt(variance + _EPSILON), y)


class Projection:
    """The last layer's output at the width of a tied head: y = P x + b."""

    def __init__(self, weights: Matrix, batch: BatchShape) -> None:
        """Weights (E, H + 1) for x | 1."""
        self.multiply = weights.product(batch)
        self.x_1 = np.ones((weights.shape[1], *batch), dtype=np.float32)
        self.x = self.x_1[:-1]
        self.y = np.empty((weights.shape[0], *batch), dtype=np.float32)

    def step(self, wx: Array | None) -> None:
        """From x to y."""
        self.multiply(self.x_1, self.y)


_CELLS: dict[str, Callable[..., Cell]] = {"lstm": LSTMCell, "gru": GRUCell, "tanh": RNNCell, "relu": ReLURNNCell}


def make_cell(model: ModelConfig, weights: tuple[Matrix, ...], joint: Array) -> Cell:
    """A cell over the weights of `numpy_weights.layer_weights`, which it only reads, at work in its x | 1 | h | 1.

    Args:
        model: Says which cell.
        weights: The layer's matrices.
        joint: One of `joint_buffers`, (2 H + 2, *batch).

    Returns:
        The cell, with a state of zeros.
    """
    return _CELLS[model.nonlinearity if model.model == "rnn" else model.model](joint, *weights)


def make_layer_norm(hidden: int, batch: BatchShape) -> Layer:
    """Layer normalisation of (H, *batch)."""
    return BatchedLayerNorm(hidden, batch) if batch else LayerNorm(hidden)
