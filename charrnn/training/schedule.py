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
ROLLBACK_FACTOR = 0.5  # of the learning rate from a rollback on, by each


@dataclass(slots=True)
class Horizon:
    """The iteration at which a training ends, and how far the decay of its learning rate has come at each before.

    Trainer, schedule and time budget share one object, so that a new plan is at once known to all of them.
    """

    iterations: int | None  # None as long as a time budget has not been planned
    longest_warmup: int = 0
    # Where the end became another one: the iteration, and how far the decay had come. From there what is left of the
    # decay is spread over what is left of the training, so that the rate neither jumps nor rises.
    turn: tuple[int, float] | None = None

    @classmethod
    def of(cls, config: TrainConfig) -> Horizon:
        """That of a new training."""
        return cls(config.iterations if config.time is None else None, config.warmup)

    @property
    def end(self) -> int:
        """The last iteration; while that is unknown one so far away that a decay never begins."""
        return _FAR if self.iterations is None else self.iterations

    @property
    def warmup(self) -> int:
        """The iterations over which the rate rises."""
        return 0 if self.turn else min(self.longest_warmup, self.end // 10)

    def reached(self, iteration: int) -> bool:
        """Whether `iteration` is the last, or beyond it."""
        return self.iterations is not None and iteration >= self.iterations

    def progress(self, iteration: int) -> float:
        """How far the decay has come at an iteration: 0 at the end of the warmup, 1 at the last iteration."""
        began, done = self.turn or (self.warmup, 0.0)
        part = (iteration - began) / max(1, self.end - began)
        return min(1.0, max(0.0, done + (1 - done) * part))

    def move(self, iterations: int | None, at: int) -> None:
        """Let the training end elsewhere; what is left of the decay is stretched or shortened.

        Args:
            iterations: The new last one; None: a time budget will tell.
            at: The present one.
        """
        if self.iterations is not None and iterations != self.iterations and at > self.warmup:
            self.turn = (at, self.progress(at))
        self.iterations = iterations

    def restart(self, iterations: int | None, at: int) -> None:
        """Let the training end later, with a decay from the peak rate over what is left (warm restart)."""
        if at > self.warmup:
            self.turn = (at, 0.0)
        self.iterations = iterations

    def applied(self, config: TrainConfig) -> TrainConfig:
        """The settings with this number of iterations."""
        return config if config.iterations == self.end else replace(config, iterations=self.end)

    def state_dict(self) -> dict[str, Any]:
        """`iterations` and `turn`."""
        return {"iterations": self.iterations, "turn": self.turn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.iterations, turn = state["iterations"], state["turn"]
        self.turn = (int(turn[0]), float(turn[1])) if turn else None


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

    def __init__(self, config: TrainConfig, horizon: Horizon, per_epoch: int) -> None:
        """Begin before the first iteration.

        Args:
            config: The peak rate and how it changes; its own number of iterations does not count.
            horizon: The number of iterations, which may become known later.
            per_epoch: The iterations that read the text once.
        """
        self.config, self.horizon, self.per_epoch = config, horizon, per_epoch
        self.reductions = 0  # times that a plateau was met
        self.rollbacks = 0  # times that the training diverged and went back
        self._best = BestLoss()

    @property
    def peak(self) -> float:
        """The highest rate from here on: that of the settings, halved by every rollback."""
        return self.config.learning_rate * ROLLBACK_FACTOR**self.rollbacks

    def rate(self, iteration: int) -> float:
        """The rate of an update.

        It rises linearly over `warmup` iterations (at most a tenth of the run), then falls to `final_rate` of its peak
        at the last iteration: along half a cosine (Loshchilov and Hutter, 2017, eq. 5), linearly, or not at all; or on
        plateaus, each time by `plateau_factor`, never below `final_rate`; or in steps, by `decay_factor` after
        `decay_after` epochs and after each further `decay_every` of them, wherever the end is. Where the last iteration
        became another one on the way, as time budgets do it, the rest of a decay towards the end is spread over the
        rest of the iterations.

        Args:
            iteration: 1 for the first update.

        Returns:
            The learning rate of that update.
        """
        config, warmup, peak = self.config, self.horizon.warmup, self.peak
        if iteration <= warmup:
            return peak * iteration / warmup
        if config.decay == "constant":
            return peak
        if config.decay == "plateau":
            return peak * max(config.final_rate, config.plateau_factor**self.reductions)
        if config.decay == "step":
            return peak * config.decay_factor ** self._steps(iteration)
        progress = self.horizon.progress(iteration)
        decayed = (1 + math.cos(math.pi * progress)) / 2 if config.decay == "cosine" else 1 - progress
        return peak * (config.final_rate + (1 - config.final_rate) * decayed)

    def _steps(self, iteration: int) -> int:
        """How many steps a step decay has made before an update. The iteration decides, so that resuming is exact."""
        every, after = self.config.decay_every, self.config.decay_after
        epochs = (iteration - 1) / self.per_epoch - (every if after is None else after)
        return 0 if epochs < 0 else 1 + math.floor(epochs / every)

    def observe(self, loss: float) -> None:
        """Take a held-out loss into account: `plateau_patience` of them without a new best are a plateau."""
        if not self._best.observe(loss):
            self.reductions += self._best.evaluations_since % self.config.plateau_patience == 0

    def state_dict(self) -> dict[str, Any]:
        """`lowered`, the times that a plateau was met, `rollbacks`, and what `BestLoss` keeps."""
        return self._best.state_dict() | {"lowered": self.reductions, "rollbacks": self.rollbacks}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self._best.load_state_dict(state)
        self.reductions, self.rollbacks = int(state["lowered"]), int(state["rollbacks"])


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
