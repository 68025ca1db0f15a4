"""The commands that begin a run, or go on with it, or from its weights, whole, so that they can be pasted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import CheckpointError
from charrnn.runs.checkpoint import read_header
from charrnn.runs.run import Run
from charrnn.shell import as_typed, typed_path
from charrnn.text.reading import findable


def resume_command(run: Run, text: str | None = None, **settings: Any) -> str:
    """What to type to go on with a run.

    Args:
        run: The run.
        text: Where its text is; None: not to be said, if it can be read again without.
        settings: Those to go on with, such as `iterations`, or `time` in seconds.

    Returns:
        `charrnn train --resume checkpoints/novel-1 --iterations 12000`; with TEXT for a text that has to be named
        again, because it came from standard input or was in memory.
    """
    if text is None and not _findable(run):
        text = "TEXT"
    if "time" in settings:
        settings["time"] = f"{settings['time']:g}s"
    words = ["charrnn train", text, "--resume", typed_path(run.path), as_typed(settings)]
    return " ".join(filter(None, words))


def new_run_command(run: Path | None, texts: Sequence[str] = (), **settings: Any) -> str:
    """What to type to train on from a run's weights, in a new run.

    Args:
        run: Where the run is; None: not known.
        texts: What to train on; none: TEXT, to be named.
        settings: How it is read.

    Returns:
        `charrnn train TEXT --init-from checkpoints/novel-1`
    """
    named = [typed_path(Path(text)) for text in texts] or ["TEXT"]
    words = ["charrnn train", *named, as_typed(settings), "--init-from", typed_path(run) if run else "RUN"]
    return " ".join(filter(None, words))


def begin_command(run: Run) -> str:
    """What to type to begin a run of which nothing is there yet but its name.

    Args:
        run: The run.

    Returns:
        `charrnn train TEXT --name novel-1`
    """
    root = run.path.parent
    where = {} if root == CHECKPOINT_DIR else {"checkpoint_dir": root}
    return " ".join(filter(None, ["charrnn train TEXT", as_typed({"name": run.name} | where)]))


def _findable(run: Run) -> bool:
    """Whether the text of a run can be read again without being named, as far as its resume file says."""
    try:
        return findable(read_header(run.resume_path).origin)
    except CheckpointError:
        return True
