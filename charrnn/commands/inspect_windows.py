"""`charrnn inspect windows`: the training windows that a text gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands import text_options
from charrnn.commands.completion import texts
from charrnn.commands.inspect_output import Outputs
from charrnn.commands.notes import tell
from charrnn.commands.options import TextEncoding, with_options
from charrnn.config import InspectConfig, Option, OutputConfig, ReadConfig, TrainConfig
from charrnn.config.option import LAST_SEED
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

_MOST = 20_000  # characters that are shown

SeqLength = Annotated[int, Option("Characters of each window.", low=1, high=1000)]
Shift = Annotated[int | None, Option("Start each window so far after the one before.", low=1, default="seq-length")]
BatchSize = Annotated[int, Option("Read so many streams of the text in parallel.", low=1, high=1000)]
Stateless = Annotated[bool, Option("As `train --stateless`: each window from zeros, in a shuffled order.", switch=True)]
Seed = Annotated[int, Option("Of the shuffled order.", low=0, high=LAST_SEED)]
Count = Annotated[int, Option("Show so many iterations.", low=1, high=1000)]


@with_options
def windows(
    *,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|1..14",
            help="A file, a folder, - for standard input, a name that `charrnn corpora` lists; or a range of numbers, "
            "as if they were characters.",
            autocompletion=texts,
        ),
    ] = "1..14",
    seq_length: SeqLength = 7,
    shift: Shift = None,
    batch_size: BatchSize = 1,
    stateless: Stateless = False,
    seed: Seed = 1,
    count: Count = 8,
    inspection: InspectConfig,
    output: OutputConfig,
    encoding: TextEncoding = "auto",
) -> None:
    """Show the windows that a text is trained in: inputs, targets, and the state that each begins with.

    They are those that `charrnn train` makes of a text of which nothing is held out.
    """
    from charrnn.inspection.windows import Windows, shown, view
    from charrnn.training.windows import Streams

    outputs = Outputs.of(output, text)
    step = TrainConfig(seq_length=seq_length, shift=shift).effective_shift
    name, ids, names = _read(text, inspection, encoding)
    streams = Streams(ids, batch_size, seq_length, step, stateless=stateless, seed=seed)
    shown_count = min(count, streams.per_epoch, max(1, _MOST // (seq_length * batch_size)))
    if shown_count == 0:
        raise UsageError(f"{name}: too short for {batch_size} windows at a time.", "Give a smaller --batch-size.")
    found = Windows(
        name=name,
        size=len(ids),
        seq_length=seq_length,
        shift=step,
        batch_size=batch_size,
        stateless=stateless,
        per_epoch=streams.per_epoch,
        numbered=names is None,
        windows=shown([streams[index] for index in range(shown_count)], names),
    )
    outputs.show(view(found), found.to_dict)


def _read(typed: str, config: InspectConfig, encoding: str) -> tuple[str, NDArray[np.integer], Sequence[str] | None]:
    """What was named, its ids, and what each stands for; None: they are numbers."""
    from charrnn.inspection.windows import numbers

    if (counted := numbers(typed)) is not None:
        return typed, counted, None
    source = text_options.read([typed], ReadConfig(encoding=encoding))
    if len(source.ids) > config.characters:
        tell(f"{source.name}: the first {config.characters:,} of {len(source.ids):,} characters are read")
    return source.name, source.ids[: config.characters], source.vocabulary.characters
