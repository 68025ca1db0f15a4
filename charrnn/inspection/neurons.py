"""Units that track something: for each feature of a text the unit that tells it best, and whether that is chance.

Karpathy, Johnson and Li (2015) found cells of an LSTM that follow quotes, brackets and the length of a line by looking.
Among thousands of units some follow anything by chance, so here they are found in three steps:

1. A unit is chosen on the first half of the text: that with the greatest effect (`ranks`), high or low.
2. It is measured on the second half, which had no say in the choice.
3. Two permutation tests move the feature around the text. On the first half the greatest effect of all units is held
   against the greatest of all units at each move (Westfall and Young, 1993), so that thousands of units count as such.
   On the second half the chosen unit, in its direction, is held against itself. The greater p-value of both counts
   (Berger, 1982), and by Holm's (1979) rule how many features were tried.

So "found" at alpha 0.05 says: of texts that have nothing to do with the states, one in twenty at most has anything
found, and as both halves must agree, far fewer. It does not say that a unit was trained to track: what the last
character tells, such as that a word has ended, is to be seen in some unit of any random network too. So it is told how
much the character tells alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.formatting import plural
from charrnn.inspection.activations import Progress
from charrnn.inspection.features import FEATURES, Counts, Feature, Flags
from charrnn.inspection.ranks import FEWEST_BLOCKS, SHORTEST_BLOCK, MovedFeatures, blocks_in, effect, holm
from charrnn.inspection.unit_values import UnitSource, all_units
from charrnn.network.engine import Engine
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import Array
from charrnn.text.vocabulary import to_code_points

FEWEST_PLACES = 10  # of a feature in each half, to judge units by it
_AT_ONCE = 64  # units that are ranked at a time
_ROUNDING = 1e-5  # of effects in float32


@dataclass(frozen=True, slots=True, eq=False)
class Tracked:
    """The unit that tells a feature best.

    Attributes:
        feature: What it tells.
        unit: Which it is.
        values: (T,), its values, one for each character.
        high: Whether it is high where the feature is, or the count is; else it is low there.
        chosen: Its effect in that direction on the half that it was chosen on.
        measured: The same on the other half; the effect of flags is 2 AUC - 1, of counts the rank correlation.
        by_character: The effect that the character just read has alone, on the other half: each stands for the mean of
            the feature at its places in the half that was chosen on.
        p: The p-value, corrected for all units and features.
        found: Whether p is at most alpha.
    """

    feature: Feature
    unit: HiddenUnit
    values: Array
    high: bool
    chosen: float
    measured: float
    by_character: float
    p: float
    found: bool

    @property
    def figures(self) -> tuple[float, float]:
        """AUC, or rank correlation, on the half that the unit was chosen on and on the other, in its direction."""
        return self.feature.figure(self.chosen), self.feature.figure(self.measured)

    def to_dict(self) -> dict[str, Any]:
        """All but the values, ready for JSON."""
        chosen, measured = self.figures
        return {
            "feature": self.feature.name,
            "meaning": self.feature.meaning,
            "unit": str(self.unit),
            "tracks_by_being": "high" if self.high else "low",
            "measure": self.feature.measure,
            "chosen_half": chosen,
            "measured_half": measured,
            "character_alone": self.feature.figure(self.by_character),
            "p": self.p,
            "found": self.found,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Neurons:
    """The units that tell the features of a text best.

    Attributes:
        text: The T characters, in the order that people read them in.
        tracked: A unit for each feature that the text has, in the order of the features.
        absent: The features that it has too seldom, each with the number of places in either half.
        units: How many units were tried: outputs and, of an LSTM, cell states.
        half: How many characters were chosen on, the first ones, and how many were measured on, the last ones.
        moves: How many moves of the feature the test compares.
        alpha: The level at which a unit is found.
    """

    text: str
    tracked: tuple[Tracked, ...]
    absent: tuple[tuple[Feature, int, int], ...]
    units: int
    half: int
    moves: int
    alpha: float

    @property
    def found(self) -> tuple[Tracked, ...]:
        """Those that are no chance, the surest first: by what was measured."""
        return tuple(sorted((one for one in self.tracked if one.found), key=lambda one: -one.measured))

    def to_dict(self) -> dict[str, Any]:
        """All but the units' values, ready for JSON."""
        return {
            "characters": len(self.text),
            "units": self.units,
            "half": self.half,
            "moves": self.moves,
            "alpha": self.alpha,
            "features": [tracked.to_dict() for tracked in self.tracked],
            "absent": [
                {"feature": feature.name, "meaning": feature.meaning, "places": list(places)}
                for feature, *places in self.absent
            ],
        }


@dataclass(slots=True, eq=False)
class _Best:
    """The best unit for a feature so far, and the greatest effect of any at each move."""

    null: Array  # (K,)
    effect: float = 0.0  # rounded, with its sign
    unit: HiddenUnit | None = None


