"""A run is trained by one process at a time: it holds a lock of the operating system, which never outlives it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from charrnn import locking
from charrnn.errors import RunError
from charrnn.files import open_own, open_regular
from charrnn.runs.run import Run

LOCK = ".lock"
_TRIES, _PAUSE = 5, 0.05  # to take the lock, and seconds in between
_LONGEST_HOLDER = 4096  # bytes of what the file says
_MAKE_WRITABLE = "Make it writable, then give the same command again."

_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}  # what making a file fails with in a place that is read-only


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
            RunError: Another process has it, or the directory is read-only.
        """
        self._path, self._warn = run.path / LOCK, warn
        self._descriptor: int | None = None
        self._take()

    def _take(self) -> None:
        try:
            descriptor = _patiently_locked(self._path)
        except OSError as error:
            if error.errno in _FORBIDDEN and error.filename is not None:  # it was the opening that failed
                raise RunError(f"{self._path}: cannot be written ({error.strerror}).", _MAKE_WRITABLE) from None
            self._warn(
                f"{self._path.parent}: cannot be locked ({error.strerror}). Let no other process train this run."
            )
            return
        if descriptor is None:
            raise RunError(
                f"{self._path.parent}: is being trained by {_holder(self._path)}.", "Stop it first, or wait."
            )
        self._close()
        self._descriptor = descriptor
        holder = {"process": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(holder).encode())

    def renew(self) -> None:
        """Take it again where its file has gone, as with a directory that was removed, be it made anew or not.

        Raises:
            RunError: Another process has it by now, or it cannot be made.
        """
        if self._descriptor is not None and not _is_open(self._path, self._descriptor):
            self._take()

    def release(self) -> None:
        """Let others have it."""
        if self._descriptor is None:
            return
        ours = _is_open(self._path, self._descriptor)
        if os.name != "posix":  # an open file cannot be removed
            self._close()
        if ours:  # while nobody else can have it: who has opened it by now will see that it is gone
            with contextlib.suppress(OSError):  # its directory may be read-only by now
                self._path.unlink()
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):  # it is closed, and who holds it is told to others alone
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def holder_of(run: Run) -> str | None:
    """Who trains a run just now: a process and its host in words; None where nobody does."""
    path = run.path / LOCK
    try:
        descriptor = _open_present(path)
    except OSError:
        return None
    try:
        return None if locking.lock(descriptor) else _holder(path)
    except OSError:  # there are no locks here
        return None
    finally:
        os.close(descriptor)


def _open_present(path: Path) -> int:
    """Open a lock file that is there, be it another user's, which may only be read. Raises OSError."""
    try:
        return open_own(path, os.O_RDWR)
    except PermissionError:
        return open_own(path, os.O_RDONLY)


def _patiently_locked(path: Path) -> int | None:
    """As `_locked`; who only looks whether somebody has it, as readers do, has it himself for a moment."""
    for _ in range(_TRIES - 1):
        if (descriptor := _locked(path)) is not None:
            return descriptor
        time.sleep(_PAUSE)
    return _locked(path)


def _locked(path: Path) -> int | None:
    """A descriptor of the file, locked; None where another process has it. Raises OSError where there are no locks."""
    while True:
        descriptor = open_own(path)
        try:
            if not locking.lock(descriptor):
                os.close(descriptor)
                return None
            if _is_open(path, descriptor):
                return descriptor
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        os.close(descriptor)  # it was removed between opening and locking: it is another file's turn


def _is_open(path: Path, descriptor: int) -> bool:
    """Whether this is the file that a descriptor is of, and no other that has taken its place."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return False


def _holder(path: Path) -> str:
    """Who has the lock, in words."""
    for _ in range(10):
        time.sleep(0.05)  # it may have been taken this moment, and not be written yet
        try:
            with open_regular(path) as file:
                holder = json.loads(file.read(_LONGEST_HOLDER))
            return f"process {holder['process']:d} on {holder['host']}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return "another process"
