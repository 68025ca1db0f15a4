"""A training's figures as TensorBoard event files, in its run directory beside the metrics.

By the standard writer, which needs the package `tensorboard`: charrnn's extra of that name. Losses are in bits per
character, as everywhere that people look; those of a model of bytes are bits per byte, and have tags of their own, so
that no chart has both.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from charrnn.errors import RunError, UsageError
from charrnn.formatting import CHARACTER, Unit, bits
from charrnn.runs.run import Run
from charrnn.training.events import Evaluated, Event, Progress, RolledBack, Snapshot

_FLUSH_SECONDS = 30  # seconds after which a point is in the file at the latest: as often as TensorBoard looks


def require(module: str = "tensorboard") -> Any:
    """TensorBoard, or a module that needs it.

    Raises:
        UsageError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"--tensorboard: {error}.", "Install it: pip install 'charrnn[tensorboard]'") from None


def directory(run: Run) -> Path:
    """Where a run's event files are."""
    return run.path / "tensorboard"


def _await_second(path: Path) -> None:
    """Wait until a file that is begun in this directory is the last: they are read by the second they were begun in."""
    begun = [
        int(parts[3]) for file in path.glob("events.out.tfevents.*") if (parts := file.name.split("."))[3].isdigit()
    ]
    latest = max(begun, default=0)
    while latest - 2 < time.time() < latest + 1:  # a clock that was set back is not waited for
        time.sleep(0.05)


def write_events(
    events: Iterable[Event],
    run: Run,
    after: int,
    unit: Unit = CHARACTER,
    *,
    warn: Callable[[str], None] = lambda message: warnings.warn(message, RuntimeWarning, stacklevel=2),
) -> Iterator[Event]:
    """Pass a training's events on, each after its figures were written. Changes nothing in the training.

    A resumed run goes on in the same directory, and what had been written of iterations that are now trained again is
    taken back. What cannot be written on the way ends the writing, not the training.

    Args:
        events: Of the training; the first is of the iteration `after` that one, or before the first of iteration 0.
        run: Where they are written.
        after: The iteration that the training is at.
        unit: What the losses are per.
        warn: Is told when the writing has ended.

    Returns:
        The events, as they come.

    Raises:
        UsageError: TensorBoard is not installed; when called.
        RunError: The directory cannot be written; when called.
    """
    SummaryWriter = require("torch.utils.tensorboard").SummaryWriter
    path, loss = directory(run), "loss" if unit == CHARACTER else f"loss_{unit.short}"
    _await_second(path)
    try:
        writer = SummaryWriter(str(path), purge_step=after + 1, flush_secs=_FLUSH_SECONDS)
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}).", "Or train without --tensorboard.") from None

    def written() -> Iterator[Event]:
        point: Progress | None = None  # from which the speed is measured
        writing = True
        try:
            for event in events:
                try:
                    point = _write(writer, event, loss, point) if writing else None
                except OSError as error:
                    writing = False
                    warn(f"{path}: cannot be written ({error.strerror}). Training goes on without it.")
                yield event
        finally:
            try:
                writer.close()
            except OSError as error:
                if writing:
                    warn(f"{path}: cannot be written ({error.strerror}); the last figures are missing there.")

    return written()


def _write(writer: Any, event: Event, loss: str, point: Progress | None) -> Progress | None:
    """Write one event, its loss under this tag.

    Returns the Progress from which the next speed is measured, as `point` is for this one.
    """
    match event:
        case Snapshot(header=header):
            if header.sample is not None:
                writer.add_text(
                    "sample", header.sample.code_block.encode("utf-8", "replace").decode(), header.iteration
                )
        case Evaluated():
            writer.add_scalar(f"{loss}/held_out", bits(event.held_out_loss), event.iteration)
            if event.mixed_loss is not None:
                writer.add_scalar(f"{loss}/mixed", bits(event.mixed_loss), event.iteration)
        case Progress():
            if not event.logged:
                return point or event
            writer.add_scalar(f"{loss}/train", bits(event.train_loss), event.iteration)
            writer.add_scalar("grad_norm", event.grad_norm, event.iteration)
            writer.add_scalar("max_gradient_norm", event.max_gradient_norm, event.iteration)
            writer.add_scalar("learning_rate", event.learning_rate, event.iteration)
            if point is not None and event.seconds > point.seconds:
                speed = (event.characters - point.characters) / (event.seconds - point.seconds)
                writer.add_scalar("characters_per_second", speed, event.iteration)
            return event
        case RolledBack():  # TensorBoard then forgets what came after, as it does where a run is resumed
            proto = require("tensorboard.compat.proto.event_pb2")
            start = proto.SessionLog(status=proto.SessionLog.START)
            writer.file_writer.add_event(proto.Event(step=event.iteration + 1, session_log=start), event.iteration + 1)
            return None
    return point
