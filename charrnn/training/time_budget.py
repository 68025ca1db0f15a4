"""A budget of time: how much is gone, and how many iterations fill the rest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from charrnn.config import TrainConfig
from charrnn.training.schedule import Horizon

_MEASURED_OVER = 20  # iterations that the seconds an iteration takes are measured over, at least
# When a time budget is made a number of iterations, and when that is corrected: share of it, and at most seconds.
_PLANS = ((0.1, 10.0), (0.3, math.inf), (0.5, math.inf), (0.7, math.inf), (0.85, math.inf))
_FULL = 0.95  # of the time, from which a training may end
_ANNEALING = 0.1  # of the iterations so far, that a decay which is cut short gets, as far as it is not done

_PAUSE = 2.0  # seconds between two looks at a clock, from which there may have been a pause
_IDLE = 0.1  # processors in use, below which it was one

Clock = Callable[[], float]  # seconds since some moment


class WorkClock:
    """Tells seconds at work: a process that is stopped, or on a computer that sleeps, has no use of the processor.

    Of a stretch that is long and in which next to none was used only what was used counts.
    """

    def __init__(self) -> None:
        """Begin at 0."""
        self._seconds = 0.0
        self._looked = (time.perf_counter(), time.process_time())

    def __call__(self) -> float:
        """Seconds at work so far."""
        before, self._looked = self._looked, (time.perf_counter(), time.process_time())
        passed, used = (now - then for now, then in zip(self._looked, before, strict=True))
        paused = passed > _PAUSE and used < _IDLE * passed
        self._seconds += used if paused else passed
        return self._seconds


def watching_seconds(config: TrainConfig, after: int, total: int, each: tuple[float, float]) -> float:
    """Seconds of evaluations and snapshots.

    Args:
        config: When there are any.
        after: The iteration after which they are counted.
        total: The last iteration.
        each: Seconds of an evaluation, and of a snapshot beside it.
    """
    every, regular, (evaluation, snapshot) = config.eval_every, config.snapshot_every, each

    def multiples(of: int) -> int:
        """How many of the iterations are: they may be too many to be listed."""
        return total // of - after // of if of else 0

    listed = {at for at in (*config.milestones(total), total) if at > after and not (regular and at % regular == 0)}
    snapshots = multiples(regular) + len(listed)
    evaluations = snapshots
    if every:
        evaluations = multiples(every) + sum(at % every > 0 for at in listed)
        evaluations += multiples(regular) - multiples(math.lcm(every, regular))
    return evaluations * evaluation + snapshots * snapshot


def iterations_within(
    seconds: float, config: TrainConfig, after: int, per_iteration: float, each: tuple[float, float]
) -> int:
    """The last iteration of those that so many seconds have room for, measuring and snapshots included.

    Args:
        seconds: That are left.
        config: When the held-out text is measured, and snapshots are kept.
        after: The present iteration; there is one more at least.
        per_iteration: Seconds of an iteration.
        each: Seconds of an evaluation, and of a snapshot beside it.
    """
    total = after + 1
    for _ in range(8):  # more iterations mean more evaluations: settles quickly
        watching = watching_seconds(config, after, total, each)
        total = max(after + 1, after + round((seconds - watching) / per_iteration))
    return total


class TimeBudget:
    """The time that a training has taken; and if it has so much and no more (`--time`), its plans."""

    FINAL_PLAN = len(_PLANS)  # the value of `plans` after which there are no more

    def __init__(
        self, config: TrainConfig, horizon: Horizon, *, spent: float = 0.0, clock: Clock | None = None
    ) -> None:
        """Begin to count.

        Args:
            config: Its `time`, and what is evaluated and kept on the way, which takes time too.
            horizon: Each plan sets its number of iterations.
            spent: Seconds that are gone already.
            clock: Tells the time, in seconds; None: a WorkClock.
        """
        clock = clock or WorkClock()
        self.config, self.horizon, self.clock = config, horizon, clock
        self.plans = 0  # times that the time was made a number of iterations
        self.seconds = 0.0  # in iterations
        self.iteration = 0  # the latest
        self.began = 0.0  # seconds that were gone when this budget was given: of a training that goes on for longer
        self._elapsed, self._resumed_at = spent, clock()  # in all, before a moment
        self._measured_from = (0, 0.0)  # iteration and seconds from which the speed is measured
        self._watching_seconds: tuple[float, float] | None = None  # of an evaluation, and of a snapshot beside it

    @property
    def elapsed(self) -> float:
        """Seconds that training has taken so far over all its sessions, everything in between included."""
        return self._elapsed + self.clock() - self._resumed_at

    def record(self, iteration: int, seconds: float) -> None:
        """An iteration is complete and took so many seconds."""
        self.iteration = iteration
        self.seconds += seconds

    def watched(self, evaluation: float, snapshot: float) -> None:
        """An evaluation, and a snapshot beside it, took so many seconds: what plans go by from here on."""
        self._watching_seconds = (evaluation, snapshot)

    @property
    def to_be_planned(self) -> bool:
        """Whether there are plans to come."""
        return self.config.time is not None and self.plans < self.FINAL_PLAN

    def plan_is_due(self) -> bool:
        """Whether enough was measured to fix the number of iterations, or to correct it."""
        total = self.config.time
        if total is None or not self.to_be_planned or self.iteration - self._measured_from[0] < _MEASURED_OVER:
            return False
        share, most = _PLANS[self.plans]
        total, elapsed = total - self.began, self.elapsed - self.began
        early = self.horizon.reached(self.iteration) and elapsed < _FULL * total  # the machine has become faster
        return early or elapsed >= min(share * total, most)

    def plan(self, evaluate: Callable[[], object], snapshot: Callable[[], object]) -> None:
        """Set the horizon to the number of iterations that all in all will take `config.time` seconds.

        The speed is that since the plan before, for machines change theirs.

        Args:
            evaluate: Measures the held-out loss; called where `watched` has not told yet what that takes.
            snapshot: Makes a snapshot without measuring again, likewise.
        """
        assert self.config.time is not None
        if self._watching_seconds is None:
            self._watching_seconds = self._measure(evaluate, snapshot)
        began, seconds = self._measured_from
        per_iteration = (self.seconds - seconds) / (self.iteration - began)
        seconds_left = self.config.time - self.elapsed
        total = iterations_within(seconds_left, self.config, self.iteration, per_iteration, self._watching_seconds)
        self.plans += 1
        if total < (least := self.iteration + self._annealing):
            total, self.plans = least, self.FINAL_PLAN
        self.horizon.move(total, self.iteration)
        self._measured_from = (self.iteration, self.seconds)

    @property
    def _annealing(self) -> int:
        """Iterations that are made whatever time is left, because weights at a high rate are worth little."""
        if self.config.decay not in ("cosine", "linear"):
            return 1
        return max(1, math.ceil(_ANNEALING * (1 - self.horizon.progress(self.iteration)) * self.iteration))

    def renew(self) -> None:
        """Plan anew, because `config.time` is another than when the training began."""
        self.plans, self.began = 0, self.elapsed
        self._measured_from = (self.iteration, self.seconds)

    def go_back(self, iteration: int) -> None:
        """The iterations after this one are made again: their time is gone, and what is left is planned anew."""
        self.iteration = iteration
        self._measured_from = (iteration, self.seconds)
        self.plans = min(self.plans, self.FINAL_PLAN - 1)

    def _measure(self, evaluate: Callable[[], object], snapshot: Callable[[], object]) -> tuple[float, float]:
        """Seconds that an evaluation takes, and a snapshot beside it."""
        started = self.clock()
        evaluate()
        evaluated = self.clock()
        snapshot()  # once, because the first one reads the text's words
        written = self.clock()
        snapshot()
        return evaluated - started, self.clock() - written

    def state_dict(self) -> dict[str, Any]:
        """`seconds`, `elapsed`, `plans`, `began` and `iteration`.

        Every plan is told, so that resuming after the last is exact; the speed is measured anew, because it may be
        another machine.
        """
        return {
            "seconds": self.seconds,
            "elapsed": self.elapsed,
            "plans": self.plans,
            "began": self.began,
            "iteration": self.iteration,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; of the time since then only that of this object counts."""
        self.seconds, self.iteration = float(state["seconds"]), int(state["iteration"])
        self.plans, self.began = int(state["plans"]), float(state["began"])
        self._elapsed = float(state["elapsed"])
        self._measured_from = (self.iteration, self.seconds)
