"""Checkpoints as they lie on disk, their tensors unread, and the one rule by which one of them is the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charrnn.runs.header import Header


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint on disk, its tensors unread."""

    path: Path
    header: Header
    size: int  # bytes
    digest: str = ""  # SHA-256, hexadecimal, if the whole file was read and verified


def best_of(files: Sequence[CheckpointFile]) -> CheckpointFile | None:
    """The checkpoint of the lowest held-out loss.

    Args:
        files: Checkpoints whose losses may be compared.

    Returns:
        The first of those that have the lowest loss; None if none was measured. An untrained network is none of them.
    """
    measured = [(loss, file) for file in files if (loss := file.header.comparable_loss) is not None]
    return min(measured, key=lambda pair: pair[0])[1] if measured else None


def best_or_last(files: Sequence[CheckpointFile]) -> CheckpointFile:
    """The checkpoint to use of a run: the best, or the last of `files` (at least one) if none was measured."""
    return best_of(files) or files[-1]
