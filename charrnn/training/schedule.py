"""The learning rate of an iteration, and what held-out losses decide: lower it on a plateau, keep the best, stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(slots=True)
class EarlyStopping:
    """By the held-out losses at every `eval_every`-th iteration."""

    best_loss: float = math.inf
    stale: int = 0  # losses since the best
    lowered: int = 0  # times that the rate was
    stopped: bool = False  # for want of improvement

    def take(self, loss: float, config: TrainConfig) -> bool:
        """Take a loss into account; whether it is the best so far."""
        if loss < self.best_loss:
            self.best_loss, self.stale = loss, 0
            return True
        self.stale += 1
        self.lowered += self.stale % config.plateau_patience == 0
        self.stopped = 0 < config.patience <= self.stale
        return False

    def progress(self) -> dict[str, Any]:
        """What a resume point keeps."""
        best = self.best_loss if math.isfinite(self.best_loss) else None
        return {"best_loss": best, "stale": self.stale, "lowered": self.lowered, "stopped": self.stopped}

    def load(self, progress: Mapping[str, Any], *, go_on: bool) -> None:
        """The inverse of `progress`; `go_on`: even where it had stopped."""
        best = progress.get("best_loss")
        self.best_loss = math.inf if best is None else float(best)
        self.stale, self.lowered = int(progress.get("stale", 0)), int(progress.get("lowered", 0))
        self.stopped = bool(progress.get("stopped", False)) and not go_on
