"""Runs that have trained on since their newest snapshot, as one that was killed has: what readers use is older."""

from __future__ import annotations

from charrnn.runs.run import Run
from charrnn.shell import typed_path


def later_state(run: Run) -> str | None:
    """What is to be said where a run's resume file is newer than its newest snapshot, and how that state is used.

    Args:
        run: The run.

    Returns:
        A line; None where the newest snapshot is the newest there is, or there is none.
    """
    resumable, snapshots = run.resumable, run.snapshots
    if resumable is None or not snapshots or resumable.header.iteration <= snapshots[-1].header.iteration:
        return None
    at, newest = resumable.header.iteration, snapshots[-1].header.iteration
    return (
        f"{run.path}: its newest snapshot is of iteration {newest:,}, its training is at {at:,}. "
        f"To use that: charrnn sample {typed_path(resumable.path)}"
    )
