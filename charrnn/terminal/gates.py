"""The gates of a network on a text, as a terminal shows them."""

from __future__ import annotations

import math

from rich.console import Console

from charrnn.inspection.gates import GateStatistics
from charrnn.terminal.console import open_table, plain, share, show_table


def show_gates(out: Console, statistics: GateStatistics) -> None:
    """How often each gate is saturated, and for how long the units of each layer remember."""
    figures = ["Shut", "Open", "Between", "Units often\nshut", "Units often\nopen"]
    table = open_table("Layer", "Gate", *figures, right=["Layer", *figures])
    for gate in statistics.gates:
        facts = gate.to_dict()
        left, right = facts["saturated_left"], facts["saturated_right"]
        often = [facts["units_often_left"], facts["units_often_right"]]
        cells = [gate.layer, gate.gate, *map(share, (left, right, 1 - left - right)), *often]
        table.add_row(*(plain(cell) for cell in cells))
    show_table(out, table)
    if not statistics.memories:
        return
    out.print()
    columns = ["Lower\nquartile", "Median", "Upper\nquartile"]
    table = open_table("Layer", *columns, "Units that remember for longest", right=["Layer", *columns])
    for memory in statistics.memories:
        longest = ", ".join(f"{unit} {characters_of(figure)}" for unit, figure in memory.longest())
        table.add_row(*(plain(cell) for cell in (memory.layer, *map(characters_of, memory.quartiles), longest)))
    show_table(out, table)


def characters_of(time_constant: float) -> str:
    """A time constant for people: `3.4`, `1,210`, `∞`."""
    if math.isinf(time_constant):
        return "∞"
    return f"{time_constant:.1f}" if time_constant < 99.5 else f"{time_constant:,.0f}"
