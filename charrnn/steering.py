"""What a training does by its held-out losses: lower the rate on a plateau, keep the best, stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charrnn.config import TrainConfig


@dataclass(slots=True)
class Steering:
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
