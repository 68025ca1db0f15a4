"""The command line's entry point, and the one place where errors become a line and an exit code.

It imports next to nothing until signals are handled: a second of imports follows, and Ctrl-C is no error.
"""

from __future__ import annotations

import os
import sys
import warnings

from charrnn.commands import signals


def main() -> None:
    """Run the command line. Exit codes: 0; 1 an error; 2 usage; and 128 + its number for a signal: 130 Ctrl-C."""
    signals.stop_on_signals()
    try:
        _run()
    except signals.Stopped as stopped:
        signals.tell_stopped(stopped.number)
        raise
    except SystemExit:
        signals.ignore_late_signals()
        raise


def _run() -> None:
    """Run the command line, and exit."""
    # NumPy's threads gain little at one character at a time, and lose nearly everything (5,000 characters a second
    # become 60) while something else, such as a training, keeps the cores busy. Counts only before NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from charrnn.commands import ranks, streams

    streams.prepare()
    # NumPy's, of weights that are out of all bounds: what comes of them is refused by name, where it is no number.
    warnings.filterwarnings("ignore", "(overflow|underflow|invalid value|divide by zero) encountered", RuntimeWarning)
    from charrnn import memory
    from charrnn.commands.app import app
    from charrnn.errors import CharrnnError
    from charrnn.files import discard_stdout

    try:
        try:
            _require_working_directory()
            with ranks.first_tells():
                app()
        finally:
            sys.stdout.flush()  # while what fails can still be said
        return
    except CharrnnError as error:
        failure = error
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # the reader (`| head`) has all it wanted
            discard_stdout()
            sys.exit(0)
        if error.errno is None:
            raise
        if error.filename == streams.STANDARD_OUTPUT:
            discard_stdout()  # what is left in Python's buffer must have somewhere to go at exit
            failure = streams.stdout_error(error)
        elif error.filename is not None:
            failure = CharrnnError(f"{error.filename}: {error.strerror}.")
        else:
            failure = CharrnnError(f"the system: {error.strerror}.")
    except (MemoryError, RuntimeError) as error:
        if not memory.ran_out(error):
            raise
        failure = CharrnnError("memory: there is not enough.", "Close other programs, or ask for less at once.")
    ranks.tell_failure(failure)
    sys.exit(failure.exit_code)


def _require_working_directory() -> None:
    """Raises CharrnnError where the working directory was removed: torch would end without a word of ours."""
    from charrnn.errors import CharrnnError

    try:
        os.getcwd()
    except FileNotFoundError:
        raise CharrnnError("the working directory: is not there any more.", "Change to one that is.") from None
