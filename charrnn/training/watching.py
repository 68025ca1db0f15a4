"""How often a training with a time budget is watched: which snapshots of it are kept, and when it is evaluated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from charrnn.config import TrainConfig, growing_iteration

_SNAPSHOTS = 10  # of a training, at most
_EVALUATION_SHARE = 0.05  # of a time budget, at most, goes into held-out losses on the way
_SNAPSHOT_SHARE = 0.02  # and so much more, at most, into what else a snapshot takes
_FIRST = 3  # the first iteration after which a snapshot is worth while
_LARGEST_STEP = 6.0  # times the iterations of one snapshot that the next has, at most, though there be few


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What watching takes, in seconds."""

    evaluation: float  # of the held-out text; 0 where there is none
    snapshot: float  # a sample, and two files to write; without the evaluation

    def times(self, factor: float) -> Cost:
        """That of a network so many times as large."""
        return Cost(evaluation=factor * self.evaluation, snapshot=factor * self.snapshot)


def watching_for(iterations: float, seconds: float, cost: Cost) -> tuple[tuple[int | str, ...], int]:
    """`snapshot_at` and `eval_every` of a time budget: as many as a small share of it has time for.

    Each snapshot is measured, that of the last iteration among them, which is always kept.

    Args:
        iterations: Of the training, about.
        seconds: Its budget.
        cost: What an evaluation and a snapshot take.

    Returns:
        The two settings.
    """
    share = _EVALUATION_SHARE + _SNAPSHOT_SHARE if cost.evaluation else _SNAPSHOT_SHARE
    count = _affordable(share * seconds, cost.evaluation + cost.snapshot, _SNAPSHOTS)
    others = _affordable(_EVALUATION_SHARE * seconds, cost.evaluation, 1e9) - count
    every = TrainConfig().completed().eval_every
    eval_every = max(every, math.ceil(iterations / others / every) * every) if others > 0 else 0
    return spaced(iterations, count - 1), eval_every


def _affordable(seconds: float, each: float, most: float) -> int:
    """How often there is time for what takes `each` seconds; once in any case."""
    return int(max(1, min(most, seconds / each if each else most)))


def spaced(iterations: float, count: int) -> tuple[int, ...]:
    """So many iterations before the last, the untrained network's first, the others spaced as learning is.

    What is learnt goes by the logarithm of the iterations, and so do these, in round numbers.

    >>> spaced(2000, 9), spaced(800, 4), spaced(800, 1), spaced(2, 9)
    ((0, 3, 7, 15, 30, 70, 200, 500, 1000), (0, 3, 20, 150), (0,), (0,))

    Args:
        iterations: The last, about.
        count: How many, at most.

    Returns:
        The iterations, ascending; none if `count` is 0.
    """
    if count <= 0:
        return ()
    steps = count - 1
    step = min(_LARGEST_STEP, (iterations / _FIRST) ** (1 / steps)) if steps and iterations > _FIRST else 1.0
    between = {growing_iteration(iterations / step**number) for number in range(1, steps + 1)} if step > 1 else set()
    return (0, *sorted(at for at in between if _FIRST <= at < iterations))
