"""Following a training to its end, or to a signal."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from charrnn.commands.signals import Stopped, ignore_late_signals, stopping_on_signals
from charrnn.commands.training_setup import Begun
from charrnn.errors import DivergedError, RankError

if TYPE_CHECKING:
    from charrnn.training.events import Event


def follow(begun: Begun, save: Callable[[], bool], *, tensorboard: bool = False) -> None:
    """Train to the end or to a signal.

    Args:
        begun: What is trained, and where it is kept.
        save: Asked after every iteration whether to save there.
        tensorboard: Whether its figures are written for TensorBoard, too.

    Raises:
        typer.Exit: With 129, 130 or 143, after a signal: 128 and the number of the one that it ended for.
    """
    from charrnn.runs.resume_command import resume_command
    from charrnn.terminal.progress import Display
    from charrnn.terminal.silence import SilentDisplay
    from charrnn.training.checkpointing import record

    training, run = begun.trainer, begun.run
    display: Display | SilentDisplay = Display(training, run, begun.preset) if training.ranks.first else SilentDisplay()

    def save_now() -> bool:
        """Whether to save. If so, it is said."""
        if asked := save():
            display.warn(f"saving at iteration {training.iteration:,}, as a signal asked; training goes on.")
        return asked

    display.plan()
    began_at = training.iteration
    recorded: Generator[Event, None, None] | None = None
    try:
        with stopping_on_signals(begun=lambda: training.iteration > began_at) as received:
            recorded = record(
                training, run, stop=lambda: bool(received), save=save_now, warn=display.warn, lock=begun.lock
            )
            events: Iterator[Event] = recorded
            if tensorboard and training.ranks.first:
                from charrnn.training.tensorboard import write_events

                unit = training.vocabulary.unit
                events = write_events(events, run, after=training.iteration, unit=unit, warn=display.warn)
            for event in events:
                display.show(event)
    except DivergedError:
        display.diverged()
        raise
    except RankError as error:
        launcher = "torchrun ... -m " if training.ranks.place.served else ""  # as many ranks go on to the same bits
        advice = f"{error.advice} Go on from its last save: {launcher}{resume_command(run)}"
        raise RankError(error.what, advice.lstrip()) from None
    except Stopped as stopped:
        if recorded is not None:
            with suppress(Stopped):
                recorded.throw(stopped)  # closing it would save, which takes as long as it takes
        if not run.begun:  # it was in its first save, of which nothing is left
            raise
        display.interrupted(at_once_by=str(stopped))
        raise typer.Exit(128 + stopped.number) from None
    finally:
        display.close()
    if not training.complete:
        number = training.ranks.largest(received[0] if received else 0)
        display.interrupted()
        raise typer.Exit(128 + number)
    ignore_late_signals()
    display.finished()
