"""`charrnn inspect`: what goes on inside a network, on any text."""

from __future__ import annotations

import typer

from charrnn.commands.arguments import Command, Group
from charrnn.commands.inspected_text import InspectedCheckpoint, InspectedPath, inspected_text, open_checkpoint
from charrnn.commands.options import CheckpointDir, Json, TextEncoding, print_json, with_options
from charrnn.config import CHECKPOINT_DIR, InspectConfig

inspect_app = typer.Typer(cls=Group, help="Look inside a network: gradients, gates, units, predictions.")


@inspect_app.callback()
def inspect() -> None:
    """Look inside a network: gradients, gates, units, predictions."""


@inspect_app.command(cls=Command)
@with_options
def predictions(
    *,
    checkpoint: InspectedCheckpoint,
    text: InspectedPath = None,
    inspection: InspectConfig = InspectConfig(characters=60),  # noqa: B008  # it is frozen
    encoding: TextEncoding = "auto",
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Show under each character of a text the likeliest next ones."""
    from charrnn.inspection.predictions import predictions

    loaded, engine = open_checkpoint(checkpoint, checkpoint_dir)
    inspected = inspected_text(loaded, text, inspection, encoding, checkpoint_dir)
    predicted = predictions(engine, loaded.header.vocabulary, inspected.ids)
    if as_json:
        print_json({"text": inspected.name} | predicted.to_dict())
        return
    from charrnn.terminal.console import console
    from charrnn.terminal.predictions import show_predictions

    show_predictions(console(), predicted)
