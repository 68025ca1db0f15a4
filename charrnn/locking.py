"""Locks of the operating system on open files: a process has one until it ends, however that is."""

from __future__ import annotations

import errno
import os
import sys

_HELD = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}  # what locking fails with where another has it


def lock(descriptor: int) -> bool:
    """Take the lock on an open file.

    Args:
        descriptor: Of the file.

    Returns:
        Whether it could be had: False where another process has it.

    Raises:
        OSError: There are no locks here.
    """
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
