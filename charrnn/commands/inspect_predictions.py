"""`charrnn inspect predictions`: under each character of a text the likeliest next ones."""

from __future__ import annotations

from typing import Annotated

from charrnn.commands.inspect_output import Outputs
from charrnn.commands.inspected_text import InspectedCheckpoint, InspectedPath, inspected_text, open_checkpoint
from charrnn.commands.notes import tell
from charrnn.commands.options import CheckpointDir, TextEncoding, with_options
from charrnn.config import CHECKPOINT_DIR, InspectConfig, Option, OutputConfig

Count = Annotated[int, Option("Show so many of the likeliest characters.", low=1, high=100)]


@with_options
def predictions(
    *,
    checkpoint: InspectedCheckpoint,
    text: InspectedPath = None,
    inspection: InspectConfig = InspectConfig(characters=60),  # noqa: B008  # it is frozen
    count: Count = 5,
    output: OutputConfig,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Show under each character of a text the likeliest next ones."""
    from charrnn.inspection.predictions import predictions, view
    from charrnn.terminal.progress_bar import share_bar

    outputs = Outputs.of(output, text, models=[checkpoint], root=checkpoint_dir)
    loaded, engine = open_checkpoint(checkpoint, checkpoint_dir, text)
    inspected = inspected_text(loaded, text, inspection, encoding, checkpoint_dir)
    if loaded.mixes(None):
        tell("the network alone predicts, without the counts beside it")
    with share_bar("reading") as progress:
        predicted = predictions(engine, loaded.header.vocabulary, inspected.ids, count, progress)
    title = f"What {checkpoint} expected of {inspected.name}"
    outputs.show(view(predicted, title), lambda: {"text": inspected.name} | predicted.to_dict())
