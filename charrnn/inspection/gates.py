"""How the gates of a network behave on a text: shut, open or between, and for how long its units remember.

The gate activation statistics of Karpathy, Johnson and Li (2015), "Visualizing and Understanding Recurrent Networks",
figure 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.inspection.activations import Activations
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import Array

Figures = NDArray[np.float64]

OFTEN = 0.9  # of the characters: a unit that is saturated at more is so nearly always
_KEEPS = {"lstm": "forget", "gru": "update"}  # the gate that says how much of what a unit held stays
_GATES = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update"), "rnn": ("h",)}
_LEAST = float(np.finfo(np.float32).tiny)  # what is below it is zero
_SIGMOID = (0.1, 0.9)  # saturated left is below the first, right above the second
_THRESHOLDS = {"tanh": (-0.9, 0.9), "relu": (_LEAST, math.inf)}  # of a plain RNN: of its outputs


@dataclass(frozen=True, slots=True, eq=False)
class GateActivity:
    """What one gate of one layer does on a text, unit by unit.

    Attributes:
        layer: Counted from 1, the lowest.
        gate: `input`, `forget` or `output` of an LSTM; `reset` or `update` of a GRU; `h`, the output, of a plain RNN.
        left: (H,), the share of the characters at which a unit is saturated left.
        right: (H,), the share of the characters at which it is saturated right.
        mean: (H,), the mean activation.
    """

    layer: int
    gate: str
    left: Figures
    right: Figures
    mean: Figures

    def to_dict(self) -> dict[str, Any]:
        """The figures of all units, and those of the layer, ready for JSON."""
        return {
            "layer": self.layer,
            "gate": self.gate,
            "saturated_left": float(self.left.mean()),
            "saturated_right": float(self.right.mean()),
            "units_often_left": int((self.left > OFTEN).sum()),
            "units_often_right": int((self.right > OFTEN).sum()),
            "mean": float(self.mean.mean()),
            "units": {"left": self.left.tolist(), "right": self.right.tolist(), "mean": self.mean.tolist()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """For how long the units of one layer remember.

    A gate f that says how much of what a unit held stays, the forget gate of an LSTM's cell or the update gate of
    a GRU, leaves f_1 f_2 ... f_k of it after k characters. Where its openings at different characters do not depend on
    each other that is, on average, m^k with the mean gate m: it falls to 1/e in -1 / ln m characters, the time
    constant. A cell that keeps everything and is emptied at every n-th character has about n. The mean of ln f would
    count one emptied moment for more than all the others, and make that cell's a few characters.

    Attributes:
        layer: Counted from 1, the lowest.
        gate: `forget` or `update`.
        time_constants: (H,), in characters; infinite of a unit whose gate was never less than open.
    """

    layer: int
    gate: str
    time_constants: Figures

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """A quarter, half and three quarters of the units have at most these, in characters."""
        low, median, high = np.quantile(self.time_constants, (0.25, 0.5, 0.75), method="inverted_cdf").tolist()
        return low, median, high

    def longest(self, count: int = 5) -> list[tuple[HiddenUnit, float]]:
        """The units that remember for longest, with their time constants in characters; the longest first."""
        order = np.argsort(-self.time_constants, kind="stable")[:count].tolist()
        cell = self.gate == "forget"
        return [(HiddenUnit(self.layer, at + 1, cell=cell), float(self.time_constants[at])) for at in order]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; what is infinite is None."""
        low, median, high = map(finite, self.quartiles)
        return {
            "layer": self.layer,
            "gate": self.gate,
            "lower_quartile": low,
            "median": median,
            "upper_quartile": high,
            "longest": [
                {"unit": str(unit), "time_constant": finite(characters)} for unit, characters in self.longest()
            ],
            "time_constants": [finite(characters) for characters in self.time_constants.tolist()],
        }


@dataclass(frozen=True, slots=True, eq=False)
class GateStatistics:
    """The gates of a network on a text.

    Attributes:
        model: The network's settings.
        characters: T, how many were read.
        thresholds: Saturated left is below the first, right above the second.
        gates: Layer by layer, from the lowest.
        memories: Of each layer; () of a plain RNN, which has no gates.
    """

    model: ModelConfig
    characters: int
    thresholds: tuple[float, float]
    gates: tuple[GateActivity, ...]
    memories: tuple[Memory, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        low, high = self.thresholds
        return {
            "characters": self.characters,
            "thresholds": {"left": low, "right": finite(high)},
            "gates": [gate.to_dict() for gate in self.gates],
            "memory": [memory.to_dict() for memory in self.memories],
        }


def finite(figure: float) -> float | None:
    """A figure in JSON, which has no infinity: None in its place."""
    return figure if math.isfinite(figure) else None


def gate_statistics(model: ModelConfig, parts: Iterable[Activations]) -> GateStatistics:
    """Count how often the gates are saturated.

    Args:
        model: The network's settings.
        parts: What it makes of a text (`activations.read`), of which one is held at a time.

    Returns:
        The figures.
    """
    names = _GATES[model.model]
    low, high = _THRESHOLDS[model.nonlinearity] if model.model == "rnn" else _SIGMOID
    sums = np.zeros((model.num_layers, len(names), 3, model.rnn_size))  # left, right, values
    characters = 0
    for part in parts:
        characters += len(part)
        for of_layer, layer in zip(sums, part.layers, strict=True):
            for at, name in enumerate(names):
                values: Array = layer.h if name == "h" else layer.gates[name]
                of_layer[at] += (values < low).sum(0), (values > high).sum(0), values.sum(0, dtype=np.float64)
    shares = sums / characters
    gates = [
        GateActivity(layer, name, *figures)
        for layer, of_layer in enumerate(shares, 1)
        for name, figures in zip(names, of_layer, strict=True)
    ]
    keeps = _KEEPS.get(model.model)
    memories = [Memory(gate.layer, gate.gate, time_constants(gate.mean)) for gate in gates if gate.gate == keeps]
    return GateStatistics(model, characters, (low, high), tuple(gates), tuple(memories))


def time_constants(means: Figures) -> Figures:
    """-1 / ln m, in characters, of mean gates m (H,): 0 for one that is always shut, infinite for one always open."""
    with np.errstate(divide="ignore"):
        return np.abs(1 / np.log(np.minimum(means, 1.0)))
