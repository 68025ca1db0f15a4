"""Units of a network that are held at a value while it reads and writes: steering, and ablation where that is 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import PARTS, Array, Cell

_MOST = 1e9  # either way: far beyond what any network has, and its square is no infinity yet


@dataclass(frozen=True, slots=True, order=True)
class HeldUnit:
    """A unit, and what it is held at: `1.37=0.9`, or `1.37.c=2`."""

    unit: HiddenUnit
    value: float

    def __post_init__(self) -> None:
        if not abs(self.value) <= _MOST:
            raise ValueError("a number from -1e9 to 1e9 is needed.")

    @classmethod
    def parse(cls, typed: str) -> Self:
        """What was written. Raises ValueError."""
        named, equals, value = typed.partition("=")
        if not equals:
            raise ValueError("a unit and the value to hold it at, such as 1.37=0.9.")
        unit = HiddenUnit.parse(named)
        try:
            return cls(unit, float(value))
        except ValueError:
            raise ValueError(f"a number from -1e9 to 1e9 is needed after {unit}=, such as {unit}=0.9.") from None

    def __str__(self) -> str:
        return f"{self.unit}={self.value:g}"


def held_units(values: Mapping[str, float] | Sequence[HeldUnit], model: ModelConfig) -> tuple[HeldUnit, ...]:
    """Units that are to be held, in their order.

    Args:
        values: Each with its value, by name or as they are.
        model: The network that has them.

    Returns:
        The units.

    Raises:
        UsageError: There is no such unit, a value is no such number, or a unit is held twice.
    """
    units = list[HeldUnit]()
    for each in values.items() if isinstance(values, Mapping) else values:
        if isinstance(each, HeldUnit):
            units.append(each)
            continue
        name, value = each
        try:
            units.append(HeldUnit(HiddenUnit.parse(name), float(value)))
        except (AttributeError, TypeError, ValueError) as error:
            reason = error if isinstance(error, ValueError) else "a number is needed."
            raise UsageError(f"set_units: {name}={value}: {reason}") from None
    for held in units:
        held.unit.check(model)
    if len({held.unit for held in units}) < len(units):
        twice = next(held.unit for held in units if [other.unit for other in units].count(held.unit) > 1)
        raise UsageError(f"unit {twice}: it is held at two values.", "Name each unit once.")
    return tuple(sorted(units))


def holding(cell: Cell, units: Sequence[HeldUnit]) -> Callable[[Array | None], None]:
    """The step of a cell that holds some of its units: it computes all, and then they are what they are held at.

    A cell state is held before the output is made of it, h = o * tanh(c): the output of its unit shows it at once. An
    output is what the layer above reads, and what this one goes on from; the cell state beside it goes its own way.

    Args:
        cell: The cell.
        units: Of its layer.

    Returns:
        What to call instead of `cell.step`.
    """
    cell_states = [(held.unit.number - 1, held.value) for held in units if held.unit.cell]
    outputs = [(held.unit.number - 1, held.value) for held in units if not held.unit.cell]
    step, h, c = cell.step, cell.h, cell.state[-1]
    start = PARTS["lstm"].index("output") * len(h)
    output_gate = cell.made[start : start + len(h)] if cell_states else h

    def held_step(wx: Array | None) -> None:
        step(wx)
        for number, value in cell_states:
            c[number] = value
            h[number] = output_gate[number] * math.tanh(value)
        for number, value in outputs:
            h[number] = value

    return held_step
