"""New run directories: their names, which may be taken, and where nothing can be written."""

from __future__ import annotations

import re
from pathlib import Path

from charrnn.errors import RunError
from charrnn.runs.lock import LOCK
from charrnn.runs.resume_command import resume_command
from charrnn.runs.run import Run


def require_plain_name(name: str) -> None:
    """Raises RunError for a name that is no plain one, or would be hard to type."""
    if not name or Path(name).name != name or name in (".", ".."):
        raise RunError(f"--name {name!r}: must be a plain directory name.", "Use --checkpoint-dir for the place.")
    if re.search(r":[0-9]+$", name):
        raise RunError(f"--name {name!r}: ends as the number of a snapshot does.", "Choose a name without a colon.")
    if name.startswith("-") or not name.isprintable() or name != name.strip():
        raise RunError(
            f"--name {name!r}: begins with a dash, or has a blank at an end or a character that is not shown.",
            "Choose a name of letters and digits.",
        )


def require_new(run: Run) -> None:
    """Raises RunError for a run that has been begun, with the command that goes on with it."""
    if run.begun:
        raise _taken(run)


def _taken(run: Run) -> RunError:
    """The error for the name of a run that there is."""
    return RunError(f"{run.path}: this run exists.", f"Go on with it: {resume_command(run)}; or choose another --name.")


def _is_blank(directory: Path) -> bool:
    """Whether nothing is in it but what a training leaves that ended before its first save: empty files of its own."""
    try:
        return all(
            path.name in ("metrics.jsonl", LOCK) and (path.name == LOCK or path.stat().st_size == 0)
            for path in directory.iterdir()
        )
    except OSError:  # no directory
        return False


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
    readable = re.sub(r"[^\w.-]+", "-", stem).strip("-.").lower() or "run"
    try:
        root.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = root / (name or f"{readable}-{number}")
            try:
                path.mkdir()
                break
            except FileExistsError:
                if name is not None and (unfinished or _is_blank(path)) and not Run(path).begun:
                    break
                if name is not None:
                    raise _taken(Run(path)) from None
                number += 1
        run = Run(path)
        run.metrics_path.touch()
    except OSError as error:
        raise RunError(
            f"{error.filename or root}: cannot be written ({error.strerror}).", "Choose another --checkpoint-dir."
        ) from None
    return run
