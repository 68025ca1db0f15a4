"""The command line's entry point, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from charrnn.commands import streams
from charrnn.commands.app import app
from charrnn.commands.notes import tell
from charrnn.errors import CharrnnError
from charrnn.files import discard_stdout


def main() -> None:
    """Run the command line. Exit codes: 0; 1 an error; 2 usage; and 128 + its number for a signal: 130 Ctrl-C."""
    # NumPy's threads gain little at one character at a time, and lose nearly everything (5,000 characters a second
    # become 60) while something else, such as a training, keeps the cores busy. Counts only before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    streams.prepare()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # while what fails can still be said
    except CharrnnError as error:
        _leave(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader (`| head`) has all it wanted
            discard_stdout()
            sys.exit(0)
        if error.errno is None:
            raise
        if error.filename is not None:
            _leave(CharrnnError(f"{error.filename}: {error.strerror}."))
        discard_stdout()  # what is left in Python's buffer must have somewhere to go at exit
        _leave(streams.stdout_error(error))


def _leave(error: CharrnnError) -> NoReturn:
    """Say what went wrong, and exit."""
    tell(error)
    sys.exit(error.exit_code)
