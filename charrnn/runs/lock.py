"""A run is trained by one process at a time: it holds a lock of the operating system, which never outlives it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from charrnn.errors import RunError
from charrnn.runs.run import Run

LOCK = ".lock"

_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # what locking fails with where another has it


class RunLock:
    """The right to train a run, from when it is made until it is released.

    The file says who has it, and is removed with it; one that a killed process left is as good as none.
    """

    def __init__(self, run: Run, warn: Callable[[str], None]) -> None:
        """Take the lock.

        Args:
            run: The run, whose directory is there.
            warn: Is told where there are no locks, as on some file systems of networks; then there is none.

        Raises:
            RunError: Another process has it.
        """
        self._path = run.path / LOCK
        self._descriptor: int | None = None
        try:
            self._descriptor = _locked(self._path)
        except OSError as error:
            warn(f"{run.path}: cannot be locked ({error.strerror}). Let no other process train this run.")
            return
        if self._descriptor is None:
            raise RunError(f"{run.path}: is being trained by {_holder(self._path)}.", "Stop it first, or wait.")
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps(holder).encode())

    def release(self) -> None:
        """Let others have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        if os.name == "posix":  # while nobody else can have it: who has opened it by now will see that it is gone
            with contextlib.suppress(OSError):  # its directory may have gone, or be read-only by now
                self._path.unlink()
        os.close(descriptor)
        if os.name != "posix":  # an open file cannot be removed
            with contextlib.suppress(OSError):
                self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder_of(run: Run) -> str | None:
    """Who trains a run just now: a process and its host in words; None where nobody does."""
    path = run.path / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _lock(descriptor) else _holder(path)
    except OSError:  # there are no locks here
        return None
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """A descriptor of the file, locked; None where another process has it. Raises OSError where there are no locks."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _lock(descriptor):
                os.close(descriptor)
                return None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        os.close(descriptor)  # it was removed between opening and locking: it is another file's turn


def _lock(descriptor: int) -> bool:
    """Whether the lock could be had. Raises OSError where there are no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # beyond what is in the file, which others may read
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise
    return True


def _holder(path: Path) -> str:
    """Who has the lock, in words."""
    for _ in range(10):
        time.sleep(0.05)  # it may have been taken this moment, and not be written yet
        try:
            holder = json.loads(path.read_text("utf-8"))
            return f"process {holder['process']:d} on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "another process"
