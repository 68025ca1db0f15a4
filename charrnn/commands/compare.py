"""`charrnn compare`: how a training went, and which of several went better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models
from charrnn.commands.notes import report_skipped
from charrnn.commands.options import CheckpointDir, Json, LossUnits, TextLength, print_json, with_options
from charrnn.config import CHECKPOINT_DIR, COMPARED_LENGTH, Option, SamplingConfig

_SAMPLING = SamplingConfig(length=300, seed=1)


@with_options
def compare(
    *,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN|CHECKPOINT",
            show_default="the newest run",
            help="Runs, by name or path, or files.",
            autocompletion=models,
        ),
    ] = None,
    sampling: SamplingConfig = _SAMPLING,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            show_default="what the runs held out, if it is the same",
            help="Text to compare them on: a file, a folder or a known text.",
        ),
    ] = None,
    text_length: TextLength = COMPARED_LENGTH,
    ngrams: Annotated[
        bool | None,
        Option(
            "Counts beside the networks: in losses and samples, or in neither.",
            default="in losses, which are told without them, too",
        ),
    ] = None,
    units: LossUnits = "bits",
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Compare the snapshots of a run, or several runs and checkpoints: losses, settings that differ, samples.

    All samples have the same prompt and seed. One run shows a sample of every snapshot; several show the best of each,
    and are measured on one text. The best has the lowest held-out loss, in bits per character (bpc).
    """
    from charrnn.commands.text_options import read
    from charrnn.evaluation import comparison
    from charrnn.terminal.progress_bar import share_bar

    with share_bar("measuring") as progress:
        result = comparison.compare(
            paths or [],
            root=checkpoint_dir,
            prime=sampling.prime,
            seed=sampling.seed or 0,
            temperatures=sampling.chosen_temperatures(),
            length=sampling.length or 0,
            text=text,
            text_length=text_length,
            ngrams=ngrams,
            read=read,
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        from charrnn.terminal.comparison import show_comparison
        from charrnn.terminal.console import console

        show_comparison(console(), result, units)
    later_states.tell_of_named(paths or [], checkpoint_dir)
    report_skipped(list(result.problems))
