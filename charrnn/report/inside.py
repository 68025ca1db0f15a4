"""What goes on inside the network of a run, for its page: gates, units that track something, a text in colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.errors import CharrnnError, CorpusError
from charrnn.inspection import gates_view, neurons_view
from charrnn.inspection.activations import Activations
from charrnn.inspection.activations import read as read_parts
from charrnn.inspection.gates import gate_statistics
from charrnn.inspection.neurons import find_tracking
from charrnn.inspection.unit_values import HeldUnits, units_of
from charrnn.inspection.view import View
from charrnn.network.engine import Engine
from charrnn.network.numpy_cells import Array
from charrnn.plotting.chart import Chart, chart
from charrnn.report.view_page import ShownText, shown_text
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.training_text import TrainingText
from charrnn.text.model_input import input_from_beginning

_LEAST = 2  # characters that there is anything to see in

Reach = Callable[[Checkpoint, str], View | None]  # how far gradients reach on a text; None where torch is missing


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """What there is to see, bounded: one text for each network, coloured by any of the units that were found.

    Attributes:
        name: What the text is called.
        characters: How many of it were read.
        views: Gates, units, and how far gradients reach.
    """

    name: str
    characters: int
    views: tuple[View, ...]

    @property
    def drawn(self) -> list[tuple[View, list[Chart], list[ShownText]]]:
        """Each view with its charts and texts, as a page takes them."""
        return [
            (
                view,
                [drawn for plot in view.plots if (drawn := chart(plot))],
                [shown_text(text) for text in view.texts],
            )
            for view in self.views
        ]


def inside(loaded: Checkpoint, engine: Engine, source: TrainingText, most: int, reach: Reach | None) -> Inside | str:
    """Look inside the network of a checkpoint, on the longest held-out part of its own text.

    Args:
        loaded: The checkpoint.
        engine: Its network.
        source: Its very text.
        most: Characters to read, at most.
        reach: What tells how far gradients reach; None: that is left out.

    Returns:
        What there is to see, or why there is nothing, in a sentence.

    Raises:
        DivergedError: The outputs of the model are not numbers.
        UsageError: There is not enough memory.
    """
    text = source.longest_held_out(most)[0]
    if len(text) < _LEAST:
        return "nothing of its text was held out."
    vocabulary = loaded.header.vocabulary
    read = input_from_beginning(vocabulary, text)
    memory.require(
        2 * 4 * len(units_of(engine)) * len(read.ids), f"the states of {len(text):,} characters", "Lower --inside."
    )
    states: list[Array] = []
    views = [
        gates_view.view(gate_statistics(engine.config, _keeping(engine, read.ids, states)), "Gates", vocabulary.unit)
    ]
    values = np.concatenate(states).T[:, read.ends[vocabulary.order]]
    try:
        found_units = find_tracking(HeldUnits(units_of(engine), values), text, backward=vocabulary.backward)
        tracking = neurons_view.tracking_view(found_units, "Units")
        views.append(replace(tracking, texts=tracking.texts[:1]))
    except CorpusError as error:
        views.append(View(title="Units", remarks=(f"What they track was not looked for: {error.what}",)))
    if reach:
        try:
            found = reach(loaded, text)
        except CharrnnError as error:
            found = View(title="Gradients", remarks=(f"How far they reach was not measured: {error.what}",))
        views += [found] if found else []
    return Inside(source.corpus.measured.name, len(text), tuple(views))


def _keeping(engine: Engine, ids: NDArray[np.intp], states: list[Array]) -> Iterator[Activations]:
    """Read a text once for all: its activations pass, and the values of all units (n, U) are kept."""
    for part in read_parts(engine, ids):
        states.append(
            np.concatenate([kept for layer in part.layers for kept in (layer.h, layer.c) if kept is not None], 1)
        )
        yield part
