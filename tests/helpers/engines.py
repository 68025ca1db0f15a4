"""Small NumPy engines of random weights, of every kind of cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from charrnn.config import Cell, ModelConfig
from charrnn.network.engine import Engine, State
from charrnn.text.vocabulary import Vocabulary, to_code_points

CELLS: tuple[Cell, ...] = ("lstm", "gru", "rnn")
KINDS = (*({"model": cell} for cell in CELLS), {"model": "rnn", "nonlinearity": "relu"})
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.get("nonlinearity", kind["model"]))
VOCABULARY = Vocabulary.of(to_code_points("\n abcdefghijklmnopé."))
V = len(VOCABULARY)

Weights = dict[str, NDArray[Any]]


def random_weights(model: ModelConfig, seed: int = 0, scale: float = 0.5) -> Weights:
    """Weights of the names and shapes that the settings want."""
    rng = np.random.default_rng(seed)
    return {name: (rng.normal(size=shape) * scale).astype(np.float32) for name, shape in model.shapes(V).items()}


def make(model: Cell = "lstm", **settings: Any) -> Engine:
    """A small engine of two layers."""
    config = ModelConfig(model=model, **({"rnn_size": 12, "embedding_size": 5} | settings))
    return Engine(config, random_weights(config))


def ids(n: int, seed: int = 3) -> list[int]:
    """Ids of VOCABULARY at random."""
    return [int(index) for index in np.random.default_rng(seed).integers(V, size=n)]


def same(one: State | None, other: State) -> None:
    """Bit for bit."""
    assert one
    np.testing.assert_array_equal(one.logits, other.logits)
    np.testing.assert_array_equal(one.layers, other.layers)
