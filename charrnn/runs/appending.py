"""Files that grow at their end: by whole lines or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from charrnn.files import open_own, second_descriptor


def append_lines(path: Path, data: bytes) -> None:
    """Write lines at the end of a file, all of them or nothing. A last line without an end is ended first.

    Args:
        path: The file, made if it is not there.
        data: What is added.

    Raises:
        OSError: It cannot be written; what was there is there still, and nothing more.
    """
    descriptor = open_own(path)
    with second_descriptor(descriptor) as second:
        size = os.fstat(second).st_size
        try:
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                file.seek(max(0, size - 1))
                if file.read(1) not in (b"", b"\n"):
                    data = b"\n" + data
                rest = memoryview(data)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(second, size)
            raise


def sync_file(path: Path) -> None:
    """Let what was appended to a file outlast a power failure. Raises OSError."""
    descriptor = open_own(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
