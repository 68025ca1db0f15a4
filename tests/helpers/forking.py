"""Commands as processes without the seconds that importing torch takes: a server has imported it, and forks.

Each is a real process that runs `main` with real files, and gets real signals. As a script this is the server: a line
of JSON on standard input asks for a process, and its id is the answer.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GONE = "gone"  # of a stream: a pipe that nobody reads any longer
SHIPS = "".join(f"{n} ships came in, and {n * n} went out again.\n" for n in range(70))
LONG = 60.0  # seconds after which waiting has failed
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_", "PYTEST_"))} | {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",  # as ranks have it before they import torch
    # A file that a signal leaves open is closed with its object, and so is a directory of torch's.
    "PYTHONWARNINGS": "error,ignore::ResourceWarning",
}


@dataclass(frozen=True)
class Process:
    """A command at work, its two streams in files."""

    server: Server
    pid: int
    out_path: Path
    err_path: Path

    @property
    def out(self) -> str:
        return self.out_path.read_bytes().decode()

    @property
    def err(self) -> str:
        return self.err_path.read_bytes().decode()

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.server.ask({"poll": self.pid})

    def wait(self, timeout: float = LONG) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            assert time.monotonic() < deadline, f"waited too long: {self.err}"
            time.sleep(0.002)
        return status

    def goes_on(self) -> bool:
        """Whether a resumed training has begun its first iteration, or is about to."""
        return "going on after" in self.err

    def until(self, what: Callable[[], bool], timeout: float = LONG) -> None:
        """Wait until it is so. Fails if the process ends before, or it takes too long."""
        deadline = time.monotonic() + timeout
        while not what():
            assert self.poll() is None, f"ended early: {self.err}"
            assert time.monotonic() < deadline, f"waited too long: {self.err}"
            time.sleep(0.002 if timeout <= LONG else 0.2)


class Server:
    """The process that forks others, each in `where`, and with this environment beside ENVIRONMENT."""

    def __init__(self, where: Path, popen: subprocess.Popen[str] | None = None, **environment: str) -> None:
        self.where, self.environment, self._started = where, environment, 0
        self._popen = popen or subprocess.Popen(
            [sys.executable, __file__],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def within(self, where: Path, **environment: str) -> Server:
        """The same server, for processes in another directory and environment."""
        return Server(where, self._popen, **environment)

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(json.dumps(question) + "\n")
        self._popen.stdin.flush()
        return json.loads(self._popen.stdout.readline())

    def start(
        self,
        *arguments: str,
        hook: dict[str, Any] | None = None,
        ignored: tuple[int, ...] = (),
        streams: dict[int, str | None] | None = None,
        memory: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> Process:
        """Start `charrnn ARGUMENTS`.

        Args:
            arguments: What is typed.
            hook: What goes wrong with a system call: arguments of `_trap`.
            ignored: Signals that are ignored when it begins, as `nohup` does.
            streams: What its standard streams, by number, are instead of files: another file, GONE for a pipe that
                nobody reads, None for closed.
            memory: Bytes that it may take beside what the server has.
            environment: More of it than that of all processes.
        """
        self._started += 1
        out, err = (self.where / f"{self._started}.{kind}" for kind in ("out", "err"))
        out.touch()
        err.touch()
        pid = self.ask(
            {
                "start": arguments,
                "where": str(self.where),
                "environment": self.environment | (environment or {}),
                "out": str(out),
                "err": str(err),
                "hook": hook,
                "ignored": ignored,
                "streams": [[number, name] for number, name in (streams or {}).items()],
                "memory": memory,
            }
        )
        return Process(self, pid, out, err)

    def run(self, *arguments: str) -> Process:
        """`charrnn ARGUMENTS`, to its end."""
        process = self.start(*arguments)
        assert process.wait() == 0, process.err
        return process

    def close(self) -> None:
        self._popen.communicate(timeout=LONG)


class Spawner(Server):
    """Where forking is not safe: the same processes, each begun anew, to which nothing can be made to happen."""

    def __init__(self, where: Path, running: dict[int, subprocess.Popen[bytes]] | None = None, **environment: str):
        self.where, self.environment, self._started = where, environment, 0
        self._running = {} if running is None else running

    def within(self, where: Path, **environment: str) -> Server:
        return Spawner(where, self._running, **environment)

    def ask(self, question: dict[str, Any]) -> Any:
        if "poll" in question:
            return self._running[question["poll"]].poll()
        if question["hook"] or question["ignored"] or question["streams"] or question["memory"]:
            import pytest

            pytest.skip("forks")
        with open(question["out"], "wb") as out, open(question["err"], "wb") as err:
            popen = subprocess.Popen(
                [sys.executable, "-m", "charrnn", *question["start"]],
                cwd=question["where"],
                env=ENVIRONMENT | question["environment"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self._running[popen.pid] = popen
        return popen.pid

    def close(self) -> None:
        for popen in self._running.values():
            popen.kill()
            popen.wait()


@contextlib.contextmanager
def serving(where: Path) -> Iterator[Server]:
    """A server, which ends every process that it has started."""
    server = Server(where) if sys.platform.startswith("linux") else Spawner(where)
    try:
        yield server
    finally:
        server.close()


# -- the server ------------------------------------------------------------------------------------------------------


def _serve() -> None:
    from charrnn.commands.app import app  # noqa: F401
    from charrnn.terminal import progress  # noqa: F401
    from charrnn.training import beginning, checkpointing, resume, resumption  # noqa: F401

    assert len(os.listdir("/proc/self/task")) == 1, "a process with threads cannot be forked"
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "start" in question:
            if "WORLD_SIZE" in question["environment"]:
                importlib.import_module("torch._dynamo")  # as DistributedDataParallel does, in each rank
            pid = os.fork()
            if not pid:
                _become(question)
            children[pid] = None
            answer: Any = pid
        else:
            pid = question["poll"]
            if children[pid] is None and (ended := os.waitpid(pid, os.WNOHANG))[0]:
                children[pid] = os.waitstatus_to_exitcode(ended[1])
            answer = children[pid]
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid, status in children.items():
        if status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _become(question: dict[str, Any]) -> None:
    """The child: charrnn, as if it had just been started. Never returns."""
    status = 70
    try:
        os.chdir(question["where"])
        os.environ.update(question["environment"])
        named = {0: os.devnull, 1: question["out"], 2: question["err"]} | dict(question["streams"])
        for descriptor, name in named.items():
            _lead(descriptor, name)
        if question["memory"] is not None:
            _limit(question["memory"])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, signal.SIG_IGN if number in question["ignored"] else usual)
        sys.stdin, sys.stdout, sys.stderr = (
            None if named[i] is None else open(i, "rw"[i > 0], closefd=False)  # noqa: SIM115
            for i in range(3)
        )
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
        sys.argv = ["charrnn", *question["start"]]
        if question["hook"]:
            _trap(**question["hook"])
        from charrnn.commands.main import main

        main()
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _lead(descriptor: int, name: str | None) -> None:
    """Let a standard stream lead to a file, to nobody, or nowhere."""
    if name is None:
        os.close(descriptor)
        return
    if name == GONE:
        reading, opened = os.pipe()
        os.close(reading)
    else:
        opened = os.open(name, os.O_RDWR | os.O_CREAT)
    os.dup2(opened, descriptor)
    os.close(opened)


def _limit(more: int) -> None:
    """Let this process take so many bytes more."""
    import resource

    taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + more, taken + more))


def _trap(call: str, at: int, *, kill: str | None = None, wait: str | None = None, signals: Sequence[int] = ()) -> None:
    """Let one call of a function be the process's last, or take as long as somebody wants, or send it signals.

    Args:
        call: Its name, such as fsync of `os`, or charrnn.training.step_block:make.
        at: Which of its calls, from 1 on.
        kill: "before" or "after" it SIGKILL comes.
        wait: A file that is made before it; the call goes on when that has been removed.
        signals: What the process gets before it.
    """
    module, _, path = call.rpartition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module or "os")
    for part in owners:
        owner = getattr(owner, part)
    function, count = getattr(owner, name), 0

    def trapped(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count != at:
            return function(*arguments, **named)
        if kill == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        for number in signals:
            os.kill(os.getpid(), number)
        if wait is not None:
            Path(wait).touch()
            while os.path.exists(wait):
                time.sleep(0.002)
        result = function(*arguments, **named)
        if kill == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, trapped)


if __name__ == "__main__":
    _serve()
