"""The learning rate of an iteration: a function of its number, and on a plateau of how often it was lowered."""

from __future__ import annotations

import math

from charrnn.config import TrainConfig


def learning_rate(config: TrainConfig, iteration: int, lowered: int = 0) -> float:
    """The rate of update `iteration` (1 ... iterations).

    It rises linearly over `warmup` iterations (at most a tenth of the run), then falls to `final_rate` of its peak at
    the last iteration: along half a cosine (Loshchilov and Hutter, 2017, eq. 5, without restarts), linearly, or not; or
    on a plateau, by `plateau_factor` as often as it was `lowered`, never below `final_rate`.
    """
    warmup = min(config.warmup, config.iterations // 10)
    if iteration <= warmup:
        return config.learning_rate * iteration / warmup
    if config.decay == "constant":
        return config.learning_rate
    if config.decay == "plateau":
        return config.learning_rate * max(config.final_rate, config.plateau_factor**lowered)
    done = min(1.0, (iteration - warmup) / max(1, config.iterations - warmup))
    left = (1 + math.cos(math.pi * done)) / 2 if config.decay == "cosine" else 1 - done
    return config.learning_rate * (config.final_rate + (1 - config.final_rate) * left)
