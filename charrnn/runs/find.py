"""Runs and their checkpoints by path, by name, or the newest there is."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from pathlib import Path

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import RunError
from charrnn.formatting import few
from charrnn.runs.run import RESUME, Run

# Of a run: `run/iteration-100`, `run/100`, `run:100`.
_SNAPSHOT = re.compile(r"(?P<run>.+)(?:[/\\](?:iteration-)?|:)(?P<iteration>[0-9]{1,18})(?:\.safetensors)?", re.DOTALL)


def _is_run(path: Path) -> bool:
    return os.path.isdir(path) and ((path / "metrics.jsonl").exists() or any(path.glob("*.safetensors")))


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
        why = "" if isinstance(error, FileNotFoundError) else f" ({error.strerror})"
        raise RunError(
            f"{root}: no runs here{why}.",
            "Train one: charrnn train TEXT; or say where: --checkpoint-dir.",
        ) from None
    return sorted(runs, key=lambda run: (run.created, run.name), reverse=True)


def find_run(where: Path, root: Path = CHECKPOINT_DIR) -> Run:
    """A run by its path or name.

    Args:
        where: Its path, or its name below `root`; or its resume file.
        root: The directory of runs.

    Returns:
        The run.

    Raises:
        RunError: There is none.
    """
    for path in (where, root / where):
        if _is_run(path):
            return Run(path)
    if (file := find_file(where, root)) is not None:
        if file.name == RESUME:
            return Run(file.parent)
        advice = f"Its run is {file.parent}." if _is_run(file.parent) else "Name the directory of one."
        raise RunError(f"{where}: is a file, where a whole run is wanted.", advice)
    raise _no_run(where, root)


def _no_run(where: Path, root: Path) -> RunError:
    """The error for what is no run: with what is there instead, or is called much like it."""
    if os.path.isdir(where):
        below = sorted(path.name for path in where.iterdir() if _is_run(path))
        if below:
            named = few([str(where / name) for name in below], 3)
            return RunError(f"{where}: is a directory of runs.", f"Name one of them: {named}")
        return RunError(f"{where}: is a directory without any checkpoint.", "`charrnn runs` lists what is there.")
    names = [path.name for path in root.iterdir() if _is_run(path)] if root.is_dir() else []
    by_folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(where.name.casefold(), by_folded, n=1)
    hint = f"Did you mean {by_folded[near[0]]}? " if near else ""
    return RunError(f"{where}: no such run.", f"{hint}`charrnn runs` lists what is there.")


def newest_run(root: Path = CHECKPOINT_DIR) -> Run:
    """The newest run below `root` that has a checkpoint. Raises RunError if there is none."""
    for run in list_runs(root):
        if run.snapshots or run.resumable:
            return run
    raise RunError(f"{root}: no run with a checkpoint.", "Train one: charrnn train TEXT")


def find_file(where: Path, root: Path = CHECKPOINT_DIR) -> Path | None:
    """A checkpoint that was named itself, and not by its run.

    Args:
        where: Its path, with or without .safetensors, and with as many zeros as anybody likes: `novel-1/iteration-100`;
            or a run and an iteration: `novel-1:100`, `novel-1/100`. By path, or below `root`.
        root: The directory of runs.

    Returns:
        The path of a file; None if none was named.

    Raises:
        RunError: The run has no snapshot of this iteration.
    """
    for path in (where, root / where):
        if os.path.exists(path):
            return path if path.is_file() else None
        if os.path.isfile(whole := path.with_name(f"{path.name}.safetensors")):
            return whole
        named = _SNAPSHOT.fullmatch(str(path))
        if named is None or not _is_run(Path(named["run"])):
            continue
        run, iteration = Run(Path(named["run"])), int(named["iteration"])
        if (snapshot := run.snapshot_path(iteration)).is_file():
            return snapshot
        kept = few([f"{file.header.iteration:,}" for file in run.snapshots], 12) or "none"
        raise RunError(f"{where}: no snapshot of iteration {iteration:,}.", f"Those of {run.name}: {kept}.")
    return None


def find_checkpoint(
    where: Path | None, root: Path = CHECKPOINT_DIR, warn: Callable[[str], None] = lambda _: None
) -> Path:
    """The file to load.

    Args:
        where: A checkpoint, as `find_file` finds it; or a run, whose best snapshot is taken, by path or by name below
            `root`; None: the newest run.
        root: The directory of runs.
        warn: Is told of each file of the run that should be a checkpoint and is not: it may have been the best.

    Returns:
        The path of a checkpoint.

    Raises:
        RunError: There is none.
    """
    if where is not None and (file := find_file(where, root)) is not None:
        return file
    run = newest_run(root) if where is None else find_run(where, root)
    path = run.best.path
    for problem in run.problems:
        warn(problem)
    return path


def named_like(typed: str, root: Path = CHECKPOINT_DIR) -> list[str]:
    """What a word may become that names a run or a checkpoint.

    Args:
        typed: Its beginning.
        root: The directory of runs.

    Returns:
        Runs by name or path, as it was begun; behind a slash the checkpoints of a run.
    """
    head, slash, _ = typed.rpartition("/")
    places = [Path(head or "/"), root / head] if slash else [root]
    names = {
        f"{head}{slash}{path.name.removesuffix('.safetensors')}"
        for place in places
        if place.is_dir()
        for path in place.iterdir()
        if _is_run(path) or path.suffix == ".safetensors"
    }
    return sorted(name for name in names if name.startswith(typed))
