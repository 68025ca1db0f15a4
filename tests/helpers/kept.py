"""What a training has kept, compared to one that nothing happened to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charrnn.runs import checkpoint
from charrnn.runs.rewinding import ENDING
from charrnn.runs.run import Run
from helpers.system_calls import Commands


@dataclass(frozen=True)
class Reference:
    """A training that nothing happened to."""

    run: Run
    counts: dict[str, int]  # of its calls
    damaged: frozenset[bytes] = frozenset()  # the files that it began with which are not whole, as they are


def tensors_of(path: Path) -> dict[str, bytes]:
    """Of a checkpoint, which is whole."""
    return {name: tensor.tobytes() for name, tensor in checkpoint.load(path).tensors.items()}


def rows_of(run: Run) -> list[dict[str, Any]]:
    """Of the metrics, but for what is another's in two trainings: how long it took, and where the run is."""
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in run.metrics()]
    return [row | {"reason": row["reason"].rpartition(": ")[2]} if "reason" in row else row for row in rows]


def require_whole(run: Run, reference: Reference) -> None:
    """Every checkpoint that is there is whole, and the reference's of its iteration, or damaged as it was."""
    for path in run.path.glob("*.safetensors"):
        if path.read_bytes() in reference.damaged:
            continue
        kept = checkpoint.load(path)
        if path.name != "resume.safetensors":
            assert tensors_of(path) == tensors_of(reference.run.path / path.name)
        assert kept.header.iteration in (0, 4, 8, 12)


def require_complete(run: Run, reference: Reference) -> None:
    """All that the reference kept is there, and besides at most what was set aside and could not be removed."""
    require_whole(run, reference)
    assert tensors_of(run.resume_path) == tensors_of(reference.run.resume_path)
    assert rows_of(run) == rows_of(reference.run)
    names = {path.name for path in reference.run.path.iterdir()}
    present = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
    assert names <= present
    assert all(name.endswith(ENDING) for name in present - names)
    for name in names:
        if name.endswith(ENDING):
            assert (run.path / name).read_bytes() in reference.damaged


def recover(
    command: Commands, typed: tuple[str | Path, ...], run: Run, line: str, reference: Reference, *, watched: Path
) -> str:
    """Do what the last line of a training that failed says, where nothing fails any more; what came of it."""
    if not run.resume_path.exists() and not reference.damaged:
        assert "train --resume" not in line
        ended = command(*typed, watched=watched)
        assert ended.code == 0, ended.err
        require_complete(Run(run.path), reference)
        return "left nothing"
    assert re.search(r"train --resume|is kept, in resume\.safetensors|give the same command again", line), line
    ended = command("train", "--resume", run.path, watched=watched)
    if ended.code == 2:  # all is learnt, and the line has named what is missing
        assert "is complete at iteration 12" in ended.err
        assert tensors_of(run.resume_path) == tensors_of(reference.run.resume_path)
        missing = {path.name for path in reference.run.path.iterdir()} - {path.name for path in run.path.iterdir()}
        assert all(name in line for name in missing - {"samples.md"}), (missing, line)
        return "was complete"
    assert ended.code == 0, ended.err
    require_complete(Run(run.path), reference)
    return "was resumed"
