"""The Typer application: every verb is a command of it."""

from __future__ import annotations

from typing import Annotated

import typer

from charrnn._version import __version__
from charrnn.commands import compare, corpora, fill, inspect, plan, ranks, report, restore, runs, sample, score, train
from charrnn.commands.arguments import Command, Group

app = typer.Typer(
    name="charrnn",
    cls=Group,
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
    context: typer.Context,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learn to write like any text, one character at a time, and watch it learn."""
    if context.invoked_subcommand != "train":
        ranks.only_first()


for verb in (
    train.train,
    plan.plan,
    sample.sample,
    fill.fill,
    restore.restore,
    compare.compare,
    report.report,
    score.score,
):
    app.command(cls=Command)(verb)
app.add_typer(inspect.inspect_app, name="inspect")
app.add_typer(runs.runs_app, name="runs")
app.add_typer(corpora.corpora_app, name="corpora")
