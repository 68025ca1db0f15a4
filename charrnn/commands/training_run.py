"""Following a training to its end, or to a signal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from charrnn.runs.run import Run
    from charrnn.training.trainer import Trainer


def follow(training: Trainer, run: Run, preset: str | None = None, *, tensorboard: bool = False) -> None:
    """Train to the end or to a signal.

    Args:
        training: What is trained.
        run: Where it is kept.
        preset: By which a new training's settings were chosen; None: by none.
        tensorboard: Whether its figures are written for TensorBoard, too.

    Raises:
        typer.Exit: With 130 or 143, after a signal.
    """
    from charrnn.terminal.progress import Display
    from charrnn.training.checkpointing import record

    display = Display(training, run, preset)
    display.plan()
    try:
        with _stopping_on_signals() as received:
            events = record(training, run, stop=lambda: bool(received))
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


@contextmanager
def _stopping_on_signals() -> Iterator[list[int]]:
    """The first Ctrl-C or SIGTERM is remembered, to stop at the end of an iteration; a second one acts at once."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def remember(number: int, _: object) -> None:
        """Note the signal, and let the next one act as it did before."""
        received.append(number)
        for restored, handler in before.items():
            signal.signal(restored, handler)

    for number in before:
        signal.signal(number, remember)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
