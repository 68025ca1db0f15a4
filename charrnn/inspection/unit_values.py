"""The values that units have at the characters of a text, and how they go with its features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn import memory
from charrnn.formatting import plural
from charrnn.inspection.activations import Progress, read
from charrnn.inspection.features import FEATURES, Feature
from charrnn.inspection.ranks import effect
from charrnn.network.engine import Engine
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import Array


@dataclass(frozen=True, slots=True, eq=False)
class UnitValues:
    """Some units on a text.

    Attributes:
        text: The T characters, in the order that people read them in.
        units: Which, U of them.
        values: (U, T), theirs.
        effects: For each unit the features that the text has, with its effect on each (`ranks.effect`), the greatest
            first. They are not tested: some feature is always the greatest.
    """

    text: str
    units: tuple[HiddenUnit, ...]
    values: Array
    effects: tuple[tuple[tuple[Feature, float], ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "content": self.text,
            "units": [
                {
                    "unit": str(unit),
                    "values": values.tolist(),
                    "features": [
                        {"feature": feature.name, "measure": feature.measure, "value": feature.figure(size)}
                        for feature, size in effects
                    ],
                }
                for unit, values, effects in zip(self.units, self.values, self.effects, strict=True)
            ],
        }


def unit_values(
    engine: Engine,
    text: str,
    ids: NDArray[np.intp],
    ends: NDArray[np.intp],
    units: Sequence[HiddenUnit],
    progress: Progress | None = None,
) -> UnitValues:
    """Some units on a text.

    Args:
        engine: The network.
        text: T characters, in the order that people read them in.
        ids: What the network reads, (n,).
        ends: (T,), as `neurons` has them.
        units: Which.
        progress: Of the reading.

    Returns:
        Their values, and how they go with the features of the text.

    Raises:
        UsageError: There is no such unit, or not enough memory.
        DivergedError: The outputs of the model are not numbers.
    """
    values, backward = values_of(engine, ids, ends, units, progress), bool(ends[0] > ends[-1])
    series = [(feature, feature.read(text, backward=backward)) for feature in FEATURES]
    present = [(feature, those) for feature, those in series if feature.places(those) and len(np.unique(those)) > 1]
    effects = [
        tuple(sorted(((feature, effect(of_unit, those)) for feature, those in present), key=lambda pair: -abs(pair[1])))
        for of_unit in values
    ]
    return UnitValues(text, tuple(units), values, tuple(effects))


def units_of(engine: Engine) -> list[HiddenUnit]:
    """All units of a network: layer by layer its outputs and, of an LSTM, then its cell states."""
    config = engine.config
    kinds = (False, True) if config.model == "lstm" else (False,)
    return [
        HiddenUnit(layer, number, cell)
        for layer in range(1, config.num_layers + 1)
        for cell in kinds
        for number in range(1, config.rnn_size + 1)
    ]


def values_of(
    engine: Engine,
    ids: NDArray[np.intp],
    ends: NDArray[np.intp],
    units: Sequence[HiddenUnit],
    progress: Progress | None = None,
) -> Array:
    """The values of some units at every character.

    Args:
        engine: The network.
        ids: What it reads, (n,).
        ends: (T,), as `neurons` has them.
        units: Which, U of them.
        progress: Of the reading.

    Returns:
        (U, T).

    Raises:
        UsageError: There is no such unit, or not enough memory.
        DivergedError: The outputs of the model are not numbers.
    """
    for unit in units:
        unit.check(engine.config)
    every = {unit: column for column, unit in enumerate(units_of(engine))}
    return _collect(engine, ids, ends, np.array([every[unit] for unit in units], dtype=np.intp), progress)


def _collect(
    engine: Engine,
    ids: NDArray[np.intp],
    ends: NDArray[np.intp],
    columns: NDArray[np.intp],
    progress: Progress | None = None,
) -> Array:
    """The values (U, T) of those units whose places in `units_of` are given, (U,)."""
    falling = bool(ends[0] > ends[-1])
    rising = ends[::-1] if falling else ends
    what = f"the states of {plural(len(ends), 'character')}"
    memory.require(4 * len(columns) * len(ends), what, "Lower --characters.")
    values = np.empty((len(columns), len(ends)), dtype=np.float32)
    start = done = 0
    for part in read(engine, ids[: rising[-1] + 1], progress=progress):
        upto = int(np.searchsorted(rising, start + len(part)))
        states = [parts for layer in part.layers for parts in (layer.h, layer.c) if parts is not None]
        here = rising[done:upto] - start
        values[:, done:upto] = np.concatenate(states, axis=1)[:, columns].T[:, here]
        start, done = start + len(part), upto
    return values[:, ::-1] if falling else values


class UnitSource(Protocol):
    """Units whose values are asked for group by group."""

    @property
    def count(self) -> int:
        """How many units there are."""

    def first(self, count: int) -> Iterator[tuple[Sequence[HiddenUnit], Array]]:
        """All units, some at a time, each time with their values at the first characters, (U, count)."""

    def whole(self, units: Sequence[HiddenUnit]) -> Array:
        """The values of some at every character, (U, T)."""


class HeldUnits:
    """Units whose values are at hand."""

    def __init__(self, units: Sequence[HiddenUnit], values: Array) -> None:
        """`values` are (U, T)."""
        self.units, self.values = units, values

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.units)

    def first(self, count: int) -> Iterator[tuple[Sequence[HiddenUnit], Array]]:
        """All units, with their values at the first characters, (U, count)."""
        yield self.units, self.values[:, :count]

    def whole(self, units: Sequence[HiddenUnit]) -> Array:
        """The values of some at every character, (U, T)."""
        place = {unit: row for row, unit in enumerate(self.units)}
        return self.values[[place[unit] for unit in units]]


class RereadUnits:
    """Units of a network that reads the text again whenever values are asked for, and for no more than may be held."""

    def __init__(self, engine: Engine, ids: NDArray[np.intp], ends: NDArray[np.intp], held: int) -> None:
        """`held` is how many bytes of values may be held at a time."""
        self.engine, self.ids, self.ends, self.held = engine, ids, ends, held

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(units_of(self.engine))

    def first(self, count: int) -> Iterator[tuple[Sequence[HiddenUnit], Array]]:
        """All units, some at a time, each time with their values at the first characters, (U, count)."""
        units = units_of(self.engine)
        parts = -(-4 * count * len(units) // self.held)
        for places in np.array_split(np.arange(len(units)), min(parts, len(units))):
            of_these = [units[place] for place in places.tolist()]
            yield of_these, _collect(self.engine, self.ids, self.ends[:count], places)

    def whole(self, units: Sequence[HiddenUnit]) -> Array:
        """The values of some at every character, (U, T)."""
        return values_of(self.engine, self.ids, self.ends, units)


def all_units(
    engine: Engine, ids: NDArray[np.intp], ends: NDArray[np.intp], progress: Progress | None = None
) -> UnitSource:
    """All units of a network on a text, held if there is room for all; the arguments are those of `values_of`."""
    units = units_of(engine)
    if 4 * len(units) * len(ends) <= _HELD:
        return HeldUnits(units, values_of(engine, ids, ends, units, progress))
    return RereadUnits(engine, ids, ends, _HELD)


_HELD = 450_000_000  # bytes of values, at a time
