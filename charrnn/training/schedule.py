"""How many iterations there are, the learning rate of each, and what held-out losses decide: a lower rate, the end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.config import TrainConfig

# Stands for an unknown number of iterations where there has to be one: in a checkpoint's settings, and in a schedule,
# which it leaves at its peak.
_FAR = 10**9


@dataclass(slots=True)
class Horizon:
    """The number of iterations after which a training ends; None as long as a time budget has not been planned.

    Trainer, schedule and time budget share one object, so that a new plan is at once known to all of them.
    """

    iterations: int | None

    @classmethod
    def of(cls, config: TrainConfig) -> Horizon:
        """That of a new training."""
        return cls(config.iterations if config.time is None else None)

    def reached(self, iteration: int) -> bool:
        """Whether `iteration` is the last, or beyond it."""
        return self.iterations is not None and iteration >= self.iterations

    def applied(self, config: TrainConfig) -> TrainConfig:
        """The settings with this number of iterations."""
        iterations = _FAR if self.iterations is None else self.iterations
        return config if config.iterations == iterations else replace(config, iterations=iterations)

    def state_dict(self) -> dict[str, Any]:
        """`iterations`."""
        return {"iterations": self.iterations}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.iterations = state["iterations"]


@dataclass(slots=True)
class BestLoss:
    """The lowest of the held-out losses so far, and how many there have been since."""

    loss: float = math.inf
    evaluations_since: int = 0

    def observe(self, loss: float) -> bool:
        """Take a loss into account; whether it is the lowest so far."""
        if loss < self.loss:
            self.loss, self.evaluations_since = loss, 0
            return True
        self.evaluations_since += 1
        return False

    def state_dict(self) -> dict[str, Any]:
        """`best_loss`, None before there is any, and `stale`, the evaluations since."""
        return {"best_loss": self.loss if math.isfinite(self.loss) else None, "stale": self.evaluations_since}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.loss = math.inf if state["best_loss"] is None else float(state["best_loss"])
        self.evaluations_since = int(state["stale"])


class LearningRateSchedule:
    """The learning rate of every iteration: warmup, then decay, or a plateau's reductions."""

    def __init__(self, config: TrainConfig, horizon: Horizon) -> None:
        """Begin before the first iteration.

        Args:
            config: The peak rate and how it changes; its own number of iterations does not count.
            horizon: The number of iterations, which may become known later.
        """
        self.config, self.horizon = config, horizon
        self.reductions = 0  # times that a plateau was met
        self._best = BestLoss()

    def rate(self, iteration: int) -> float:
        """The rate of an update.

        It rises linearly over `warmup` iterations (at most a tenth of the run), then falls to `final_rate` of its peak
        at the last iteration: along half a cosine (Loshchilov and Hutter, 2017, eq. 5, without restarts), linearly, or
        not at all; or on plateaus, each time by `plateau_factor`, never below `final_rate`.

        Args:
            iteration: 1 for the first update.

        Returns:
            The learning rate of that update.
        """
        config = self.config = self.horizon.applied(self.config)
        warmup = min(config.warmup, config.iterations // 10)
        if iteration <= warmup:
            return config.learning_rate * iteration / warmup
        if config.decay == "constant":
            return config.learning_rate
        if config.decay == "plateau":
            return config.learning_rate * max(config.final_rate, config.plateau_factor**self.reductions)
        progress = min(1.0, (iteration - warmup) / max(1, config.iterations - warmup))
        decayed = (1 + math.cos(math.pi * progress)) / 2 if config.decay == "cosine" else 1 - progress
        return config.learning_rate * (config.final_rate + (1 - config.final_rate) * decayed)

    def observe(self, loss: float) -> None:
        """Take a held-out loss into account: `plateau_patience` of them without a new best are a plateau."""
        if not self._best.observe(loss):
            self.reductions += self._best.evaluations_since % self.config.plateau_patience == 0

    def state_dict(self) -> dict[str, Any]:
        """`lowered`, the times that a plateau was met, and what `BestLoss` keeps."""
        return self._best.state_dict() | {"lowered": self.reductions}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._best.load_state_dict(state)
        self.reductions = int(state["lowered"])


class EarlyStopping:
    """Ends a training when so many held-out losses in a row were no better than the best (Prechelt, 1998)."""

    def __init__(self, patience: int) -> None:
        """Begin before the first evaluation.

        Args:
            patience: Evaluations without improvement after which training ends; 0: never.
        """
        self.patience = patience
        self.stopped = False
        self._best = BestLoss()

    @property
    def evaluations_since_best(self) -> int:
        """How many held-out losses in a row were no better than the best."""
        return self._best.evaluations_since

    def observe(self, loss: float) -> bool:
        """Take a held-out loss into account.

        Returns:
            Whether it is the best so far.
        """
        improved = self._best.observe(loss)
        self.stopped = 0 < self.patience <= self._best.evaluations_since
        return improved

    def state_dict(self) -> dict[str, Any]:
        """`stopped`, and what `BestLoss` keeps."""
        return self._best.state_dict() | {"stopped": self.stopped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._best.load_state_dict(state)
        self.stopped = bool(state["stopped"])
