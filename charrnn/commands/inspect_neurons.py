"""`charrnn inspect neurons`: units that track something, and a text in the colours of any unit."""

from __future__ import annotations

from typing import Annotated, cast

from charrnn.commands.inspect_output import Outputs
from charrnn.commands.inspected_text import InspectedCheckpoint, InspectedPath, inspected_text, open_checkpoint
from charrnn.commands.options import CheckpointDir, TextEncoding, with_options
from charrnn.config import CHECKPOINT_DIR, InspectConfig, Option, OutputConfig
from charrnn.network.hidden_unit import HiddenUnit

Units = Annotated[
    list[str] | None,  # each read by `parse`
    Option(
        "Colour the text by this unit, as 1.37 (unit 37 of layer 1) or 1.37.c (its cell state), instead of looking for "
        "what units track; may be given several times.",
        metavar="UNIT",
        parse=HiddenUnit.parse,
    ),
]
Alpha = Annotated[
    float, Option("The chance that anything is found where there is nothing to be found.", above=0, below=1)
]


@with_options
def neurons(
    *,
    checkpoint: InspectedCheckpoint,
    text: InspectedPath = None,
    unit: Units = None,
    alpha: Alpha = 0.05,
    inspection: InspectConfig = InspectConfig(),  # noqa: B008  # it is frozen
    output: OutputConfig,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
) -> None:
    """Find the units that track quotes, brackets, lines, words and sentences, and show the text in their colours.

    Units are chosen on the first half of the text and measured on the second; a permutation test rules chance out.
    """
    from charrnn.inspection import neurons_view
    from charrnn.inspection.neurons import find_tracking
    from charrnn.inspection.unit_values import all_units, unit_values
    from charrnn.terminal.progress_bar import share_bar

    outputs = Outputs.of(output, text, models=[checkpoint], root=checkpoint_dir)
    loaded, engine = open_checkpoint(checkpoint, checkpoint_dir, text)
    units = list(dict.fromkeys(cast("list[HiddenUnit]", unit or [])))
    for one in units:
        one.check(engine.config)
    inspected = inspected_text(loaded, text, inspection, encoding, checkpoint_dir)
    vocabulary = loaded.header.vocabulary
    as_written, ends = inspected.text[vocabulary.order], inspected.read.ends[vocabulary.order]
    name = {"text": inspected.name}
    if units:
        with share_bar("reading") as progress:
            shown = unit_values(engine, as_written, inspected.ids, ends, units, progress)
        outputs.show(
            neurons_view.units_view(shown, f"Units of {checkpoint} on {inspected.name}"), lambda: name | shown.to_dict()
        )
        return
    with share_bar("reading") as progress:
        every = all_units(engine, inspected.ids, ends, progress)
    with share_bar("trying units") as progress:
        result = find_tracking(every, as_written, alpha=alpha, backward=vocabulary.backward, progress=progress)
    title = f"Units of {checkpoint} that track something in {inspected.name}"
    outputs.show(neurons_view.tracking_view(result, title), lambda: name | result.to_dict())
