"""A network in which one cell is known to follow the quotes of a text."""

from __future__ import annotations

import numpy as np

from charrnn.config import ModelConfig
from charrnn.network.engine import Engine
from charrnn.text.vocabulary import Vocabulary, to_code_points

PLANTED, WIDTH = 3, 5  # the cell's number, from 1, and how many there are


def quoting(size: int, seed: int = 0) -> str:
    """Words, of which some are in quotes."""
    rng = np.random.default_rng(seed)
    words: list[str] = []
    while sum(map(len, words)) + len(words) < size:
        some = ["".join(rng.choice(list("abcde"), rng.integers(1, 8))) for _ in range(rng.integers(2, 9))]
        said = " ".join(some)
        words.append(f'"{said}"' if rng.random() < 0.4 else said)
    return " ".join(words)[:size]


def planted(text: str) -> tuple[Engine, Vocabulary]:
    """A network of random weights, but for one cell, which turns to its opposite at a quote.

    At a quote its forget gate shuts, its input gate opens, and its candidate is the opposite of its output.
    """
    vocabulary = Vocabulary.of(to_code_points(text))
    config = ModelConfig(num_layers=1, rnn_size=WIDTH, embedding_size=0, layer_norm=False, residual=False).completed()
    rng = np.random.default_rng(0)
    weights = {
        name: (rng.normal(size=shape) * 0.5).astype(np.float32)
        for name, shape in config.shapes(len(vocabulary)).items()
    }
    quote, at = int(vocabulary.encode('"')[0]), PLANTED - 1
    of_input, of_state = weights["layers.0.weight_ih_l0"], weights["layers.0.weight_hh_l0"]
    bias = weights["layers.0.bias_ih_l0"]
    usual, at_quote = {"input": -20, "forget": 20, "candidate": 10, "output": 20}, {"input": 40, "forget": -40}
    for number, gate in enumerate(("input", "forget", "candidate", "output")):
        row = number * WIDTH + at
        of_input[row], of_state[row], weights["layers.0.bias_hh_l0"][row] = 0, 0, 0
        of_input[row, quote] = at_quote.get(gate, 0)
        bias[row] = usual[gate]
    of_state[2 * WIDTH + at, at] = -40
    return Engine(config, weights), vocabulary
