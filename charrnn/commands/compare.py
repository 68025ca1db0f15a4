"""`charrnn compare`: how a training went, and which of several went better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands.app import app
from charrnn.commands.runs import CheckpointDir, Json, print_json, report
from charrnn.config import CHECKPOINT_DIR


@app.command()
def compare(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN|CHECKPOINT]...", show_default="the newest run", help="Runs, by name or path, or files."
        ),
    ] = None,
    prime: Annotated[
        str | None, typer.Option("--prime", "-p", show_default="a newline", help="Text every sample begins with.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Makes the same samples again.")] = 1,
    temperature: Annotated[
        float, typer.Option("--temperature", "-t", help="Higher is wilder; 0 takes the likeliest character.")
    ] = 0.8,
    length: Annotated[int, typer.Option("--length", "-n", min=0, help="Characters of a sample; 0: none.")] = 300,
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Compare the snapshots of a run, or several runs and checkpoints: losses, settings that differ, samples.

    All samples have the same prime, seed and temperature. One run shows a sample of every snapshot; several show the
    best of each. The best has the lowest held-out loss, in bits per character (bpc)."""
    from charrnn import comparison

    result = comparison.compare(
        paths or [], root=checkpoint_dir, prime=prime, seed=seed, temperature=temperature, length=length
    )
    if as_json:
        print_json(result.to_dict())
    else:
        from charrnn import terminal

        terminal.show_comparison(terminal.console(), result)
    report(list(result.problems))
