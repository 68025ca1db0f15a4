"""What a program sends to a terminal: a pseudo-terminal stands for it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest


def on_terminal(
    *arguments: str | Path,
    environment: Mapping[str, str],
    with_stderr: bool = False,
    columns: int | None = None,
    typed: bytes = b"",
) -> tuple[bytes, int]:
    """What `charrnn ARGUMENTS` sends to a terminal, on standard output or on standard error, too; and its exit code.

    `typed` is there for it to read.
    """
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    if columns is not None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(ours, typed)
    command = [sys.executable, "-m", "charrnn", *map(str, arguments)]
    stderr = theirs if with_stderr else subprocess.DEVNULL
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=stderr, env=environment) as process:
        os.close(theirs)
        received = b""
        with contextlib.suppress(OSError):  # Linux: EIO once the other side is closed
            while data := os.read(ours, 65536):
                received += data
        os.close(ours)
        return received, process.wait(60)


def text_on_terminal(*arguments: str | Path, environment: Mapping[str, str], columns: int | None = None) -> str:
    """The same of standard output, as text without the terminal's own carriage returns; the program must succeed."""
    received, code = on_terminal(*arguments, environment=environment, columns=columns)
    assert code == 0
    return received.decode().replace("\r\n", "\n")
