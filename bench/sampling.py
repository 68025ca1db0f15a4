"""How fast text is written: charrnn's NumPy engine against torch's own nn.LSTM, against what the weights allow, many
texts at once against one, and from the command to the first character.

    python bench/sampling.py
    python bench/sampling.py --counts    # only with and without counts beside the network

Each figure comes from a process of its own, as a person would run it; they take turns, and the medians are compared.
Ours is the whole of `generate`: the step, the draw and the surprisal of every character, which torch's loop (embedding,
nn.LSTM, head, softmax, multinomial, under inference_mode) spares itself. Weights are random: speed does not depend on
them. `allowed` is one pass over the weights for each character and nothing else: the same matrices times a vector.
`charrnn sample` takes one thread unless told otherwise (--threads), so that is measured beside NumPy's default, both.

Processes of their own matter at 2 x 512: nn.LSTM packs its weights anew for every character, into memory that glibc
maps and gives back each time; in a process that has freed large arrays before, it stops doing so, and nn.LSTM is up to
twice as fast there.

Counts are those of the bundled novel. They have nine tenths of the say, so that what is written is like the novel and
its contexts are as long as they are in real use; the time does not depend on the share.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

SIZES = ((2, 128), (2, 512), (3, 1024))
MANY = 64
NOVEL = Path(__file__).resolve().parents[1] / "corpora" / "the-tidewater-bank.txt"
EMBEDDING, TEMPERATURE, CHARACTERS, ROUNDS, SECONDS = 64, 0.8, 65, 5, 1.0
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
Write = Callable[[int], None]  # writes so many characters


def textbook(layers: int, hidden: int) -> Write:
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


def made(layers: int, hidden: int, **switches: Any) -> tuple[Any, Any, Any]:
    """A model of random weights: its settings, weights and vocabulary."""
    import numpy as np

    from charrnn.config import ModelConfig
    from charrnn.text.vocabulary import Vocabulary

    vocabulary = Vocabulary(np.arange(32, 32 + CHARACTERS, dtype=np.uint32))
    plain = {"residual": False, "layer_norm": False} | switches
    settings: dict[str, Any] = {"num_layers": layers, "rnn_size": hidden, "embedding_size": EMBEDDING} | plain
    model = ModelConfig(**settings).completed()
    rng = np.random.default_rng(1)
    shapes = model.shapes(CHARACTERS)
    weights = {name: rng.uniform(-1, 1, shape).astype(np.float32) * hidden**-0.5 for name, shape in shapes.items()}
    return model, weights, vocabulary


def counted() -> Any:
    """The counts of the bundled novel, in capitals: a model of random weights has no small letters."""
    from charrnn.ngrams.counting import count
    from charrnn.ngrams.mixing import Mixture
    from charrnn.text.vocabulary import to_code_points

    points = to_code_points(NOVEL.read_text("utf-8").upper().replace("\n", " "))
    model = count(points[(points >= 32) & (points < 32 + CHARACTERS)] - 32, CHARACTERS)
    return Mixture(model, (0.9,) * model.order)


def ours(layers: int, hidden: int, counts: bool = False, **switches: Any) -> Write:
    """One text, by `generate`."""
    import numpy as np

    from charrnn.network.engine import Engine
    from charrnn.sampling.chain import make_chain
    from charrnn.sampling.generate import generate

    model, weights, vocabulary = made(layers, hidden, **switches)
    engine, rng, mixture = Engine(model, weights), np.random.default_rng(1), counted() if counts else None

    def write(length: int) -> None:
        for _ in generate(engine, vocabulary, "", length, make_chain(TEMPERATURE), rng, mixture=mixture):
            pass

    return write


def default(layers: int, hidden: int, counts: bool = False) -> Write:
    """The same with residual connections and layer norm, as `charrnn train` makes them."""
    return ours(layers, hidden, counts, residual=True, layer_norm=True)


def many(layers: int, hidden: int, counts: bool = False, **switches: Any) -> Write:
    """MANY texts at once, by `generate_many`."""
    from charrnn.network.engine import Engine
    from charrnn.sampling.request import Request

    model, weights, vocabulary = made(layers, hidden, **switches)
    engine, mixture = Engine(model, weights), counted() if counts else None

    def write(length: int) -> None:
        texts = Request(length=max(1, length // MANY), count=MANY).generate(engine, vocabulary, "", mixture)
        for _ in zip(*(text.characters for text in texts), strict=True):
            pass

    return write


def allowed(layers: int, hidden: int, texts: int = 1) -> Write:
    """One pass over the weights for each character, or for a character of each text: nothing but the products."""
    import numpy as np

    from charrnn.network.engine import Engine
    from charrnn.network.numpy_products import WholeMatrix

    model, weights, _ = made(layers, hidden)
    engine = Engine(model, weights)
    laid_out = [matrix for weights in engine.layer_weights for matrix in weights] + [engine.head]
    matrices = [matrix.rows for matrix in laid_out if isinstance(matrix, WholeMatrix)]
    side = () if texts == 1 else (texts,)
    products = [
        (matrix, np.ones((matrix.shape[1], *side), np.float32), np.empty((len(matrix), *side), np.float32))
        for matrix in matrices
    ]

    def write(length: int) -> None:
        for _ in range(length // texts):
            for matrix, inputs, out in products:
                matrix.dot(inputs, out)

    return write


def allowed_many(layers: int, hidden: int) -> Write:
    """The same for MANY texts at once."""
    return allowed(layers, hidden, MANY)


WAYS: dict[str, Callable[[int, int], Write]] = {
    "ours": ours,
    "default": default,
    "default_counts": partial(default, counts=True),
    "many": many,
    "many_default": partial(many, residual=True, layer_norm=True),
    "many_default_counts": partial(many, counts=True, residual=True, layer_norm=True),
    "allowed": allowed,
    "allowed_many": allowed_many,
    "textbook": textbook,
}


def rate(write: Write, unit: int) -> float:
    """Characters a second, over about SECONDS, once warm."""
    length, taken = 8 * unit, 0.0
    while taken < SECONDS / 2:
        length *= 2
        start = time.perf_counter()
        write(length)
        taken = time.perf_counter() - start
    return length / taken


def apart(way: str, layers: int, hidden: int, environment: dict[str, str]) -> float:
    """The rate of one way in a process of its own."""
    command = [sys.executable, __file__, "--one", way, str(layers), str(hidden)]
    variables = {key: value for key, value in os.environ.items() if key not in ONE_THREAD} | environment
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=variables).stdout)


def medians(columns: list[tuple[str, dict[str, str]]], layers: int, hidden: int) -> list[float]:
    """The rates of several ways that take turns."""
    rounds = [[apart(way, layers, hidden, threads) for way, threads in columns] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def save(path: Path, mixture: Any = None) -> None:
    """A checkpoint of the default network, with counts beside it if there are any."""
    from charrnn.config import TrainConfig
    from charrnn.ngrams.mixing import Mixing
    from charrnn.runs import checkpoint
    from charrnn.runs.header import Header

    model, weights, vocabulary = made(2, 256, residual=True, layer_norm=True)
    facts: dict[str, Any] = {"iteration": 1, "characters": 1, "train_loss": None, "held_out_loss": None, "corpus": {}}
    header = Header(kind="snapshot", model=model, training=TrainConfig().completed(), vocabulary=vocabulary, **facts)
    if mixture:
        mixing = Mixing(shares=tuple(mixture.shares.tolist()), held_out_loss=1.0, improves=True)
        header = dataclasses.replace(header, mixing=mixing)
        weights = weights | checkpoint.ngram_tensors(mixture.model)
    checkpoint.save(path, header, weights)


def starts() -> tuple[float, float]:
    """Seconds from `charrnn sample` to its first character, and of a Python that imports NumPy."""
    taken: list[list[float]] = [[], []]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(path)
        commands = ([sys.executable, "-m", "charrnn", "sample", str(path)], [sys.executable, "-c", "import numpy"])
        for _ in range(4 * ROUNDS):
            for number, command in enumerate(commands):
                began = time.perf_counter()
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                    assert process.stdout is not None
                    process.stdout.read(1)  # the first character; or the end
                    taken[number].append(time.perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


def processor_times(path: Path) -> tuple[float, float]:
    """CPU seconds of `charrnn sample`, which writes one character, without and with the counts of a checkpoint."""
    taken: list[list[float]] = [[], []]
    for _ in range(4 * ROUNDS):
        for number, option in enumerate(("--no-ngrams", "--ngrams")):
            command = [sys.executable, "-m", "charrnn", "sample", str(path), "-n", "1", option]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0
            taken[number].append(usage.ru_utime + usage.ru_stime)
    return statistics.median(taken[0]), statistics.median(taken[1])


def counts_beside() -> None:
    """Print what counts beside the network take."""
    mixture = counted()
    print(f"With counts beside the network, {len(mixture.model):,} entries, LSTM 2 x 256, one thread\n")
    print("| texts at once | network, characters a second | network + counts | share |\n|---|---|---|---|")
    for texts, way in ((1, "default"), (MANY, "many_default")):
        alone, both = medians([(way, ONE_THREAD), (f"{way}_counts", ONE_THREAD)], 2, 256)
        print(f"| {texts} | {alone:,.0f} | {both:,.0f} | {both / alone:.0%} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(path, mixture)
        alone, both = processor_times(path)
    print(f"\nOne character takes {both / alone:.2f} times the CPU time with counts", end="")
    print(f" ({1000 * both:.0f} and {1000 * alone:.0f} ms)\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=3, metavar=("WAY", "LAYERS", "HIDDEN"), help="print one rate")
    parser.add_argument("--counts", action="store_true", help="only with and without counts beside the network")
    arguments = parser.parse_args()
    if arguments.one:
        way, layers, hidden = arguments.one
        print(rate(WAYS[way](int(layers), int(hidden)), MANY if "many" in way else 1))
        return
    counts_beside()
    if arguments.counts:
        return
    print("One text, characters a second\n")
    print("| LSTM | threads | charrnn | with layer norm | nn.LSTM | charrnn / nn.LSTM | allowed | share of allowed |")
    print("|---|---|---|---|---|---|---|---|")
    for layers, hidden in SIZES:
        ways = [(way, threads) for threads in (ONE_THREAD, {}) for way in ("ours", "default", "allowed")]
        *found, torch = medians([*ways, ("textbook", {})], layers, hidden)
        for threads, (own, usual, most) in zip(("one", "all"), (found[:3], found[3:]), strict=True):
            cells = [f"{layers} x {hidden}", threads, *(f"{value:,.0f}" for value in (own, usual, torch))]
            print(f"| {' | '.join(cells)} | {own / torch:.1f} | {most:,.0f} | {own / most:.0%} |", flush=True)
    print(
        f"\n{MANY} texts at once, LSTM 2 x 512\n\n| threads | characters a second | times one text | allowed | share |"
    )
    print("|---|---|---|---|---|")
    ways = [(way, threads) for threads in (ONE_THREAD, {}) for way in ("ours", "many", "allowed_many")]
    found = medians(ways, 2, 512)
    for threads, (one, side, most) in zip(("one", "all"), (found[:3], found[3:]), strict=True):
        print(f"| {threads} | {side:,.0f} | {side / one:.1f} | {most:,.0f} | {side / most:.0%} |", flush=True)
    first, numpy = starts()
    print(f"\nFrom the command to the first character {first / numpy:.2f} times `import numpy`", end="")
    print(f" ({1000 * first:.0f} and {1000 * numpy:.0f} ms)")


if __name__ == "__main__":
    main()
