"""Two processes and one run: the second is told at once who has it; readers are not held up, nor by a killed one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.command_line import SHORT
from helpers.forking import Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
Start = Callable[..., Process]


@pytest.fixture
def start(forks: Server, tmp_path: Path) -> Start:
    """Starts `charrnn ARGUMENTS` in `tmp_path`."""
    (tmp_path / "ships.txt").write_text(TEXT, "utf-8")
    return forks.within(tmp_path).start


def train(*arguments: str) -> tuple[str, ...]:
    return ("train", "ships.txt", *SHORT, "--threads", "1", "--snapshot-at", "5", "--name", "ships", *arguments)


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_a_run_in_training_is_not_resumed_but_read(tmp_path: Path, start: Start) -> None:
    first = start(*train("--iterations", "1000000"))
    run = Run(tmp_path / "checkpoints" / "ships")
    first.until(run.snapshot_path(5).exists)

    second, reader = start("train", "--resume", "ships"), start("sample", "ships", "--length", "20")
    assert second.wait() == 1
    assert f"checkpoints/ships: is being trained by process {first.pid} on " in second.err
    assert "Traceback" not in second.err
    assert reader.wait() == 0
    assert first.poll() is None
    assert run.snapshot_path(5).exists()

    first.send_signal(signal.SIGKILL)
    first.wait()
    stopped = checkpoint.load(run.resume_path).header.iteration
    third = start("train", "--resume", "ships", "--iterations", str(stopped + 5))
    assert third.wait() == 0
    assert checkpoint.load(run.resume_path).header.iteration == stopped + 5
    assert not (run.path / ".lock").exists()


def test_of_two_that_begin_one_run_at_the_same_moment_one_trains_it(tmp_path: Path, start: Start) -> None:
    both = [start(*train("--iterations", "20")) for _ in range(2)]
    codes = [process.wait() for process in both]
    assert sorted(codes) == [0, 1]
    failed = both[codes.index(1)].err
    assert "this run exists" in failed or "is being trained by" in failed
    run = Run(tmp_path / "checkpoints" / "ships")
    assert [file.header.iteration for file in run.snapshots] == [5, 20]
    assert len(run.metrics()) == len({(row["event"], row["iteration"]) for row in run.metrics()})
