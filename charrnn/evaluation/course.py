"""How a training went, in figures, and what became of it. Losses and gaps are bits per character."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from charrnn.runs.history import Explosion, Rollback
from charrnn.text.finding import Finding

# What one and the same training measures on another day, or with another seed, differs by some 0.01.
NOISE = 0.01  # what is nearer than this is a tie
RISE = 0.05  # of the held-out loss above its best at the end: not by chance
JUMP = 0.1  # the same where the training loss did not fall meanwhile: it went off
FALL = 0.05  # of the held-out loss over the last doubling of the iterations, from which it was still learning
LATE = 0.75  # of the iterations, from which on the best must be for that
MEASURED = 3  # measurements, of fewer of which none can say that it has settled
SOLVED = 0.02  # of the held-out loss, below which nothing is left to learn
LETTERS = 0.98  # of the bits that letter frequencies take, above which nothing else was learnt
ONCE = 1.0  # times that the text was read, below which nothing can have been learnt by heart

Outcome = Literal[
    "diverged", "not learning", "solved", "unstable", "drifting", "memorising", "learning", "settled",
    "too short to say",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A measurement."""

    iteration: int
    train: float | None  # as the training has it: over the latest iterations, dropout at work
    held_out: float  # the network's
    mixed: float | None = None  # on the same text, of network and counts; None without counts
    has_snapshot: bool = True  # whether there is a snapshot of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """How a training went, in the figures that the rules are about."""

    points: tuple[Point, ...]  # by iteration, from the first on; those with a loss that is a number
    epochs: float  # how often the training text was read
    parameters: int  # of the network
    characters: int  # of the training text
    dropout: float = 0.0  # the largest share of anything that is dropped
    dropouts: Mapping[str, float] = field(default_factory=dict)  # all of them, by setting
    finished: bool = True  # whether the training came to its end
    before: Point | None = None  # of iteration 0, where the weights are those of another training
    iterations: int | None = None  # that it has made; None: those of the last measurement
    broken: int | None = None  # the first iteration at which a loss, or the weights, were no numbers
    explosion: Explosion | None = None
    rollbacks: tuple[Rollback, ...] = ()
    fell_back_to: int | None = None  # the snapshot that it went on from, for want of a resume file
    clipped_share: float = 0.0  # of the gradients, how many were clipped
    gradient_peak: float | None = None  # the largest norm, before clipping
    gradient_usual: float | None = None  # the median of the norms
    letters: float | None = None  # bits that letter frequencies take
    uniform: float | None = None  # bits where all characters are equally likely
    findings: tuple[Finding, ...] = ()  # of the text, the most important first
    width: int | None = None  # units of a layer
    rate: float | None = None  # the peak learning rate
    clipping: float | None = None  # the threshold of gradient clipping; 0: none

    @property
    def density(self) -> float:
        """Parameters for each character of the training text."""
        return self.parameters / max(1, self.characters)

    @property
    def last(self) -> Point:
        """The latest measurement."""
        return self.points[-1]

    @property
    def best(self) -> Point:
        """Where the held-out loss is lowest, the earlier of equals."""
        return min(self.points, key=lambda point: point.held_out)

    @property
    def made(self) -> int:
        """Iterations made."""
        return self.iterations or self.last.iteration

    @property
    def rise(self) -> float:
        """How far the held-out loss is above its best at the end."""
        return self.last.held_out - self.best.held_out

    @property
    def learnt(self) -> float:
        """How far the training loss fell meanwhile; 0 where it is not known."""
        before, after = self.best.train, self.last.train
        return 0.0 if before is None or after is None else before - after

    @property
    def fall(self) -> float:
        """How far the held-out loss fell over the last doubling of the iterations.

        It is the slope of a line through all that was measured since, and at least the last two.
        """
        late = [point for point in self.points if 2 * point.iteration >= self.last.iteration]
        late = late if len(late) > 1 else list(self.points[-2:])
        if len(late) < 2:
            return 0.0
        doublings = [math.log2(point.iteration) for point in late]
        return -statistics.linear_regression(doublings, [point.held_out for point in late]).slope

    @property
    def gap(self) -> float | None:
        """From training to held-out text, where it is best; None where it is not known.

        A training loss far above the held-out one is a mean that still has an explosion in it, and tells nothing.
        """
        best = self.best
        if best.train is None or best.train - best.held_out >= 1:
            return None
        return best.held_out - best.train

    @property
    def unlearnt(self) -> float | None:
        """The bits of letter frequencies, or of chance, where the network is no better than these; else None."""
        reference, best = self.uniform if self.letters is None else self.letters, self.best
        lowest = best.held_out if best.train is None else min(best.held_out, best.train)
        return reference if reference and lowest > LETTERS * reference else None

    @property
    def outcome(self) -> Outcome:
        """What became of the training, by the first rule that fits."""
        return next(outcome for outcome, fits in _OUTCOMES if fits(self))


# The first that fits is what became of the training.
_OUTCOMES: tuple[tuple[Outcome, Callable[[Course], bool]], ...] = (
    ("diverged", lambda its: its.broken is not None or (its.explosion is not None and its.explosion.ended)),
    ("too short to say", lambda its: not its.points),
    ("not learning", lambda its: its.unlearnt is not None),
    ("unstable", lambda its: its.explosion is not None),
    ("solved", lambda its: its.best.held_out < SOLVED),
    ("unstable", lambda its: its.rise > JUMP and its.learnt <= NOISE),
    ("drifting", lambda its: its.rise > RISE and its.learnt > NOISE and its.epochs < ONCE),
    ("memorising", lambda its: its.rise > RISE and its.learnt > NOISE),
    ("learning", lambda its: its.fall > FALL and its.best.iteration >= LATE * its.last.iteration),
    ("settled", lambda its: len(its.points) >= MEASURED),
    ("too short to say", lambda its: True),
)
