"""How fast text is written, one character at a time: charrnn's NumPy engine against torch's own nn.LSTM.

    python bench/sampling.py

Each figure comes from a process of its own, as a person would run it, with the threads each takes by default; they take
turns, and the medians are compared. `charrnn sample` takes one thread unless told otherwise, so that is measured too.
Ours is the whole of `generate`: the step, the draw and the surprisal of every character, which torch's loop (embedding,
nn.LSTM, head, softmax, multinomial, under inference_mode) spares itself. Weights are random: speed does not depend on
them.

Processes of their own matter at 2 x 512: nn.LSTM packs its weights anew for every character, into memory that glibc
maps and gives back each time; in a process that has freed large arrays before, it stops doing so, and nn.LSTM is up to
twice as fast there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

SIZES = ((2, 128), (2, 512), (3, 1024))
EMBEDDING, TEMPERATURE, CHARACTERS, ROUNDS, SECONDS = 64, 0.8, 65, 5, 1.0
ENGINES = ("charrnn", "charrnn, one thread", "torch")


def textbook(layers: int, hidden: int) -> Callable[[int], None]:
    """torch's loop as every tutorial has it."""
    import torch
    from torch import nn

    embedding = nn.Embedding(CHARACTERS, EMBEDDING)
    lstm = nn.LSTM(EMBEDDING, hidden, layers)
    head = nn.Linear(hidden, CHARACTERS)

    def write(length: int) -> None:
        with torch.inference_mode():
            character, state = torch.zeros(1, 1, dtype=torch.long), None
            for _ in range(length):
                y, state = lstm(embedding(character), state)
                probabilities = torch.softmax(head(y[0]) / TEMPERATURE, dim=-1)
                character = torch.multinomial(probabilities, 1)
                character.item()

    return write


def ours(layers: int, hidden: int) -> Callable[[int], None]:
    """`generate` with random weights."""
    import numpy as np

    from charrnn.config import ModelConfig
    from charrnn.generation import Engine, generate
    from charrnn.sampling import chain
    from charrnn.vocabulary import Vocabulary

    vocabulary = Vocabulary(np.arange(32, 32 + CHARACTERS, dtype=np.uint32))
    model = ModelConfig(num_layers=layers, rnn_size=hidden, embedding_size=EMBEDDING, residual=False, layer_norm=False)
    rng = np.random.default_rng(1)
    scale = hidden**-0.5
    shapes = model.shapes(CHARACTERS)
    weights = {name: rng.uniform(-scale, scale, shape).astype(np.float32) for name, shape in shapes.items()}
    engine = Engine(model, weights)

    def write(length: int) -> None:
        for _ in generate(engine, vocabulary, "", length, chain(TEMPERATURE), rng):
            pass

    return write


def rate(write: Callable[[int], None]) -> float:
    """Characters a second, over about SECONDS, once warm."""
    length, taken = 8, 0.0
    while taken < SECONDS / 2:
        length *= 2
        start = time.perf_counter()
        write(length)
        taken = time.perf_counter() - start
    return length / taken


def apart(engine: str, layers: int, hidden: int) -> float:
    """The rate of one engine in a process of its own."""
    command = [sys.executable, __file__, "--one", engine, str(layers), str(hidden)]
    environment = os.environ | ({"OPENBLAS_NUM_THREADS": "1"} if engine == "charrnn, one thread" else {})
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Characters a second of charrnn's sampler and of a plain nn.LSTM loop")
    parser.add_argument("--one", nargs=3, metavar=("ENGINE", "LAYERS", "HIDDEN"), help="print one engine's rate")
    arguments = parser.parse_args()
    makers = {"charrnn": ours, "charrnn, one thread": ours, "torch": textbook}
    if arguments.one:
        engine, layers, hidden = arguments.one
        print(rate(makers[engine](int(layers), int(hidden))))
        return
    print("| size | charrnn, char/s | one thread | nn.LSTM | charrnn / nn.LSTM | one thread / nn.LSTM |")
    print("|---|---|---|---|---|---|")
    for layers, hidden in SIZES:
        rounds = [[apart(engine, layers, hidden) for engine in ENGINES] for _ in range(ROUNDS)]
        both, one, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
        size = f"{layers} x {hidden}"
        print(
            f"| {size} | {both:,.0f} | {one:,.0f} | {theirs:,.0f} | {both / theirs:.1f} | {one / theirs:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
