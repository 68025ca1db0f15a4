"""Readers beside a training at work: never half a file, never a failure, whatever is written, pruned or deleted."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers import telling
from helpers.command_line import CommandLine
from helpers.forking import Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are forked as on Linux")

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(200))
TINY = ("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "4", "--seq-length", "8", "--device", "cpu")
OFTEN = ("--snapshot-at", "1", "--snapshot-every", "2", "--eval-every", "3", "--sample-length", "20", "--threads", "1")


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT, "utf-8")
    telling.run(Path("checkpoints"), "beside")
    return CommandLine(monkeypatch, capfdbinary)


@contextmanager
def trained(server: Server, *options: str) -> Iterator[Process]:
    """While this lasts, a real process trains a run called busy, and writes as often as it can."""
    process = server.start("train", "text.txt", "--name", "busy", *TINY, *OFTEN, *options, "--iterations", "100000")
    try:
        process.until(lambda: len(list(Path("checkpoints/busy").glob("iteration-*"))) > 2)
        yield process
        assert process.poll() is None, process.err
    finally:
        process.send_signal(9)
        process.wait()


def readers(name: str) -> dict[str, tuple[str, ...]]:
    measured = ("--length", "5", "--text-length", "50")
    return {
        "compare": ("compare", name, "beside", "--json", *measured),
        "report": ("report", name, "beside", "-o", "page.html", "--force", *measured),
        "sample": ("sample", name, "--length", "5"),
        "sample each": ("sample", name, "--every-snapshot", "--length", "1"),
        "runs": ("runs", "--json"),
        "score": ("score", name, "text.txt", "--count", "0"),
    }


@pytest.mark.parametrize("keep", ["last:3,best", "all"])
def test_readers_never_see_half_a_file(
    line: CommandLine,
    forks: Server,
    tmp_path: Path,
    keep: str,
    rounds: Callable[[int, int], int],
    tell_figure: Callable[[str], None],
) -> None:
    """With `--keep` files vanish between the moment they are listed and that in which they are read.

    Meanwhile another trainer wants the same run.
    """
    seconds, attempts = rounds(2 if keep != "all" else 0, 30), rounds(1, 1_000_000)
    if not seconds:
        pytest.skip("in `make torture`")
    server, done, refused = forks.within(tmp_path), Counter[str](), 0
    with trained(server, "--keep", keep) as trainer:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for verb, arguments in readers("busy").items():
                other = server.start("train", "--resume", "busy", "--threads", "1") if refused < attempts else None
                read = line(*arguments)
                if other is not None:
                    assert other.wait() == 1, other.err
                    assert re.fullmatch(
                        rf"charrnn: \S+busy: is being trained by process {trainer.pid} on .*\n", other.err
                    ), other.err
                    refused += 1
                assert read.returncode == 0, (verb, read.stderr.decode())
                assert b"skipped" not in read.stderr
                if verb in ("runs", "compare"):
                    json.loads(read.stdout)
                done[verb] += 1
            for row in Run(Path("checkpoints/busy")).metrics():
                assert row["event"] in ("progress", "evaluated")
    assert min(done.values()) > 0
    left = Run(Path("checkpoints/busy"))
    assert left.problems == []
    for file in [*left.snapshots[-5:], *([left.resumable] if left.resumable else [])]:
        checkpoint.load(file.path)
    last = left.snapshots[-1].header.iteration
    tell_figure(f"readers beside a training (--keep {keep}): {done.total()} reads in {seconds} s while it wrote "
                f"{last // 2 + 1} snapshots, none failed; other trainers refused: {refused}")  # fmt: skip


def test_a_run_that_vanishes_is_named(
    line: CommandLine, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    """Another deletes a run and puts it back, file by file, while it is read."""
    template = telling.run(Path("elsewhere"), "gone")
    ending, done = threading.Event(), Counter[int]()

    def come_and_go() -> None:
        while not ending.is_set():
            shutil.copytree(template, "checkpoints/gone", dirs_exist_ok=True)
            time.sleep(0.002)
            shutil.rmtree("checkpoints/gone", ignore_errors=True)

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        until = time.monotonic() + rounds(2, 20)
        while time.monotonic() < until:
            for verb, arguments in readers("gone").items():
                read = line(*arguments)
                said = f"{verb}: {read.stderr.decode()}"
                assert "Traceback" not in said
                assert "Error" not in said
                assert read.returncode in (0, 1, 2), said
                assert read.returncode == 0 or "gone" in said, said
                if verb == "runs":
                    listed = {run["name"]: len(run["checkpoints"]) for run in json.loads(read.stdout)["runs"]}
                    assert listed["beside"] == 3
                done[read.returncode] += 1
    finally:
        ending.set()
        thread.join()
    tell_figure(f"a run that comes and goes: {done.total()} reads, {done[0]} of it all, the others named it")
