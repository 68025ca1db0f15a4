"""The command line: one Typer application, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from charrnn import __version__
from charrnn.errors import CharrnnError
from charrnn.terminal_text import visible

app = typer.Typer(
    name="charrnn",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        # The ancestors wrote --rnn_size; both spellings work everywhere.
        "token_normalize_func": lambda token: token.replace("_", "-"),
    },
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"charrnn {__version__}")
        raise typer.Exit


@app.callback()
def charrnn(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learn to write like any text, one character at a time, and watch it learn."""


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
    except BrokenPipeError:
        # The reader (`| head`) has all it wanted. Python would complain again while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


from charrnn.commands import compare, corpora, report, runs, sample, score, train  # noqa: E402  (each its verb)

__all__ = ["app", "compare", "corpora", "main", "report", "runs", "sample", "score", "train"]
