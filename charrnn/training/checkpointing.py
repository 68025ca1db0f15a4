"""Keeping what a training yields in its run directory, as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from charrnn.runs import checkpoint
from charrnn.runs.run import Run
from charrnn.training.events import Evaluated, Event, Progress, Snapshot
from charrnn.training.resume import resume_point
from charrnn.training.trainer import Trainer

_LOG_EVERY = 10  # iterations between two lines of progress in metrics.jsonl
_SAVE_EVERY = 60.0  # seconds of work that a killed process may lose


def record(training: Trainer, run: Run, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
    """Pass a training's events on, each after it has been kept.

    The resume file is replaced at every snapshot, every minute, at the end, and when `stop` asks to end after the
    present iteration. An event reaches the caller only when what it stands for is on disk.
    """
    if training.iteration == 0:  # from now on a killed run can always be resumed
        checkpoint.save(run.resume_path, *resume_point(training))
    saved = time.monotonic()
    snapped = False
    for event in training.events():
        match event:
            case Snapshot(header=header, tensors=tensors):
                checkpoint.save(run.snapshot_path(header.iteration), header, tensors)
                run.write_samples()
                snapped = True
            case Evaluated():
                run.append_metrics(
                    {"event": "evaluated", "iteration": event.iteration, "held_out_loss": event.held_out_loss}
                    | {"train_loss": event.smoothed_loss, "characters": training.characters}
                )
            case Progress():
                if event.iteration % _LOG_EVERY == 0:
                    run.append_metrics(
                        {
                            "event": "progress",
                            "iteration": event.iteration,
                            "loss": event.loss,
                            "train_loss": event.smoothed_loss,
                            "grad_norm": event.grad_norm,
                            "learning_rate": event.learning_rate,
                            "characters": event.characters,
                            "seconds": round(event.seconds, 3),
                            "clipped": event.clipped,
                        }
                    )
                stopping = stop()
                if snapped or stopping or time.monotonic() - saved >= _SAVE_EVERY:
                    checkpoint.save(run.resume_path, *resume_point(training))
                    saved, snapped = time.monotonic(), False
                if stopping:
                    yield event
                    return
        yield event
