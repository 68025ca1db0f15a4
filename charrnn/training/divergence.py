"""Numbers that are none: how a training finds them before they are kept, and goes back to its last good state.

States are copied at set iterations, not by the clock, and the latest good one is in the resume file too: a run that was
killed and resumed goes back to where one that never stopped does. That takes the memory of the weights, their average
and what the optimizer carries once more, and doubles the resume file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from charrnn.errors import DivergedError
from charrnn.formatting import bits
from charrnn.runs.history import EXPLOSION
from charrnn.training.events import RolledBack
from charrnn.training.schedule import ROLLBACK_FACTOR
from charrnn.training.state import spoilt_part

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

EVERY = 100  # iterations from one state that may be gone back to, to the next
MOST = 3  # times that a training goes back to the same one
_PARTS = {  # of a state, in words
    "model": "weights",
    "state": "recurrent states",
    "optimizer": "moments of the optimizer",
    "average": "averaged weights",
}


def observed(iteration: int) -> bool:
    """Whether the state after this iteration may be one to go back to."""
    return iteration % EVERY == 0


def diverged(trainer: Trainer, iteration: int, what: str) -> DivergedError:
    """The error for an iteration that left no numbers.

    Args:
        trainer: The training.
        iteration: Which; 0 is before the first.
        what: What is not finite, and what became of it.
    """
    if iteration == 0:
        what, advice = "the weights to begin with compute no numbers.", "Begin with another checkpoint's."
        return DivergedError(what, advice, 0)
    clipping = "" if trainer.config.grad_clip else " or clipping (--grad-clip 5)"
    again = "" if trainer.rollback else " in a new run; or go on with --resume and --on-divergence rollback"
    advice = (
        f"Try a lower --learning-rate (now {trainer.schedule.rate(iteration):g} at this iteration){clipping}{again}."
    )
    return DivergedError(f"iteration {iteration:,}: {what}", advice, iteration)


def require_finite(trainer: Trainer, name: str, value: float) -> None:
    """Make sure of what was measured before an update.

    Args:
        trainer: The training.
        name: What was measured.
        value: What it came to.

    Raises:
        DivergedError: It is not finite. So is what it was computed with, or the update is not made.
    """
    if math.isfinite(value):
        return
    part = spoilt_part(trainer.learning_state())
    why = f"{_PARTS.get(part, part)} were not finite before it" if part else "nothing was updated with it"
    raise diverged(trainer, trainer.iteration + 1, f"the {name} is {value}; {why}.")


def finite_state(trainer: Trainer) -> dict[str, Any]:
    """What `Trainer.learning_state` returns, fit to be kept.

    Raises:
        DivergedError: A number in it is not finite.
    """
    state = trainer.learning_state()
    if (part := spoilt_part(state)) is not None:
        what = f"it left {_PARTS.get(part, part)} that are not finite; they were not kept."
        raise diverged(trainer, trainer.iteration, what)
    return state


def roll_back(trainer: Trainer, error: DivergedError) -> RolledBack:
    """Go back to the last good state, and on with a lower learning rate.

    Args:
        trainer: The training.
        error: What it came to.

    Returns:
        What was done.

    Raises:
        DivergedError: That, where the training is to stop, or went back often enough.
    """
    if trainer.rollback is None:
        raise error
    return trainer.rollback.back(error)


class Rollback:
    """The last good state of a training, to go back to."""

    def __init__(self, trainer: Trainer) -> None:
        """Begin with none.

        Args:
            trainer: The training.
        """
        self.trainer = trainer
        self.state: Mapping[str, Any] | None = None  # as `Trainer.learning_state` returned it

    def observe(self) -> None:
        """Keep the present state, at the end of an iteration, if it is time and it is good.

        It is not where the training loss has exploded since the one before: what comes next then may be no number.

        Raises:
            DivergedError: Something in it is not finite.
        """
        trainer = self.trainer
        if self.state is not None and not observed(trainer.iteration):
            return
        state = finite_state(trainer)
        before = math.log(len(trainer.vocabulary))  # of a model that knows nothing
        if self.state and self.state["iteration"]:
            before = self.state["train_loss"]
        if self.state is None or bits(trainer.train_loss - before) < EXPLOSION:
            self.state = state

    def back(self, error: DivergedError) -> RolledBack:
        """Go back, as `roll_back` does. Raises DivergedError where it went back to this state MOST times already."""
        trainer, state = self.trainer, self.state
        if state is None or error.iteration is None:
            raise error
        rollbacks = trainer.schedule.rollbacks
        tries = rollbacks - state["schedule"]["rollbacks"]
        if tries == MOST:
            what = f"{error.what} It was rolled back to iteration {state['iteration']:,} {tries} times, in vain."
            raise DivergedError(what, error.advice, error.iteration) from None
        trainer.go_back(state)
        trainer.schedule.rollbacks = rollbacks + 1
        return RolledBack(
            iteration=trainer.iteration,
            diverged_at=error.iteration,
            reason=error.what,
            learning_rate_factor=ROLLBACK_FACTOR ** (rollbacks + 1),
        )

    def state_dict(self) -> dict[str, Any]:
        """The state to go back to; {} for none."""
        return dict(self.state or {})

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.state = state or None
