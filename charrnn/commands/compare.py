"""`charrnn compare`: how a training went, and which of several went better."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands.app import app
from charrnn.commands.options import CheckpointDir, Json, chosen_temperatures, print_json, report
from charrnn.config import CHECKPOINT_DIR, TrainConfig

_TEMPERATURE = TrainConfig().sample_temperature
_MEASURED = 50_000  # as charrnn.evaluation.head_to_head has it, which is not imported for the help


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
        float | None,
        typer.Option(
            "--temperature",
            "-t",
            show_default=str(_TEMPERATURE),
            help="Higher is wilder; 0 takes the likeliest character.",
        ),
    ] = None,
    temperatures: Annotated[
        str | None, typer.Option(metavar="T,T,...", help="Samples at each of these temperatures: 0.5,0.8,1.0.")
    ] = None,
    length: Annotated[int, typer.Option("--length", "-n", min=0, help="Characters of a sample; 0: none.")] = 300,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="what the runs held out, if it is the same",
            help="Measure them on this: a file, a folder or a known text.",
        ),
    ] = None,
    text_length: Annotated[int, typer.Option(min=0, help="Characters of it, at most; 0 measures nothing.")] = _MEASURED,
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Compare the snapshots of a run, or several runs and checkpoints: losses, settings that differ, samples.

    All samples have the same prime and seed. One run shows a sample of every snapshot; several show the best of each,
    and are measured on one text. The best has the lowest held-out loss, in bits per character (bpc)."""
    from functools import partial

    from tqdm import tqdm

    from charrnn.commands.text_options import read
    from charrnn.evaluation import comparison

    bar = partial(
        tqdm, total=1, desc="measuring", unit="", delay=0.5, leave=False, bar_format="{desc} {percentage:.0f}%"
    )
    with bar(disable=not sys.stderr.isatty()) as measuring:

        def progress(share: float) -> None:
            measuring.update(share)

        result = comparison.compare(
            paths or [],
            root=checkpoint_dir,
            prime=prime,
            seed=seed,
            temperatures=chosen_temperatures(temperature, temperatures, _TEMPERATURE),
            length=length,
            text=text,
            text_length=text_length,
            read=read,
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        from charrnn.terminal.comparison import show_comparison
        from charrnn.terminal.console import console

        show_comparison(console(), result)
    report(list(result.problems))
