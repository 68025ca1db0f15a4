"""A training as curves: what its metrics and its snapshots measured, by iteration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.formatting import bits
from charrnn.runs.metrics import is_number
from charrnn.runs.run import Run

EXPLOSION = 1.0  # bits by which a loss rises that explodes: no text is so much harder than what came before it
_EARLY = 0.05  # of the iterations, in which losses fall so fast that the rest would be a flat line below them

Series = tuple[tuple[int, float], ...]  # (iteration, value), by ascending iteration, each iteration once


@dataclass(frozen=True, slots=True)
class Explosion:
    """A loss that rose as no text explains. In bits per character."""

    iteration: int  # where it was highest
    before: float  # the lowest before that
    peak: float
    ended: bool  # whether it had not come back at the end


@dataclass(frozen=True, slots=True)
class Rollback:
    """A training that diverged at an iteration went on from an earlier one, with a part of its learning rate."""

    diverged_at: int
    iteration: int
    learning_rate_factor: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """The measurements of one run. Losses in bits per character."""

    name: str
    train: Series  # as the training itself had them: dropout at work, and smoothed over the latest iterations
    held_out: Series  # the network's
    mixed: Series = ()  # on the same text, of network and counts; () without counts
    loss: Series  # the training's at single iterations, of their windows alone
    learning_rate: Series
    grad_norm: Series  # before clipping, at single iterations
    peak_norm: Series  # the largest since the point before; older logs have those of single iterations only
    clipped: Series  # iterations so far whose gradient was clipped
    characters: int  # seen so far, overlaps counted again
    seconds: float | None  # of training so far, measuring included; of its iterations alone without a resume file
    rows: int  # lines of metrics.jsonl that could be read
    uniform: float | None = None  # bits of a character where all are equally likely; None where no checkpoint is
    broken: int | None = None  # the first iteration at which a loss, or the weights, were no numbers
    rollbacks: tuple[Rollback, ...] = ()  # by which it went on where it had diverged

    @property
    def iterations(self) -> int:
        """The furthest that anything was measured at; 0 where nothing was."""
        ends = [series[-1][0] for series in (self.train, self.held_out, self.grad_norm, self.clipped) if series]
        return max([*ends, self.broken or 0])

    @property
    def best(self) -> tuple[int, float] | None:
        """Where the held-out loss is lowest, the earlier of equals, and what it is there."""
        return min(self.held_out, key=lambda point: point[1], default=None)

    @property
    def best_mixed(self) -> float | None:
        """The loss of network and counts there; None without counts."""
        return dict(self.mixed).get(self.best[0]) if self.best else None

    @property
    def explosion(self) -> Explosion | None:
        """Where the training loss rose by EXPLOSION or more above its lowest, or above that of no model at all.

        So does a held-out loss that rose as much, unless the training loss went on falling: what is learnt by heart,
        or what is held out is of another kind.
        """
        ends = [series[-1][1] for series in (self.train, self.held_out, self.loss) if series]
        explosions = [_explosion(series, self.uniform, ends) for series in (self.train, self.held_out)]
        train, (rise, best) = dict(self.train), (explosions[1], self.best)
        if rise and best:
            before = self.uniform if rise.before == self.uniform else train.get(best[0])
            then = train.get(rise.iteration)
            if before is not None and then is not None and then < before:
                explosions[1] = None
        found = [explosion for explosion in explosions if explosion]
        return max(found, key=lambda explosion: explosion.peak, default=None)

    @property
    def diverged(self) -> int | None:
        """The iteration at which the training came to numbers that are none, or at which its loss exploded for good."""
        if self.broken is not None:
            return self.broken
        explosion = self.explosion
        return explosion.iteration if explosion and explosion.ended else None

    @property
    def clipped_share(self) -> float | None:
        """Of the iterations, how many had their gradient clipped, 0 to 1; None where that was not recorded."""
        iteration, count = self.clipped[-1] if self.clipped else (0, 0.0)
        return count / iteration if iteration else None

    @property
    def last_clipped(self) -> int | None:
        """No gradient was clipped after this iteration, as far as it was recorded; None where none ever was."""
        return next((at for at, count in self.clipped if count == self.clipped[-1][1]), None) if self.clipped else None


def read(run: Run, name: str | None = None) -> Curves:
    """What was measured of a run, be it complete, still being written, or without a snapshot.

    Args:
        run: The run. A line of its metrics that is damaged, and a number that is none, are left out.
        name: What to call it; None: its own name.

    Returns:
        Its curves.
    """
    rows = run.metrics()
    headers = [snapshot.header for snapshot in run.snapshots]
    train = [(header.iteration, header.train_loss) for header in headers]
    held_out = [(header.iteration, header.held_out_loss) for header in headers]
    mixed = [(header.iteration, header.mixed_loss) for header in headers]
    iterating = _series(rows, "seconds")
    characters = [header.characters for header in headers] + [int(count) for _, count in _series(rows, "characters")]
    return Curves(
        name=run.name if name is None else name,
        train=_in_bits(_merged(train, _series(rows, "train_loss"))),
        held_out=_in_bits(_merged(held_out, _series(rows, "held_out_loss"))),
        mixed=_in_bits(_merged(mixed, _series(rows, "mixed_loss"))),
        loss=_in_bits(_series(rows, "loss")),
        learning_rate=_series(rows, "learning_rate"),
        grad_norm=_series(rows, "grad_norm"),
        peak_norm=_merged(_series(rows, "grad_norm"), _series(rows, "max_gradient_norm")),
        clipped=_series(rows, "clipped"),
        characters=max(characters, default=0),
        seconds=run.elapsed or (iterating[-1][1] if iterating else None),
        rows=len(rows),
        uniform=next((math.log2(len(file.header.vocabulary)) for file in run.checkpoints), None),
        broken=min((int(row["iteration"]) for row in rows if _is_broken(row)), default=None),
        rollbacks=tuple(rollback for row in rows if (rollback := _rollback(row))),
    )


def _is_broken(row: dict[str, Any]) -> bool:
    """Whether a line of the metrics tells of a number that is none: JSON has null for it."""
    if not is_number(row.get("iteration")):
        return False
    losses = [row[name] for name in ("loss", "held_out_loss") if name in row]
    return row.get("event") == "diverged" or None in losses


def _rollback(row: dict[str, Any]) -> Rollback | None:
    """What a line of the metrics tells of a rollback, if it does."""
    at, back, factor = (row.get(name) for name in ("diverged_at", "iteration", "learning_rate_factor"))
    if row.get("event") == "rolled back" and is_number(at) and is_number(back) and is_number(factor):
        return Rollback(int(at), int(back), float(factor))
    return None


def _explosion(series: Series, uniform: float | None, ends: Sequence[float]) -> Explosion | None:
    """The largest rise of a loss above its lowest so far, or above that of a uniform model, if it is an explosion.

    It has come back if any of the losses that were measured last is what it was: a mean over many lags behind. Before
    the first iteration nothing has risen: weights from another text may begin high.
    """
    before, largest = math.inf if uniform is None else uniform, None
    for at, value in series:
        if at == 0:
            continue
        if value - before >= EXPLOSION and (largest is None or value > largest.peak):
            largest = Explosion(at, before, value, ended=min(ends) - before >= EXPLOSION)
        before = min(before, value)
    return largest


def _series(rows: Sequence[dict[str, Any]], name: str) -> Series:
    """What the rows have under this name, the later of two for one iteration."""
    values = {
        row["iteration"]: float(row[name])
        for row in rows
        if is_number(row.get(name)) and is_number(row.get("iteration")) and row["iteration"] == int(row["iteration"])
    }
    return tuple(sorted((int(at), value) for at, value in values.items() if at >= 0))


def _merged(snapshots: Iterable[tuple[int, float | None]], measured: Series) -> Series:
    """What the snapshots say, and the metrics, which say the same of the same iteration."""
    return tuple(sorted({at: value for at, value in (*snapshots, *measured) if value is not None}.items()))


def _in_bits(series: Series) -> Series:
    return tuple((at, bits(nats)) for at, nats in series)


def ceiling(losses: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    """What a picture of losses may be cut off above.

    Args:
        losses: The curves in the picture.

    Returns:
        The highest value after the first iterations; None where nothing lies above it.
    """
    last_iteration = max((series[-1][0] for series in losses if series), default=0)
    early = [value for series in losses for at, value in series if at < _EARLY * last_iteration]
    late = [value for series in losses for at, value in series if at >= _EARLY * last_iteration]
    return max(late) if late and max(early, default=0.0) > max(late) else None