def neurons(
    engine: Engine,
    text: str,
    ids: NDArray[np.intp],
    ends: NDArray[np.intp],
    *,
    features: Sequence[Feature] = FEATURES,
    alpha: float = 0.05,
) -> Neurons:
    """Find the units that track features of a text.

    Args:
        engine: The network.
        text: T characters, in the order that people read them in.
        ids: What the network reads, (n,), in its own order.
        ends: (T,), for each character the place in `ids` at which it is read; of several the last one read. They rise,
            or, of a network that reads from the end, fall.
        features: What to look for.
        alpha: The chance that anything is found where there is nothing, above 0 and below 1.

    Returns:
        For each feature the best unit, and whether it is found.

    Raises:
        CorpusError: The text is too short for two halves.
        UsageError: There is not enough memory.
        DivergedError: The outputs of the model are not numbers.
    """
    backward = bool(ends[0] > ends[-1])
    return find_tracking(all_units(engine, ids, ends), text, features=features, alpha=alpha, backward=backward)


def find_tracking(
    source: UnitSource,
    text: str,
    *,
    features: Sequence[Feature] = FEATURES,
    alpha: float = 0.05,
    backward: bool = False,
    progress: Progress | None = None,
) -> Neurons:
    """The same of units from anywhere; `backward` says that they read from the end of the text, `progress` is told."""
    moves = blocks_in(len(text) // 2)
    if not moves:
        least = 2 * FEWEST_BLOCKS * SHORTEST_BLOCK
        raise CorpusError(
            f"{plural(len(text), 'character')}: too few to choose units on one half and measure them on the other.",
            f"Give a text of at least {least:,}; --unit 1.1 shows a unit on any.",
        )
    half = len(text) // 2 // moves * moves
    first, second = slice(0, half), slice(len(text) - half, len(text))
    present: list[tuple[Feature, Flags | Counts]] = []
    absent: list[tuple[Feature, int, int]] = []
    for feature in features:
        series = feature.read(text, backward=backward)
        places = feature.places(series[first]), feature.places(series[second])
        if min(places) < FEWEST_PLACES:
            absent.append((feature, *places))
        else:
            present.append((feature, series))
    best = _search(source, half, [series[first] for _, series in present], moves, progress)
    chosen_units = [one.unit for one in best if one.unit is not None]
    every = source.whole(chosen_units) if chosen_units else np.empty((0, len(text)), dtype=np.float32)
    p_values = holm(
        [_p_value(*each, moves) for each in zip(best, every[:, second], (of[second] for _, of in present), strict=True)]
    )
    _, characters = np.unique(to_code_points(text), return_inverse=True)
    tracked = []
    for one, unit, values, (feature, series), p in zip(
        best, chosen_units, every, present, p_values.tolist(), strict=True
    ):
        sign = -1.0 if one.effect < 0 else 1.0
        chosen, measured = (sign * effect(values[part], series[part]) for part in (first, second))
        alone = effect(_means(characters[first], series[first], characters)[second], series[second])
        tracked.append(Tracked(feature, unit, values, sign > 0, chosen, measured, alone, p, p <= alpha))
    return Neurons(text, tuple(tracked), tuple(absent), source.count, half, moves, alpha)


def _means(read: NDArray[np.intp], series: Flags | Counts, characters: NDArray[np.intp]) -> NDArray[np.float64]:
    """For each character of a text, (T,), the mean of a feature where it was read, (n,); for others the mean of all."""
    count = int(characters.max()) + 1
    places = np.bincount(read, minlength=count)
    sums = np.bincount(read, weights=series, minlength=count)
    return np.asarray(np.where(places, sums / np.maximum(places, 1), series.mean())[characters])


def _search(
    source: UnitSource,
    half: int,
    features: Sequence[Flags | Counts],
    moves: int,
    progress: Progress | None = None,
) -> list[_Best]:
    """For each feature of the first characters the unit with the greatest effect, of equal ones the first."""
    if not features:
        return []
    best, moved = [_Best(np.zeros(moves, dtype=np.float32)) for _ in features], MovedFeatures(features, moves)
    count = source.count
    for units, values in source.first(half):
        for start in range(0, len(units), _AT_ONCE):
            effects = moved.effects(values[start : start + _AT_ONCE])
            greatest = np.abs(effects).max(axis=1)  # (K, F)
            rounded = np.round(effects[0] / _ROUNDING) * _ROUNDING  # (U, F)
            for column, (one, at) in enumerate(zip(best, np.abs(rounded).argmax(axis=0).tolist(), strict=True)):
                np.maximum(one.null, greatest[:, column], out=one.null)
                here = float(rounded[at, column])
                if one.unit is None or abs(here) > abs(one.effect):
                    one.effect, one.unit = here, units[start + at]
            if progress:
                progress(len(units[start : start + _AT_ONCE]) / count)
    return best


def _p_value(best: _Best, values: Array, feature: Flags | Counts, moves: int) -> float:
    """That of the unit which was chosen for a feature: the greater of the first half's and the second half's.

    `values`, (half,), and the feature are those of the second half.
    """
    effects = MovedFeatures([feature], moves).effects(values[None])[:, 0, 0]
    return max(_share_as_great(best.null), _share_as_great(effects if best.effect >= 0 else -effects))


def _share_as_great(effects: Array) -> float:
    """Of the effects at every move, (K,), the share that is as great as the first, but for rounding."""
    return float((effects >= effects[0] - _ROUNDING).mean())
