"""What the learning rate should do when a finished training goes on: ways side by side, over several seeds.

    python bench/lengthening.py tinyshakespeare.txt --iterations 400 --longer 800 --seeds 3
    python bench/lengthening.py tinyshakespeare.txt --iterations 400 --stop 200 --longer 800

Each training of `--iterations` is saved at `--stop` (by default its end), and from there resumed to `--longer` by every
way. `planned` had known the longer length from its first iteration, which is the least that could be hoped for. The
loss is of the last model, over the last tenth of the text. bench/lengthening.md has tables and what was chosen.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from charrnn.training import threads

Rate = Callable[[int], float]  # of an update, by its iteration, as a share of the peak


def ways(began: int, before: int, end: int, warmup: int, final: float) -> dict[str, Rate]:
    """Every way, by name, from iteration `began` of `before` to `end`."""

    def cosine(progress: float) -> float:
        return (1 + math.cos(math.pi * progress)) / 2

    def part(iteration: int) -> float:
        return (iteration - began) / (end - began)

    def above(height: float) -> float:
        return final + (1 - final) * height

    first = min(warmup, before // 10)
    reached = (began - first) / (before - first)
    rates: dict[str, Rate] = {
        "the present rate, kept": lambda iteration: above(cosine(reached)),
        "rest of the cosine from the present rate": lambda iteration: above(
            cosine(reached + (1 - reached) * part(iteration))
        ),
        "cosine from the present rate": lambda iteration: above(cosine(reached) * cosine(part(iteration))),
        "the longer cosine, as if planned": lambda iteration: above(cosine((iteration - warmup) / (end - warmup))),
        "cosine from the peak": lambda iteration: above(cosine(part(iteration))),
    }
    for share in (0.1, 0.25, 0.5, 0.75):
        done = math.acos(2 * share - 1) / math.pi  # where the first cosine had this height
        rates |= {
            f"cosine from {share:g} of it": partial(lambda share, at: above(share * cosine(part(at))), share),
            f"rest of the cosine from {share:g} of it": partial(
                lambda done, at: above(cosine(done + (1 - done) * part(at))), done
            ),
            f"line from {share:g} of it": partial(lambda share, at: above(share * (1 - part(at))), share),
        }
    return rates


def scaled(rate: Rate, peak: float) -> Rate:
    """The learning rates themselves."""
    return lambda iteration: peak * rate(iteration)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--iterations", type=int, default=400)
    parser.add_argument("--stop", type=int, help="where it is resumed from, default: --iterations")
    parser.add_argument("--longer", type=int, default=800)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    count = threads.prepare(arguments.threads)
    import torch

    torch.set_num_threads(count)
    torch.set_flush_denormal(True)
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.runs import checkpoint
    from charrnn.text import corpus
    from charrnn.training.resume import resume_point, resumed
    from charrnn.training.trainer import Trainer
    from charrnn.training.validation import held_out_loss

    text = corpus.read(arguments.text)
    model = ModelConfig(num_layers=arguments.layers, rnn_size=arguments.width)
    quiet: dict[str, Any] = {"eval_every": 0, "snapshot_at": (), "sample_length": 0}
    losses: dict[str, list[float]] = {}

    def finish(training: Trainer, name: str) -> None:
        while not training.complete:
            training.step()
        loss = held_out_loss(training.evaluated_model, training.ids, training.split.held_out)
        losses.setdefault(name, []).append(loss)
        print(f"seed {training.config.seed}, {name}: {loss:.4f}", flush=True)

    for seed in range(1, arguments.seeds + 1):
        short, planned = (
            Trainer(text, model, TrainConfig(iterations=iterations, seed=seed, **quiet), device="cpu")
            for iterations in (arguments.iterations, arguments.longer)
        )
        while short.iteration < (arguments.stop or arguments.iterations):
            short.step()
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "resume.safetensors")
            checkpoint.save(path, *resume_point(short))
            saved = checkpoint.load(path)
        finish(short, "not lengthened")
        finish(planned, "planned")
        config, stop = short.config, saved.header.iteration
        warmup = min(config.warmup, arguments.longer // 10)
        for name, rate in ways(stop, arguments.iterations, arguments.longer, warmup, config.final_rate).items():
            longer = resumed(saved, text, device="cpu", iterations=arguments.longer)
            longer.schedule.rate = scaled(rate, config.learning_rate)  # type: ignore[assignment, method-assign]
            finish(longer, name)
    print(f"\n| the rate from iteration {stop:,} to {arguments.longer:,} | held out, nats | seed by seed |")
    print("|---|---|---|")
    for name, of_seeds in losses.items():
        print(f"| {name} | {statistics.mean(of_seeds):.4f} | {', '.join(f'{loss:.4f}' for loss in of_seeds)} |")


if __name__ == "__main__":
    main()
