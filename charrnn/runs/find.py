"""Runs and their checkpoints by path, by name, or the newest there is."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import CheckpointError, RunError
from charrnn.formatting import few
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.run import RESUME, Run

# Of a run: `run/iteration-100`, `run/100`, `run:100`.
_SNAPSHOT = re.compile(r"(?P<run>.+)(?:[/\\](?:iteration-)?|:)(?P<iteration>[0-9]{1,18})(?:\.safetensors)?", re.DOTALL)


def _is_run(path: Path) -> bool:
    """Whether something in a directory is called as a run's files are; or it cannot be read, which its run tells."""
    if not os.path.isdir(path):
        return False
    try:
        return os.path.lexists(path / "metrics.jsonl") or any(Run(path).checkpoint_names())
    except OSError as error:
        return not isinstance(error, FileNotFoundError)


def _below(root: Path) -> list[Path]:
    """The runs in a directory, links that lead nowhere for ever among them. Raises OSError where it cannot be read.

    Nothing is asked of what is no directory, of which there may be a million.
    """
    paths = []
    with os.scandir(root) as entries:
        for entry in entries:
            path = Path(entry.path)
            try:
                run = entry.is_dir() and _is_run(path)
            except OSError:
                run = True
            if run:
                paths.append(path)
    return paths


def list_runs(root: Path = CHECKPOINT_DIR) -> list[Run]:
    """The runs below a directory.

    Args:
        root: The directory of runs.

    Returns:
        Them, newest first. What cannot be read has no checkpoints, and `problems`.

    Raises:
        RunError: There is no such directory.
    """
    try:
        runs = list(map(Run, _below(root)))
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
    found = next((path for path in (where, root / where) if os.path.lexists(path)), None)
    if found is not None:
        try:
            below = sorted(path.name for path in _below(found))
        except NotADirectoryError:
            return RunError(f"{where}: is neither a run nor a regular file.", "`charrnn runs` lists what is there.")
        except OSError as error:
            return RunError(f"{where}: cannot be read ({error.strerror}).", "`charrnn runs` lists what is there.")
        if below:
            named = few([str(where / name) for name in below], 3)
            return RunError(f"{where}: is a directory of runs.", f"Name one of them: {named}")
        return RunError(f"{where}: is a directory without any checkpoint.", "`charrnn runs` lists what is there.")
    try:
        names = [path.name for path in _below(root)]
    except OSError:
        names = []
    by_folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(where.name.casefold(), by_folded, n=1)
    hint = f"Did you mean {by_folded[near[0]]}? " if near else ""
    return RunError(f"{where}: no such run.", f"{hint}`charrnn runs` lists what is there.")


def newest_run(root: Path = CHECKPOINT_DIR) -> Run:
    """The newest run below `root` that has a checkpoint. Raises RunError if there is none."""
    for run in list_runs(root):
        if run.resumable or run.snapshots:
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
            return path if os.path.isfile(path) else None
        if os.path.isfile(whole := path.with_name(f"{path.name}.safetensors")):
            return whole
        named = _SNAPSHOT.fullmatch(str(path))
        if named is None or not _is_run(Path(named["run"])):
            continue
        run, iteration = Run(Path(named["run"])), int(named["iteration"])
        if os.path.isfile(snapshot := run.snapshot_path(iteration)):
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


def load_found(
    where: Path | None, root: Path = CHECKPOINT_DIR, warn: Callable[[str], None] = lambda _: None
) -> Checkpoint:
    """Load what is named. Of a run whose best snapshot is damaged the best of those that are whole is taken.

    Args:
        where: As for `find_checkpoint`.
        root: The directory of runs.
        warn: Is told of each file of the run that should be a checkpoint and is not.

    Returns:
        A checkpoint, verified.

    Raises:
        RunError: There is none.
        CheckpointError: It is damaged; of a run, all are, and this tells of the first.
    """
    if where is not None and (file := find_file(where, root)) is not None:
        return checkpoint.load(file)
    while True:
        run = newest_run(root) if where is None else find_run(where, root)
        try:
            loaded, damaged = _best_whole(run)
        except FileNotFoundError:  # a training has kept a better one meanwhile, and deleted this
            continue
        for problem in [*damaged, *run.problems]:
            warn(problem)
        return loaded


def _best_whole(run: Run) -> tuple[Checkpoint, list[str]]:
    """The best checkpoint of a run that is whole, and why better ones are not.

    Raises:
        RunError: There is none.
        CheckpointError: There are, and none is whole.
        FileNotFoundError: One of them is there no longer.
    """
    damaged: list[CheckpointError] = []
    for file in run.by_preference():
        try:
            return checkpoint.load(file.path), list(map(str, damaged))
        except CheckpointError as error:
            if not os.path.lexists(file.path):
                raise FileNotFoundError from None
            damaged.append(error)
    raise damaged[0]


def load_each(run: Run, skip: Callable[[str], None]) -> Iterator[Checkpoint]:
    """Load the snapshots of a run, or its resume file if it has none, each when it is its turn.

    Args:
        run: The run.
        skip: Is told of each file that should be a checkpoint and is not.

    Yields:
        The checkpoints that are whole, by ascending iteration; without what is deleted meanwhile.

    Raises:
        RunError: There is none.
    """
    files = run.snapshots or [run.best]
    for problem in run.problems:
        skip(problem)
    whole = False
    for file in files:
        try:
            loaded = checkpoint.load(file.path)
        except CheckpointError as error:
            if os.path.lexists(file.path):
                skip(str(error))
            continue
        whole = True
        yield loaded
    if not whole:
        raise RunError(f"{run.path}: none of its checkpoints is whole.")


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
    names = set()
    for place in places:
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            names |= {
                f"{head}{slash}{entry.name.removesuffix('.safetensors')}"
                for entry in entries
                if entry.name.endswith(".safetensors") or _is_run(Path(entry.path))
            }
    return sorted(name for name in names if name.startswith(typed))
