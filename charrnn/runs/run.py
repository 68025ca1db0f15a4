"""A run directory: everything one training leaves behind.

iteration-000100.safetensors …   the snapshots
resume.safetensors               all that resuming needs, replaced atomically
metrics.jsonl                    one JSON object a line, appended as training goes
samples.md                       the timeline a person reads
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
from charrnn.files import append_lines, remove_temporary, replace_file, sync_file
from charrnn.runs import checkpoint, samples
from charrnn.runs.checkpoint_file import CheckpointFile, best_or_last
from charrnn.runs.header import Header

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

    @property
    def begun(self) -> bool:
        """Whether anything was kept of it that a training could go on from, or would write over."""
        return any(self.path.glob("*.safetensors"))

    @cached_property
    def _scan(self) -> tuple[list[CheckpointFile], list[str]]:
        """The directory's checkpoints by iteration, and one line for each file that should be one and is not."""
        files, problems = [], []
        for path in sorted(self.path.glob("*.safetensors")):
            try:
                files.append(CheckpointFile(path, checkpoint.read_header(path), path.stat().st_size))
            except (CheckpointError, OSError) as error:
                problems.append(str(error))
        try:
            self._metrics_lines()
        except OSError as error:
            problems.append(f"{self.metrics_path}: cannot be read ({error.strerror}).")
        return sorted(files, key=lambda file: (file.header.iteration, file.header.kind, file.path.name)), problems

    @property
    def checkpoints(self) -> list[CheckpointFile]:
        """All of the directory's checkpoints by ascending iteration, as it was when first asked."""
        return self._scan[0]

    @property
    def problems(self) -> list[str]:
        """One line for each file in the run that should be a checkpoint and is not, and for metrics not to be read."""
        return self._scan[1]

    @property
    def snapshots(self) -> list[CheckpointFile]:
        """The snapshots by ascending iteration, as the directory was when first asked."""
        return [file for file in self.checkpoints if file.header.kind == "snapshot"]

    @property
    def own_snapshots(self) -> list[CheckpointFile]:
        """Those that the training itself has named, not copies which someone keeps beside them."""
        return [file for file in self.snapshots if file.path == self.snapshot_path(file.header.iteration)]

    @property
    def resumable(self) -> CheckpointFile | None:
        """The resume file, if it is there and whole enough to have a header."""
        resume = (file for file in self.checkpoints if file.header.kind == "resume" and file.path.name == RESUME)
        return next(resume, None)

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
        trained = [file for file in self.snapshots if not file.header.untrained]
        files = trained or ([self.resumable] if self.resumable else self.snapshots)
        if not files:
            reason = self.problems[0] if self.problems else "no snapshot was kept yet"
            raise RunError(f"{self.path}: no checkpoint to use ({reason}).")
        return best_or_last(files)

    @property
    def created(self) -> str:
        """When its latest checkpoint was written (ISO 8601), or "" for a run that has none yet."""
        return max((file.header.created for file in self.checkpoints), default="")

    @property
    def size(self) -> int:
        """Bytes of every file in the run."""
        total = 0
        for file in self.path.iterdir():
            with contextlib.suppress(FileNotFoundError):  # a training at work replaces its files
                total += file.stat().st_size if file.is_file() else 0
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
        with _explaining_errors(self.metrics_path):
            append_lines(self.metrics_path, "".join(lines).encode())

    def sync_metrics(self) -> None:
        """Let the lines written so far outlast a power failure. Raises RunError if that fails."""
        with _explaining_errors(self.metrics_path):
            sync_file(self.metrics_path)

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of metrics.jsonl.

        Returns:
            One object for each line. A line that is damaged, such as a half-written last one, is left out; and so are
            all where they cannot be read, which `problems` tells.
        """
        try:
            return _rows(self._metrics_lines())
        except OSError:
            return []

    def _metrics_lines(self) -> list[str]:
        """The lines of metrics.jsonl, if it is there. Raises OSError where it cannot be read."""
        try:
            return self.metrics_path.read_text("utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def rewind(self, iteration: int) -> None:
        """Forget what was measured and kept after `iteration`, which is trained again. The one rewrite there is.

        Args:
            iteration: The last one to remember.

        Raises:
            RunError: The metrics cannot be written. The samples are for looking at: what fails there ends nothing.
        """
        remove_temporary(self.path, ("metrics.jsonl", "samples.md", RESUME, "iteration-*.safetensors"))
        # What is due at 0 comes before the first iteration: it is measured anew unless its snapshot was kept.
        begun = any(file.header.iteration == 0 for file in self.own_snapshots)
        last = iteration if iteration or begun else -1
        with _explaining_errors(self.metrics_path):
            rows = [row for row in _rows(self._metrics_lines()) if row.get("iteration", 0) <= last]
            lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
            replace_file(self.metrics_path, lines.encode())
        for snapshot in self.own_snapshots:
            if snapshot.header.iteration > iteration:
                snapshot.path.unlink(missing_ok=True)
        if self.samples_path.exists() or begun:
            with contextlib.suppress(RunError):
                self.write_samples(iteration)

    def write_samples(self, last: int | None = None) -> None:
        """Write samples.md anew: of the snapshots that are there, and what it has of those that are no longer.

        Args:
            last: The last iteration to tell of; None: all.

        Raises:
            RunError: It cannot be written.
        """
        with _explaining_errors(self.samples_path):
            try:
                before = self.samples_path.read_bytes().decode("utf-8", "replace")
            except FileNotFoundError:
                before = ""
            present = {file.header.iteration: samples.section(file.header) for file in Run(self.path).snapshots}
            sections = samples.sections_of(before) | present
            told = [sections[at] for at in sorted(sections) if last is None or at <= last]
            text = samples.title(self.name) + "".join(told)
            replace_file(self.samples_path, text.encode("utf-8", "replace"))

    def append_sample(self, header: Header) -> None:
        """Add a snapshot, which is later than all that samples.md has. Raises RunError if it cannot be written."""
        with _explaining_errors(self.samples_path):
            title = "" if self.samples_path.exists() else samples.title(self.name)
            append_lines(self.samples_path, (title + samples.section(header)).encode("utf-8", "replace"))


def _rows(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The objects of metrics.jsonl, without what is damaged."""
    rows = []
    for line in lines:
        try:
            row = json.loads(line, parse_constant=lambda _: None)  # NaN is none of ours
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


@contextlib.contextmanager
def _explaining_errors(path: Path) -> Iterator[None]:
    """What fails in writing a file of a run becomes a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}).",
            "Make room or put its permissions right, then go on with --resume.",
        ) from None
