"""How much is learned in a given time, with the defaults: held-out loss after so many seconds of training.

    python bench/learning.py tinyshakespeare.txt --seconds 115

The number of iterations is chosen beforehand, from a few seconds of the same training, because the learning rate's
schedule needs it; the seconds printed are those its iterations then took. The loss is over the last tenth: with the
state carried in one pass over all of it, and in windows of 256 that begin cold.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from charrnn import threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("text", type=Path, nargs="?", help="default: the bundled novel")
    parser.add_argument("--seconds", type=float, default=115.0)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 1")
    arguments = parser.parse_args()

    count = threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    from charrnn import corpus, library
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.evaluation import cold_loss, held_out_loss
    from charrnn.training import Training

    text = corpus.read(arguments.text or library.bundled())
    print(f"{text.name}: {len(text):,} characters; {count} threads, torch {torch.__version__}")
    print("| seed | iterations | seconds | nats, carried | nats, cold 256 | bits, carried |")
    print("|---|---|---|---|---|---|")
    for seed in range(1, arguments.seeds + 1):
        trial = Training(text, ModelConfig(), TrainConfig(seed=seed))
        for _ in range(20):
            trial.step()
        began, at = time.perf_counter(), trial.iteration
        while time.perf_counter() - began < 5:
            trial.step()
        per_second = (trial.iteration - at) / (time.perf_counter() - began)
        iterations = max(1, math.floor(arguments.seconds * per_second * 0.97))
        training = Training(
            text, ModelConfig(), TrainConfig(seed=seed, iterations=iterations, eval_every=0, snapshot_at=())
        )
        began = time.perf_counter()
        while training.iteration < iterations:
            training.step()
        seconds = time.perf_counter() - began
        carried = held_out_loss(training.model, training.ids, training.tails, streams=1)
        cold = cold_loss(training.model, training.ids, training.tails)
        print(
            f"| {seed} | {iterations:,} | {seconds:.1f} | {carried:.4f} | {cold:.4f} | {carried / math.log(2):.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
