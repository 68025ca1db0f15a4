"""Runs and their checkpoints by path, by name, or the newest there is."""

from __future__ import annotations

from pathlib import Path

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import RunError
from charrnn.runs.run import Run


def _is_run(path: Path) -> bool:
    return path.is_dir() and ((path / "metrics.jsonl").exists() or any(path.glob("*.safetensors")))


def list_runs(root: Path = CHECKPOINT_DIR) -> list[Run]:
    """The runs below a directory.

    Args:
        root: The directory of runs.

    Returns:
        Them, newest first.

    Raises:
        RunError: There is no such directory.
    """
    try:
        runs = [Run(path) for path in root.iterdir() if _is_run(path)]
    except OSError as error:
        raise RunError(
            f"{root}: no runs here ({error.strerror}).",
            "Train one: charrnn train TEXT; or say where: --checkpoint-dir.",
        ) from None
    return sorted(runs, key=lambda run: (run.created, run.name), reverse=True)


def find_run(where: Path, root: Path = CHECKPOINT_DIR) -> Run:
    """A run by its path or name.

    Args:
        where: Its path, or its name below `root`.
        root: The directory of runs.

    Returns:
        The run.

    Raises:
        RunError: There is none.
    """
    for path in (where, root / where):
        if _is_run(path):
            return Run(path)
    raise RunError(f"{where}: no such run.", "`charrnn runs` lists what is there.")


def newest_run(root: Path = CHECKPOINT_DIR) -> Run:
    """The newest run below `root` that has a checkpoint. Raises RunError if there is none."""
    for run in list_runs(root):
        if run.snapshots or run.resumable:
            return run
    raise RunError(f"{root}: no run with a checkpoint.", "Train one: charrnn train TEXT")


def find_checkpoint(where: Path | None, root: Path = CHECKPOINT_DIR) -> Path:
    """The file to load.

    Args:
        where: A file, or a run, whose best snapshot is taken, by path or by name below `root`; None: the newest run.
        root: The directory of runs.

    Returns:
        The path of a checkpoint.

    Raises:
        RunError: There is none.
    """
    if where is None:
        return newest_run(root).best.path
    for path in (where, root / where):
        if path.is_file():
            return path
    return find_run(where, root).best.path
