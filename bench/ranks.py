"""What dividing a training among processes costs: two ranks of one thread against one process of two threads.

    python bench/ranks.py

Both compute the same rows on the same cores, so that what differs is the exchange of gradients, and the updates, which
every rank makes for itself. Ranks are started by torchrun and exchange by gloo, over the loopback. The ways take turns
over the rounds; medians are printed, in characters a second, and the ratio of medians; 1 would cost nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS, SECONDS = 3, 8.0
NETWORKS: dict[str, dict[str, dict[str, object]]] = {
    "2 x 128, AdamW": {"model": {"rnn_size": 128}, "training": {"optimizer": "adamw"}},
    "2 x 256, AdamW": {"model": {"rnn_size": 256}, "training": {"optimizer": "adamw"}},
    "2 x 256, Muon": {"model": {"rnn_size": 256}, "training": {"optimizer": "muon"}},
    "2 x 512, AdamW": {"model": {"rnn_size": 512}, "training": {"optimizer": "adamw"}},
    "2 x 512, 128 streams, AdamW": {"model": {"rnn_size": 512}, "training": {"optimizer": "adamw", "batch_size": 128}},
}
TRAIN = "--train"  # the argument of a process that is measured, before the network's name
RANKS = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", __file__, TRAIN)
THREADS = (sys.executable, __file__, TRAIN)


def train(name: str) -> None:
    """Train for SECONDS; the first rank prints the characters a second."""
    from charrnn.training import threads
    from charrnn.training.rank_place import Place

    place = Place.of()
    count = threads.prepare(2 // place.size)
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.text import corpus
    from charrnn.training.arrival import arrive
    from charrnn.training.trainer import Trainer

    ranks, text, settings = arrive(place, 60.0), corpus.from_text("To be, or not to be. " * 60_000), NETWORKS[name]
    model, training = ModelConfig(**settings["model"]), TrainConfig(**settings["training"])  # type: ignore[arg-type]
    trainer = Trainer(text, model, training, device="cpu", ranks=ranks)
    for _ in range(10):
        trainer.step()
    began, at = time.perf_counter(), trainer.characters
    while ranks.from_first(lambda: time.perf_counter() - began) < SECONDS:
        for _ in range(10):
            trainer.step()
    if ranks.first:
        print((trainer.characters - at) / (time.perf_counter() - began), flush=True)
    ranks.close()


def measure(command: tuple[str, ...], network: str) -> float:
    """Characters a second of one way."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    done = subprocess.run([*command, network], env=clean, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    print("| network | 1 process, 2 threads | 2 ranks, 1 thread each | ratio |\n|---|---|---|---|")
    for network in NETWORKS:
        figures: dict[tuple[str, ...], list[float]] = {THREADS: [], RANKS: []}
        for _ in range(ROUNDS):
            for command, values in figures.items():
                values.append(measure(command, network))
        alone, divided = (statistics.median(values) for values in figures.values())
        print(f"| {network} | {alone:,.0f} | {divided:,.0f} | {divided / alone:.2f} |", flush=True)


if __name__ == "__main__":
    if TRAIN in sys.argv:
        train(sys.argv[-1])
    else:
        main()
