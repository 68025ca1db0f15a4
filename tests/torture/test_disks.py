"""Disks that are really full, or read-only: what is said, what is whole, and that a run goes on bit for bit."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from helpers import trainings
from helpers.kept import Reference, recover, require_whole
from helpers.system_calls import Commands, train_command

from charrnn.runs import checkpoint
from charrnn.runs.creation import create_run
from charrnn.runs.run import Run
from charrnn.training.checkpointing import record
from charrnn.training.events import Progress

SIZES = (8, 16, 28, 44, 52, 64, 76, 92, 108, 120)  # kilobytes: of a resume file and three snapshots ever more fits


def test_a_training_onto_a_full_disk_goes_on_when_there_is_room(
    mounted: Callable[[str], Path],
    command: Commands,
    text: Path,
    reference: Reference,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    came = []
    sizes = SIZES[:: rounds(2, 1)]
    for size in sizes:
        disk = mounted(f"size={size}k")
        run, typed = Run(disk / "runs" / "one"), train_command(text, disk / "runs", "one")
        ended = command(*typed, watched=tmp_path)
        line = ended.err.rstrip("\n").split("\n")[-1]
        assert ended.code == 1, (size, ended)
        assert re.fullmatch(r"charrnn: \S+: cannot be written \(No space left on device\).*", line), (size, line)
        assert "Traceback" not in ended.err
        require_whole(run, reference)
        assert not list(disk.glob("**/.*.tmp")), size
        mounted("size=10m")
        came.append(recover(command, typed, run, line, reference, watched=tmp_path))
        shutil.rmtree(disk / "runs")
    told = ", ".join(f"{came.count(what)} {what}" for what in sorted(set(came)))
    tell_figure(f"full disks of {', '.join(map(str, sizes))} kB: {told}; none lost")


def fill(path: Path) -> None:
    """Leave no room for anything."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_disk_that_is_full_for_a_while_costs_nothing(mounted: Callable[[str], Path], tmp_path: Path) -> None:
    settings = {"iterations": 30, "snapshot_at": (5, 10, 15, 25), "eval_every": 5}
    whole = create_run(tmp_path / "elsewhere", "one", "text")
    for _ in record(trainings.make(**settings), whole):
        pass
    disk, told = mounted("size=2m"), list[str]()
    run = create_run(disk / "runs", "one", "text")
    before = b""
    for event in record(trainings.make(**settings), run, warn=told.append):
        if isinstance(event, Progress) and event.iteration == 7:
            before = run.resume_path.read_bytes()
            fill(disk / "other")
        if isinstance(event, Progress) and event.iteration == 20:
            assert run.resume_path.read_bytes() == before
            (disk / "other").unlink()
    assert told
    assert all(f"({os.strerror(errno.ENOSPC)}). Training goes on" in line for line in told)
    assert len(told) == len(set(told))
    for path in (*[file.path for file in Run(whole.path).snapshots], whole.resume_path):
        kept, expected = checkpoint.load(run.path / path.name), checkpoint.load(path)
        trainings.assert_same(kept.tensors, expected.tensors)
    without = [{key: value for key, value in row.items() if key != "seconds"} for row in run.metrics()]
    assert without == [{key: value for key, value in row.items() if key != "seconds"} for row in whole.metrics()]


def read_only(directory: Path, mounted: Callable[[str], Path]) -> Path:
    """Where nothing can be written, with what is in a directory: a disk for root, for whom permissions do not count."""
    if getattr(os, "geteuid", lambda: 1)() != 0:
        place = directory
        for path in (directory, *directory.rglob("*")):
            if path.is_dir():
                path.chmod(0o555)
        return place
    disk = mounted("size=10m")
    for path in directory.rglob("*"):
        target = disk / path.relative_to(directory)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())
    return mounted("ro")


@pytest.mark.skipif(os.name != "posix", reason="permissions and disks of POSIX")
@pytest.mark.parametrize("resume", [False, True])
def test_where_nothing_can_be_written_that_is_found_out_before_anything_is_read(
    resume: bool, mounted: Callable[[str], Path], command: Commands, reference: Reference, tmp_path: Path
) -> None:
    (tmp_path / "place").mkdir()
    source = reference.run.path
    for path in source.iterdir():
        copy = tmp_path / "place" / "one" / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    place = read_only(tmp_path / "place", mounted)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    missing = tmp_path / "no such text"  # would be told, were it looked for
    if resume:
        typed: tuple[str | Path, ...] = ("train", missing, "--resume", place / "one", "--iterations", "24")
    else:
        typed = train_command(missing, place / "deep" / "runs", "two")
    ended = command(*typed, watched=tmp_path / "elsewhere")
    assert ended.code == 1
    cause = "(Read-only file system|Permission denied)"
    assert re.fullmatch(rf"charrnn: {re.escape(str(place))}\S*: cannot be written \({cause}\)\. \S.*\n", ended.err)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_everything_that_is_made_has_the_permissions_that_the_umask_leaves(
    umask: int, command: Commands, text: Path, tmp_path: Path
) -> None:
    """Also encoded texts, pages and what is set aside."""
    typed = train_command(text, tmp_path / "runs", "one", *(["--tensorboard"] if find_spec("tensorboard") else []))
    run, page = tmp_path / "runs" / "one", tmp_path / "page.html"
    for arguments in (
        typed,
        ("train", "--resume", run, "--iterations", "20"),
        ("report", run, "-o", page, "--length", "10", "--text-length", "0"),
        ("score", run, text, "--html", tmp_path / "score.html"),
    ):
        ended = command(*arguments, watched=tmp_path, umask=umask)
        assert ended.code == 0, ended.err
    made = [path for path in tmp_path.rglob("*") if not path.is_symlink()]
    assert {".safetensors", ".jsonl", ".md", ".html", ".ids"} <= {path.suffix for path in made}
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~umask, path
