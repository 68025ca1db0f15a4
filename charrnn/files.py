"""Where charrnn keeps things outside the working directory, and writing: files whole or not at all, and to no one."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import platformdirs

from charrnn import locking

_TEMPORARY = ".tmp"
_LONGEST_NAME = 48  # characters of a file's name that are in that of its temporary sibling, which may have 255 bytes
_PATIENCE = 2.0  # seconds in which what is held by another program is tried again
# What waiting does not mend.
_LASTING = {
    *(errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EXDEV, errno.ENAMETOOLONG, errno.ENOTEMPTY),
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS),
}
# What fsync of a directory fails with where there is no such thing, or only reading is not allowed.
_UNSUPPORTED = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM}


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


def _flags(*names: str) -> int:
    """Flags of `os.open` by name; not every system has all."""
    return sum(getattr(os, name, 0) for name in names)


def open_regular(path: Path, largest: int | None = None) -> BufferedReader:
    """Open a regular file to read: a pipe would be waited for, and a device may have no end.

    Args:
        path: The file, or a link to it.
        largest: Bytes that it has at most; None: as many as it likes.

    Raises:
        OSError: It cannot be opened, is no regular file, or is larger; `strerror` says which.
    """
    descriptor = os.open(path, os.O_RDONLY | _flags("O_NONBLOCK", "O_NOCTTY", "O_BINARY"))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        if largest is not None and status.st_size > largest:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, as `replacing` does.

    Args:
        path: The file, which need not exist; its directory must.
        data: What is in it afterwards.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    with replacing(path) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a file whole or not at all: temporary sibling, fsync, rename, fsync of the directory.

    What leaves the `with` by an exception leaves the file as it was. It gets the permissions that the umask leaves, or
    has those of the file it replaces. A link is replaced itself: what it led to is not written.

    A virus scanner or a program that synchronises folders may hold a file for a moment; the renaming is tried again for
    two seconds.

    Args:
        path: The file, which need not exist; its directory must.

    Yields:
        What is written to.

    Raises:
        OSError: It cannot be written; what was there is there still. Or the new one is, but a power failure might undo
            that: the directory could not be synchronised.
    """
    descriptor, temporary = _create_temporary(path)
    try:
        # It stays locked until it is renamed. (Elsewhere an open file cannot be.)
        with second_descriptor(descriptor) if os.name == "posix" else contextlib.nullcontext():
            with os.fdopen(descriptor, "wb") as file:
                _keep_permissions(file.fileno(), path)
                yield file
                file.flush()
                os.fsync(file.fileno())
            _patiently(os.replace, temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            _patiently(os.unlink, temporary)
        raise
    sync_directory(path.parent)


@contextlib.contextmanager
def second_descriptor(descriptor: int) -> Iterator[int]:
    """A second descriptor of an open file, with its lock, for what is to be done once the first has been closed.

    Remote disks and those with quotas may tell only then that something was not written.

    Args:
        descriptor: The first, which is closed if there can be no second.

    Yields:
        The second.

    Raises:
        OSError: There can be none.
    """
    second = -1
    try:
        second = os.dup(descriptor)
        yield second
    finally:
        with contextlib.suppress(OSError):  # the first has told
            os.close(second if second >= 0 else descriptor)


def _create_temporary(path: Path) -> tuple[int, Path]:
    """A new file beside one, with the permissions that the umask leaves (those of `tempfile` are for its owner alone).

    It is locked while it is written, unlike what a killed process has left, which `remove_temporary` removes.

    Returns:
        A descriptor to write with, and the file.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _flags("O_BINARY")
    while True:
        temporary = path.parent / f".{_shortened(path)}.{os.urandom(4).hex()}{_TEMPORARY}"
        try:
            descriptor = os.open(temporary, flags, 0o666)
        except FileExistsError:
            continue
        if os.name != "posix":  # an open file cannot be removed
            return descriptor, temporary
        with contextlib.suppress(OSError):  # where there are no locks, nothing is taken for a leftover
            locking.lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor, temporary
        os.close(descriptor)  # it was taken for one before it was locked


def _shortened(path: Path) -> str:
    """What a file's temporary sibling has of its name."""
    return path.name[:_LONGEST_NAME]


def temporaries_of(path: Path) -> str:
    """What `remove_temporary` is to be given for one file, whatever it is called."""
    return glob.escape(_shortened(path))


def _keep_permissions(descriptor: int, path: Path) -> None:
    """Give a new file the owner and permissions of the one that it is to replace, as far as that is allowed."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):  # there is none, most of the time
        before, new = path.lstat(), os.fstat(descriptor)
        if stat.S_ISREG(before.st_mode):
            if (before.st_uid, before.st_gid) != (new.st_uid, new.st_gid):
                with contextlib.suppress(OSError):
                    os.fchown(descriptor, before.st_uid, before.st_gid)
            os.fchmod(descriptor, before.st_mode & 0o777)


def sync_directory(path: Path) -> None:
    """Let what was made, renamed or removed in a directory outlast a power failure, where the system can do that.

    Raises:
        OSError: It failed.
    """
    if os.name != "posix":
        return
    try:
        directory = os.open(path, os.O_RDONLY | _flags("O_DIRECTORY"))
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise


def make_directory(path: Path) -> None:
    """Make a directory and those above it, if they are not there, so that a power failure does not take them away.

    Raises:
        OSError: It cannot be made.
    """
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for directory in missing:
        sync_directory(directory.parent)


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


def open_own(path: Path, access: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a file that charrnn writes: never what a link in its place leads to, nor a device or a pipe.

    Args:
        path: The file.
        access: Flags of `os.open`.

    Returns:
        A descriptor.

    Raises:
        OSError: It cannot be opened, or is no regular file.
    """
    try:
        descriptor = os.open(path, access | _flags("O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_BINARY"), 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "Is a link", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return descriptor


def remove_temporary(directory: Path, names: Iterable[str] = ("*",)) -> None:
    """Remove what processes that were killed while they replaced a file have left beside it; not what is being written.

    Args:
        directory: Where the files are.
        names: What they are called, where that is short; * stands for anything. See `temporaries_of`.
    """
    for name in names:
        for left in directory.glob(f".{name}.*{_TEMPORARY}"):
            with contextlib.suppress(OSError):
                _remove_unlocked(left)


def _remove_unlocked(path: Path) -> None:
    """Remove a file unless a process has it locked. Raises OSError if that cannot be told, or it cannot be removed."""
    if os.name != "posix":
        path.unlink()  # fails where it is open
        return
    descriptor = open_own(path, os.O_RDWR)
    try:
        if locking.lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)


def is_temporary(path: Path) -> bool:
    """Whether a file is called as what a process leaves that was killed while it replaced another."""
    return path.name.startswith(".") and path.name.endswith(_TEMPORARY)
