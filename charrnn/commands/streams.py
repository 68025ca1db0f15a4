"""The three standard streams, whatever a shell, a terminal or a full disk made of them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

from charrnn.errors import CharrnnError
from charrnn.terminal import output

STANDARD_OUTPUT = "standard output"


class _Output(io.FileIO):
    """What is written goes out, be it to a pipe that does not block."""

    def write(self, data: Any, /) -> int:
        """Write. An OSError names what it is about; a BrokenPipeError has no number, which is exit code 1 to Typer."""
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except BrokenPipeError:
            raise BrokenPipeError from None
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            raise
        return written


class _Messages(_Output):
    """What cannot be written is dropped: no work ends because nobody can be told of it."""

    def write(self, data: Any, /) -> int:
        """Write."""
        with contextlib.suppress(OSError):
            return super().write(data)
        return len(data)


def prepare() -> None:
    """Let standard output fail only with an OSError where it is used, and standard error not at all.

    Files and pipes get UTF-8 whatever the locale; a terminal shows what it can, and nothing fails for the rest. Nothing
    on a terminal or on standard error, which may be kept and looked at, is obeyed by a terminal but what is charrnn's.
    """
    _open_closed(0, os.O_RDONLY)
    _open_closed(1, os.O_RDONLY)  # so that writing fails there, and no file that is opened later takes its number
    _open_closed(2, os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # for good
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout, _Output)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr, _Messages)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")
    # Rich, which makes Typer's help, would leave out colours and not what is bold, and takes a dumb terminal for wide.
    if output.refuses_styles():
        os.environ.setdefault("_TYPER_FORCE_DISABLE_TERMINAL", "1")


def _open_closed(descriptor: int, mode: int) -> None:
    """Give a standard stream that was closed (`>&-`) the null device."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, mode)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def _stream(descriptor: int, before: TextIO | None, kind: type[_Output]) -> TextIO:
    """A standard stream that writes as `kind` does; a console of Windows, which is no file, as it did."""
    unbuffered = False
    if isinstance(before, io.TextIOWrapper):
        if type(getattr(before.buffer, "raw", before.buffer)) is not io.FileIO:
            return output.SafeText(before.buffer, before.encoding, line_buffering=True)
        unbuffered = before.write_through  # `python -u`
    raw = kind(descriptor, "w", closefd=False)
    text = output.SafeText if raw.isatty() or descriptor == 2 else io.TextIOWrapper
    return text(
        io.BufferedWriter(raw, 1 if unbuffered else io.DEFAULT_BUFFER_SIZE),
        encoding=before.encoding if before else "utf-8",
        line_buffering=raw.isatty() or descriptor == 2,
        write_through=unbuffered,
    )


def stdout_error(error: OSError) -> CharrnnError:
    """What there is to say where standard output cannot be written."""
    if error.errno == errno.EBADF:
        return CharrnnError(f"{STANDARD_OUTPUT}: is closed.")
    advice = "Free space?" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return CharrnnError(f"{STANDARD_OUTPUT}: cannot be written ({error.strerror}).", advice)
