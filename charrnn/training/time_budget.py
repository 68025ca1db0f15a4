"""A budget of time: how much is gone, and how many iterations fill the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from charrnn.config import TrainConfig

ENDLESS = 10**9  # iterations, until a time budget has been made a number of them
_SETTLED = 20  # iterations that a pace is measured over, at least
# When a time budget is made a number of iterations, and when that is corrected: share of it, and at most seconds.
_PLANS = ((0.1, 10.0), (0.3, math.inf), (0.5, math.inf), (0.7, math.inf), (0.85, math.inf))
_FULL = 0.95  # of the time, from which it may end


class TimeBudget:
    """The time that a training has taken, and its plans if it has so much of it and no more."""

    def __init__(self, spent: float = 0.0) -> None:
        """`spent` seconds are gone already."""
        self.plans = 0  # times that the time was made a number of iterations
        self.seconds = 0.0  # in iterations
        self._elapsed, self._resumed_at = spent, time.perf_counter()  # in all, before a moment
        self._measured_at = (0, 0.0)  # iteration and seconds from which the pace is measured

    @property
    def elapsed(self) -> float:
        """Seconds that training has taken so far over all its sessions, everything in between included."""
        return self._elapsed + time.perf_counter() - self._resumed_at

    def plan_is_due(self, config: TrainConfig, iteration: int) -> bool:
        """Whether enough was measured to fix the number of iterations, or to correct it."""
        if config.time is None or self.plans == len(_PLANS) or iteration - self._measured_at[0] < _SETTLED:
            return False
        share, most = _PLANS[self.plans]
        early = iteration >= config.iterations and self.elapsed < _FULL * config.time  # the machine has become faster
        return early or self.elapsed >= min(share * config.time, most)

    def plan(self, config: TrainConfig, iteration: int, evaluation: float, sample: float) -> TrainConfig:
        """The settings with the number of iterations that all in all will take `config.time` seconds.

        The pace is that since the plan before, for machines change theirs. A held-out loss takes `evaluation` seconds,
        and a snapshot `sample` more.
        """
        assert config.time is not None
        began, seconds = self._measured_at
        pace = (self.seconds - seconds) / (iteration - began)
        left, total = config.time - self.elapsed, iteration + 1
        for _ in range(8):  # more iterations mean more evaluations: settles quickly
            planned = replace(config, iterations=total)
            kept = [at for at in planned.snapshot_iterations() if at > iteration]
            measured = total // config.eval_every - iteration // config.eval_every if config.eval_every else 0
            measured += sum(not config.eval_every or at % config.eval_every > 0 for at in kept)
            watching = measured * evaluation + len(kept) * sample
            total = max(iteration + 1, iteration + round((left - watching) / pace))
        self.plans += 1
        self._measured_at = (iteration, self.seconds)
        return replace(config, iterations=total)

    def progress(self) -> dict[str, Any]:
        """What a resume point keeps. Every plan is in it, so that resuming after the last one is exact."""
        return {"seconds": self.seconds, "elapsed": self.elapsed, "plans": self.plans}

    def load(self, progress: Mapping[str, Any], iteration: int, *, settled: bool) -> None:
        """The inverse of `progress`, at this iteration; `settled`: there will be no more plans."""
        self.seconds = float(progress["seconds"])
        self.plans = len(_PLANS) if settled else int(progress.get("plans", 0))
        self._elapsed = float(progress.get("elapsed", self.seconds))
        self._measured_at = (iteration, self.seconds)
