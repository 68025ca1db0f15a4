"""The command line's entry point, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import io
import os
import sys

from charrnn.commands.app import app
from charrnn.errors import CharrnnError
from charrnn.formatting import visible


def _speak_utf8() -> None:
    """Files and pipes get UTF-8 whatever the locale; a terminal shows what it can, and nothing fails for the rest."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="replace")


def main() -> None:
    """Run the command line. Exit codes: 0; 1 an error; 2 usage; 130 Ctrl-C, 143 terminated."""
    # NumPy's threads gain little at one character at a time, and lose nearly everything (5,000 characters a second
    # become 60) while something else, such as a training, keeps the cores busy. Counts only before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _speak_utf8()
    try:
        app()
    except CharrnnError as error:
        line = visible(str(error)).replace("\n", "␊")  # it may name a file that others named
        print(f"charrnn: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        from charrnn.files import discard_stdout

        discard_stdout()  # what is left in Python's buffer must have somewhere to go at exit
        if isinstance(error, BrokenPipeError):  # the reader (`| head`) has all it wanted
            sys.exit(0)
        print(f"charrnn: standard output: cannot be written ({error.strerror}). Free space?", file=sys.stderr)
        sys.exit(1)
