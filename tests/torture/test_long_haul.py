"""A long training takes no more memory, no more open files and no more time an iteration than a short one."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.forking import Server

from charrnn.runs.run import Run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")

_GROWTH = 4 << 20  # bytes that count as none


def memory(pid: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def handles(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_nothing_grows(server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]) -> None:
    iterations, run = rounds(300, 100_000), Run(server.where / "checkpoints" / "long")
    process = server.start(
        *("train", "ships.txt", "--rnn-size", "8", "--embedding-size", "4", "--batch-size", "2"),
        *("--seq-length", "8", "--sample-length", "20", "--threads", "1", "--device", "cpu", "--no-ngrams"),
        *("--precision", "float32", "--optimizer", "adamw", "--iterations", "10000000", "--name", "long"),
        *("--eval-every", "200", "--snapshot-every", "100", "--keep", "last:3", "--dropout", "0.1"),
    )

    def reached(iteration: int) -> bool:
        """Whether so many lines of the log, one for ten iterations, are there."""
        with run.metrics_path.open("rb") as file:
            return sum(b'"progress"' in line for line in file) >= iteration / 10

    process.until(run.metrics_path.exists)
    process.until(lambda: reached(iterations // 5), timeout=3600)
    before = memory(process.pid)
    open_before = min(handles(process.pid) for _ in range(100))  # a save has some more for a moment
    process.until(lambda: reached(iterations), timeout=3600)
    after = memory(process.pid)
    process.until(lambda: handles(process.pid) <= open_before)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143, process.err
    assert after - before <= _GROWTH, f"{before:,} bytes, then {after:,}"
    rows = [json.loads(line) for line in run.metrics_path.read_text("utf-8").splitlines()]
    seconds = [row["seconds"] for row in rows if row["event"] == "progress"]
    tenth = len(seconds) // 10
    ratio = (seconds[-1] - seconds[-1 - tenth]) / (seconds[tenth] - seconds[0])
    tell_figure(
        f"{rows[-1]['iteration']:,} iterations: {before / 1e6:.1f} MB after a fifth and {after / 1e6:.1f} MB "
        f"in the end, {open_before} handles; the last tenth took {ratio:.2f} times as long as the first"
    )
