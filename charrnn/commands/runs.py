"""`charrnn runs`: what has been trained, and where a checkpoint comes from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands import later_states
from charrnn.commands.arguments import Command, Group
from charrnn.commands.completion import models
from charrnn.commands.notes import report_skipped, tell, tell_skipped
from charrnn.commands.options import RUNS, CheckpointDir, Json, print_json, was_typed
from charrnn.config import CHECKPOINT_DIR
from charrnn.errors import UsageError

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
        tell(f"No runs in {checkpoint_dir} yet. Train one: charrnn train TEXT", prefix="")
    later_states.tell(summary.run for summary in listed)
    report_skipped([problem for summary in listed for problem in summary.run.problems])


@runs_app.command(cls=Command)
def show(
    context: typer.Context,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHECKPOINT|RUN",
            show_default="the newest run",
            help="A run stands for its best.",
            autocompletion=models,
        ),
    ] = None,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    as_json: Json = False,
) -> None:
    """Show where a checkpoint comes from: text, settings, losses, sample; and verify its checksum."""
    from charrnn.runs import listing
    from charrnn.runs.find import find_checkpoint

    outer_dir, outer_json = context.obj  # the options may stand before the verb, too
    root = checkpoint_dir if was_typed(context, "checkpoint_dir") else outer_dir
    facts = listing.provenance(path := find_checkpoint(checkpoint, root, tell_skipped))
    later_states.tell_of_found(checkpoint, path, root)
    if as_json or outer_json:
        print_json(facts)
    else:
        from charrnn.terminal.console import console
        from charrnn.terminal.runs import show_provenance

        show_provenance(console(), facts)


@runs_app.command(cls=Command)
def delete(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="RUN", help=RUNS, autocompletion=models)],
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete runs, after asking: what charrnn wrote into them. Files of others are kept, and named."""
    from charrnn.formatting import few, plural, size
    from charrnn.runs import deletion
    from charrnn.runs.find import find_run

    root = checkpoint_dir if was_typed(context, "checkpoint_dir") else context.obj[0]
    found = {run.path.resolve(): run for run in (find_run(path, root) for path in paths)}
    for run in found.values():
        deletion.check(run)
    for run in found.values():
        tell(f"{run.path}: {plural(len(run.snapshots), 'snapshot')}, {size(run.size)}", prefix="")
    if not yes:
        _ask("Delete this run?" if len(found) == 1 else f"Delete these {len(found)} runs?")
    for run in found.values():
        others = deletion.delete(run)
        kept = f", but for what is not charrnn's: {few(others)}" if others else ""
        tell(f"deleted {run.path}{kept}", prefix="")


def _ask(question: str) -> None:
    """Raises UsageError where nobody can be asked, Exit with code 1 unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError("standard input is no terminal to ask at.", "Nothing was deleted; to delete, add --yes.")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        tell("nothing was deleted", prefix="")
        raise typer.Exit(1)
