"""What a program sends to a terminal: a pseudo-terminal stands for it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
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


_SESSION = r"""
import json, os, sys, traceback
from charrnn.commands.main import main
with open(sys.argv[1], encoding="utf-8") as script:
    commands = json.load(script)
for arguments in commands:
    sys.argv = ["charrnn", *arguments]
    try:
        main()
    except SystemExit as left:
        code = left.code
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, b"\0%d\0" % code)
"""


def session_on_terminal(
    commands: Sequence[Sequence[str]], where: Path, environment: Mapping[str, str], timeout: float = 600
) -> list[tuple[bytes, int]]:
    """What each of several commands sends to a terminal that changes nothing in it, on both streams; and its exit code.

    One process runs all of them, in the directory `where`. An exit code of 99 is a traceback.
    """
    pty = pytest.importorskip("pty")
    import termios

    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    script = where / "session.json"
    script.write_text(json.dumps(list(map(list, commands))), "utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", _SESSION, script.name],
        cwd=where, stdin=theirs, stdout=theirs, stderr=theirs, env=environment,
    ) as process:  # fmt: skip
        os.close(theirs)
        received, deadline = b"", time.monotonic() + timeout
        with contextlib.suppress(OSError):
            while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
                received += os.read(ours, 65536)
        process.kill()
        os.close(ours)
    assert time.monotonic() < deadline, f"{received.count(0) // 2} of {len(commands)} done: {received[-500:]!r}"
    *parts, rest = received.split(b"\0")
    assert rest == b"", received
    return [(said, int(code)) for said, code in zip(parts[::2], parts[1::2], strict=True)]
