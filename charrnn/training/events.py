"""The events that a training yields as it goes. Losses are nats per character."""

from __future__ import annotations

from dataclasses import dataclass

from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.runs.header import Header


@dataclass(frozen=True, slots=True)
class Progress:
    """One iteration is complete, with everything that was due at it."""

    iteration: int
    loss: float  # of this iteration's window
    train_loss: float  # a mean over about the last 50 iterations, dropout at work
    grad_norm: float  # before clipping
    learning_rate: float
    characters: int  # seen so far, overlaps counted again
    seconds: float  # of training so far, over all its sessions
    clipped: int  # iterations so far whose gradient was clipped
    max_gradient_norm: float  # of the iterations since the last line of the log, this one included
    newly_clipped: int  # of them
    logged: bool = False  # whether this one is a line of the log: every tenth (fewer from 100,000 on), and the last
    iterations: int | None = None  # of the whole training; None until a time budget has been made a number of them


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The held-out text was measured after this iteration; 0: before the first."""

    iteration: int
    held_out_loss: float  # of the network
    train_loss: float | None  # as in Progress; None before the first iteration
    mixed_loss: float | None = None  # of network and counts; None without counts


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Snapshot:
    """A checkpoint to keep: what the model knows after this iteration, and what it writes; 0: before it is trained.

    `charrnn.load` makes a model of it.
    """

    header: Header
    tensors: Tensors

    def __repr__(self) -> str:
        return f"<Snapshot: {self.header.summary}>"

    @property
    def weights(self) -> Tensors:
        """The network's own tensors, without the counts beside it."""
        return Checkpoint(self.header, self.tensors).weights

    @property
    def iteration(self) -> int:
        """After which it was taken."""
        return self.header.iteration


@dataclass(frozen=True, slots=True)
class RolledBack:
    """The training diverged, and is again what it was after this iteration; those that follow are made once more."""

    iteration: int
    diverged_at: int  # the iteration at which it did
    reason: str  # what was not finite there
    learning_rate_factor: float  # of the learning rates of the settings, from here on

    @property
    def summary(self) -> str:
        """What happened, in a sentence."""
        return (
            f"diverged at iteration {self.diverged_at:,}: rolled back to iteration {self.iteration:,}, and on at "
            f"{self.learning_rate_factor:g} of the learning rate ({self.reason.rstrip('.')})"
        )


Event = Progress | Evaluated | Snapshot | RolledBack


def log_interval(iteration: int) -> int:
    """Iterations between two lines of the log: 10, from 100,000 on 100, from a million on 1,000, and so on.

    >>> [log_interval(at) for at in (1, 99_999, 100_000, 1_000_000)]
    [10, 10, 100, 1000]
    """
    return int(10 ** max(1, len(str(iteration)) - 4))
