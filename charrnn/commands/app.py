"""The Typer application, which every verb's module adds its command to."""

from __future__ import annotations

from typing import Annotated

import typer

from charrnn._version import __version__

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
