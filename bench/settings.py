"""Settings side by side in the same time, over several seeds: mean and spread of the held-out loss.

    python bench/settings.py tinyshakespeare.txt --seconds 60 --seeds 3 "" layer_norm=true,learning_rate=0.012

A setting lists fields of ModelConfig and TrainConfig; "" is the defaults. Every training has the same budget of time
(`--time`) and takes turns with the others, seed by seed; nothing is measured or kept on the way. The last tenth is held
out: `carried` reads it with the state carried, `cold` in windows of 256 that begin with a zero state.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import fields
from typing import Any

from charrnn.training import threads


def parsed(setting: str) -> dict[str, Any]:
    """`a=1,b=x` -> {"a": 1, "b": "x"}."""
    values: dict[str, Any] = {}
    for pair in filter(None, setting.split(",")):
        name, _, value = pair.partition("=")
        try:
            values[name] = json.loads(value)
        except ValueError:
            values[name] = value
    return values


def spread(values: list[float]) -> str:
    """Mean, and half the range."""
    return f"{statistics.mean(values):.4f} +- {(max(values) - min(values)) / 2:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("settings", nargs="+")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    from losses import cold_loss

    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.text import corpus
    from charrnn.training.trainer import Trainer
    from charrnn.training.validation import held_out_loss

    text = corpus.read(arguments.text)
    network = {field.name for field in fields(ModelConfig)}
    measured: dict[str, list[tuple[float, float, int, float]]] = {setting: [] for setting in arguments.settings}
    for seed in range(1, arguments.seeds + 1):
        for setting in arguments.settings:
            values = parsed(setting)
            model = ModelConfig(**{name: value for name, value in values.items() if name in network})
            rest = {name: value for name, value in values.items() if name not in network}
            quiet: dict[str, Any] = {"eval_every": 0, "snapshot_at": (), "sample_length": 0, "seed": seed}
            training = Trainer(text, model, TrainConfig(time=arguments.seconds, **quiet | rest))
            events = training.events()
            while not training.complete:
                next(events)
            seconds = training.budget.elapsed
            carried, cold = (
                measure(training.evaluated_model, training.ids, training.split.held_out)
                for measure in (held_out_loss, cold_loss)
            )
            measured[setting].append((carried, cold, training.iteration, seconds))
            print(f"seed {seed}, {setting or 'defaults'}: {carried:.4f}, {training.iteration:,} iterations", flush=True)
    print(f"\n| setting | iterations | seconds | carried, nats (mean of {arguments.seeds}) | cold, nats |")
    print("|---|---|---|---|---|")
    for setting, results in measured.items():
        carried_losses, cold_losses, iterations, times = zip(*results, strict=True)
        cells = [setting.replace(",", ", ") or "defaults", f"{min(iterations):,} to {max(iterations):,}"]
        cells += [f"{max(times):.1f}", spread(list(carried_losses)), spread(list(cold_losses))]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
