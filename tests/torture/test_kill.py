"""kill -9 at any moment: the run goes on unaided, with the very losses and weights of one that was never killed."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.forking import ENVIRONMENT, LONG, SHIPS, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

SEED = 15
TINY = (
    *("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "3", "--seq-length", "12", "--sample-length", "20"),
    *("--threads", "1", "--device", "cpu", "--precision", "float32", "--iterations", "40", "--snapshot-every", "7"),
)
TRAININGS = {
    "muon": ("ships.txt", "--optimizer", "muon", "--dropout", "0.2", "--eval-every", "5"),
    "adamw": ("ships.txt", "--optimizer", "adamw", "--average", "0.9", "--keep", "last:2,best", "--no-ngrams"),
    "documents": ("papers", "--documents", "--input-dropout", "0.1", "--model", "gru", "--eval-every", "4"),
    "plateau": ("ships.txt", "--optimizer", "sgd", "--decay", "plateau", "--eval-every", "3", "--state-reset", "0.1"),
    "overlapping": ("ships.txt", "--shift", "5", "--recurrent-dropout", "0.2", "--keep", "last:1", "--no-ngrams"),
}
# What a save, a line of the log and a start do. Of each a training makes so many, at least.
CALLS = {"fsync": 30, "replace": 9, "unlink": 1, "open": 50, "fchmod": 8, "close": 50, "lstat": 50}


@dataclass(frozen=True)
class Reference:
    """A training that was never killed."""

    losses: list[tuple[str, ...]]  # every number of every line of the log, but times
    weights: dict[str, bytes]
    seconds: float  # that the process took


def exact(row: dict[str, Any]) -> tuple[str, ...]:
    """A line of the log, its numbers to the last bit, without times."""
    return tuple(
        f"{name}={value.hex() if isinstance(value, float) else value}"
        for name, value in sorted(row.items())
        if name != "seconds"
    )


def losses(run: Run) -> list[tuple[str, ...]]:
    return [exact(json.loads(line)) for line in run.metrics_path.read_text("utf-8").splitlines()]


def weights(run: Run) -> dict[str, bytes]:
    tensors = checkpoint.load(run.resume_path).tensors
    return {name: tensor.tobytes() for name, tensor in tensors.items()}


@pytest.fixture(scope="module")
def papers(server: Server) -> Server:
    (server.where / "papers").mkdir()
    for number in range(9):
        (server.where / "papers" / f"{number}.txt").write_text(SHIPS[number * 300 : number * 340 + 90], "utf-8")
    return server


def command(kind: str, name: str) -> tuple[str, ...]:
    return ("train", *TRAININGS[kind], *TINY, "--name", name)


@pytest.fixture(scope="module")
def references(papers: Server) -> dict[str, Reference]:
    found = {}
    for kind in TRAININGS:
        began = time.monotonic()
        papers.run(*command(kind, kind))
        seconds = time.monotonic() - began
        run = Run(papers.where / "checkpoints" / kind)
        found[kind] = Reference(losses(run), weights(run), seconds)
        assert len(found[kind].losses) >= 7
    return found


def complete(run: Run) -> bool:
    return run.resume_path.exists() and checkpoint.read_header(run.resume_path).iteration == 40


def check_same(run: Run, reference: Reference, told: str) -> None:
    assert losses(run) == reference.losses, told
    assert weights(run) == reference.weights, told
    assert [path.name for path in run.path.iterdir() if path.name.endswith(".tmp")] == [], told
    for path in run.path.glob("*.safetensors"):
        checkpoint.load(path)


def begin_or_go_on(server: Server, kind: str, run: Run) -> tuple[str, ...]:
    """What is typed after a kill: to go on, or, where nothing was kept, what going on says is to be typed."""
    if run.begun:
        return ("train", "--resume", run.name, "--threads", "1")
    refused = server.start("train", "--resume", run.name)
    assert refused.wait() == 1
    assert "Traceback" not in refused.err
    if run.path.exists() and any(run.path.iterdir()):
        advice = re.search(
            r"ended before anything of it was kept\. Begin it anew: charrnn (train .*)$", refused.err, re.M
        )
        assert advice is not None, refused.err
        assert shlex.split(advice[1]) == ["train", "TEXT", "--name", run.name]
    return command(kind, run.name)


def test_kill_9_at_any_moment_changes_no_bit(
    server: Server,
    references: dict[str, Reference],
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    """Every run is killed several times, half of them within a save, before it may come to its end."""
    count, chance = rounds(12, 200), random.Random(SEED)
    killed, within, trained = 0, 0, 0
    while killed < count:
        kind = list(TRAININGS)[trained % len(TRAININGS)]
        run, reference = Run(server.where / "checkpoints" / f"{kind}-{trained}"), references[kind]
        told = f"seed {SEED}, run {trained}:"
        for _ in range(4):
            if killed == count or complete(run):
                break
            typed = begin_or_go_on(server, kind, run)
            if within <= killed / 2:
                call = chance.choice(list(CALLS))
                hook = {"call": call, "at": chance.randint(1, CALLS[call]), "kill": chance.choice(["before", "after"])}
                process, moment = server.start(*typed, hook=hook), str(hook)
            else:
                hook, delay = None, chance.uniform(0, 0.8 * reference.seconds)
                process, moment = server.start(*typed), f"after {delay:.3f} s"
                time.sleep(delay)
                process.send_signal(signal.SIGKILL)
            told += f" {moment},"
            status = process.wait()
            if status == 0:  # it was through before that
                break
            assert status == -signal.SIGKILL, f"{told} {process.err}"
            killed, within = killed + 1, within + (hook is not None)
        if not complete(run):
            server.run(*begin_or_go_on(server, kind, run))
        check_same(Run(run.path), reference, told)
        trained += 1
    tell_figure(
        f"kill -9: {killed} kills, {within} of them within saves; {trained} of {trained} runs equal bit for bit"
    )


def test_a_process_of_its_own_too(
    server: Server, references: dict[str, Reference], rounds: Callable[[int, int], int]
) -> None:
    """The same without forks, killed by the kernel within a system call of a save where strace can have it so."""
    chance = random.Random(SEED)
    for number in range(rounds(0, 20)):
        kind = list(TRAININGS)[number % len(TRAININGS)]
        run = Run(server.where / "checkpoints" / f"own-{number}")
        call, at = chance.choice([("fsync", 20), ("rename", 8), ("fdatasync", 1), ("ftruncate", 1)]), 0
        at = chance.randint(1, call[1])
        charrnn = (sys.executable, "-m", "charrnn")
        traced = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call[0]}:signal=KILL:when={at}")
        done = subprocess.run(
            [*traced, *charrnn, *command(kind, run.name)],
            cwd=server.where, env=ENVIRONMENT, capture_output=True, text=True, timeout=LONG,
        )  # fmt: skip
        if done.returncode and not Path(run.path).exists():
            pytest.skip(f"strace: {done.stderr}")
        if done.returncode:
            typed = begin_or_go_on(server, kind, run)
            done = subprocess.run(
                [*charrnn, *typed], cwd=server.where, env=ENVIRONMENT, capture_output=True, text=True, timeout=LONG
            )
            assert done.returncode == 0, done.stderr
        check_same(run, references[kind], f"seed {SEED}, {call[0]} number {at}")
