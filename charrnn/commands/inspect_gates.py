"""`charrnn inspect gates`: how often the gates of a network are saturated, and for how long its units remember."""

from __future__ import annotations

from charrnn.commands.inspected_text import InspectedCheckpoint, InspectedPath, inspected_text, open_checkpoint
from charrnn.commands.options import CheckpointDir, Json, TextEncoding, print_json, with_options
from charrnn.config import CHECKPOINT_DIR, InspectConfig


@with_options
def gates(
    *,
    checkpoint: InspectedCheckpoint,
    text: InspectedPath = None,
    inspection: InspectConfig = InspectConfig(),  # noqa: B008  # it is frozen
    encoding: TextEncoding = "auto",
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Show how often each gate is shut or open, and for how long units remember."""
    from charrnn.inspection.activations import read
    from charrnn.inspection.gates import gate_statistics

    loaded, engine = open_checkpoint(checkpoint, checkpoint_dir)
    inspected = inspected_text(loaded, text, inspection, encoding, checkpoint_dir)
    statistics = gate_statistics(engine.config, read(engine, inspected.ids))
    if as_json:
        print_json({"text": inspected.name} | statistics.to_dict())
        return
    from charrnn.terminal.console import console
    from charrnn.terminal.gates import show_gates

    show_gates(console(), statistics)
