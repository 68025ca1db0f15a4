"""All that a network makes of a text, character by character: states, gates, predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from charrnn.network.engine import Engine, RecurrentStack, State
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import PARTS, Array
from charrnn.sampling.chain import log_softmax

_CHUNK = 1024  # characters

Progress = Callable[[float], None]
"""Is told what share of the work, 0 to 1, has been done since it was last told."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerActivations:
    """What one layer makes of T characters; row t is after character t.

    Attributes:
        h: (T, H), its output, before any residual connection or normalization.
        c: (T, H), the cell state of an LSTM; None of other cells.
        gates: (T, H) each, after their sigmoid or tanh. LSTM: `input`, `forget`, `output`, `candidate`; GRU: `reset`,
            `update`, `candidate`; a plain RNN has none.
    """

    h: Array
    c: Array | None
    gates: Mapping[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """What a network makes of T characters.

    Attributes:
        ids: (T,), what was read.
        layers: Each layer's, from the lowest up.
        log_probs: (T, V), of what comes after each character: row t predicts character t + 1.
    """

    ids: NDArray[np.intp]
    layers: tuple[LayerActivations, ...]
    log_probs: Array

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, unit: HiddenUnit) -> Array:
        """A unit's values, (T,). Raises UsageError if there is no such unit (`HiddenUnit.check`)."""
        layer = self.layers[unit.layer - 1]
        values = layer.c if unit.cell else layer.h
        assert values is not None
        return values[:, unit.number - 1]


def read(
    engine: Engine,
    ids: Sequence[int] | NDArray[np.integer],
    after: State | None = None,
    progress: Progress | None = None,
) -> Iterator[Activations]:
    """Read a text and keep everything, in parts that follow each other: memory does not grow with the text.

    Args:
        engine: The network.
        ids: The text.
        after: The state to read it after; None is the beginning of a text.
        progress: Of the reading.

    Yields:
        The activations of the next thousand characters or so.

    Raises:
        DivergedError: The outputs of the model are not numbers.
    """
    stack, config = RecurrentStack(engine), engine.config
    if after:
        stack.set_state(after.layers)
    parts, hidden, rows = len(PARTS[config.model]), config.rnn_size, engine.input_rows
    for start in range(0, len(ids), _CHUNK):
        chunk = np.asarray(ids[start : start + _CHUNK], dtype=np.intp)
        made = np.empty((config.num_layers, len(chunk), parts * hidden), dtype=np.float32)
        outputs = np.empty((config.num_layers, len(chunk), hidden), dtype=np.float32)
        logits = np.empty((len(chunk), len(engine.input_table)), dtype=np.float32)
        copies = [(cell, made[layer], outputs[layer]) for layer, cell in enumerate(stack.cells)]
        for place, index in enumerate(chunk.tolist()):
            stack.step(rows[index])
            logits[place] = stack.logits()
            for cell, made_here, outputs_here in copies:
                made_here[place], outputs_here[place] = cell.made, cell.h
        layers = tuple(_layer(PARTS[config.model], *of_layer) for of_layer in zip(outputs, made, strict=True))
        if progress:
            progress(len(chunk) / len(ids))
        yield Activations(chunk, layers, log_softmax(logits).astype(np.float32))


def _layer(names: Sequence[str], h: Array, made: Array) -> LayerActivations:
    """A layer's activations by name, from its h (T, H) and all else below each other (T, n * H)."""
    gates = {name: made[:, at * h.shape[1] :][:, : h.shape[1]] for at, name in enumerate(names)}
    c = gates.pop("c", None)
    return LayerActivations(h, c, MappingProxyType(gates))


def likeliest(log_probs: Array, count: int) -> tuple[NDArray[np.intp], Array]:
    """The ids that are likeliest to come next, the likeliest first, and their probabilities.

    Args:
        log_probs: (T, V).
        count: k; of a smaller vocabulary all.

    Returns:
        (T, k) both.
    """
    order = np.argsort(-log_probs, axis=1, kind="stable")[:, :count]
    return order, np.exp(np.take_along_axis(log_probs, order, axis=1))


def join(parts: Iterable[Activations]) -> Activations:
    """Parts that follow each other as one. There must be one at least; beside it only as much again is held."""
    listed = list(parts)
    return Activations(
        np.concatenate([part.ids for part in listed]),
        tuple(_join_layer(of_layer) for of_layer in zip(*(part.layers for part in listed), strict=True)),
        np.concatenate([part.log_probs for part in listed]),
    )


def _join_layer(parts: Sequence[LayerActivations]) -> LayerActivations:
    return LayerActivations(
        np.concatenate([part.h for part in parts]),
        None if parts[0].c is None else np.concatenate([part.c for part in parts if part.c is not None]),
        MappingProxyType({name: np.concatenate([part.gates[name] for part in parts]) for name in parts[0].gates}),
    )
