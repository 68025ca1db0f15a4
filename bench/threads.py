"""What becomes of a training when it is not alone: beside another training, and beside a busy process.

    python bench/threads.py

`rows` is how charrnn trains: every thread takes some rows of the batch. `products` is the usual way: all threads
share every matrix product, under several settings of OpenMP's waiting. Every figure is of processes of their own,
because those settings count only before torch is imported. Ways take turns over the rounds; medians are printed, in
characters a second of one training, and as a share of the best way alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

ROUNDS, SECONDS = 3, 6

WAYS: dict[str, dict[str, str]] = {
    "rows": {"WAY": "rows"},
    "products, OpenMP's default": {},
    "products, GOMP_SPINCOUNT=20000": {"GOMP_SPINCOUNT": "20000"},
    "products, OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
BUSY = "while True: pass"
TRAIN = "--train"  # the argument of a process that is measured


def train() -> None:
    """Train for SECONDS, as the environment says, and print the characters a second."""
    from charrnn.training import threads

    if os.environ.get("WAY") == "rows":
        threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.text import corpus
    from charrnn.training.data_parallel import DataParallel
    from charrnn.training.trainer import Trainer

    text = corpus.from_text("To be, or not to be. " * 60_000)
    trainer = Trainer(text, ModelConfig(), TrainConfig(), device="cpu")
    if "WAY" not in os.environ:
        trainer.data_parallel = DataParallel(
            trainer.model,
            trainer.optimizer.parameters,
            batch_size=trainer.config.batch_size,
            threads=1,
            seed=1,
            dtype=getattr(torch, trainer.config.precision),
        )
    for _ in range(10):
        trainer.step()
    began, at = time.perf_counter(), trainer.characters
    while time.perf_counter() - began < SECONDS:
        trainer.step()
    print((trainer.characters - at) / (time.perf_counter() - began))


def measure(way: dict[str, str], trainings: int, busy: int) -> float:
    """Mean characters a second of each of several trainings at once, beside so many busy processes."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "KMP_"))}
    others = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(busy)]
    try:
        processes = [
            subprocess.Popen([sys.executable, __file__, TRAIN], env=clean | way, stdout=subprocess.PIPE, text=True)
            for _ in range(trainings)
        ]
        return statistics.mean(float(process.communicate()[0]) for process in processes)
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    situations = {"alone": (1, 0), "two at once": (2, 0), "beside a busy process": (1, 1)}
    figures: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            for situation, (trainings, busy) in situations.items():
                figures.setdefault((name, situation), []).append(measure(way, trainings, busy))
    medians = {key: statistics.median(values) for key, values in figures.items()}
    best = max(value for (_, situation), value in medians.items() if situation == "alone")
    print(f"| way | {' | '.join(situations)} |")
    print("|---" * (1 + len(situations)) + "|")
    for name in WAYS:
        cells = [f"{medians[name, situation]:,.0f} ({medians[name, situation] / best:.0%})" for situation in situations]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    if TRAIN in sys.argv:
        train()
    else:
        main()
