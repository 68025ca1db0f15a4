"""charrnn as Windows' Python would run it, as far as Linux can show that. A script, so that it holds while importing.

For charrnn's own modules, and for them alone: names that Windows lacks are missing, `os.name` and `sys.platform` are
its own, text must not be read or written without naming its encoding, descriptors are of text unless O_BINARY is given,
directories cannot be opened, and what may only be read cannot be synchronised. For all code: files that are open can be
neither removed, renamed nor replaced, which includes those that another program holds.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
O_BINARY = 1 << 30  # no flag of Linux
# What `os` has on Linux and not on Windows.
OS = re.compile(
    r"(get|set)(res|re|e)?[ug]ids?|(get|set)(groups|pgid|sid|priority|pgrp)|(init|get)groups|getloadavg|getppgid|setsid"
    r"|f?chown|lchown|fchmod|fchdir|lchmod|chroot|fork(pty)?|p(read|write)v?|readv|writev|preadv2|sched_\w+|f?statvfs"
    r"|mkfifo|mknod|makedev|major|minor|killpg|nice|posix_\w+|uname|wait[34]?|waitid|W[A-Z]\w+|sync|fdatasync|lockf"
    r"|openpty|ttyname|ctermid|sendfile|splice|memfd_create|eventfd\w*|copy_file_range|\w+xattr|sysconf\w*|confstr\w*"
    r"|pathconf\w*|fpathconf|pidfd_open|[gs]et_blocking|environb|getenvb|tcgetpgrp|tcsetpgrp|unshare|setns"
    r"|O_(NONBLOCK|NOFOLLOW|DIRECTORY|CLOEXEC|NOCTTY|D?SYNC|RSYNC|NDELAY|ASYNC|DIRECT|PATH|NOATIME|TMPFILE|LARGEFILE)"
)
SIGNAL = re.compile(
    r"SIG(?!(ABRT|FPE|ILL|INT|SEGV|TERM|_DFL|_IGN)$)[A-Z_0-9]+|pthread_\w+|sig(wait\w*|pending|interrupt|timedwait)"
    r"|pause|alarm|[gs]etitimer|ITIMER\w+"
)


class Names:
    """A module for charrnn: some of its names are missing, some are others."""

    def __init__(self, module: types.ModuleType, missing: re.Pattern[str] | None = None, **others: Any) -> None:
        self.__dict__.update(_module=module, _missing=missing, _others=others)

    def __getattr__(self, name: str) -> Any:
        if name in self._others:
            return self._others[name]
        if self._missing and self._missing.fullmatch(name):
            raise AttributeError(f"module '{self._module.__name__}' has no attribute '{name}' on Windows")
        return getattr(self._module, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._module, name, value)


class Descriptors:
    """Descriptors as Windows has them: of text, in which a line ends with two bytes, unless O_BINARY was given."""

    def __init__(self) -> None:
        self.text: set[int] = set()

    def open(self, path: str | Path, flags: int, mode: int = 0o777) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        descriptor = os.open(path, flags & ~O_BINARY, mode)
        (self.text.discard if flags & O_BINARY else self.text.add)(descriptor)
        return descriptor

    def write(self, descriptor: int, data: bytes) -> int:
        os.write(descriptor, bytes(data).replace(b"\n", b"\r\n") if descriptor in self.text else data)
        return len(data)

    def fdopen(self, descriptor: int, *rest: Any, **more: Any) -> Any:
        assert descriptor not in self.text, "opened without O_BINARY"
        return os.fdopen(descriptor, *rest, **more)

    def close(self, descriptor: int) -> None:
        self.text.discard(descriptor)
        os.close(descriptor)

    def fsync(self, descriptor: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        os.fsync(descriptor)


def locking(descriptor: int, _: int, size: int) -> None:
    """As of msvcrt: what is locked is locked for other handles of the same process too."""
    assert size == 1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def open_files() -> Iterator[os.stat_result]:
    """Those that this process has open."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            yield os.stat(f"/proc/self/fd/{name}")


def refusing(change: Callable[..., None]) -> Callable[..., None]:
    """A call that removes or renames files, refused for those that are open."""

    def changed(*paths: Any, **more: Any) -> None:
        directory = f"/proc/self/fd/{more['dir_fd']}" if more.get("dir_fd") is not None else ""
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(os.path.join(directory, path))
                if stat.S_ISREG(status.st_mode) and any(os.path.samestat(status, other) for other in open_files()):
                    raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        change(*paths, **more)

    return changed


def become_windows() -> None:
    """Let all of charrnn that is imported from now on find what is described above."""
    descriptors = Descriptors()
    others = {name: getattr(descriptors, name) for name in ("open", "write", "fdopen", "close", "fsync")}
    modules: Mapping[str, Any] = {
        "os": Names(os, OS, name="nt", O_BINARY=O_BINARY, **others),
        "sys": Names(sys, platform="win32"),
        "signal": Names(signal, SIGNAL),
        "msvcrt": types.SimpleNamespace(locking=locking, LK_NBLCK=2),
    }
    import_module = builtins.__import__

    def imported(name: str, *rest: Any, **more: Any) -> Any:
        scope = rest[0] if rest else None
        if scope and str(scope.get("__name__")).partition(".")[0] == "charrnn":
            if name in MODULES:
                raise ModuleNotFoundError(f"No module named '{name}'", name=name)
            if name in modules:
                return modules[name]
        return import_module(name, *rest, **more)

    builtins.__import__ = imported
    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, refusing(getattr(os, name)))
    warnings.filterwarnings("error", category=EncodingWarning, module=r"charrnn\.")


@dataclasses.dataclass(frozen=True)
class Step:
    """A command line, and the files that another program holds meanwhile: for so many seconds."""

    arguments: list[str]
    held: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 3600.0


@dataclasses.dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def run(directory: Path, steps: Iterable[Step]) -> list[Done]:
    """Run command lines one after another, in one process, in a directory."""
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", __file__],
        input=json.dumps([dataclasses.asdict(step) for step in steps]),
        capture_output=True,
        text=True,
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [Done(**each) for each in json.loads(done.stdout)]


def _run(step: Step) -> Done:
    """Run one in this process, its two streams in files."""
    from charrnn.commands.main import main

    held = [Path(path).open("rb") for path in step.held]  # noqa: SIM115
    release = threading.Timer(step.seconds, lambda: [file.close() for file in held])
    release.start()
    sys.argv = ["charrnn", *step.arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        for number, file in enumerate((out, err), 1):
            os.dup2(file.fileno(), number)
        code = 0
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
        except BaseException:
            traceback.print_exc()
            code = -1
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        release.cancel()
        for file in held:
            file.close()
        read = []
        for file in (out, err):
            file.seek(0)
            read.append(file.read().decode())
    return Done(code, *read)


if __name__ == "__main__":
    answer = os.dup(1)
    become_windows()
    ended = [_run(Step(**each)) for each in json.load(sys.stdin)]
    os.write(answer, json.dumps([dataclasses.asdict(done) for done in ended]).encode())
