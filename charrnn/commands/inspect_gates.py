"""`charrnn inspect gates`: how often the gates of a network are saturated, and for how long its units remember."""

from __future__ import annotations

from charrnn.commands.inspect_output import Outputs
from charrnn.commands.inspected_text import InspectedCheckpoint, InspectedPath, inspected_text, open_checkpoint
from charrnn.commands.options import CheckpointDir, TextEncoding, with_options
from charrnn.config import CHECKPOINT_DIR, InspectConfig, OutputConfig


@with_options
def gates(
    *,
    checkpoint: InspectedCheckpoint,
    text: InspectedPath = None,
    inspection: InspectConfig = InspectConfig(),  # noqa: B008  # it is frozen
    output: OutputConfig,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Show how often each gate is shut or open, and for how long units remember."""
    outputs = Outputs.of(output, text, models=[checkpoint], root=checkpoint_dir)
    from charrnn.inspection.activations import read
    from charrnn.inspection.gates import gate_statistics
    from charrnn.inspection.gates_view import view
    from charrnn.terminal.progress_bar import share_bar

    loaded, engine = open_checkpoint(checkpoint, checkpoint_dir, text)
    inspected = inspected_text(loaded, text, inspection, encoding, checkpoint_dir)
    with share_bar("reading") as progress:
        statistics = gate_statistics(engine.config, read(engine, inspected.ids, progress=progress))
    title = f"Gates of {checkpoint} on {inspected.name}"
    outputs.show(view(statistics, title, inspected.unit), lambda: {"text": inspected.name} | statistics.to_dict())
