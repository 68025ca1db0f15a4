"""Paths as people typed them: opened without waiting, told apart by short names, and shown on one line."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from pathlib import Path, PurePath
from typing import IO

from charrnn.errors import CorpusError

# What would break a line, or cannot be written as UTF-8: controls, line separators, undecodable bytes of file names.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str | Path, placeholder: str = "\N{REPLACEMENT CHARACTER}") -> str:
    r"""A path on one line that can be written as UTF-8.

    >>> printable("two\nlines.txt", "?")
    'two?lines.txt'
    """
    return _UNPRINTABLE.sub(placeholder, str(text))


def unreadable(path: str | Path, error: OSError | ValueError) -> CorpusError:
    """The error to raise for a path that the operating system refuses to read."""
    reason = getattr(error, "strerror", None) or error
    return CorpusError(f"{printable(path)}: cannot be read ({reason}).", "Check the path and its permissions.")


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file, unbuffered; nothing else is touched, since opening a FIFO waits for its other end.

    Raises:
        CorpusError: It cannot be read, or is no regular file.
    """
    try:
        if stat.S_ISREG(os.stat(path).st_mode):
            file = open(path, "rb", buffering=0)  # noqa: SIM115  (the caller's to close)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
    except (OSError, ValueError) as error:  # ValueError: a NUL in its name
        raise unreadable(path, error) from None
    raise CorpusError(f"{printable(path)}: is not a regular file.", "Name a text file.")


def version_of(status: os.stat_result) -> tuple[int, int]:
    """What tells whether a file is still as it was: its size and when it was changed.

    Not its inode number: FAT and some network drives make a new one at each opening, and while a file is open it
    cannot change.
    """
    return status.st_size, status.st_mtime_ns


def distinct_names(files: list[tuple[Path, int]]) -> list[str]:
    """Short names by which paths can be told apart.

    Args:
        files: Paths, and how many of the last parts of each are its name.

    Returns:
        The last parts of each path: as many as given with it, and more where another path would have the same name.

    >>> distinct_names([(Path("/books/a.txt"), 1), (Path("/drafts/a.txt"), 1), (Path("/drafts/b.txt"), 1)])
    ['books/a.txt', 'drafts/a.txt', 'b.txt']
    """
    paths = [Path(os.path.abspath(path)).parts for path, _ in files]
    depths = [depth for _, depth in files]
    while True:
        names = [PurePath(*parts[-depth:]).as_posix() for parts, depth in zip(paths, depths, strict=True)]
        bearers = Counter(name for name, _ in set(zip(names, paths, strict=True)))
        if all(count == 1 for count in bearers.values()):
            return names
        depths = [depth + (bearers[name] > 1) for depth, name in zip(depths, names, strict=True)]
