"""Processes in which calls of the system fail on demand, or are written down: real ones, of the real command.

A library is compiled and preloaded into one process, which imports what a training needs and then forks a child for
each command: so a command costs a tenth of a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import errno
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpers.forking import LONG, SHIPS

KINDS = ("open", "write", "fsync", "close", "rename", "unlink", "mkdir", "rmdir", "truncate", "lock")
_LIBRARY = "CHARRNN_TEST_LIBRARY"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """The n-th call of a kind fails, and perhaps all that follow."""

    kind: str
    at: int
    error: int
    always: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.at}{' and later' * self.always}: {errno.errorcode[self.error]}"


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str
    counts: dict[str, int]  # of calls for files under the directory that was watched
    failed: str  # the first file for which a call failed


def train_command(text: Path, root: Path, name: str, *more: str) -> tuple[str | Path, ...]:
    """A training of a tenth of a second with four saves after the first, as it is typed."""
    network = ("--rnn-size", "8", "--embedding-size", "4", "--num-layers", "1", "--batch-size", "4")
    length = ("--seq-length", "16", "--iterations", "12", "--snapshot-at", "4,8", "--eval-every", "3")
    other = ("--sample-length", "20", "--device", "cpu", "--threads", "1")
    return "train", text, "--checkpoint-dir", root, "--name", name, *network, *length, *other, *more


class Commands:
    """The process that forks."""

    def __init__(self, library: Path) -> None:
        package = Path(__file__).parents[2]
        tests = str(Path(__file__).parents[1])
        path = os.pathsep.join([str(package), tests])
        environment = os.environ | {"LD_PRELOAD": str(library), _LIBRARY: str(library), "PYTHONPATH": path}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "helpers.system_calls"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True)

    def __call__(
        self,
        *arguments: str | Path,
        watched: Path,
        failure: Failure | None = None,
        record: Path | None = None,
        out: Path | None = None,
        cwd: Path | None = None,
        umask: int = 0o022,
    ) -> Ended:
        """Run a command, as `charrnn ARGUMENTS > OUT`.

        Args:
            arguments: Of the command.
            watched: The directory of whose files the calls are counted, fail and are written down.
            failure: What fails.
            record: Where the calls are written down.
            out: Where standard output goes.
            cwd: Where the command runs.
            umask: What its files are not permitted.
        """
        asked = {
            "arguments": list(map(str, arguments)),
            "watched": str(watched),
            "failure": failure and dataclasses.asdict(failure),
            "record": record and str(record),
            "out": out and str(out),
            "cwd": cwd and str(cwd),
            "umask": umask,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return Ended(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def commands(directory: Path) -> Iterator[Commands]:
    """Start it; skips the test where there is no compiler or nothing can be preloaded."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not sys.platform.startswith("linux") or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = directory / "system_calls.so"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    started = Commands(library)
    try:
        yield started
    finally:
        started.close()


class _Calls:
    """The preloaded library."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[_LIBRARY])
        self._library.system_calls_counted.restype = ctypes.c_long
        self._library.system_calls_failed.restype = ctypes.c_char_p

    def watch(self, directory: str, failure: dict[str, Any] | None, record: str | None) -> None:
        if record:
            self._library.system_calls_record(directory.encode(), record.encode())
        kind = KINDS.index(failure["kind"]) if failure else -1
        at, error, always = (failure["at"], failure["error"], failure["always"]) if failure else (0, 0, False)
        self._library.system_calls_fail(directory.encode(), kind, ctypes.c_long(at), error, int(always))

    def counts(self) -> dict[str, int]:
        return {kind: self._library.system_calls_counted(index) for index, kind in enumerate(KINDS)}

    def failed(self) -> str:
        return str(self._library.system_calls_failed().decode())

    def mark(self, what: str) -> None:
        self._library.system_calls_mark(what.encode())


def _mark_events(calls: _Calls) -> None:
    """Write down what is kept whenever an event has reached the caller: all of that is on the disk by then."""
    from charrnn.runs.checkpoint import read_header
    from charrnn.terminal.progress import Display

    show = Display.show

    def shown(self: Display, event: Any) -> None:
        calls.mark(f"{type(event).__name__} {event.iteration} {read_header(self.run.resume_path).iteration}")
        show(self, event)

    Display.show = shown  # type: ignore[method-assign]


def _in_child(asked: dict[str, Any], out: int, err: int, calls: _Calls) -> int:
    """Run the command, to its exit code."""
    from charrnn import files
    from charrnn.commands.main import main
    from charrnn.text import corpus

    os.dup2(out, 1)
    os.dup2(err, 2)
    os.umask(asked["umask"])
    if asked["cwd"]:
        os.chdir(asked["cwd"])
    sys.argv = ["charrnn", *asked["arguments"]]
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    files._PATIENCE = 0.05
    corpus._CACHED_FROM = 1
    corpus.encode = functools.partial(corpus.encode, in_memory=0)  # every text is too large for memory
    os.environ["CHARRNN_CACHE_DIR"] = f"{asked['watched']}/cache"
    calls.watch(asked["watched"], asked["failure"], asked["record"])
    if asked["record"]:
        _mark_events(calls)
    signal.alarm(int(LONG))
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    try:
        sys.stdout.flush()
    except OSError as error:
        sys.stderr.write(f"Exception ignored on flushing sys.stdout: {error}\n")
        code = 120
    return int(code)


def _warm_up() -> None:
    """Import all that a command may need, by a training, of which nothing is kept."""
    import torch

    from charrnn.commands.main import main

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stderr(io.StringIO()):
        text = Path(directory) / "text.txt"
        text.write_text(SHIPS, "utf-8")
        for arguments in (train_command(text, Path(directory), "warm"), ("train", "--resume", f"{directory}/warm")):
            sys.argv = ["charrnn", *map(str, arguments)]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
                main()


def _serve() -> None:
    """Fork a child for each line of standard input, and say how it ended in a line."""
    _warm_up()
    calls = _Calls()
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as other, tempfile.TemporaryFile() as told:
            out = os.open(asked["out"], os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666) if asked["out"] else other.fileno()
            child = os.fork()
            if child == 0:
                code = 71
                try:
                    code = _in_child(asked, out, err.fileno(), calls)
                    facts = {"counts": calls.counts(), "failed": calls.failed()}
                    os.pwrite(told.fileno(), json.dumps(facts).encode(), 0)
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            said = [os.pread(file, 1 << 24, 0).decode() for file in (out, err.fileno(), told.fileno())]
            facts = json.loads(said[2] or '{"counts": {}, "failed": ""}')
            code = os.waitstatus_to_exitcode(status)
            sys.stdout.write(json.dumps({"code": code, "out": said[0], "err": said[1]} | facts) + "\n")
            sys.stdout.flush()
            if asked["out"]:
                os.close(out)


if __name__ == "__main__":
    _serve()
