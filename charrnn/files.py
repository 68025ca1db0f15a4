"""Where charrnn keeps things outside the working directory, and writing: files whole or not at all, and to no one."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import platformdirs


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


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary sibling, fsync, rename, fsync of the directory.

    Args:
        path: The file, which need not exist; its directory must.
        data: What is in it afterwards.

    Raises:
        OSError: It cannot be written; what was there is there still.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp makes 0600
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    if os.name == "posix":
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
