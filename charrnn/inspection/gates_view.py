"""What is shown of gates: how often each is shut and open, unit by unit, and for how long they remember."""

from __future__ import annotations

import math

from charrnn.formatting import CHARACTER, Unit, plural
from charrnn.inspection.gates import OFTEN, GateActivity, GateStatistics, Memory
from charrnn.inspection.view import Line, Plot, Table, View


def view(statistics: GateStatistics, title: str, unit: Unit = CHARACTER) -> View:
    """What there is to see.

    Args:
        statistics: The gates of a network.
        title: What stands above it.
        unit: What the network reads one by one.

    Returns:
        A scatter for each gate, of a point (open, shut) for each unit; time constants; and both as tables.
    """
    return View(
        title=title,
        remarks=(
            f"{plural(statistics.characters, unit.one)} were read. {_meaning(statistics)}",
            *(_remark(memory, unit) for memory in statistics.memories),
        ),
        plots=(*_scatters(statistics, unit), *_of_memories(statistics.memories, unit)),
        tables=(
            _table(statistics, unit),
            *([_memory_table(statistics.memories, unit)] if statistics.memories else []),
        ),
    )


def _meaning(statistics: GateStatistics) -> str:
    """What shut and open are."""
    model, (low, high) = statistics.model, statistics.thresholds
    if model.model != "rnn":
        return (
            f"A gate is shut, or saturated left, below {low:g}, and open, or saturated right, above {high:g} "
            "(Karpathy, Johnson and Li, 2015, figure 3)."
        )
    if model.nonlinearity == "relu":
        return "A plain RNN has no gates. What is told is how often a unit's output h is 0, where no gradient passes."
    return (
        f"A plain RNN has no gates. What is told is how often a unit's output h is saturated, low below {low:g} or "
        f"high above {high:g}, where little of a gradient passes."
    )


def _words(statistics: GateStatistics) -> tuple[str, str]:
    """What saturated left and right are called."""
    if statistics.model.model != "rnn":
        return "Shut", "Open"
    return ("At 0", "") if statistics.model.nonlinearity == "relu" else ("Low", "High")


def _remark(memory: Memory, unit: Unit) -> str:
    """What there is to say of a layer's memory."""
    _, median, _ = memory.quartiles
    [(name, longest)] = memory.longest(1)
    return (
        f"Layer {memory.layer}: by its mean {memory.gate} gate, half of the units have lost 63% of what they held "
        f"after {characters_of(median)} {unit.many}; {name} takes longest, {characters_of(longest)} {unit.many}."
    )


def _scatters(statistics: GateStatistics, unit: Unit) -> list[Plot]:
    """A plot for each gate, in which a layer has a mark of its own."""
    if statistics.model.nonlinearity == "relu":
        return []  # nothing is saturated on the other side
    low, high = (word.lower() for word in _words(statistics))
    plots = []
    for name in dict.fromkeys(gate.gate for gate in statistics.gates):
        lines = tuple(
            Line(
                points=tuple(zip(gate.right.tolist(), gate.left.tolist(), strict=True)),
                number=gate.layer - 1,
                name=f"layer {gate.layer}",
                words=f"{gate.right.mean():.0%} {high}, {gate.left.mean():.0%} {low}",
                scattered=True,
                point_names=tuple(f"{gate.layer}.{number}" for number in range(1, len(gate.left) + 1)),
            )
            for gate in statistics.gates
            if gate.gate == name
        )
        plots.append(
            Plot(
                name="Outputs" if name == "h" else f"{name.capitalize()} gates",
                lines=lines,
                across=f"share of the {unit.many} at which a unit is {high}",
                up=f"share {low}",
                across_range=(0.0, 1.0),
                up_range=(0.0, 1.0),
                note="A point is a unit. At the right it is nearly always "
                f"{high}, at the top nearly always {low}, at the origin between.",
            )
        )
    return plots


def _of_memories(memories: tuple[Memory, ...], unit: Unit) -> list[Plot]:
    """The time constants of the units of each layer, in order."""
    if not memories:
        return []
    lines = []
    for memory in memories:
        ordered = sorted(memory.time_constants.tolist())
        shares = [(number / len(ordered), characters) for number, characters in enumerate(ordered, 1)]
        low, median, high = map(characters_of, memory.quartiles)
        lines.append(
            Line(
                points=tuple(point for point in shares if 0 < point[1] < math.inf),
                number=memory.layer - 1,
                name=f"layer {memory.layer}",
                words=f"half of the units from {low} to {high}, median {median} {unit.many}",
            )
        )
    plot = Plot(
        name="How long units remember",
        lines=tuple(lines),
        across="share of the units that have at most this time constant",
        up=unit.many,
        across_range=(0.0, 1.0),
        log_y=True,
        note=f"In so many {unit.many} what a unit holds falls to 1/e, by its mean gate m: -1 / ln m.",
    )
    return [plot]


def _table(statistics: GateStatistics, unit: Unit) -> Table:
    """A row for each gate of each layer."""
    low, high = _words(statistics)
    often = [f"Often {word.lower()}" for word in (low, high) if word]
    heads = ("Layer", "Gate", *filter(None, (low, high)), "Between", *often)
    two = bool(high)

    def row(gate: GateActivity) -> tuple[str, ...]:
        left, right = float(gate.left.mean()), float(gate.right.mean())
        shares = (left, right, 1 - left - right) if two else (left, 1 - left)
        units = (gate.left, gate.right) if two else (gate.left,)
        counts = (f"{int((side > OFTEN).sum()):,}" for side in units)
        return (str(gate.layer), gate.gate, *(f"{share:.0%}" for share in shares), *counts)

    rows = tuple(map(row, statistics.gates))
    figures = tuple(head for head in heads if head != "Gate")
    name = f"Shares of units and {unit.many}. Often: units that are so at more than {OFTEN:.0%} of the {unit.many}"
    return Table(heads=heads, rows=rows, figures=figures, name=name)


def _memory_table(memories: tuple[Memory, ...], unit: Unit) -> Table:
    """A row for each layer."""
    heads = ("Layer", "Lower quartile", "Median", "Upper quartile", "For longest")
    rows = []
    for memory in memories:
        longest = ", ".join(f"{name} {characters_of(figure)}" for name, figure in memory.longest())
        rows.append((str(memory.layer), *map(characters_of, memory.quartiles), longest))
    return Table(heads=heads, rows=tuple(rows), figures=heads[:-1], name=f"Time constants, in {unit.many}")


def characters_of(time_constant: float) -> str:
    """A time constant for people.

    >>> characters_of(3.42), characters_of(1210.4), characters_of(math.inf)
    ('3.4', '1,210', '∞')
    """
    if math.isinf(time_constant):
        return "∞"
    return f"{time_constant:.1f}" if time_constant < 99.5 else f"{time_constant:,.0f}"
