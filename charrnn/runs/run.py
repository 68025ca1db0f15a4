"""A run directory: everything one training leaves behind.

iteration-000100.safetensors …   the snapshots
resume.safetensors               all that resuming needs, replaced atomically
metrics.jsonl                    one JSON object a line, appended as training goes
samples.md                       the timeline a person reads
*.replaced                       what is trained again, until that is written (charrnn.runs.rewinding)
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from charrnn.errors import CheckpointError, RunError
from charrnn.files import replace_file
from charrnn.runs import checkpoint, metrics, samples
from charrnn.runs.appending import append_lines, sync_file
from charrnn.runs.checkpoint_file import CheckpointFile, best_or_last
from charrnn.runs.header import Header
from charrnn.runs.metrics import Row

RESUME = "resume.safetensors"


@dataclass(frozen=True, repr=False)
class Run:
    """A run directory."""

    path: Path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def name(self) -> str:
        """The directory's name."""
        return Path(os.path.abspath(self.path)).name  # "." has a name too

    @property
    def resume_path(self) -> Path:
        """The file that a training goes on from."""
        return self.path / RESUME

    @property
    def metrics_path(self) -> Path:
        """The file of measurements."""
        return self.path / "metrics.jsonl"

    @property
    def samples_path(self) -> Path:
        """The timeline that a person reads."""
        return self.path / "samples.md"

    def snapshot_path(self, iteration: int) -> Path:
        """The snapshot of an iteration."""
        return self.path / f"iteration-{iteration:06d}.safetensors"

    def checkpoint_names(self) -> Iterator[str]:
        """The names of what should be its checkpoints. Raises OSError where the directory cannot be read."""
        with os.scandir(self.path) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith(".safetensors"))

    @property
    def begun(self) -> bool:
        """Whether anything was kept of it that a training could go on from, or would write over."""
        try:
            return any(self.checkpoint_names())
        except OSError:
            return False

    @cached_property
    def _resume(self) -> CheckpointFile | str | None:
        return _checkpoint_file(self.resume_path)

    @cached_property
    def _scan(self) -> tuple[list[CheckpointFile], list[str]]:
        """The directory's checkpoints by iteration, and one line for each thing in it that cannot be used."""
        files, problems = [], []
        try:
            names = sorted(self.checkpoint_names())
        except OSError as error:
            return [], [f"{self.path}: cannot be read ({error.strerror})."]
        for name in names:
            found = self._resume if name == RESUME else _checkpoint_file(self.path / name)
            if isinstance(found, str):
                problems.append(found)
            elif found is not None:
                files.append(found)
        return sorted(files, key=lambda file: (file.header.iteration, file.header.kind, file.path.name)), problems

    @cached_property
    def _metrics_problems(self) -> list[str]:
        """Why metrics.jsonl cannot be read, if it is there and cannot."""
        try:
            metrics.check(self.metrics_path)
        except FileNotFoundError:
            return []
        except OSError as error:
            return [f"{self.metrics_path}: cannot be read ({error.strerror})."]
        return []

    @property
    def checkpoints(self) -> list[CheckpointFile]:
        """All of the directory's checkpoints by ascending iteration, as it was when first asked."""
        return self._scan[0]

    @property
    def problems(self) -> list[str]:
        """One line for each thing in the run that cannot be used: what should be a checkpoint, and the metrics.

        A file that a training has deleted or renamed meanwhile is none.
        """
        return self._scan[1] + self._metrics_problems

    @property
    def snapshots(self) -> list[CheckpointFile]:
        """The snapshots by ascending iteration, as the directory was when first asked."""
        return [file for file in self.checkpoints if file.header.kind == "snapshot"]

    @property
    def own_snapshots(self) -> list[CheckpointFile]:
        """Those that the training itself has named, not copies which someone keeps beside them."""
        return [file for file in self.snapshots if file.path == self.snapshot_path(file.header.iteration)]

    def has_own_snapshot(self, iteration: int) -> bool:
        """Whether the file that is called as the snapshot of an iteration is one of it, as it is now."""
        found = _checkpoint_file(self.snapshot_path(iteration))
        return isinstance(found, CheckpointFile) and (found.header.kind, found.header.iteration) == (
            "snapshot",
            iteration,
        )

    @property
    def resumable(self) -> CheckpointFile | None:
        """The resume file, if it is there and whole enough to have a header."""
        found = self._resume
        return found if isinstance(found, CheckpointFile) and found.header.kind == "resume" else None

    @property
    def elapsed(self) -> float | None:
        """Seconds of training, measuring included, up to the resume file; None where there is none that has them."""
        elapsed = self.resumable.header.progress.get("elapsed") if self.resumable else None
        return float(elapsed) if isinstance(elapsed, float | int) else None

    @property
    def best(self) -> CheckpointFile:
        """The snapshot of the lowest held-out loss (the latest if none was measured), else the resume file.

        An untrained one is taken where there is nothing else.

        Raises:
            RunError: The run has no checkpoint at all.
        """
        return next(self.by_preference())

    def by_preference(self) -> Iterator[CheckpointFile]:
        """Its checkpoints, the best first, then that which would be the best without it, and so on.

        Raises:
            RunError: The run has no checkpoint at all.
        """
        untrained = [file for file in self.snapshots if file.header.untrained]
        trained = [file for file in self.snapshots if not file.header.untrained]
        if not (trained or untrained or self.resumable):
            reason = self.problems[0] if self.problems else "no snapshot was kept yet"
            raise RunError(f"{self.path}: no checkpoint to use ({reason.rstrip('.')}).")
        for files in (trained, [self.resumable] if self.resumable else [], untrained):
            left = files
            while left:
                best = best_or_last(left)
                yield best
                left = [file for file in left if file is not best]

    @property
    def created(self) -> str:
        """When its resume file or else its latest snapshot was written (ISO 8601), or "" for a run that has none."""
        if self.resumable:
            return self.resumable.header.created
        return max((file.header.created for file in self.checkpoints), default="")

    @property
    def size(self) -> int:
        """Bytes of every file in the run, as far as it can be read."""
        total = 0
        with contextlib.suppress(OSError), os.scandir(self.path) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # a training at work replaces its files
                    total += entry.stat().st_size if entry.is_file() else 0
        return total

    # -- writing, by the training alone ------------------------------------------------------------------------

    def append_metrics(self, *rows: Mapping[str, Any]) -> None:
        """Write lines more, all of them or none.

        Args:
            rows: Values for JSON by name. Numbers that are not finite become null.

        Raises:
            RunError: They cannot be written.
        """
        lines = []
        for row in rows:
            clean = {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in row.items()
            }
            lines.append(json.dumps(clean, allow_nan=False) + "\n")
        with explaining_errors(self.metrics_path):
            append_lines(self.metrics_path, "".join(lines).encode())

    def sync_metrics(self) -> None:
        """Let the lines written so far outlast a power failure. Raises RunError if that fails."""
        with explaining_errors(self.metrics_path):
            sync_file(self.metrics_path)

    def metrics(self) -> list[Row]:
        """The rows of metrics.jsonl.

        Returns:
            One object for each line. A line that is damaged, such as a half-written last one, is left out; and so are
            all where they cannot be read, which `problems` tells.
        """
        try:
            return [row for _, row in metrics.read_rows(self.metrics_path)]
        except OSError:
            return []

    def samples(self) -> dict[int, str]:
        """The sections of samples.md by iteration. Raises RunError where it cannot be read."""
        with explaining_errors(self.samples_path):
            try:
                return samples.read(self.samples_path)
            except FileNotFoundError:
                return {}

    def write_samples(self, sections: Mapping[int, str]) -> None:
        """Write samples.md anew.

        Args:
            sections: What it has, by iteration.

        Raises:
            RunError: It cannot be written.
        """
        with explaining_errors(self.samples_path):
            text = samples.title(self.name) + "".join(sections[at] for at in sorted(sections))
            replace_file(self.samples_path, text.encode("utf-8", "replace"))

    def insert_samples(self, headers: Iterable[Header]) -> None:
        """Add snapshots to samples.md, each at its place.

        Raises:
            RunError: It cannot be read, or written.
        """
        self.write_samples(self.samples() | {header.iteration: samples.section(header) for header in headers})

    def append_samples(self, headers: Iterable[Header]) -> None:
        """Add snapshots by ascending iteration, which are later than all that samples.md has.

        Raises:
            RunError: It cannot be written.
        """
        with explaining_errors(self.samples_path):
            title = "" if os.path.lexists(self.samples_path) else samples.title(self.name)
            added = title + "".join(map(samples.section, headers))
            append_lines(self.samples_path, added.encode("utf-8", "replace"))


def _checkpoint_file(path: Path) -> CheckpointFile | str | None:
    """A checkpoint; or one line on why it is none; None where nothing is there, or not any more."""
    try:
        return CheckpointFile(path, checkpoint.read_header(path), path.stat().st_size)
    except CheckpointError as error:
        return str(error) if os.path.lexists(path) else None
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})." if os.path.lexists(path) else None


@contextlib.contextmanager
def explaining_errors(path: Path) -> Iterator[None]:
    """What fails in writing a file of a run becomes a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}).",
            "Make room or put its permissions right, then go on with --resume.",
        ) from None
