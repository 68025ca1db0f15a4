"""A training's events, written to its run directory as they come."""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from charrnn.errors import CheckpointError, DivergedError
from charrnn.formatting import few, plural
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.creation import discard, require_new
from charrnn.runs.header import Header
from charrnn.runs.lock import RunLock
from charrnn.runs.run import Run
from charrnn.runs.writer import RunWriter
from charrnn.training.divergence import roll_back
from charrnn.training.events import Evaluated, Event, Progress, RolledBack, Snapshot
from charrnn.training.interrupts import Interrupted, deferred_interrupts
from charrnn.training.resume import resume_point
from charrnn.training.silent_writer import SilentWriter
from charrnn.training.trainer import Trainer

_NOTHING_KEPT = (
    "Nothing is kept of this run: make room or choose another --checkpoint-dir, then give the same command again."
)
_SAVE_EVERY = 60.0  # seconds of work that a killed process may lose


def record(
    trainer: Trainer,
    run: Run,
    *,
    stop: Callable[[], bool] = lambda: False,
    save: Callable[[], bool] = lambda: False,
    warn: Callable[[str], None] = lambda message: warnings.warn(message, RuntimeWarning, stacklevel=2),
    lock: RunLock | None = None,
) -> Generator[Event, None, None]:
    """Pass a training's events on, each after it has been written: one that reaches the caller is on disk.

    Of several ranks the first writes; all call this, and end or save at the same iteration, when some rank is asked to.

    The resume file is replaced with every snapshot, every minute, at the end, when the iterator is closed or Ctrl-C is
    pressed, and when the training is to stop; it then keeps a snapshot, too. After that of iteration 0, which a run
    that was killed may have already and then does not get again, it is replaced at iteration 1. A file that cannot be
    written is tried again at the next save, and does not end the training.

    Args:
        trainer: Is trained to its end.
        run: Where snapshots, samples, metrics and the resume file are written.
        stop: Asked after every iteration, or where several are read together after these, and within a long sample,
            whether to end there.
        save: Asked as often whether to replace the resume file.
        warn: Is told what cannot be written.
        lock: That on the run, which is released in the end; None: it is taken now.

    Returns:
        The events, as they come.

    Raises:
        RunError: Another process trains this run, or has begun it since its directory was made.
        CharrnnError: The first resume file cannot be written; or, at the end, the last of some file could not be.
    """
    ranks = trainer.ranks
    writer = RunWriter(run, warn) if ranks.first else SilentWriter()
    kept: int | None = None  # the iteration of a snapshot that is newer than the resume file
    with _locked(run, writer, lock, warn), _noting_divergence(trainer, writer):
        if trainer.iteration == 0:  # from now on a killed run can always be resumed
            point = resume_point(trainer)
            ranks.from_first(lambda: _save_first(run, writer, point, new=lock is None))
        saved_at = time.monotonic()
        recorder = _Recorder(trainer, writer, stop, warn)
        try:
            for event in recorder:
                if isinstance(event, Snapshot):
                    kept = event.iteration
                if isinstance(event, Progress) and event.iteration == trainer.iteration:
                    asked = save() or (ranks.first and time.monotonic() - saved_at >= _SAVE_EVERY)
                    stopping, saving = trainer.data_parallel.agreed(stop(), asked)
                    if kept is not None or stopping or saving:
                        rolled_back = recorder.save()
                        saved_at = time.monotonic()
                        if rolled_back is not None:
                            yield rolled_back
                    if stopping and kept != event.iteration:
                        yield from _last_snapshot(trainer, writer)
                    if kept is not None or stopping:  # only now: resuming goes back to where the newest has its place
                        writer.delete_surplus(trainer.config)
                    kept = None
                    if stopping:
                        yield event
                        break
                yield event
        except GeneratorExit:  # whoever follows the training has enough of it
            writer.ending = True
            if ranks.alone:  # the others are not here to give their state
                recorder.save()
            raise
        except Interrupted:
            writer.ending = True
            if ranks.alone:
                recorder.save()
            raise KeyboardInterrupt from None
        writer.close()


@contextmanager
def _locked(
    run: Run, writer: RunWriter | SilentWriter, lock: RunLock | None, warn: Callable[[str], None]
) -> Iterator[None]:
    """Nobody else trains a run meanwhile. Raises RunError where somebody does."""
    if isinstance(writer, SilentWriter):
        yield
        return
    with lock or RunLock(run, warn) as writer.lock:
        yield


def _save_first(run: Run, writer: RunWriter | SilentWriter, point: tuple[Header, Tensors], *, new: bool) -> None:
    """Save before the first iteration. A run that fails in this leaves nothing, and its name free.

    Args:
        run: Where.
        writer: Of it.
        point: What is saved.
        new: Whether the run is to be begun by this.

    Raises:
        RunError: Another process has begun it meanwhile.
        CheckpointError: It failed. That of a run which goes on from there is tried again at the next save.
    """
    if new and run.resume_path.exists():
        require_new(run, locked=True)
    if run.resume_path.exists():
        writer.write_resume(*point)
        return
    try:
        checkpoint.save(run.resume_path, *point)
    except BaseException as error:
        discard(run)
        if isinstance(error, CheckpointError):
            raise CheckpointError(error.what, _NOTHING_KEPT) from None
        raise


