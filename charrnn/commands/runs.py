"""`charrnn runs`: what has been trained, and where a checkpoint comes from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands.arguments import Command, Group
from charrnn.commands.options import CheckpointDir, Json, print_json, report, was_typed
from charrnn.config import CHECKPOINT_DIR

runs_app = typer.Typer(cls=Group, help="List the runs, newest first.", invoke_without_command=True)


@runs_app.callback()
def runs(context: typer.Context, checkpoint_dir: CheckpointDir = CHECKPOINT_DIR, as_json: Json = False) -> None:
    """List the runs, newest first, with their snapshots and the best held-out loss."""
    if context.invoked_subcommand is not None:
        context.obj = (checkpoint_dir, as_json)
        return
    from charrnn.runs import listing

    # Before the first training the default place does not exist; a place that was named and is missing is an error.
    missing = checkpoint_dir == CHECKPOINT_DIR and not checkpoint_dir.exists()
    listed = [] if missing else listing.listing(checkpoint_dir)
    if as_json:
        print_json({"runs": [summary.to_dict() for summary in listed]})
    elif listed:
        from charrnn.terminal.console import console
        from charrnn.terminal.runs import show_listing

        show_listing(console(), listed)
    if not listed:
        print(f"No runs in {checkpoint_dir} yet. Train one: charrnn train TEXT", file=sys.stderr)
    report([problem for summary in listed for problem in summary.run.problems])


@runs_app.command(cls=Command)
def show(
    context: typer.Context,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="CHECKPOINT|RUN", show_default="the newest run", help="A run stands for its best."),
    ] = None,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    as_json: Json = False,
) -> None:
    """Show where a checkpoint comes from: text, settings, losses, sample; and verify its checksum."""
    from charrnn.runs import listing
    from charrnn.runs.find import find_checkpoint

    outer_dir, outer_json = context.obj  # the options may stand before the verb, too
    root = checkpoint_dir if was_typed(context, "checkpoint_dir") else outer_dir
    facts = listing.provenance(find_checkpoint(checkpoint, root))
    if as_json or outer_json:
        print_json(facts)
    else:
        from charrnn.terminal.console import console
        from charrnn.terminal.runs import show_provenance

        show_provenance(console(), facts)
