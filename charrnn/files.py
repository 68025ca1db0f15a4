"""Where charrnn keeps things outside the working directory, and writing: files whole or not at all, and to no one."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import platformdirs

_TEMPORARY = ".tmp"
_PATIENCE = 2.0  # seconds in which what is held by another program is tried again
# What waiting does not mend.
_LASTING = {
    *(errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EXDEV, errno.ENAMETOOLONG, errno.ENOTEMPTY),
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS),
}


def cache_dir() -> Path:
    """What may be deleted at any time: $CHARRNN_CACHE_DIR, else the user's cache. It need not exist."""
    named = os.environ.get("CHARRNN_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("charrnn", appauthor=False)


def data_dir() -> Path:
    """What is kept until it is removed: $CHARRNN_DATA_DIR, else the user's data. It need not exist."""
    named = os.environ.get("CHARRNN_DATA_DIR")
    return Path(named) if named else platformdirs.user_data_path("charrnn", appauthor=False)


def discard_stdout() -> None:
    """Let standard output lead nowhere, once its reader (`| head`) has all it wanted.

    What is left in Python's buffer must have somewhere to go: it would complain again while flushing at exit.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file to read: a pipe would be waited for, and a device may have no end.

    Args:
        path: The file, or a link to it.

    Raises:
        OSError: It cannot be opened, or is no regular file; `strerror` says which.
    """
    flags = ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")  # not every system has all
    descriptor = os.open(path, os.O_RDONLY | sum(getattr(os, flag, 0) for flag in flags))
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary sibling, fsync, rename, fsync of the directory.

    A virus scanner or a program that synchronises folders may hold a file for a moment; the renaming is tried again for
    two seconds.

    Args:
        path: The file, which need not exist; its directory must.
        data: What is in it afterwards.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes 0600
        _patiently(os.replace, temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            _patiently(os.unlink, temporary)
        raise
    if os.name == "posix":
        with contextlib.suppress(OSError):  # the file is there; some file systems of networks cannot do this
            directory = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)


def _patiently(do: Callable[..., object], *arguments: str | Path) -> None:
    """Call until it succeeds, for two seconds at most. Raises OSError."""
    deadline, pause = time.monotonic() + _PATIENCE, 0.01
    while True:
        try:
            do(*arguments)
            return
        except OSError as error:
            if error.errno in _LASTING or time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.25)


def append_to_file(path: Path, data: bytes) -> None:
    """Write at the end of a file all of this or nothing.

    Args:
        path: The file, made if it is not there.
        data: What is added.

    Raises:
        OSError: It cannot be written; what was there is there still, and nothing more.
    """
    with open(path, "ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        except BaseException:
            with contextlib.suppress(OSError):
                file.truncate(size)
            raise


def remove_temporary(directory: Path, names: Iterable[str]) -> None:
    """Remove what a process that was killed while it replaced a file has left beside it.

    Args:
        directory: Where the files are.
        names: What they are called; * stands for anything.
    """
    for name in names:
        for left in directory.glob(f".{name}.*{_TEMPORARY}"):
            with contextlib.suppress(OSError):
                left.unlink()
