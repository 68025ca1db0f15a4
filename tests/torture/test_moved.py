"""Trainings that go on where sums are rounded another way: they go on, and say in a line that this is not exact."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal

import numpy as np
import pytest
from helpers import crafting
from helpers.forking import Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

TINY = (
    *("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "3", "--seq-length", "12", "--sample-length", "20"),
    *("--device", "cpu", "--precision", "float32", "--no-ngrams", "--dropout", "0.1", "--snapshot-every", "3"),
)
STEP = "charrnn.training.step_block:make"
INEXACT = re.compile(r"^(?:charrnn: )?with (.*) the weights will not be the same to the last bit$", re.M)


@pytest.fixture(scope="module")
def stopped(server: Server) -> Run:
    """A run of nine iterations with one thread, of which seven are made."""
    hook = {"call": STEP, "at": 7, "signals": [signal.SIGTERM]}
    typed = ("train", "ships.txt", *TINY, "--threads", "1", "--iterations", "9", "--name", "stopped")
    assert server.start(*typed, hook=hook).wait() == 143
    return Run(server.where / "checkpoints" / "stopped")


def copied(run: Run, name: str) -> Run:
    return Run(shutil.copytree(run.path, run.path.with_name(name)))


def losses(run: Run) -> list[tuple[int, float]]:
    """Of every evaluation, by iteration."""
    rows = [json.loads(line) for line in run.metrics_path.read_text("utf-8").splitlines()]
    return [(row["iteration"], row["held_out_loss"]) for row in rows if row["event"] == "evaluated"]


def check_finished(process: Process, run: Run, other: Run) -> None:
    """It has come to its end, near to where another has come."""
    assert process.wait() == 0, process.err
    assert "Traceback" not in process.err
    assert checkpoint.load(run.resume_path).header.iteration == 9
    ours, theirs = losses(run), losses(other)
    assert [at for at, _ in ours] == [at for at, _ in theirs] != []
    assert all(math.isclose(a, b, rel_tol=0.01) for (_, a), (_, b) in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def whole(server: Server, stopped: Run) -> Run:
    """The same run as it goes on where it was stopped."""
    run = copied(stopped, "whole")
    assert INEXACT.search(server.run("train", "--resume", "whole").err) is None
    return run


@pytest.mark.parametrize("threads", [2, 3])
def test_with_another_number_of_threads(server: Server, stopped: Run, whole: Run, threads: int) -> None:
    run = copied(stopped, f"threads-{threads}")
    process = server.start("train", "--resume", run.name, "--threads", str(threads))
    check_finished(process, run, whole)
    assert INEXACT.findall(process.err) == [f"threads {threads} instead of 1"]
    assert checkpoint.load(run.resume_path).header.made_with["threads"] == threads


def test_from_a_gpu_to_a_cpu(server: Server, stopped: Run, whole: Run) -> None:
    """With a generator as files had them once, and as CUDA's are: a seed and an offset, of 8 bytes each."""
    run = copied(stopped, "moved")
    kept, header = checkpoint.load(run.resume_path), crafting.header_of(run.resume_path)
    header["made_with"]["device"] = "cuda"
    crafting.write(run.resume_path, header, {**kept.tensors, "generator/0": np.zeros(16, np.uint8)})
    process = server.start("train", "--resume", run.name)
    check_finished(process, run, whole)
    assert INEXACT.findall(process.err) == ["device cpu instead of cuda"]
    assert checkpoint.load(run.resume_path).header.made_with["device"] == "cpu"
