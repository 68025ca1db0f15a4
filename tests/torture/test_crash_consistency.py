"""A power failure after any call of the system: the old checkpoint or the new, never neither, and no line is missing.

What a real training did is written down, and replayed up to every call; then of what was not synchronised anything is
lost that may be.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.crashes import Call, Disk, lay_out, read_log
from helpers.kept import Reference, require_complete, rows_of, tensors_of
from helpers.system_calls import Commands, train_command

from charrnn.runs import checkpoint
from charrnn.runs.creation import create_run
from charrnn.runs.run import Run

SEED = 3
# What is kept for sure where a training begins: of which iteration the resume file is, and which snapshots there are.
INTERRUPTED, DAMAGED = (8, frozenset({4, 8})), (0, frozenset({4, 8}))


def recorded(command: Commands, *typed: str | Path, root: Path, log: Path) -> list[Call]:
    """What a command did under a directory."""
    ended = command(*typed, watched=root, record=log)
    assert ended.code == 0, ended.err
    calls = [call for call in read_log(log) if not call.path.startswith(f"{root}/cache")]
    assert {"create", "write", "fsync", "rename", "mark"} <= {call.what for call in calls}
    return calls


def interrupted(command: Commands, text: Path, directory: Path, rng: random.Random) -> dict[str, bytes]:
    """What a training leaves that is killed after the snapshot of 12, before the resume file, which is of 8."""
    root = directory / "runs"
    directory.mkdir()
    calls = recorded(command, *train_command(text, root, "one"), root=directory, log=directory.with_suffix(".log"))
    disk = Disk(directory)
    for call in calls[: next(index for index, call in enumerate(calls) if call.path == "Snapshot 12 8") + 1]:
        disk.do(call)
    return disk.after_power_failure("all", rng)


def states(
    calls: list[Call], disk: Disk, sure: tuple[int, frozenset[int]] | None, tries: int, rng: random.Random
) -> list[tuple[int, tuple[int, frozenset[int]] | None, dict[str, bytes]]]:
    """What may be on the disk after each call, each state once.

    Returns:
        The number of the call, what a caller had been told is kept (of which iteration the resume file is, and which
        snapshots there are), and the files.
    """
    found, seen = [], set()
    for index, call in enumerate(calls):
        disk.do(call)
        if call.what == "mark":
            event, iteration, resume = call.path.split()
            snapshots = (sure[1] if sure else frozenset()) | ({int(iteration)} if event == "Snapshot" else set())
            sure = int(resume), snapshots
        for choice in ("all", "least", *["any"] * tries):
            files = disk.after_power_failure(choice, rng)
            state = (sure, frozenset(files.items()))
            if state not in seen:
                seen.add(state)
                found.append((index, sure, files))
    return found


class Checked:
    """Says whether what is left can be gone on from; what is the same in two states is looked at once."""

    def __init__(self, reference: Reference) -> None:
        self._rows, self._reference = rows_of(reference.run), reference
        self._tensors = {path.name: tensors_of(path) for path in reference.run.path.glob("iteration-*")}
        self._known: dict[bytes, int] = {}

    def _iteration(self, path: Path) -> int:
        """That of a checkpoint, which is whole and, if it is a snapshot, the reference's."""
        data = path.read_bytes()
        if data not in self._known:
            kept = checkpoint.load(path)
            self._known[data] = kept.header.iteration
            if kept.header.kind == "snapshot":
                assert tensors_of(path) == self._tensors[path.name]
        return self._known[data]

    def check(self, root: Path, sure: tuple[int, frozenset[int]] | None) -> bool:
        """Fails where something is lost. Returns whether there is a run to go on with."""
        run, damaged = Run(root / "one"), self._reference.damaged
        data = {path: path.read_bytes() for path in run.path.glob("*")}
        whole = [path for path in data if path.suffix == ".safetensors" and data[path] not in damaged]
        kept = {path.name: self._iteration(path) for path in whole}
        assert sure != DAMAGED or damaged <= {*data.values()}
        assert not run.path.exists() or run.problems == []
        iteration = kept.get("resume.safetensors")
        if iteration is None and not damaged:
            assert sure is None, f"{sure} was kept, and now there is {kept}"
            assert create_run(root, "one", "text").path == run.path  # the same command begins anew
            return False
        if sure is not None:
            assert (iteration or 0) >= sure[0]
            assert sure[1] <= set(kept.values()), f"{sure} were kept, and now there is {kept}"
        if iteration:
            rows = [row for row in rows_of(run) if row["iteration"] <= iteration]
            assert rows == [row for row in self._rows if row["iteration"] <= iteration]
        return True


@pytest.mark.parametrize("start", ["new", "resumed", "fallen back"])
def test_a_power_failure_after_any_call_loses_nothing_that_was_kept(
    start: str,
    command: Commands,
    text: Path,
    reference: Reference,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    rng = random.Random(SEED)
    root = tmp_path / start / "runs"
    root.parent.mkdir()
    log, sure, files = tmp_path / "log", None, None
    typed = ("train", "--resume", root / "one")
    if start == "new":
        typed = train_command(text, root, "one")
    elif start == "resumed":
        sure, files = INTERRUPTED, interrupted(command, text, tmp_path / "interrupted", rng)
    else:
        reference, directory = request.getfixturevalue("fallen_back"), request.getfixturevalue("damaged")
        sure, files = DAMAGED, {f"runs/one/{path.name}": path.read_bytes() for path in directory.glob("one/*")}
    lay_out(root.parent, files or {})
    calls = recorded(command, *typed, root=root.parent, log=log)
    disk = Disk(root.parent, files)
    found = states(calls, disk, sure, rounds(2, 40), rng)
    checked, resumed = Checked(reference), 0
    chosen = set(rng.sample(range(len(found)), min(len(found), rounds(5, 200))))
    for number, (index, told, files) in enumerate(found):
        place = tmp_path / f"{number}"
        lay_out(place, files)
        try:
            goes_on = checked.check(place / "runs", told)
        except Exception as error:
            what = f"{calls[index].what} {calls[index].path}"
            raise AssertionError(f"seed {SEED}, after call {index}, {what}: {error}") from error
        if not goes_on or number not in chosen:
            shutil.rmtree(place, ignore_errors=True)
            continue
        resumed += 1
        run = Run(place / "runs" / "one")
        ended = command("train", "--resume", run.path, watched=place)
        complete = "is complete at iteration 12" in ended.err
        assert ended.code == (2 if complete else 0), (f"seed {SEED}, after call {index}", ended.err)
        require_complete(Run(run.path), reference)
    tell_figure(
        f"power failures, {start}: {len(found)} states after {len(calls)} calls, all of them whole; "
        f"{resumed} of {resumed} resumed bit for bit"
    )
