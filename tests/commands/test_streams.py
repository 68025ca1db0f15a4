"""Streams that are full, closed, or have lost their reader or terminal: a training goes on, no verb has a traceback.

Real shells, devices, pipes and pseudo-terminals.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import SHORT
from helpers.forking import ENVIRONMENT, GONE, Server

from charrnn.runs import checkpoint
from charrnn.runs.run import Run

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="redirects as a POSIX shell, /dev/full")

TEXT = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
LONG = 120  # seconds, after which something hangs
TRAIN = ("train", "ships.txt", *SHORT, "--iterations", "40", "--snapshot-every", "10", "--threads", "1", "--name")


def shell(where: Path, arguments: tuple[str, ...], redirection: str) -> subprocess.CompletedProcess[str]:
    """The command in a shell of its own, which has redirected its streams."""
    command = f"{shlex.join([sys.executable, '-m', 'charrnn', *arguments])} {redirection}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=where, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG,
    )  # fmt: skip


def weights(run: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in checkpoint.load(Run(run).snapshot_path(40)).tensors.items()}


@pytest.fixture(scope="module")
def server(forks: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return forks.within(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def trained(server: Server) -> Path:
    """A directory with a text, and the run of a training that could show everything."""
    (server.where / "ships.txt").write_text(TEXT, "utf-8")
    assert "trained 40 iterations" in server.run(*TRAIN, "shown").err
    return server.where


@pytest.mark.parametrize(
    "streams",
    [{1: "/dev/full", 2: "/dev/full"}, {0: None, 1: None, 2: None}, {1: GONE, 2: GONE}],
    ids=["full", "closed", "no reader"],
)
def test_a_training_goes_on_whatever_becomes_of_its_streams(
    server: Server, trained: Path, streams: dict[int, str | None]
) -> None:
    name = f"run-{len(list((trained / 'checkpoints').iterdir()))}"
    process = server.start(*TRAIN, name, streams=streams)
    assert (process.wait(), process.out, process.err) == (0, "", "")
    assert weights(trained / "checkpoints" / name) == weights(trained / "checkpoints" / "shown")
    assert [file.header.iteration for file in Run(trained / "checkpoints" / name).snapshots] == [0, 3, 10, 20, 30, 40]


def test_a_training_says_once_that_standard_output_is_full(server: Server, trained: Path) -> None:
    process = server.start(*TRAIN, "full-stdout", streams={1: "/dev/full"})
    assert process.wait() == 0
    told = "standard output cannot be written (No space left on device); training goes on."
    assert process.err.count(told) == 1
    assert "trained 40 iterations" in process.err


# What a session leader does to its terminal; signals are as a terminal's shell leaves them, however pytest was started.
IN_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


@contextlib.contextmanager
def training_in_terminal(
    trained: Path, name: str, *prefix: str, iterations: str
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A training whose controlling terminal is a new one, and our side of that. It does not outlive the test."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", IN_TERMINAL, *prefix, sys.executable, "-m", "charrnn", *TRAIN, name]
    with subprocess.Popen(
        [*command, "--iterations", iterations],
        cwd=trained, env=ENVIRONMENT, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            yield process, ours
        finally:
            process.kill()


def until(what: Path, process: subprocess.Popen[bytes], terminal: int) -> None:
    """Wait for a file, and read what the terminal shows."""
    os.set_blocking(terminal, False)
    deadline = time.monotonic() + LONG
    while not what.exists():
        with contextlib.suppress(BlockingIOError, OSError):
            os.read(terminal, 65536)
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_closed_terminal_stops_a_training_with_everything_kept(trained: Path) -> None:
    run = Run(trained / "checkpoints" / "hung-up")
    with training_in_terminal(trained, "hung-up", iterations="100000") as (process, terminal):
        until(run.snapshot_path(10), process, terminal)
        os.close(terminal)
        assert process.wait(LONG) == 128 + signal.SIGHUP
    stopped = checkpoint.load(run.resume_path).header.iteration
    assert stopped >= 10
    assert run.snapshots[-1].header.iteration == stopped


def test_what_nohup_protects_outlives_its_terminal(trained: Path) -> None:
    nohup = ["sh", "-c", "trap '' HUP; exec \"$@\"", "nohup"]
    run = Run(trained / "checkpoints" / "protected")
    with training_in_terminal(trained, "protected", *nohup, iterations="40") as (process, terminal):
        until(run.resume_path, process, terminal)
        os.close(terminal)
        assert process.wait(LONG) == 0
    assert weights(run.path) == weights(trained / "checkpoints" / "shown")


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a run and a text for the verbs that read."""
    path = tmp_path_factory.mktemp("read")
    tiny.run(path / "checkpoints", "one", {100: 3, 300: 2})
    (path / "text.txt").write_text(TEXT, "utf-8")
    return path


VERBS = {
    "help": ("--help",),
    "sample": ("sample", "one", "--length", "20"),
    "compare": ("compare", "one"),
    "runs": ("runs", "--json"),
    "corpora": ("corpora", "check", "text.txt"),
}


@pytest.mark.parametrize("arguments", VERBS.values(), ids=VERBS.keys())
def test_standard_output_that_is_closed_is_one_sentence(where: Path, arguments: tuple[str, ...]) -> None:
    done = shell(where, arguments, ">&-")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "charrnn: standard output: is closed."
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("redirection", ["2> /dev/full", "2>&-"])
def test_standard_error_that_fails_changes_no_result(where: Path, redirection: str) -> None:
    arguments = ("sample", "one", "--length", "20", "--seed", "1")
    expected, done = shell(where, arguments, ""), shell(where, arguments, redirection)
    assert (done.returncode, done.stdout) == (0, expected.stdout)
    assert done.stdout != ""
    assert shell(where, ("sample", "nowhere"), redirection).returncode == 1
    assert shell(where, ("sample", "--no-such-option"), redirection).returncode == 2


def test_a_reader_that_has_enough_is_no_error(where: Path) -> None:
    done = shell(where, ("runs", "--json"), "| head -c 1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


@pytest.mark.parametrize(
    ("prepared", "verb", "said"),
    [
        ("rmdir ../left", "train", "charrnn: the working directory: is not there any more. Change to one that is."),
        ("rmdir ../left", "runs", "charrnn: the working directory: is not there any more. Change to one that is."),
        ("ulimit -f 0", "plan", "charrnn: the system: No usable temporary directory found in ["),
    ],
)
def test_standard_output_is_not_blamed_for_what_else_fails(where: Path, prepared: str, verb: str, said: str) -> None:
    (where / "left").mkdir(exist_ok=True)
    text = str((where / "text.txt").resolve())
    arguments = [verb] if verb == "runs" else [verb, text, "--device", "cpu", "--rnn-size", "8", "--iterations", "2"]
    done = subprocess.run(
        ["bash", "-c", f"cd left && {prepared} && {shlex.join([sys.executable, '-m', 'charrnn', *arguments])}"],
        cwd=where, env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONG,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "standard output" not in done.stderr
