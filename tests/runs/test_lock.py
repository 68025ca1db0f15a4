"""The lock on a run: had by one process at a time, and by nobody once that is gone."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import tiny

from charrnn import locking
from charrnn.errors import RunError
from charrnn.runs import deletion, lock
from charrnn.runs.find import list_runs
from charrnn.runs.lock import RunLock, holder_of
from charrnn.runs.run import Run

HOLD = """
import sys
import threading
from pathlib import Path
from charrnn.runs.lock import RunLock
from charrnn.runs.run import Run
with RunLock(Run(Path(sys.argv[1])), warn=print):
    print("held", flush=True)
    sys.stdin.readline()
"""


def unheard(message: str) -> None:
    raise AssertionError(message)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tiny.run(tmp_path, "one", {100: 3}))


@pytest.fixture
def hold() -> Iterator[Callable[[Run], subprocess.Popen[str]]]:
    """Starts a process that has the lock."""
    started: list[subprocess.Popen[str]] = []

    def hold(run: Run) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLD, str(run.path)]
        environment = os.environ | {"PYTHONPATH": str(Path(lock.__file__).parents[2])}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_told_who_has_it(run: Run, hold: Callable[[Run], subprocess.Popen[str]]) -> None:
    other = hold(run)
    told = re.escape(f"one: is being trained by process {other.pid} on {socket.gethostname()}.")
    with pytest.raises(RunError, match=told):
        RunLock(run, unheard)
    with pytest.raises(RunError, match=told):
        deletion.check(run)
    assert holder_of(run) == f"process {other.pid} on {socket.gethostname()}"
    [listed] = list_runs(run.path.parent)
    assert ([file.path.name for file in listed.snapshots], listed.problems) == (["iteration-000100.safetensors"], [])
    other.communicate("\n")
    assert holder_of(run) is None
    with RunLock(run, unheard):
        pass


def test_what_a_killed_process_left_blocks_nobody(run: Run, hold: Callable[[Run], subprocess.Popen[str]]) -> None:
    other = hold(run)
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (run.path / ".lock").exists()
    assert holder_of(run) is None
    with RunLock(run, unheard):
        with pytest.raises(RunError, match=f"process {os.getpid()} on"):
            RunLock(run, unheard)
        assert holder_of(run) == f"process {os.getpid()} on {socket.gethostname()}"
    assert not (run.path / ".lock").exists()


def test_a_lock_that_was_removed_is_not_taken_for_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened by this process, then released and removed by the one that had it, then locked by this one."""
    first = RunLock(run, unheard)
    take, taken = locking.lock, list[int]()

    def take_late(descriptor: int) -> bool:
        if not taken:
            first.release()
        taken.append(descriptor)
        return take(descriptor)

    monkeypatch.setattr(locking, "lock", take_late)
    with RunLock(run, unheard):
        assert len(taken) == 2
        with pytest.raises(RunError, match="is being trained"):
            RunLock(run, unheard)


@pytest.mark.parametrize("left", [b"", b"half a l", b"[]", b'{"process": "x", "host": 3}'])
def test_a_holder_that_has_said_nothing_is_another_process(run: Run, left: bytes) -> None:
    with RunLock(run, unheard):
        (run.path / ".lock").write_bytes(left)
        with pytest.raises(RunError, match="is being trained by another process"):
            RunLock(run, unheard)


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM])
def test_where_there_are_no_locks_that_is_told_and_training_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fcntl = pytest.importorskip("fcntl")

    def without(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", without)
    told: list[str] = []
    with RunLock(run, told.append), RunLock(run, told.append):
        pass
    assert told == [f"{run.path}: cannot be locked ({os.strerror(code)}). Let no other process train this run."] * 2
    assert not (run.path / ".lock").exists()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")
@pytest.mark.parametrize("make", [lambda path: path.symlink_to("../letter"), getattr(os, "mkfifo", os.mkdir), os.mkdir])
def test_what_is_in_its_place_is_neither_written_nor_waited_for(
    run: Run, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "letter").write_bytes(b"dear")
    make(run.path / ".lock")
    assert holder_of(run) is None
    told: list[str] = []
    with RunLock(run, told.append):
        pass
    assert len(told) == 1
    assert f"{run.path}: cannot be locked (" in told[0]
    assert (tmp_path / "letter").read_bytes() == b"dear"


def test_a_directory_that_was_removed_and_made_anew_is_locked_again(run: Run) -> None:
    with RunLock(run, unheard) as first:
        shutil.rmtree(run.path)
        run.path.mkdir()
        first.renew()
        with pytest.raises(RunError, match=f"is being trained by process {os.getpid()}"):
            RunLock(run, unheard)
    assert list(run.path.iterdir()) == []


def test_who_has_taken_the_place_of_a_removed_directory_keeps_it(run: Run) -> None:
    with RunLock(run, unheard) as first:
        shutil.rmtree(run.path)
        run.path.mkdir()
        with RunLock(run, unheard):
            for _ in range(2):
                with pytest.raises(RunError, match="is being trained by"):
                    first.renew()
            first.release()
            with pytest.raises(RunError, match="is being trained by"):
                RunLock(run, unheard)


def test_a_reader_that_looks_who_has_it_is_not_taken_for_one_who_has(run: Run) -> None:
    descriptor = os.open(run.path / lock.LOCK, os.O_RDWR | os.O_CREAT)
    assert locking.lock(descriptor)  # what `holder_of` does for a moment
    closing = threading.Timer(0.05, os.close, (descriptor,))
    closing.start()
    with RunLock(run, unheard):
        closing.join()
