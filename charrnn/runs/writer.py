"""What a training writes into its run directory. What fails is tried again at the next save, and ends no training."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from charrnn.config import TrainConfig
from charrnn.errors import CharrnnError
from charrnn.files import make_directory
from charrnn.formatting import few
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.header import Header
from charrnn.runs.lock import RunLock
from charrnn.runs.resume_command import resume_command
from charrnn.runs.retention import surplus
from charrnn.runs.rewinding import ReplacedFiles, rewind
from charrnn.runs.run import Run

_CAPACITY = 256 << 20  # bytes of snapshots that wait in memory to be written; the latest does in any case


class RunWriter:
    """Writes snapshots, measurements, samples and the resume file of one training."""

    def __init__(self, run: Run, warn: Callable[[str], None]) -> None:
        """Begin to write.

        Args:
            run: Where.
            warn: Is told what cannot be written, once until it can be again.
        """
        self.run, self._warn = run, warn
        self.lock: RunLock | None = None  # on the run
        self.ending = False  # whether no save comes after the next
        self._failures: dict[Path, CharrnnError] = {}  # of what could not be written, and has not been since
        self._unsaved: list[tuple[Header, Tensors]] = []  # snapshots that could not be written, the latest last
        self._rows: list[Mapping[str, Any]] = []  # of metrics.jsonl, likewise
        self._unsynced = False  # whether a power failure may take lines of metrics.jsonl away
        self._untold: list[Header] = []  # of samples.md, likewise
        self._replaced = ReplacedFiles(run)
        # The loss by which the best is found of each snapshot that this training has kept, by its iteration.
        self._losses = {file.header.iteration: file.header.comparable_loss for file in Run(run.path).own_snapshots}
        self._told = max(self._losses, default=-1)  # the last iteration that samples.md has

    def has_snapshot(self, iteration: int) -> bool:
        """Whether this training has kept a snapshot of an iteration, which is there still."""
        return iteration in self._losses

    def write_snapshot(self, header: Header, tensors: Tensors) -> None:
        """Keep a snapshot, and tell of it in samples.md."""
        self._unsaved.append((header, tensors))
        self._save_snapshots()
        while len(self._unsaved) > 1 and sum(_size(tensors) for _, tensors in self._unsaved) > _CAPACITY:
            del self._unsaved[0]

    def _save_snapshots(self) -> None:
        """Save those that are not saved yet, the latest first; where one fails, the others would most likely, too."""
        while self._unsaved:
            header, tensors = self._unsaved[-1]
            path = self.run.snapshot_path(header.iteration)
            if not self._attempt(path, partial(checkpoint.save, path, header, tensors)):
                return
            self._unsaved.pop()
            self._losses[header.iteration] = header.comparable_loss
            self._replaced.written(path)
            self._untold.append(header)
            self._write_samples()

    def _write_samples(self) -> None:
        """Add to samples.md, or write it anew where that is not at its end. It is for looking at: no failure."""
        headers = sorted(self._untold, key=lambda header: header.iteration)
        add = self.run.append_samples if headers[0].iteration > self._told else self.run.insert_samples
        if self._attempt(self.run.samples_path, partial(add, headers)):
            self._told = max(self._told, headers[-1].iteration)
            self._untold.clear()

    def write_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line to metrics.jsonl."""
        self._rows.append(row)
        self._save_metrics()

    def _save_metrics(self) -> None:
        if self._rows and self._attempt(self.run.metrics_path, lambda: self.run.append_metrics(*self._rows)):
            self._rows.clear()
            self._unsynced = True

    def write_resume(self, header: Header, tensors: Tensors) -> None:
        """Replace the resume file, and write what could not be written before.

        What was measured up to there is on the disk before: after a power failure, too, no line is missing.
        """
        self._save_snapshots()
        self._save_metrics()
        if self._unsynced:
            self._unsynced = not self._attempt(self.run.metrics_path, self.run.sync_metrics)
        path = self.run.resume_path
        if self._attempt(path, partial(checkpoint.save, path, header, tensors)):
            self._replaced.passed(header.iteration)

    def rewind(self, iteration: int) -> None:
        """Forget what was measured and kept after an iteration, which is trained again."""
        self._unsaved = [snapshot for snapshot in self._unsaved if snapshot[0].iteration <= iteration]
        self._rows = [row for row in self._rows if row["iteration"] <= iteration]
        self._losses = {at: loss for at, loss in self._losses.items() if at <= iteration}
        self._attempt(self.run.metrics_path, lambda: rewind(Run(self.run.path), iteration))

    def delete_surplus(self, training: TrainConfig) -> None:
        """Delete the snapshots that `--keep` does not name, unless the present state is not safe on the disk."""
        if self.run.resume_path in self._failures or not surplus(self._losses, training):
            return
        # Only what is there counts as kept: somebody may have removed the best.
        there = {at: loss for at, loss in self._losses.items() if os.path.isfile(self.run.snapshot_path(at))}
        self._losses = there
        for iteration in surplus(there, training):
            path = self.run.snapshot_path(iteration)
            with contextlib.suppress(OSError):  # one that is being read elsewhere (Windows) goes next time
                if self.run.has_own_snapshot(iteration):  # or it is another by now, which somebody has put there
                    path.unlink(missing_ok=True)
                del there[iteration]

    def close(self) -> None:
        """End the writing.

        Raises:
            CharrnnError: A file could not be written in the end; all that cannot are named.
        """
        self._failures.pop(self.run.samples_path, None)  # it is for looking at, and made from the snapshots
        if not self._failures:
            return
        first, *others = self._failures.values()
        names = f", nor {few([path.name for path in list(self._failures)[1:]])}" if others else ""
        raise type(first)(first.what.rstrip(".") + names + ".", self._way_on(self._failures))

    def _way_on(self, unwritten: Collection[Path]) -> str:
        """What can be done about files that could not be written in the end, in a sentence."""
        if self.run.resume_path in unwritten:
            return f"Make room or put its permissions right, then go on: {resume_command(self.run)}"
        return f"What was learnt is kept, in {self.run.resume_path.name}."

    def _attempt(self, path: Path, write: Callable[[], object]) -> bool:
        """Whether a file could be written. The first failure of several in a row is told, of snapshots as of one."""
        try:
            self._restore_directory()
            write()
        except CharrnnError as error:
            if self.ending:
                self._warn(f"{error.what} {self._way_on({*self._failures, path})}")
            elif not self._told_of(path):
                self._warn(f"{error.what} Training goes on; the next save tries again.")
            self._failures[path] = error
            return False
        self._failures.pop(path, None)
        return True

    def _restore_directory(self) -> None:
        """Make the run's directory anew where it was removed or moved away: what is still to come is worth keeping.

        Raises:
            RunError: Another process trains a run of this name by now.
        """
        with contextlib.suppress(OSError):
            if not self.run.path.exists():
                make_directory(self.run.path)
                self._warn(f"{self.run.path}: was removed; it is made anew, with what is trained from here on.")
        if self.lock is not None:
            self.lock.renew()

    def _told_of(self, path: Path) -> bool:
        """Whether a reader knows that this cannot be written: one snapshot stands for all that wait to be."""
        waiting = {self.run.snapshot_path(header.iteration) for header, _ in self._unsaved}
        return path in self._failures or (path in waiting and not waiting.isdisjoint(self._failures))


def _size(tensors: Tensors) -> int:
    """Bytes."""
    return sum(tensor.nbytes for tensor in tensors.values())
