"""What an analysis shows, as plain data: one View is a terminal's lines, an HTML page and a picture alike.

An analysis is numbers; its module has a function that makes a View of it:

    def view(analysis: Analysis) -> View:
        return View(
            title="Gates of novel-1",
            remarks=("Karpathy, Johnson and Li (2015) call a gate saturated below 0.1 and above 0.9.",),
            plots=(Plot(name="Forget gates", lines=(Line(points=..., name="layer 1", words="12% are open."),)),),
            tables=(Table(heads=("Layer", "Open"), rows=(("1", "12%"),), figures=("Open",)),),
            texts=(ColouredText(characters=tuple(text), colourings=(Colouring(name="1.37", values=h[:, 36]),)),),
        )

Strings may be anyone's: whoever shows them makes them safe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.plotting.plot import Line, Plot

__all__ = ["PLACES", "ColouredText", "Colouring", "Line", "Plot", "Table", "View"]

PLACES = 5_000  # places of a text that a page shows, at most; of a longer one the first
LEVELS = 4  # colours on either side of the middle


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under heads.

    Attributes:
        heads: Of the columns; the first names what a row is of.
        rows: Cells as they are shown.
        figures: Those heads whose cells are figures, which never break and end at the right.
        name: What stands above it; "" for nothing.
        best: The row that stands out, from 0.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[str, ...] = ()
    name: str = ""
    best: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Colouring:
    """A value of each place of a text, by which it is coloured.

    Attributes:
        name: What is chosen by: a unit such as `1.37`, or `surprise`.
        values: (T,); one that is no number leaves its place as it is.
        low: The value of the strongest colour on one side. From 0 up there is one side.
        high: The value of the strongest colour on the other.
        words: What the values are: `inside quotes, AUC 0.97`.
    """

    name: str
    values: NDArray[np.floating]
    low: float = -1.0
    high: float = 1.0
    words: str = ""

    @property
    def shares(self) -> NDArray[np.float64]:
        """(T,), from -1, or 0 where there is one side, to 1: how strongly each place is coloured. NaN: not at all."""
        values = self.values.astype(np.float64)
        if self.low < 0:
            return np.clip(values / max(-self.low, self.high), -1, 1)
        return np.clip((values - self.low) / ((self.high - self.low) or 1.0), 0, 1)

    @property
    def levels(self) -> NDArray[np.int8]:
        """(T,), from -LEVELS to LEVELS: the shares in as many equal steps; 0 is no colour."""
        steps = np.trunc(np.nan_to_num(self.shares) * (LEVELS + 1))
        return np.clip(steps, -LEVELS, LEVELS).astype(np.int8)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ColouredText:
    """A text, each place of it coloured by a value, and what is shown of a place that is chosen.

    Attributes:
        characters: What stands at each of T places: a character as the text has it, of a model of bytes a byte.
        colourings: By what it is coloured: the first at first, and any other where one can be chosen.
        name: What stands above it; "" for nothing.
        heads: Of what is shown of a place: `("Next", "Probability")`.
        chosen: What is shown of each place, (T, rows, cells): its five likeliest next characters, say.
        shares: (T, rows), from 0 to 1: how strongly what stands below a place is coloured on a terminal; None: not.
        below: Whether a terminal shows the first cells of those rows below each place, as the article of 2015 does.
        each: Whether it is shown by one colouring after the other where none can be chosen, else by the first alone.
        total: Of how many places these are the first; None: there are no more.
    """

    characters: tuple[str, ...]
    colourings: tuple[Colouring, ...]
    name: str = ""
    heads: tuple[str, ...] = ()
    chosen: tuple[tuple[tuple[str, ...], ...], ...] = ()
    shares: NDArray[np.floating] | None = None
    below: bool = False
    each: bool = False
    total: int | None = None

    @property
    def shown_by(self) -> tuple[Colouring | None, ...]:
        """By what it is coloured where none can be chosen, on a terminal and in a picture; None: by nothing."""
        return self.colourings[: None if self.each else 1] or (None,)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class View:
    """All that an analysis shows, in order: title, remarks, plots, tables, texts.

    Attributes:
        title: What stands above it.
        remarks: What a reader must know to read it rightly, and what it says: sentences.
        plots: Those that have no point are left out.
        tables: Tables.
        texts: Coloured texts.
    """

    title: str
    remarks: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()
    texts: tuple[ColouredText, ...] = ()
