"""Two processes and one run: the second is told at once who has it; readers are not held up, nor by a killed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.command_line import SHORT

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `charrnn ARGUMENTS` in `tmp_path`, and leaves no process behind."""
    (tmp_path / "ships.txt").write_text(TEXT, "utf-8")
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", *arguments],
            cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def train(*arguments: str) -> tuple[str, ...]:
    return ("train", "ships.txt", *SHORT, "--threads", "1", "--snapshot-at", "5", "--name", "ships", *arguments)


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_a_run_in_training_is_not_resumed_but_read(tmp_path: Path, start: Start) -> None:
    first = start(*train("--iterations", "1000000"))
    run = Run(tmp_path / "checkpoints" / "ships")
    deadline = time.monotonic() + 60
    while not run.snapshot_path(5).exists():
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)

    second, reader = start("train", "--resume", "ships"), start("sample", "ships", "--length", "20")
    _, told = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"checkpoints/ships: is being trained by process {first.pid} on " in told
    assert "Traceback" not in told
    assert reader.wait(60) == 0
    assert first.poll() is None
    assert run.snapshot_path(5).exists()

    first.send_signal(signal.SIGKILL)
    first.wait()
    stopped = checkpoint.load(run.resume_path).header.iteration
    third = start("train", "--resume", "ships", "--iterations", str(stopped + 5))
    assert third.wait(60) == 0
    assert checkpoint.load(run.resume_path).header.iteration == stopped + 5
    assert not (run.path / ".lock").exists()


def test_of_two_that_begin_one_run_at_the_same_moment_one_trains_it(tmp_path: Path, start: Start) -> None:
    both = [start(*train("--iterations", "20")) for _ in range(2)]
    told = [process.communicate(timeout=60)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    failed = told[[process.returncode for process in both].index(1)]
    assert "this run exists" in failed or "is being trained by" in failed
    run = Run(tmp_path / "checkpoints" / "ships")
    assert [file.header.iteration for file in run.snapshots] == [5, 20]
    assert len(run.metrics()) == len({(row["event"], row["iteration"]) for row in run.metrics()})