class _Recorder:
    """A training's events, each written before it is passed on."""

    def __init__(
        self,
        trainer: Trainer,
        writer: RunWriter | SilentWriter,
        stop: Callable[[], bool],
        warn: Callable[[str], None],
    ) -> None:
        """Begin where the training is. A training that is to `stop` writes no long samples to their end."""
        self.trainer, self.writer, self._warn = trainer, writer, warn
        self._apart = False  # whether ranks have been seen to have different weights
        self._interrupts: list[int] = []
        trainer.evaluator.sample_writer.stop = lambda: stop() or bool(self._interrupts)
        beginning = trainer.ranks.from_first(lambda: not (isinstance(writer, RunWriter) and writer.has_snapshot(0)))
        self._events = trainer.events(beginning=beginning)  # a killed one may have kept it
        self._within = False  # an iteration, or several, of which more events are to come

    def __iter__(self) -> Iterator[Event]:
        while True:
            with deferred_interrupts() as self._interrupts:
                event = self._next()
            if self._interrupts:
                raise Interrupted
            if event is None:
                return
            yield event

    def _next(self) -> Event | None:
        event = next(self._events, None)
        match event:
            case Snapshot():
                self.writer.write_snapshot(event.header, event.tensors)
            case Evaluated():
                self.writer.write_metrics(_evaluated(event) | {"characters": self.trainer.characters})
            case Progress() if event.logged:
                self.writer.write_metrics(_progress(event))
            case RolledBack():
                self._go_back(event)
        ended = not isinstance(event, Evaluated | Snapshot | Progress) or event.iteration == self.trainer.iteration
        self._within = isinstance(event, Evaluated | Snapshot) or not ended
        return event

    def _go_back(self, event: RolledBack) -> None:
        """Save, and only then forget the iterations that came after: a kill in between leaves nothing that is older."""
        self.writer.write_resume(*resume_point(self.trainer))
        self.writer.rewind(event.iteration)
        self.writer.write_metrics(_rolled_back(event))

    def save(self) -> RolledBack | None:
        """Replace the resume file, at the end of the iterations that have begun.

        Returns:
            What was done where something in it was not finite.

        Raises:
            DivergedError: The training is to stop there. The resume file is as it was.
        """
        while self._within:
            self._next()
        try:
            point = resume_point(self.trainer)
        except DivergedError as error:
            event = roll_back(self.trainer, error)
            self._go_back(event)
            return event
        self.writer.write_resume(*point)
        self._compare(*point)
        return None

    def _compare(self, header: Header, tensors: Tensors) -> None:
        """Say, once, which ranks have come to other weights than the first, whose are saved."""
        ranks, digest = self.trainer.ranks, 0
        if ranks.alone or self._apart:
            return
        for name in header.model.shapes(len(header.vocabulary)):
            digest = zlib.crc32(tensors[name].tobytes(), digest)
        if odd := ranks.odd(digest):
            self._apart = True
            names, made = few([ranks.name(rank) for rank in odd]), plural(header.iteration, "iteration")
            self._warn(
                f"{names}: has come to other weights than {ranks.name(0)} in {made}, with a processor of another kind, "
                "or a fault. Training goes on; those of rank 0 are kept, and resuming will not be exact."
            )


def _last_snapshot(trainer: Trainer, writer: RunWriter | SilentWriter) -> Iterator[Event]:
    """The snapshot of a training that was stopped. All that resuming needs is saved: another Ctrl-C leaves it out."""
    evaluated_already = trainer.evaluator.latest_held_out_loss is not None
    try:
        snapshot = trainer.evaluator.snapshot()
        header = snapshot.header
        if header.held_out_loss is not None and not evaluated_already:
            evaluated = Evaluated(
                header.iteration, header.held_out_loss, trainer.train_loss, trainer.evaluator.mixed_loss
            )
            writer.write_metrics(_evaluated(evaluated) | {"characters": trainer.characters})
        writer.write_snapshot(header, snapshot.tensors)
    except KeyboardInterrupt:
        return
    yield snapshot


@contextmanager
def _noting_divergence(trainer: Trainer, writer: RunWriter | SilentWriter) -> Iterator[None]:
    """Where a training comes to numbers that are none, its metrics say so."""
    try:
        yield
    except DivergedError as error:
        row = {"event": "diverged", "iteration": error.iteration, "reason": error.what}
        writer.write_metrics(row | {"max_gradient_norm": trainer.unlogged.largest})  # up to there
        raise


def _evaluated(event: Evaluated) -> dict[str, Any]:
    return {
        "event": "evaluated",
        "iteration": event.iteration,
        "held_out_loss": event.held_out_loss,
        "train_loss": event.train_loss,
        **({} if event.mixed_loss is None else {"mixed_loss": event.mixed_loss}),
    }


def _rolled_back(event: RolledBack) -> dict[str, Any]:
    return {
        "event": "rolled back",
        "iteration": event.iteration,
        "diverged_at": event.diverged_at,
        "reason": event.reason,
        "learning_rate_factor": event.learning_rate_factor,
    }


def _progress(event: Progress) -> dict[str, Any]:
    return {
        "event": "progress",
        "iteration": event.iteration,
        "loss": event.loss,
        "train_loss": event.train_loss,
        "grad_norm": event.grad_norm,
        "max_gradient_norm": event.max_gradient_norm,
        "learning_rate": event.learning_rate,
        "characters": event.characters,
        "seconds": round(event.seconds, 3),
        "clipped": event.clipped,
        "newly_clipped": event.newly_clipped,
    }
