"""Signals at any moment: the exit code says which, what was learnt is kept, and a second one is not kept waiting."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers import tiny
from helpers.forking import ENVIRONMENT, LONG, SHIPS, Process, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

SEED = 15
TINY = (
    *("--rnn-size", "8", "--embedding-size", "4", "--batch-size", "3", "--seq-length", "12", "--sample-length", "20"),
    *("--threads", "1", "--device", "cpu", "--precision", "float32", "--no-ngrams", "--dropout", "0.1"),
)
STEP = "charrnn.training.step_block:make"
STOPPING = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
stopping = pytest.mark.parametrize("number", STOPPING, ids=lambda number: number.name)
DOUBLES = list(itertools.product(STOPPING, STOPPING))


def train(name: str, *more: str) -> tuple[str, ...]:
    return ("train", "ships.txt", *TINY, "--iterations", "1000000", "--name", name, *more)


def run_of(server: Server, name: str) -> Run:
    return Run(server.where / "checkpoints" / name)


def check_whole(run: Run, told: str) -> None:
    """Every file is whole, and none is left over."""
    assert [path.name for path in run.path.iterdir() if path.name.startswith(".")] == [], told
    for path in run.path.glob("*.safetensors"):
        checkpoint.load(path)
    assert run.metrics_path.read_bytes()[-1:] in (b"", b"\n")


def check_stopped(process: Process, run: Run, number: int, told: str) -> int:
    """A process has ended by a signal, with everything kept; at which iteration."""
    assert process.wait() == 128 + number, f"{told} {process.err}"
    assert "Traceback" not in process.err, process.err
    stopped = re.search(r"^stopped after iteration ([\d,]+) of 1,000,000; everything is kept\.$", process.err, re.M)
    assert stopped is not None, f"{told} {process.err}"
    iteration = int(stopped[1].replace(",", ""))
    assert checkpoint.load(run.resume_path).header.iteration == iteration, told
    assert f"go on with: charrnn train --resume checkpoints/{run.name}" in process.err
    if iteration:
        assert checkpoint.load(run.snapshot_path(iteration)).header.iteration == iteration, told
    check_whole(run, told)
    return iteration


def check_same_as_never_stopped(server: Server, run: Run, at: int) -> None:
    """Five iterations after `at`, the last one that it has been stopped at, it is what one stop alone leaves there."""
    whole = run_of(server, f"whole-{run.name}")
    for each, typed, steps in (
        (run, ("train", "--resume", run.name, "--threads", "1"), 5),
        (whole, train(whole.name, "--snapshot-every", "6"), at + 5),
    ):
        process = server.start(*typed, hook={"call": STEP, "at": steps, "signals": [signal.SIGTERM]})
        assert check_stopped(process, each, signal.SIGTERM, "") == at + 5
    ours, theirs = (checkpoint.load(each.resume_path).tensors for each in (run, whole))
    assert {name: t.tobytes() for name, t in ours.items()} == {name: t.tobytes() for name, t in theirs.items()}


@contextlib.contextmanager
def waiting(server: Server, call: str, at: int, *typed: str) -> Iterator[tuple[Process, Path]]:
    """A process that waits in the call of a function until the file is removed."""
    gate = server.where / f"gate-{time.monotonic_ns()}"
    process = server.start(*typed, hook={"call": call, "at": at, "wait": str(gate)})
    process.until(gate.exists)
    try:
        yield process, gate
    finally:
        gate.unlink(missing_ok=True)


# -- one ------------------------------------------------------------------------------------------------------------


@stopping
def test_at_any_moment_and_within_saves_everything_is_kept(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None], number: signal.Signals
) -> None:
    """One run, stopped again and again; every second time while a file is being written."""
    chance, count, within = random.Random(SEED), rounds(4, 50), 0
    run, reached = run_of(server, f"often-{number}"), 0
    for place in range(count):
        typed = ("train", "--resume", run.name, "--threads", "1") if place else train(run.name, "--snapshot-every", "6")
        told = f"seed {SEED}, stop {place}"
        if place % 2:
            with waiting(server, "fsync", chance.randint(9, 24), *typed) as (process, gate):
                process.send_signal(number)
                gate.unlink()
                at, within = check_stopped(process, run, number, told), within + 1
        else:
            process = server.start(*typed)
            process.until(process.goes_on if place else run.resume_path.exists)
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(number)
            at = check_stopped(process, run, number, told)
        assert at >= reached, told
        reached = at
    check_same_as_never_stopped(server, run, reached)
    tell_figure(f"{number.name}: {count} of {count} stops kept everything, {within} of them within saves")


@stopping
def test_the_iteration_at_work_is_the_last(server: Server, number: signal.Signals) -> None:
    """Counted: a signal within iteration 7 stops after iteration 7, with one resume file and one snapshot written."""
    name = f"counted-{number}"
    process = server.start(*train(name, "--snapshot-at", "5"), hook={"call": STEP, "at": 7, "signals": [number]})
    run = run_of(server, name)
    assert check_stopped(process, run, number, "") == 7
    assert [file.header.iteration for file in run.snapshots] == [5, 7]


def test_signals_to_save_change_nothing(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None]
) -> None:
    """SIGUSR1, many times while it trains, while it saves because of another, and when it has only just begun."""
    count, length = rounds(8, 50), ("--iterations", "150", "--snapshot-every", "50", "--optimizer", "adamw")
    runs = [run_of(server, "unasked"), run_of(server, "asked")]
    server.run("train", "ships.txt", *TINY, *length, "--name", "unasked")
    chance, gate = random.Random(SEED), server.where / "asked-gate"
    hook = {"call": "fsync", "at": 6, "wait": str(gate)}
    process = server.start("train", "ships.txt", *TINY, *length, "--name", "asked", hook=hook)
    process.until(gate.exists)
    for place in range(count):
        process.send_signal(signal.SIGUSR1)
        time.sleep(chance.uniform(0, 0.02))
        if place == count // 4:
            gate.unlink()
    assert process.wait() == 0, process.err
    assert "saving at iteration" in process.err
    ours, theirs = (checkpoint.load(run.resume_path) for run in reversed(runs))
    assert {name: t.tobytes() for name, t in ours.tensors.items()} == {
        n: t.tobytes() for n, t in theirs.tensors.items()
    }
    check_whole(runs[1], "")
    tell_figure(f"SIGUSR1: {count} times in one training, whose weights are those of one that got none")


@stopping
def test_one_that_comes_when_all_is_done_changes_nothing(server: Server, number: signal.Signals) -> None:
    typed = ("train", "ships.txt", *TINY, "--iterations", "3", "--name", f"done-{number}")
    hook = {"call": "charrnn.terminal.progress:Display.finished", "at": 1, "signals": [number]}
    process = server.start(*typed, hook=hook)
    assert process.wait() == 0, process.err
    assert "next    charrnn sample" in process.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_what_is_ignored_stays_so(server: Server, number: signal.Signals) -> None:
    """Ctrl-C in what a shell runs in the background, SIGHUP under nohup."""
    name = f"ignored-{number}"
    hook = {"call": STEP, "at": 7, "signals": [number]}
    process = server.start(*train(name, "--snapshot-at", "9"), hook=hook, ignored=(number,))
    process.until(run_of(server, name).snapshot_path(9).exists)
    process.send_signal(signal.SIGTERM)
    assert check_stopped(process, run_of(server, name), signal.SIGTERM, "") >= 9


# -- two ------------------------------------------------------------------------------------------------------------


# What would never end, and which call of it.
ENDLESS = {
    "save": ("fsync", 12),
    "step": ("charrnn.training.data_parallel:DataParallel.backward", 8),
    "evaluation": ("charrnn.training.evaluator:held_out_nats", 2),
    "sample": ("charrnn.sampling.generate:sample_id", 2500),  # of the second, of 2,000 characters
}


@pytest.mark.parametrize("endless", ENDLESS)
def test_a_second_one_ends_it_at_once_and_says_so(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None], endless: str
) -> None:
    """While the first is being obeyed, within what would never end."""
    chance, every = chance_of(endless), len(DOUBLES)
    pairs = chance.sample(DOUBLES, every if endless == "save" else rounds(3, every))
    with contextlib.ExitStack() as stack:
        processes = []
        for first, second in pairs:
            typed = train(f"{endless}-{first}-{second}", "--snapshot-at", "5,6", "--eval-every", "3")
            typed += ("--sample-length", "2000") if endless == "sample" else ()
            process, _ = stack.enter_context(waiting(server, *ENDLESS[endless], *typed))
            processes.append((process, run_of(server, f"{endless}-{first}-{second}"), first, second))
        before = {run: run.resume_path.read_bytes() for _, run, _, _ in processes}
        for process, _, first, _ in processes:
            process.send_signal(first)
        time.sleep(0.6)  # what comes sooner counts as one
        for process, _, _, second in processes:
            assert process.poll() is None, process.err
            process.send_signal(second)
        for process, run, first, second in processes:
            told = f"{first.name}, {second.name}:"
            assert process.wait() == 128 + second, f"{told} {process.err}"
            assert "Traceback" not in process.err
            said = re.findall(r"^stopped .*$", process.err, re.M)
            at = checkpoint.load(run.resume_path).header.iteration
            assert len(said) == 1, told
            assert said[0].startswith(f"stopped at once by {STOPPING[second]} after iteration "), told
            assert said[0].endswith(f"iteration {at} is kept."), told
            assert run.resume_path.read_bytes() == before[run], told
            check_whole(run, told)
    going_on = processes[: rounds(1, every)]
    for _, run, _, _ in going_on:
        at = checkpoint.load(run.resume_path).header.iteration
        hook = {"call": STEP, "at": 2, "signals": [signal.SIGTERM]}
        process = server.start("train", "--resume", run.name, "--threads", "1", hook=hook)
        assert check_stopped(process, run, signal.SIGTERM, endless) == at + 2
    tell_figure(f"two signals within the {endless}: {len(pairs)} of {len(pairs)} pairs end at once; the file that was "
                f"there goes on in {len(going_on)} of {len(going_on)}")  # fmt: skip


def test_one_that_is_sent_twice_is_one(server: Server) -> None:
    """A terminal and a program that passes signals on both send it."""
    hook = {"call": STEP, "at": 7, "signals": [signal.SIGTERM, signal.SIGTERM, signal.SIGHUP]}
    process = server.start(*train("twice"), hook=hook)
    assert check_stopped(process, run_of(server, "twice"), process.wait() - 128, "") == 7


# -- before the first iteration ----------------------------------------------------------------------------------------

MOMENTS = [
    "charrnn.text.corpus:_read",
    "charrnn.text.encoder:_CodePointCounter.total",
    "charrnn.training.beginning:Beginning.begin",
    "charrnn.training.trainer:Trainer.__init__",
    "charrnn.runs.creation:create_run",
    "charrnn.training.checkpointing:record",
    "charrnn.runs.checkpoint:save",
    "charrnn.training.evaluator:Evaluator.prepare",
    "charrnn.training.evaluator:Evaluator.evaluate",
    "charrnn.training.snapshots:SampleWriter.write",
    STEP,
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_before_there_is_anything_to_save_it_ends_at_once(server: Server, moment: str) -> None:
    number = chance_of(moment).choice(list(STOPPING))
    name = f"begun-{MOMENTS.index(moment)}"
    process = server.start(*train(name, "--snapshot-at", "0,5"), hook={"call": moment, "at": 1, "signals": [number]})
    assert process.wait() == 128 + number, process.err
    assert "Traceback" not in process.err
    run = run_of(server, name)
    if run.begun:
        assert check_stopped(process, run, number, moment) == 0
        typed: tuple[str, ...] = ("train", "--resume", name, "--iterations", "5")
    else:
        said = process.err.splitlines()
        assert said[-1] == f"charrnn: stopped by {STOPPING[number]}."
        assert len(said) == (6 if moment.endswith((":record", ":save")) else 1), process.err  # the plan
        typed = tuple("5" if word == "1000000" else word for word in train(name))
    server.run(*typed)


def test_autotune_ends_at_once(server: Server) -> None:
    hook = {"call": "charrnn.training.autotune:watching_cost", "at": 1, "signals": [signal.SIGTERM]}
    process = server.start("train", "ships.txt", "--time", "1m", "--threads", "1", hook=hook)
    assert process.wait() == 143, process.err
    assert process.err == "charrnn: stopped by SIGTERM.\n"


def chance_of(text: str) -> random.Random:
    return random.Random(f"{SEED}{text}")


# -- any verb, from its first moment ---------------------------------------------------------------------------------

VERBS = {
    "sample": ("sample", "one", "--length", "100000000"),
    "train": ("train", "ships.txt", *TINY, "--iterations", "1000000"),
    "compare": ("compare", "one"),
    "score": ("score", "one", "ships.txt"),
    "report": ("report", "one", "-o", "page.html", "--force"),
    "runs": ("runs",),
    "check": ("corpora", "check", "ships.txt"),
    "plan": ("plan", "ships.txt"),
}


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.M)
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("verb", VERBS)
def test_while_it_starts_any_verb_ends_in_a_line(
    server: Server, rounds: Callable[[int, int], int], tell_figure: Callable[[str], None], verb: str
) -> None:
    """Real starts, with all that is imported: a signal after some share of what the verb takes."""
    chance, stopped, count = chance_of(verb), 0, rounds(int(verb in ("sample", "train", "runs")), 25)
    if not (server.where / "checkpoints" / "one").exists():
        tiny.run(server.where / "checkpoints", "one", {100: 3, 300: 2})
    for attempt in range(count):
        number = chance.choice(list(STOPPING))
        with subprocess.Popen(
            [sys.executable, "-m", "charrnn", *VERBS[verb]],
            cwd=server.where, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            while not catches(process.pid, signal.SIGTERM) and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.choice([0, 0.01, 0.1, chance.uniform(0, 1)]))
            process.send_signal(number)
            _, said = process.communicate(timeout=LONG)
        told = f"{verb}, seed {SEED}, attempt {attempt}, {number.name}: {said.decode()}"
        assert b"Traceback" not in said, told
        if process.returncode == -number:  # all was done, and Python itself was ending, which handles no signals then
            continue
        assert process.returncode in (0, 128 + number), told
        if process.returncode and b"everything is kept" not in said:
            assert said.decode().splitlines()[-1] == f"charrnn: stopped by {STOPPING[number]}.", told
            stopped += 1
    if count:
        tell_figure(f"{verb}: {stopped} of {count} signals came while it started, each answered in one line")


FINALIZED = """
import signal
from charrnn.commands import signals
class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
signals.stop_on_signals()
Finalized()
raise SystemExit("not stopped")
"""


def test_while_an_object_is_finalized_it_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", FINALIZED], env=ENVIRONMENT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, "charrnn: stopped by SIGTERM.\n")


def test_while_a_module_is_imported_it_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "swallowing.py").write_text(
        "import signal\ntry:\n    signal.raise_signal(signal.SIGTERM)\nexcept BaseException:\n    pass\n", "utf-8"
    )
    code = "from charrnn.commands import signals; signals.stop_on_signals(); import swallowing; raise SystemExit(1)"
    environment = ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (143, "charrnn: stopped by SIGTERM.\n")


ENCODE = """
import signal, sys
from charrnn.text import encoder, id_cache
encoder.encode.__defaults__ = (*encoder.encode.__defaults__[:-1], 100)
write = id_cache._write
def interrupted(file, pieces, *facts):
    def with_signal():
        for piece in pieces:
            yield piece
            signal.raise_signal(int(sys.argv.pop()))
    return write(file, with_signal(), *facts)
id_cache._write = interrupted
from charrnn.commands.main import main
main()
"""


@stopping
def test_while_a_text_is_encoded_nothing_is_left_of_it(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "ships.txt").write_text(SHIPS, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ENCODE.replace("sys.argv.pop()", str(int(number))), "corpora", "check", "ships.txt"],
        cwd=tmp_path, env=ENVIRONMENT | {"CHARRNN_CACHE_DIR": str(tmp_path / "cache")}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (128 + number, f"charrnn: stopped by {STOPPING[number]}.\n")
    assert list((tmp_path / "cache").iterdir()) == []
