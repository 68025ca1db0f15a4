"""One run, several trainers at the same moment: one trains it, the others say who; and no directory changes hands."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.forking import LONG, Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

TINY = (
    *("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "3", "--seq-length", "12", "--sample-length", "20"),
    *("--threads", "1", "--device", "cpu", "--precision", "float32", "--no-ngrams", "--optimizer", "adamw"),
)
AT_ONCE = 4
STEP = "charrnn.training.step_block:make"


def train(name: str, *more: str, iterations: int = 150) -> tuple[str, ...]:
    length = ("--iterations", str(iterations), "--snapshot-every", "20")
    return ("train", "ships.txt", *TINY, *length, "--name", name, *more)


def run_of(server: Server, name: str) -> Run:
    return Run(server.where / "checkpoints" / name)


def all_at_once(server: Server, call: str, *typed: str) -> list[Process]:
    """Processes that all come to the call of a function before any goes on."""
    gates = [server.where / f"gate-{number}" for number in range(AT_ONCE)]
    processes = [server.start(*typed, hook={"call": call, "at": 1, "wait": str(gate)}) for gate in gates]
    for process, gate in zip(processes, gates, strict=True):
        process.until(gate.exists)
    for gate in gates:
        gate.unlink()
    return processes


def check_one_trains(server: Server, processes: list[Process], run: Run) -> None:
    """All but one end at once, and say who goes on; that one is then stopped."""
    deadline = time.monotonic() + LONG
    while len(running := [process for process in processes if process.poll() is None]) > 1:
        assert time.monotonic() < deadline, [process.err for process in processes]
        time.sleep(0.01)
    [trainer] = running
    trainer.until(run.snapshot_path(20).exists)
    for process in processes:
        assert "Traceback" not in process.err
        if process is not trainer:
            assert process.wait() == 1
            assert f"is being trained by process {trainer.pid} on " in process.err, process.err
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait() == 143, trainer.err
    rows = [json.loads(line) for line in run.metrics_path.read_text("utf-8").splitlines()]
    assert len({(row["event"], row["iteration"]) for row in rows}) == len(rows)
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("more", [(), ("--auto-resume",)], ids=["name", "auto-resume"])
def test_of_many_that_begin_a_run_one_trains_it(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None], more: tuple[str, ...]
) -> None:
    count = rounds(1, 20)
    for number in range(count):
        name = f"begun{''.join(more)}-{number}"
        typed = train(name, *more, iterations=1_000_000)
        processes = all_at_once(server, "charrnn.runs.creation:create_run", *typed)
        check_one_trains(server, processes, run_of(server, name))
    tell_figure(f"{AT_ONCE} trainers begin a run at once {''.join(more)}: one trains in {count} of {count} rounds")


@pytest.mark.parametrize("typed", [("--resume",), ("--auto-resume", "--name")], ids=["resume", "auto-resume"])
def test_of_many_that_go_on_with_a_run_one_trains_it(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None], typed: tuple[str, ...]
) -> None:
    count, run = rounds(1, 20), run_of(server, f"on{typed[0]}")
    hook = {"call": STEP, "at": 5, "signals": [signal.SIGTERM]}
    assert server.start(*train(run.name, iterations=1_000_000), hook=hook).wait() == 143
    for _ in range(count):
        words = ("train", *typed, run.name, "--threads", "1")
        check_one_trains(server, all_at_once(server, "charrnn.runs.lock:RunLock.__init__", *words), run)
    tell_figure(f"{AT_ONCE} trainers go on with a run at once, {typed[0]}: one trains in {count} of {count} rounds")


def test_one_that_comes_later_is_told_who_trains(server: Server) -> None:
    first = server.start(*train("taken", iterations=1_000_000))
    first.until(run_of(server, "taken").resume_path.exists)
    for typed in (train("taken"), ("train", "--resume", "taken"), train("taken", "--auto-resume")):
        later = server.start(*typed)
        assert later.wait() == 1
        assert re.fullmatch(rf"charrnn: \S+taken: is being trained by process {first.pid} on .*\n", later.err), (
            later.err
        )
    assert first.poll() is None


def test_a_directory_made_anew_is_still_its_trainers(server: Server) -> None:
    run = run_of(server, "removed")
    first = server.start(*train("removed", iterations=1_000_000))
    first.until(run.resume_path.exists)
    shutil.rmtree(run.path, ignore_errors=True)  # which may find a new file in it
    first.until(run.resume_path.exists)
    later = server.start(*train("removed"))
    assert later.wait() == 1
    assert f"is being trained by process {first.pid} on " in later.err
    first.send_signal(signal.SIGTERM)
    assert first.wait() == 143, first.err
    assert "was removed; it is made anew" in first.err
    assert checkpoint.load(run.resume_path).header.iteration > 0
    assert not (run.path / ".lock").exists()


def test_what_another_has_begun_in_its_place_is_the_others(server: Server, tmp_path: Path) -> None:
    run, gate = run_of(server, "followed"), tmp_path / "gate"
    first = server.start(*train("followed", iterations=1_000_000), hook={"call": STEP, "at": 9, "wait": str(gate)})
    first.until(gate.exists)
    shutil.rmtree(run.path)
    second_gate = tmp_path / "second"
    second = server.start(*train("followed"), hook={"call": STEP, "at": 50, "wait": str(second_gate)})
    second.until(second_gate.exists)
    gate.unlink()
    first.until(lambda: f"is being trained by process {second.pid} on " in first.err)
    first.send_signal(signal.SIGTERM)
    assert first.wait() == 1
    assert "Traceback" not in first.err
    assert (run.path / ".lock").exists()
    second_gate.unlink()
    assert second.wait() == 0, second.err
    server.run(*train("alone"))
    ours, theirs = (checkpoint.load(run_of(server, name).resume_path).tensors for name in ("followed", "alone"))
    assert {name: t.tobytes() for name, t in ours.items()} == {name: t.tobytes() for name, t in theirs.items()}
    assert sorted(path.name for path in run.path.iterdir()) == sorted(
        path.name for path in run_of(server, "alone").path.iterdir()
    )
