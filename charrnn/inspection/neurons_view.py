"""How units on a text are shown: what they track, and the text in their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charrnn.formatting import plural
from charrnn.inspection.features import Feature
from charrnn.inspection.neurons import Neurons, Tracked
from charrnn.inspection.unit_values import UnitValues
from charrnn.inspection.view import PLACES, ColouredText, Colouring, Table, View
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.numpy_cells import Array

PASSAGE = 300  # characters that are shown of a text for each feature
_TOLD = 3  # features that are told of a unit
_STRONGEST = 0.99
_LINE = 80  # characters by which a passage may begin earlier, so that it begins with a line or a word


def passage(series: ArrayLike, start: int, stop: int, length: int = PASSAGE) -> slice:
    """The passage of a text in which something changes most.

    Args:
        series: Its value at every character, (T,).
        start: The first character that is looked at.
        stop: The first one after those.
        length: How many characters the passage has, if there are as many.

    Returns:
        Where it lies: the part of the greatest variance, of equal ones the first.

    >>> passage([0, 0, 0, 0, 0, 1, 0, 0], 0, 8, 4)
    slice(2, 6, None)
    """
    values: NDArray[np.float64] = np.asarray(series, dtype=np.float64)[start:stop]
    length = min(length, len(values))
    if length == 0:
        return slice(start, start)
    values = values - values.mean()
    sums, squares = (np.concatenate([[0.0], np.cumsum(part)]) for part in (values, values**2))
    variance = (squares[length:] - squares[:-length]) / length - ((sums[length:] - sums[:-length]) / length) ** 2
    at = start + int(np.argmax(np.round(variance, 9)))
    return slice(at, at + length)


def tracking_view(result: Neurons, title: str) -> View:
    """The units that track something: a table of all features, and of each that is found a passage in its colours.

    Args:
        result: What was found.
        title: What stands above it.

    Returns:
        What is shown.
    """
    found = result.found
    return View(
        title=title,
        remarks=tuple(_remarks(result)),
        tables=(_table(result),) if result.tracked else (),
        texts=tuple(_coloured(result, tracked, found) for tracked in found),
    )


def units_view(shown: UnitValues, title: str) -> View:
    """A text in the colours of some units, its first characters, and what each goes with.

    Args:
        shown: The units on the text.
        title: What stands above it.

    Returns:
        What is shown.
    """
    count = min(PLACES, len(shown.text))
    colourings = tuple(
        _colouring(unit, values, slice(0, count), _told(effects))
        for unit, values, effects in zip(shown.units, shown.values, shown.effects, strict=True)
    )
    characters = tuple(shown.text[:count])
    text = ColouredText(characters=characters, colourings=colourings, each=True, total=len(shown.text))
    return View(title=title, texts=(text,))


def _told(effects: Sequence[tuple[Feature, float]]) -> str:
    """The features that a unit goes with most: `low: inside quotes (AUC 0.98); high: digit (AUC 0.60); ...`."""
    return "; ".join(
        f"{'low' if size < 0 else 'high'}: {feature.name} ({feature.measure} {feature.figure(abs(size)):.3f})"
        for feature, size in effects[:_TOLD]
    )


def _remarks(result: Neurons) -> list[str]:
    """What a reader must know."""
    remarks = [
        f"{plural(result.units, 'unit')}, each tried on each feature: chosen on the first {result.half:,} characters, "
        f"measured on the last {result.half:,}. AUC is the probability that the unit is higher (lower, where it says "
        "so) at a place with the feature than at one without: 0.5 is chance, 1 is always. Counts go by their rank "
        "correlation. Letter: what the character just read would tell alone."
    ]
    if result.tracked:
        remarks.append(
            f"p: how often chance does as well, for all units and features, by {result.moves:,} moves of the feature "
            f"around the text; found is what has at most {result.alpha:g}."
        )
    if result.absent:
        seldom = ", ".join(f"{feature.name} ({first:,} and {last:,})" for feature, first, last in result.absent)
        remarks.append(f"Too seldom in this text to judge, with their places in either half: {seldom}.")
    return remarks


def _table(result: Neurons) -> Table:
    """A row for each feature that the text has."""
    figures = ("Chosen", "Measured", "Letter", "p")
    rows = [
        (
            tracked.feature.name,
            f"{tracked.unit} {'high' if tracked.high else 'low'}",
            "rank" if tracked.feature.counted else "AUC",
            *(
                f"{figure:.3f}"
                for figure in (*tracked.figures, tracked.feature.figure(tracked.by_character), tracked.p)
            ),
            "found" if tracked.found else "",
        )
        for tracked in result.tracked
    ]
    return Table(heads=("Feature", "Unit", "By", *figures, ""), rows=tuple(rows), figures=figures)


def _coloured(result: Neurons, tracked: Tracked, found: Sequence[Tracked]) -> ColouredText:
    """A passage of the half that was measured on, by the unit of one feature and by those of the others."""
    half = slice(len(result.text) - result.half, len(result.text))
    where = _whole_line(result.text, passage(tracked.feature.of(result.text), half.start, half.stop))
    colourings = [
        _colouring(one.unit, one.values, where, _words(one), half)
        for one in (tracked, *(other for other in found if other is not tracked))
    ]
    name = f"{tracked.feature.name[0].upper()}{tracked.feature.name[1:]}"  # and `URL` as it is
    return ColouredText(characters=tuple(result.text[where]), colourings=tuple(colourings), name=name)


def _whole_line(text: str, where: slice) -> slice:
    """A passage moved so that it begins with a line, or else with a word, if one begins not far before."""
    earliest = max(0, where.start - _LINE)
    start = max(text.rfind("\n", earliest, where.start), -1) + 1 or text.rfind(" ", earliest, where.start) + 1
    start = start or where.start
    return slice(start, start + where.stop - where.start)


def _words(tracked: Tracked) -> str:
    """What a unit tracks and how well: `low inside quotes, AUC 0.98`."""
    level = "high" if tracked.high else "low"
    return f"{level}: {tracked.feature.name}, {tracked.feature.measure} {tracked.figures[1]:.3f}"


def _colouring(unit: HiddenUnit, values: Array, where: slice, words: str, of: slice | None = None) -> Colouring:
    """A unit's values on a passage, in the strongest colour where they are among the greatest hundredth of the text's.

    `of` is the part of the text that these are taken from, all of it by default. Of a cell state it is tanh c, what the
    output gate lets through: c itself grows and grows where a cell counts.
    """
    shown = np.tanh(values) if unit.cell else values
    bound = max(0.01, round(float(np.quantile(np.abs(shown if of is None else shown[of]), _STRONGEST)), 2))
    name = f"tanh {unit}" if unit.cell else str(unit)
    return Colouring(name=name, values=shown[where], low=-bound, high=bound, words=words)
