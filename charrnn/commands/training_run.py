"""Following a training to its end, or to a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from charrnn.commands.signals import stopping_on_signals

if TYPE_CHECKING:
    from charrnn.runs.lock import RunLock
    from charrnn.runs.run import Run
    from charrnn.training.trainer import Trainer


def follow(
    training: Trainer,
    run: Run,
    preset: str | None = None,
    *,
    tensorboard: bool = False,
    lock: RunLock | None = None,
) -> None:
    """Train to the end or to a signal.

    Args:
        training: What is trained.
        run: Where it is kept.
        preset: By which a new training's settings were chosen; None: by none.
        tensorboard: Whether its figures are written for TensorBoard, too.
        lock: That on the run, if it has been taken.

    Raises:
        typer.Exit: With 129, 130 or 143, after a signal.
    """
    from charrnn.terminal.progress import Display
    from charrnn.training.checkpointing import record

    display = Display(training, run, preset)
    display.plan()
    try:
        with stopping_on_signals() as received:
            events = record(training, run, stop=lambda: bool(received), warn=display.warn, lock=lock)
            if tensorboard:
                from charrnn.training.tensorboard import write_events

                unit = training.vocabulary.unit
                events = write_events(events, run, after=training.iteration, unit=unit)
            for event in events:
                display.show(event)
    finally:
        display.close()
    if received and not training.complete:
        display.interrupted()
        raise typer.Exit(128 + received[0])
    display.finished()
