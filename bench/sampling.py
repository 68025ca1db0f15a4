"""How fast text is written, one character at a time: charrnn's NumPy engine against torch's own nn.LSTM.

    python bench/sampling.py

Both run in this one process with the threads they take by default, in alternating rounds; the medians are compared.
Ours is the whole of `generate`: the step, the draw and the surprisal of every character, which torch's loop (embedding,
nn.LSTM, head, softmax, multinomial) spares itself. Weights are random: speed does not depend on them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from charrnn.config import ModelConfig
from charrnn.generation import Engine, generate
from charrnn.vocabulary import Vocabulary

SIZES = ((2, 128), (2, 512), (3, 1024))
VOCABULARY = Vocabulary(np.arange(32, 32 + 65, dtype=np.uint32))
EMBEDDING, TEMPERATURE, ROUNDS, SECONDS = 64, 0.8, 7, 1.0


class Torch:
    """The loop of a textbook."""

    def __init__(self, layers: int, hidden: int) -> None:
        self.embedding = nn.Embedding(len(VOCABULARY), EMBEDDING)
        self.lstm = nn.LSTM(EMBEDDING, hidden, layers)
        self.head = nn.Linear(hidden, len(VOCABULARY))

    def write(self, length: int) -> None:
        """Write `length` characters."""
        with torch.inference_mode():
            character, state = torch.zeros(1, 1, dtype=torch.long), None
            for _ in range(length):
                y, state = self.lstm(self.embedding(character), state)
                probabilities = torch.softmax(self.head(y[0]) / TEMPERATURE, dim=-1)
                character = torch.multinomial(probabilities, 1)
                character.item()


def ours(layers: int, hidden: int) -> Callable[[int], None]:
    """`generate` with random weights."""
    model = ModelConfig(num_layers=layers, rnn_size=hidden, embedding_size=EMBEDDING, residual=False)
    rng = np.random.default_rng(1)
    scale = hidden**-0.5
    weights = {
        name: rng.uniform(-scale, scale, shape).astype(np.float32)
        for name, shape in model.shapes(len(VOCABULARY)).items()
    }
    engine = Engine(model, weights)

    def write(length: int) -> None:
        for _ in generate(engine, VOCABULARY, "", length, TEMPERATURE, rng):
            pass

    return write


def rate(write: Callable[[int], None]) -> float:
    """Characters a second, over about SECONDS."""
    length, taken = 8, 0.0
    while taken < SECONDS / 4:
        length *= 2
        start = time.perf_counter()
        write(length)
        taken = time.perf_counter() - start
    return length / taken


def main() -> None:
    """Print one line for each size."""
    threads = f"{os.cpu_count()} cores, {torch.get_num_threads()} torch threads"
    print(
        f"characters a second, medians of {ROUNDS} rounds; torch {torch.__version__}, NumPy {np.__version__}, {threads}"
    )
    print(f"{'size':>8} {'charrnn':>12} {'nn.LSTM':>12} {'ratio':>7}")
    for layers, hidden in SIZES:
        writers = (ours(layers, hidden), Torch(layers, hidden).write)
        rounds = [[rate(write) for write in writers] for _ in range(ROUNDS)]
        numpy_rate, torch_rate = (statistics.median(column) for column in zip(*rounds, strict=True))
        size = f"{layers} x {hidden}"
        print(f"{size:>8} {numpy_rate:>12,.0f} {torch_rate:>12,.0f} {numpy_rate / torch_rate:>6.1f}x", flush=True)


if __name__ == "__main__":
    main()
