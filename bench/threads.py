"""How OpenMP's threads should wait: one training alone, and two at once, under each setting.

    python bench/threads.py

Every figure is a process of its own, because the settings count only before torch is imported. Settings take turns
over the rounds; medians are printed, and each as a share of the best one alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

ROUNDS, SECONDS = 3, 6

SETTINGS: dict[str, dict[str, str]] = {
    "OpenMP's default": {},
    "GOMP_SPINCOUNT=2000": {"GOMP_SPINCOUNT": "2000"},
    "GOMP_SPINCOUNT=20000": {"GOMP_SPINCOUNT": "20000"},
    "OMP_WAIT_POLICY=PASSIVE": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}

CHILD = """
import time, torch
torch.set_flush_denormal(True)
from charrnn import corpus
from charrnn.config import ModelConfig, TrainConfig
from charrnn.training import Training
training = Training(corpus.from_text("To be, or not to be. " * 60_000), ModelConfig(), TrainConfig())
for _ in range(20): training.step()
began, at = time.perf_counter(), training.iteration
while time.perf_counter() - began < %d: training.step()
print((training.iteration - at) * 1024 / (time.perf_counter() - began))
"""


def measure(setting: dict[str, str], at_once: int) -> float:
    """Characters per second of each of so many trainings at once."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD % SECONDS], env=clean | setting, stdout=subprocess.PIPE, text=True
        )
        for _ in range(at_once)
    ]
    return statistics.mean(float(child.communicate()[0]) for child in children)


def main() -> None:
    figures: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, setting in SETTINGS.items():
            for at_once in (1, 2):
                figures.setdefault((name, at_once), []).append(measure(setting, at_once))
    best = max(statistics.median(figures[name, 1]) for name in SETTINGS)
    print("| waiting | one training, char/s | of best | each of two, char/s | of best |")
    print("|---|---|---|---|---|")
    for name in SETTINGS:
        alone, each = (statistics.median(figures[name, at_once]) for at_once in (1, 2))
        print(f"| {name} | {alone:,.0f} | {alone / best:.0%} | {each:,.0f} | {each / best:.0%} |")


if __name__ == "__main__":
    main()
