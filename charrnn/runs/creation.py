"""New run directories: their names, which may be taken, and where nothing can be written."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
from pathlib import Path

from charrnn.errors import RunError
from charrnn.files import is_temporary, make_directory, open_own, remove_temporary, sync_directory
from charrnn.names import is_portable, portable_name
from charrnn.runs.lock import LOCK, holder_of
from charrnn.runs.resume_command import resume_command
from charrnn.runs.run import RESUME, Run

_ANOTHER_NAME = "Choose another --name."


def require_plain_name(name: str) -> None:
    """Raises RunError for a name that is no plain one, or would be hard to type."""
    if not name or Path(name).name != name or name in (".", ".."):
        raise RunError(f"--name {name!r}: must be a plain directory name.", "Use --checkpoint-dir for the place.")
    if re.search(r":[0-9]+$", name):
        raise RunError(f"--name {name!r}: ends as the number of a snapshot does.", "Choose a name without a colon.")
    if not is_portable(name):
        raise RunError(
            f"--name {name!r}: is too long, or no name on every system: runs are taken from one to another.",
            "Choose a name of letters and digits.",
        )
    if name.startswith("-") or not name.isprintable() or name != name.strip():
        raise RunError(
            f"--name {name!r}: begins with a dash, or has a blank at an end or a character that is not shown.",
            "Choose a name of letters and digits.",
        )


def require_new(run: Run, *, locked: bool = False) -> None:
    """Raises RunError for a run that has been begun: how to go on, or who trains it, unless we have `locked` it."""
    if run.begun:
        raise _taken(run, locked=locked)


def _taken(run: Run, *, locked: bool = False) -> RunError:
    """The error for the name of a run, or of another directory, that there is."""
    if not locked and (holder := holder_of(run)) is not None:
        return RunError(f"{run.path}: is being trained by {holder}.", _ANOTHER_NAME)
    if not run.begun:
        return RunError(f"{run.path}: exists, and has nothing that a training could go on from.", _ANOTHER_NAME)
    return RunError(f"{run.path}: this run exists.", f"Go on with it: {resume_command(run)}; or choose another --name.")


def _is_blank(directory: Path) -> bool:
    """Whether nothing is in it but what a training leaves that ended before its first save: empty files of its own."""
    try:
        return all(
            path.name == LOCK or is_temporary(path) or (path.name == "metrics.jsonl" and _is_empty_file(path))
            for path in directory.iterdir()
        )
    except OSError:  # no directory
        return False


def _is_empty_file(path: Path) -> bool:
    """Whether a regular file, no link to one, is there and has nothing in it."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def require_writable(root: Path) -> None:
    """Prove that a directory of runs can be written, or made if it is not there, before a long text is read.

    Raises:
        RunError: It cannot be.
    """
    nearest = next((place for place in (root, *root.absolute().parents) if os.path.exists(place)), root)
    probe = nearest / f".charrnn-{os.urandom(4).hex()}.tmp"
    try:
        probe.mkdir()
    except OSError as error:
        raise _unwritable(root, error) from None
    with contextlib.suppress(OSError):
        probe.rmdir()


def _unwritable(path: Path | str, error: OSError) -> RunError:
    """The error for a place where no run can be made."""
    return RunError(f"{path}: cannot be written ({error.strerror}).", "Choose another --checkpoint-dir.")


def discard(run: Run) -> None:
    """Remove what was made of a run whose first save failed: its name is free again. What is another's stays."""
    with contextlib.suppress(OSError):
        remove_temporary(run.path, (RESUME,))
        run.resume_path.unlink(missing_ok=True)
        if _is_empty_file(run.metrics_path):
            run.metrics_path.unlink()
        if {path.name for path in run.path.iterdir()} <= {LOCK}:
            (run.path / LOCK).unlink(missing_ok=True)
            run.path.rmdir()


def create_run(root: Path, name: str | None, stem: str, *, unfinished: bool = False) -> Run:
    """Make a new run directory and prove it can be written, before the first iteration.

    Args:
        root: The directory of runs, made if it is not there.
        name: What to call the run; None calls it after the text, with the first free number.
        stem: What the text is called.
        unfinished: Whether a directory of this name will do in which no training has kept anything, whatever else is in
            it. One with nothing but what a training leaves that ended before its first save will do in any case.

    Returns:
        The new run.

    Raises:
        RunError: The name is no plain name or is taken, or the directory cannot be written.
    """
    if name is not None:
        require_plain_name(name)
    readable = portable_name(stem, "run")
    try:
        make_directory(root)
        run = _new_directory(root, name, readable, unfinished)
        try:
            sync_directory(root)
            remove_temporary(run.path, (RESUME,))
            os.close(open_own(run.metrics_path))
        except OSError:
            discard(run)
            raise
    except OSError as error:
        raise _unwritable(error.filename or root, error) from None
    return run


def _new_directory(root: Path, name: str | None, stem: str, unfinished: bool) -> Run:
    """The directory of `create_run`. Raises RunError for a name that is taken, and OSError."""
    for number in itertools.count(1):
        run = Run(root / (name or f"{stem}-{number}"))
        try:
            run.path.mkdir()
            break
        except FileExistsError:
            if name is not None and not run.begun and (unfinished or _is_blank(run.path)):
                break
            if name is not None:
                raise _taken(run) from None
    return run
