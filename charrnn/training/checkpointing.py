"""A training's events, written to its run directory as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from charrnn.errors import DivergedError
from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.resume import resume_point
from charrnn.training.trainer import Trainer

_SAVE_EVERY = 60.0  # seconds of work that a killed process may lose


def record(trainer: Trainer, run: Run, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Pass a training's events on, each after it has been written: one that reaches the caller is on disk.

    The resume file is replaced at every snapshot, every minute, at the end, and when the training is to stop.

    Args:
        trainer: Is trained to its end.
        run: Where snapshots, samples, metrics and the resume file are written.
        stop: Asked after every iteration whether to end there.

    Returns:
        The events, as they come.
    """
    if trainer.iteration == 0:  # from now on a killed run can always be resumed
        checkpoint.save(run.resume_path, *resume_point(trainer))
    saved_at = time.monotonic()
    new_snapshot = False
    for event in _noting_divergence(trainer, run):
        match event:
            case Snapshot(header=header, tensors=tensors):
                checkpoint.save(run.snapshot_path(header.iteration), header, tensors)
                run.write_samples()
                new_snapshot = True
            case Evaluated():
                run.append_metrics(_evaluated(event) | {"characters": trainer.characters})
            case Progress():
                if event.logged:
                    run.append_metrics(_progress(event))
                stopping = stop()
                if new_snapshot or stopping or time.monotonic() - saved_at >= _SAVE_EVERY:
                    checkpoint.save(run.resume_path, *resume_point(trainer))
                    saved_at, new_snapshot = time.monotonic(), False
                if stopping:
                    yield event
                    return
        yield event


def _noting_divergence(trainer: Trainer, run: Run) -> Iterator[Event]:
    """The events of a training; where it comes to numbers that are none, its metrics say so."""
    try:
        yield from trainer.events()
    except DivergedError as error:
        run.append_metrics({"event": "diverged", "iteration": error.iteration, "reason": error.what})
        raise


def _evaluated(event: Evaluated) -> dict[str, Any]:
    return {
        "event": "evaluated",
        "iteration": event.iteration,
        "held_out_loss": event.held_out_loss,
        "train_loss": event.smoothed_loss,
    }


def _progress(event: Progress) -> dict[str, Any]:
    return {
        "event": "progress",
        "iteration": event.iteration,
        "loss": event.loss,
        "train_loss": event.smoothed_loss,
        "grad_norm": event.grad_norm,
        "max_gradient_norm": event.max_gradient_norm,
        "learning_rate": event.learning_rate,
        "characters": event.characters,
        "seconds": round(event.seconds, 3),
        "clipped": event.clipped,
        "newly_clipped": event.newly_clipped,
    }
