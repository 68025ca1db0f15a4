"""The checkpoints that one command works with: each file is read and verified once, and what is damaged is named."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from charrnn.errors import CheckpointError, RunError
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.checkpoint_file import CheckpointFile, best_or_last
from charrnn.runs.find import find_file, find_run
from charrnn.runs.run import Run

_CAPACITY = 512 << 20  # bytes of tensors that are held for later, beside those of each run's checkpoint to use


class CheckpointLoader:
    """Reads and verifies checkpoints, each once as long as there is room to hold it.

    Attributes:
        problems: One line for each thing that was left out.
    """

    def __init__(self, capacity: int = _CAPACITY) -> None:
        """Begin with nothing.

        Args:
            capacity: Bytes of tensors to hold. What is beyond is read again if it is asked for again, the oldest first;
                but never the checkpoint to use of each run that was verified.
        """
        self.problems: list[str] = []
        self._capacity = capacity
        self._loaded: dict[Path, Checkpoint] = {}  # the oldest first
        self._to_use: set[Path] = set()

    def load(self, path: Path) -> Checkpoint:
        """A whole checkpoint, verified. Raises CheckpointError."""
        if path not in self._loaded:
            loaded = checkpoint.load(path)
            _ = loaded.mixture  # lest damaged counts come up in the middle of a comparison
            self._loaded[path] = loaded
            self._release()
        return self._loaded[path]

    def verified(self, files: Iterable[CheckpointFile]) -> list[CheckpointFile]:
        """The checkpoints of a run that are whole; the others become problems, but for what a training has deleted.

        Args:
            files: Checkpoints of which headers were read, by ascending iteration.

        Returns:
            Those whose checksum holds, with their digest.
        """
        whole: list[CheckpointFile] = []
        gone: list[str] = []
        for file in files:
            try:
                loaded = self.load(file.path)
            except CheckpointError as error:
                (self.problems if os.path.lexists(file.path) else gone).append(str(error))
                continue
            if whole:
                self._to_use.discard(best_or_last(whole).path)
            whole.append(dataclasses.replace(file, header=loaded.header, digest=loaded.digest))
            self._to_use.add(best_or_last(whole).path)
        if not whole:
            self.problems += gone  # the run itself, more likely
        return whole

    def _release(self) -> None:
        """Drop the oldest that need not be held, but for the one that was just read, until the rest fits."""
        sizes = {
            path: sum(tensor.nbytes for tensor in loaded.tensors.values()) for path, loaded in self._loaded.items()
        }
        excess = sum(sizes.values()) - self._capacity
        for path in list(sizes)[:-1]:
            if excess > 0 and path not in self._to_use:
                del self._loaded[path]
                excess -= sizes[path]


@dataclass(slots=True)
class LoadedRun:
    """What is looked at of one run; or a file that lies in none."""

    run: Run | None
    files: list[CheckpointFile]  # by ascending iteration
    named: set[Path] = field(default_factory=set)  # the files that were named one by one
    name: str = ""  # what tells the run from the others; "" for none


def find_runs(paths: Iterable[Path], root: Path, problems: list[str]) -> list[LoadedRun]:
    """Find runs and single checkpoints, by their headers.

    Args:
        paths: Runs or files, by path or by name below `root`.
        root: The directory of runs.
        problems: Is added one line for each file or run that cannot be used.

    Returns:
        The runs in the order named, and what was named of each: every checkpoint once, by ascending iteration.
    """
    runs: dict[Path, LoadedRun] = {}
    for where in paths:
        try:
            named = find_file(where, root)
            if named is None:
                run: Run | None = (directory := find_run(where, root))
                files = directory.snapshots or [directory.best]
                problems += (problem for problem in directory.problems if problem not in problems)
            else:
                files = [CheckpointFile(named, checkpoint.read_header(named), named.stat().st_size)]
                beside = Run(named.parent)
                run = beside if os.path.lexists(beside.metrics_path) else None
        except (CheckpointError, RunError) as error:
            problems.append(str(error))
            continue
        except OSError as error:
            problems.append(f"{where}: cannot be read ({error.strerror}).")
            continue
        loaded = runs.setdefault((run.path if run else files[0].path).resolve(), LoadedRun(run, []))
        known = {file.path.resolve(): file.path for file in loaded.files}
        loaded.files += (file for file in files if file.path.resolve() not in known)
        loaded.files.sort(key=lambda file: file.header.iteration)
        if named is not None:
            loaded.named.add(known.get(named.resolve(), named))
    return list(runs.values())


def names_of(runs: Sequence[Run | None]) -> list[str]:
    """What to call runs: their names, and their paths where two are called the same; "" for None."""
    names = [run.name if run else "" for run in runs]
    return [str(run.path) if run and names.count(name) > 1 else name for run, name in zip(runs, names, strict=True)]
