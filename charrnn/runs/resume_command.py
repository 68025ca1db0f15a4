"""The command that goes on with a run, whole, so that it can be pasted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError, RunError
from charrnn.formatting import as_typed
from charrnn.runs.checkpoint import read_header
from charrnn.runs.run import Run
from charrnn.text.sources import STDIN


def findable(origin: Mapping[str, Any]) -> bool:
    """Whether a text can be read again without being named.

    Args:
        origin: The arguments of `corpus.read` by which it was read, {} for one that was in memory.

    Returns:
        False for standard input and for what was in memory.
    """
    texts = origin.get("texts")
    return isinstance(texts, Sequence) and len(texts) > 0 and STDIN not in texts


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


def require_new(run: Run) -> None:
    """Raises RunError for a run that has been begun, with the command that goes on with it."""
    if run.begun:
        advice = f"Go on with it: {resume_command(run)}; or choose another --name."
        raise RunError(f"{run.path}: this run exists.", advice)


def _findable(run: Run) -> bool:
    """Whether the text of a run can be read again without being named, as far as its resume file says."""
    try:
        return findable(read_header(run.resume_path).origin)
    except CheckpointError:
        return True


def typed_path(path: Path) -> str:
    """A path as it is typed: from the working directory if it lies below."""
    typed = str(path)
    if path.is_absolute():
        below = os.path.relpath(path) if path.anchor == Path.cwd().anchor else typed
        typed = typed if below.startswith(os.pardir) else below
    return shlex.quote(os.path.join(os.curdir, typed) if typed.startswith("-") else typed)
