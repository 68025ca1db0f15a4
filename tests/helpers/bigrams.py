"""Networks whose weights are set by hand: what comes next depends on the last character alone, by a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.config import ModelConfig
from charrnn.network.engine import Engine
from charrnn.network.numpy_weights import Weights
from charrnn.sampling.side import Side

_SATURATING = 20.0  # tanh of it is 1 in float32


def config(size: int) -> ModelConfig:
    return ModelConfig(
        model="rnn", num_layers=1, rnn_size=size, embedding_size=0, layer_norm=False, residual=False
    ).completed()


def weights(table: Sequence[Sequence[float]]) -> Weights:
    """`table[i][j]` is how likely id j is after id i: the unit of i is 1 after it, the others 0."""
    probabilities = np.array(table, dtype=np.float64)
    size = len(probabilities)
    made = {name: np.zeros(shape, dtype=np.float32) for name, shape in config(size).shapes(size).items()}
    made["layers.0.weight_ih_l0"] = np.eye(size, dtype=np.float32) * _SATURATING
    made["head.weight"] = np.log(probabilities).T.astype(np.float32)
    return made


def side(table: Sequence[Sequence[float]]) -> Side:
    return Side(Engine(config(len(table)), weights(table)))
