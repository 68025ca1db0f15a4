"""A run without a resume file that is whole: what of it is left to train on from, and the command for that. Torch-free.

Resuming is exact, and a snapshot has neither the optimizer's state nor the stream's: to go on from one is another
training. So nothing does that by itself, not even `--auto-resume`, and what it takes is said whole.
"""

from __future__ import annotations

import os
from typing import Any

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import CheckpointError
from charrnn.files import open_regular
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.resume_command import begin_command, new_run_command
from charrnn.runs.run import Run
from charrnn.text.reading import findable
from charrnn.training.same_text import typed_reading


def unresumable(run: Run, cause: CheckpointError | None) -> CheckpointError:
    """The error for a run that cannot be resumed, with the command that trains on from its newest whole snapshot.

    Args:
        run: The run.
        cause: What is wrong with its resume file; None: it is missing.

    Returns:
        The error; `cause` itself where the file may be whole, and only cannot be read now.
    """
    if cause is not None and _cannot_be_opened(run):
        return cause
    what = cause.what.rstrip(".") if cause else f"{run.resume_path}: is missing"
    newest = _newest_whole(run)
    if newest is None or newest.path is None:
        return CheckpointError(
            f"{what}, and no trained snapshot of the run is whole.",
            f"Move it away and begin it anew: {begin_command(run)}",
        )
    header = newest.header
    origin = run.resumable.header.origin if run.resumable else {}
    texts = [str(text) for text in origin["texts"]] if findable(origin) else []
    settings: dict[str, Any] = typed_reading(header.reading, origin)
    if (left := header.training.iterations - header.iteration) > 0:
        settings["iterations"] = left
    if run.path.parent != CHECKPOINT_DIR:
        settings["checkpoint_dir"] = run.path.parent
    return CheckpointError(
        f"{what}; this run cannot be resumed. Its newest whole snapshot is of iteration {header.iteration:,}.",
        f"Train on from its weights, in a new run: {new_run_command(newest.path, texts, **settings)}",
    )


def _cannot_be_opened(run: Run) -> bool:
    """Whether the resume file is there and the system refuses to open it, which may pass."""
    if not os.path.isfile(run.resume_path):
        return False
    try:
        open_regular(run.resume_path).close()
    except OSError:
        return True
    return False


def _newest_whole(run: Run) -> Checkpoint | None:
    """The latest trained snapshot that is whole."""
    for file in reversed(run.snapshots):
        if not file.header.untrained:
            try:
                return checkpoint.load(file.path)
            except CheckpointError:
                continue
    return None
