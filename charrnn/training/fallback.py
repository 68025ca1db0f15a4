"""A run whose resume file is damaged or missing goes on from its newest whole snapshot, and says so. Torch-free.

A snapshot has the weights alone. The position in the text and the learning rate go by the iteration, what held-out
losses have decided is in the log; the optimizer's and the recurrent state begin anew. So the weights to come are not
those of a training that never stopped, which resuming else promises: what has gone on so can be told by `began_from`
of all its checkpoints, and by the log.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from charrnn.errors import CheckpointError, UsageError
from charrnn.files import sync_directory
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.runs.header import Header
from charrnn.runs.header_schema import IDENTITY, LARGEST_LOSS, MOST_ROLLBACKS
from charrnn.runs.metrics import Row, is_number, iteration_of
from charrnn.runs.rewinding import replaced, rewind, rows_set_aside
from charrnn.runs.run import Run, explaining_errors
from charrnn.training.schedule import EarlyStopping, Horizon, LearningRateSchedule
from charrnn.training.unresumable import from_its_weights, newest_whole, unresumable

_EVENT = "fell back"  # in metrics.jsonl
_LARGEST, _MORE = 10, 16 << 20  # a resume file has so many times the bytes of a snapshot, and more, at most


@dataclass(frozen=True)
class Fallback:
    """The snapshot that a training goes on from in place of its resume file.

    Attributes:
        run: The run.
        cause: What is wrong with its resume file.
        checkpoint: The snapshot; `progress` of its header has what a resume file says there, as far as it is known.
    """

    run: Run
    cause: CheckpointError
    checkpoint: Checkpoint

    @classmethod
    def of(cls, run: Run, cause: CheckpointError) -> Self:
        """Find it.

        Args:
            run: The run, whose resume file cannot be used.
            cause: Why.

        Raises:
            CheckpointError: There is none; or the resume file may be whole, as one that cannot be read now, or that a
                newer charrnn has written. What can be done then is named.
        """
        found = newest_whole(file for file in run.own_snapshots if file.header.corpus.keys() >= {*IDENTITY})
        try:
            lost = found is not None and _is_lost(run, _LARGEST * _size(found.tensors) + _MORE)
        except OSError:
            raise cause from None
        if found is None or not lost:
            raise unresumable(run, cause)
        header = found.header
        began_from = {**header.began_from, "fell_back_to": header.iteration}
        header = replace(header, began_from=began_from, progress=_progress(run, header))
        return cls(run, cause, replace(found, header=header))

    @property
    def what(self) -> str:
        """What is wrong with the resume file, in a sentence."""
        return f"{self.cause.what.rstrip('.')}."

    @property
    def notes(self) -> tuple[str, str]:
        """What is to be said of it."""
        header, path = self.checkpoint.header, self.run.resume_path
        kept = f"The file is kept as {replaced(path).name}. " if os.path.lexists(path) else ""
        weights = "averaged weights" if header.training.average else "weights"
        return (
            f"{self.what} Training goes on from the {weights} of the newest whole snapshot, of iteration "
            f"{header.iteration:,}. Optimizer and recurrent state begin anew: the weights will not be what they would "
            "have been.",
            f"{kept}To begin a new run from that snapshot instead: {from_its_weights(self.run, self.checkpoint)}",
        )

    def unnamed(self, command: str) -> UsageError:
        """The error where nothing says where the text is: a snapshot does not.

        Args:
            command: What to type to go on, with the text named.
        """
        return UsageError(
            f"{self.what} Training can go on from the newest whole snapshot, of iteration "
            f"{self.checkpoint.header.iteration:,}, which does not say where its text is.",
            f"Name it: {command}; or begin a new run: {from_its_weights(self.run, self.checkpoint)}",
        )

    def settle(self, header: Header, tensors: Tensors) -> str | None:
        """Let the run be as it was at the snapshot's iteration, with a resume file of it: from now on it is resumed.

        Killed on the way it falls back to the same snapshot again, with what was known: the log tells of it once, and
        the file that was damaged, which may tell where the text is, is there under one of its two names.

        Args:
            header: Of the resume file.
            tensors: Its tensors.

        Returns:
            What is to be said of the snapshots that are set aside; None where there are none.

        Raises:
            RunError, CheckpointError: Something cannot be written, or set aside.
        """
        run, iteration = self.run, self.checkpoint.header.iteration
        note = rewind(run, iteration)
        if not any(row.get("event") == _EVENT and iteration_of(row) == iteration for row in run.metrics()):
            run.append_metrics({"event": _EVENT, "iteration": iteration, "reason": self.what})
        run.sync_metrics()
        if os.path.lexists(run.resume_path):
            with explaining_errors(run.resume_path):
                os.replace(run.resume_path, replaced(run.resume_path))
                sync_directory(run.path)
        checkpoint.save(run.resume_path, header, tensors)
        return note


def _is_lost(run: Run, most: int) -> bool:
    """Whether the resume file is missing, or is not as it was written; it has so many bytes at most.

    Raises OSError where it cannot be read now.
    """
    if not os.path.lexists(run.resume_path):
        return True
    return os.path.isfile(run.resume_path) and not checkpoint.is_as_written(run.resume_path, most)


def _size(tensors: Tensors) -> int:
    """Bytes."""
    return sum(tensor.nbytes for tensor in tensors.values())


def _progress(run: Run, header: Header) -> dict[str, Any]:
    """What a resume file says of its progress, for a snapshot. Where the text is may be told by a damaged one."""
    resume, training = _last_resume(run), header.training
    unplanned = training.time is not None and training.iterations == Horizon(None).end
    later = (
        row for row in rows_set_aside(run) if iteration_of(row) > header.iteration
    )  # a process was killed meanwhile
    logged = _logged(header, [*run.metrics(), *later])
    progress = logged | {
        "train_loss": header.train_loss or 0.0,
        "unlogged": {"largest": 0.0, "clipped": 0},
        "elapsed": logged["seconds"],
        "budget_began": logged["seconds"],
        "plans": 0 if unplanned else 1,  # what is left of a time budget is planned anew
        "turn": None,
        "origin": dict(resume.origin) if resume else {"val_text": training.val_text},
    }
    documents = resume.progress.get("documents") if resume else None
    return progress if documents is None else progress | {"documents": documents}


def _last_resume(run: Run) -> Header | None:
    """What the resume file says, damaged as it is, or else the one that was set aside; None where neither says it."""
    if run.resumable:
        return run.resumable.header
    try:
        header = checkpoint.read_header(replaced(run.resume_path))
    except CheckpointError:
        return None
    return header if header.kind == "resume" else None


def _logged(header: Header, rows: Iterable[Row]) -> dict[str, Any]:
    """What the log says of a training up to a snapshot, under the names of a resume file's progress."""
    training = header.training
    schedule, stopping = LearningRateSchedule(training, Horizon.of(training), 1), EarlyStopping(training.patience)
    seconds, clipped, every = 0.0, 0, training.eval_every
    for row in rows:
        at, event = iteration_of(row), row.get("event")
        if is_number(took := row.get("seconds")):
            seconds = max(seconds, float(took))  # the time of what is trained again is gone, too
        if at > header.iteration:
            continue
        loss, due = row.get("held_out_loss"), at > 0 and every > 0 and at % every == 0  # not those of snapshots alone
        if event == "progress" and is_number(count := row.get("clipped")):
            clipped = min(header.iteration, max(0, int(count)))
        elif event == "rolled back":
            schedule.rollbacks = min(schedule.rollbacks + 1, MOST_ROLLBACKS)
        elif event == "evaluated" and due and is_number(loss) and 0 <= loss <= LARGEST_LOSS:
            schedule.observe(loss)
            stopping.observe(loss)
    return {**schedule.state_dict(), **stopping.state_dict(), "seconds": seconds, "clipped": clipped}
