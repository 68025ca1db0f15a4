"""A run that cannot be resumed: what of it is left to train on from, and the command for that. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import CheckpointError
from charrnn.files import open_regular
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint_file import CheckpointFile
from charrnn.runs.resume_command import begin_command, new_run_command
from charrnn.runs.run import Run
from charrnn.text.reading import findable
from charrnn.training.same_text import typed_reading


def unresumable(run: Run, cause: CheckpointError) -> CheckpointError:
    """The error for a run that cannot be resumed, with the command that trains on from its newest whole snapshot.

    Args:
        run: The run.
        cause: What is wrong with its resume file.

    Returns:
        The error; `cause` itself where the file may be whole, and only cannot be read now.
    """
    if _cannot_be_opened(run):
        return cause
    what = cause.what.rstrip(".")
    newest = newest_whole(run.snapshots)
    if newest is None:
        return CheckpointError(
            f"{what}, and no trained snapshot of the run is whole.",
            f"Move it away and begin it anew: {begin_command(run)}",
        )
    return CheckpointError(
        f"{what}; this run cannot be resumed. Its newest whole snapshot is of iteration {newest.header.iteration:,}.",
        f"Train on from its weights, in a new run: {from_its_weights(run, newest)}",
    )


def from_its_weights(run: Run, snapshot: Checkpoint) -> str:
    """What to type to train on from a snapshot's weights, in a new run; where the text is says the resume file.

    Args:
        run: The run.
        snapshot: One of its.
    """
    header = snapshot.header
    origin = run.resumable.header.origin if run.resumable else {}
    texts = [str(text) for text in origin["texts"]] if findable(origin) else []
    settings: dict[str, Any] = typed_reading(header.reading, origin)
    if (left := header.training.iterations - header.iteration) > 0:
        settings["iterations"] = left
    if run.path.parent != CHECKPOINT_DIR:
        settings["checkpoint_dir"] = run.path.parent
    return new_run_command(snapshot.path, texts, **settings)


def _cannot_be_opened(run: Run) -> bool:
    """Whether the resume file is there and the system refuses to open it, which may pass."""
    if not os.path.isfile(run.resume_path):
        return False
    try:
        open_regular(run.resume_path).close()
    except OSError:
        return True
    return False


def newest_whole(snapshots: Iterable[CheckpointFile]) -> Checkpoint | None:
    """The latest of a run's snapshots that is trained, and whole; None where none is.

    Args:
        snapshots: By ascending iteration.
    """
    for file in reversed(list(snapshots)):
        if not file.header.untrained:
            try:
                return checkpoint.load(file.path)
            except CheckpointError:
                continue
    return None
