"""Deleting a run: what charrnn wrote into its directory, and the directory if nothing else is in it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from charrnn.errors import RunError
from charrnn.runs.lock import RunLock, holder_of
from charrnn.runs.run import Run

# What a training writes, or has set aside, and what one that was killed leaves of a file half written.
_WRITTEN = re.compile(
    r"((iteration-[0-9]+|resume)\.safetensors|metrics\.jsonl|samples\.md)(\.replaced)?"
    r"|tensorboard/events\.out\.tfevents\..*|\.(iteration-|resume\.|metrics\.|samples\.).+\.tmp"
)


def check(run: Run) -> None:
    """See that a directory may be deleted as a run.

    Args:
        run: The directory.

    Raises:
        RunError: It is a link, nothing in it says that charrnn wrote it, or it is being trained.
    """
    if (holder := holder_of(run)) is not None:
        raise RunError(f"{run.path}: is being trained by {holder}.", "Stop it first.")
    if run.path.is_symlink():
        raise RunError(f"{run.path}: is a link to {run.path.resolve()}.", "Delete that run, then the link.")
    if not os.path.isfile(run.metrics_path) and not run.checkpoints:
        raise RunError(f"{run.path}: is no run of charrnn's.", "Nothing was deleted.")


def delete(run: Run) -> list[str]:
    """Delete a run, the metrics last, so that what an interruption leaves is still a run.

    Args:
        run: The run, which was checked.

    Returns:
        The names of what is not charrnn's, and is left in the directory.

    Raises:
        RunError: Something cannot be deleted.
    """
    try:
        with RunLock(run, warn=lambda _: None):  # no training begins in between
            for path in sorted(_files(run.path), key=lambda path: path == run.metrics_path):
                if _WRITTEN.fullmatch(path.relative_to(run.path).as_posix()):
                    path.unlink(missing_ok=True)
        for directory in _directories(run.path)[::-1]:
            if not any(directory.iterdir()):
                directory.resolve().rmdir()  # "." is refused
        others = sorted(path.name for path in run.path.iterdir()) if run.path.exists() else []
    except OSError as error:
        raise RunError(
            f"{error.filename or run.path}: cannot be deleted ({error.strerror}).", "Check its permissions."
        ) from None
    return others


def _files(directory: Path) -> list[Path]:
    """The files of a run, and those that it has for TensorBoard."""
    return [path for place in _directories(directory) for path in place.glob("*") if not path.is_dir()]


def _directories(directory: Path) -> list[Path]:
    """A run's, if it is there, and that in it for TensorBoard; none that a link leads to, whose files are others'."""
    return [path for path in (directory, directory / "tensorboard") if path.is_dir() and not path.is_symlink()]
