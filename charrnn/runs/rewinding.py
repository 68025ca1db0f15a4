"""A run goes back to an iteration: what comes after it is trained again, and is set aside until that is written.

What is set aside is called as it was with ".replaced" at the end, which no reader takes for a part of the run. A
snapshot goes when that of the same iteration has been written; lines of metrics.jsonl and samples.md go when the resume
file is past them. One more rewind before that adds what was not set aside yet: nothing is lost, and nothing piles up.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from charrnn.errors import RunError
from charrnn.files import remove_temporary, replace_file
from charrnn.formatting import plural
from charrnn.runs import samples
from charrnn.runs.appending import append_lines, sync_file
from charrnn.runs.metrics import Row, iteration_of, read_rows
from charrnn.runs.run import RESUME, Run, explaining_errors

ENDING = ".replaced"


def replaced(path: Path) -> Path:
    """Where a file of a run is set aside."""
    return path.with_name(path.name + ENDING)


def rewind(run: Run, iteration: int) -> str | None:
    """Let a run be as it was at an iteration, which its training goes on from.

    Args:
        run: The run. What others have put there stays: of snapshots only those that the training itself has named.
        iteration: The last one to have been.

    Returns:
        What is to be said of the snapshots that are set aside; None where there are none.

    Raises:
        RunError: The metrics cannot be written, or a snapshot cannot be set aside; nothing is lost. The samples are for
            looking at: what fails there ends nothing.
    """
    remove_temporary(run.path, ("metrics.jsonl", "samples.md", RESUME, "iteration-*.safetensors"))
    # What is due at 0 comes before the first iteration: it is measured anew unless its snapshot was kept.
    begun = any(file.header.iteration == 0 for file in run.own_snapshots)
    _rewind_metrics(run, iteration if iteration or begun else -1)
    later = [snapshot.path for snapshot in run.own_snapshots if snapshot.header.iteration > iteration]
    for path in later:
        with explaining_errors(path):
            os.replace(path, replaced(path))
    if begun or os.path.lexists(run.samples_path):
        with contextlib.suppress(RunError):
            _rewind_samples(run, iteration)
    if not later:
        return None
    what = f"{plural(len(later), 'snapshot')} after iteration {iteration:,} set aside as *{ENDING}"
    return f"{run.path}: {what}, each until its iteration has been trained again"


def _rewind_metrics(run: Run, last: int) -> None:
    """Leave the lines up to an iteration, ended with a newline. Raises RunError."""
    kept, later = [], []
    already = _last_row(replaced(run.metrics_path))
    with explaining_errors(run.metrics_path):
        try:
            for line, row in read_rows(run.metrics_path):
                at, whole = iteration_of(row), line.removesuffix(b"\n") + b"\n"
                if at <= last:
                    kept.append(whole)
                elif at > already:
                    later.append(whole)
        except FileNotFoundError:
            pass
        if later:
            append_lines(replaced(run.metrics_path), b"".join(later))
            sync_file(replaced(run.metrics_path))
        replace_file(run.metrics_path, b"".join(kept))


def _rewind_samples(run: Run, last: int) -> None:
    """Leave the samples up to an iteration, those of snapshots that are gone too. Raises RunError."""
    sections = run.samples()
    aside = replaced(run.samples_path)
    already = max(last, _last_sample(aside))
    with explaining_errors(aside):
        if later := "".join(sections[at] for at in sorted(sections) if at > already):
            append_lines(aside, later.encode("utf-8", "replace"))
    sections |= {file.header.iteration: samples.section(file.header) for file in run.snapshots}
    run.write_samples({at: section for at, section in sections.items() if at <= last})


def rows_set_aside(run: Run) -> list[Row]:
    """The rows of metrics.jsonl that are trained again, as far as they can be read."""
    try:
        return [row for _, row in read_rows(replaced(run.metrics_path))]
    except OSError:
        return []


def _last_row(path: Path) -> float:
    """The last iteration that a file of metrics has; -1 where there is none."""
    try:
        return max((iteration_of(row) for _, row in read_rows(path)), default=-1)
    except OSError:
        return -1


def _last_sample(path: Path) -> int:
    """The last iteration that a file of samples has; -1 where there is none."""
    try:
        return max(samples.read(path), default=-1)
    except OSError:
        return -1


class ReplacedFiles:
    """What a run has set aside, while the training that is to replace it goes on."""

    def __init__(self, run: Run) -> None:
        """Look at what is there."""
        rows, told = replaced(run.metrics_path), replaced(run.samples_path)
        last = {rows: _last_row(rows), told: _last_sample(told)}
        self._last = {path: at for path, at in last.items() if os.path.lexists(path)}

    def written(self, snapshot: Path) -> None:
        """A snapshot has been written, in place of what is set aside of this name."""
        _remove(replaced(snapshot))

    def passed(self, iteration: int) -> None:
        """The resume file is of this iteration."""
        for path in [path for path, last in self._last.items() if last <= iteration]:
            _remove(path)
            del self._last[path]


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is in nobody's way
        path.unlink(missing_ok=True)
