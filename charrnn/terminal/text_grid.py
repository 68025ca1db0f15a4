"""A coloured text in lines of places of a fixed width each, for a terminal and for pictures."""

from __future__ import annotations

from collections.abc import Sequence

from charrnn.formatting import shown_character, visible_line
from charrnn.inspection.view import ColouredText, Colouring
from charrnn.text.graphemes import clusters, columns

_BACK = 16  # columns before the end of a line in which a space ends it


def width(text: str) -> int:
    """The columns that a text takes."""
    return sum(map(columns, clusters(text)))


def shown(text: str) -> str:
    """A cell's text on one line; a character alone is seen whatever it is."""
    return shown_character(text) if len(text) <= 1 else visible_line(text)


def explained(colouring: Colouring, blocks: str = "") -> str:
    """What a colouring is, and what its colours mean, or the blocks that stand for them; safe, in a line."""
    of = visible_line(": ".join(filter(None, (colouring.name, colouring.words))))
    if blocks:
        return f"{of}. Below each character, from {blocks[0]} {colouring.low:g} to {blocks[-1]} {colouring.high:g}."
    low = "blue" if colouring.low < 0 else "bare"
    return f"{of}. Coloured: {low} {colouring.low:g}, red {colouring.high:g}."


def stacks(text: ColouredText, count: int) -> list[list[str]]:
    """What stands at each of the first places: its character, and below it, if so, the first cells of its rows.

    Args:
        text: The text.
        count: How many places.

    Returns:
        As many cells for every place.
    """
    rows = max((len(chosen) for chosen in text.chosen[:count]), default=0) if text.below else 0
    listed = []
    for place, character in enumerate(text.characters[:count]):
        chosen = text.chosen[place] if rows else ()
        below = [shown(row[0]) for row in chosen if row]
        listed.append([" " if character == " " else shown(character), *below, *[""] * (rows - len(below))])
    return listed


def lines(text: ColouredText, stacked: Sequence[Sequence[str]], most: int) -> list[tuple[range, list[int]]]:
    """The lines of a text: they end at newlines, after a space, or where they are full.

    Args:
        text: The text.
        stacked: What stands at its places.
        most: Columns of a line.

    Returns:
        The places of each line, and the columns that each of them takes.
    """
    wide = [max(1, *map(width, stack)) for stack in stacked]
    found, start, column, space, back = [], 0, 0, 0, 0  # `back`: columns up to the last space

    def end(stop: int) -> None:
        places = range(start, stop)
        found.append((places, wide[start:stop]))

    for place, taken in enumerate(wide):
        if column + taken > most and place > start:
            stop = space if space > start and most - back < _BACK else place
            end(stop)
            start, column = stop, sum(wide[stop:place])
        column += taken
        if text.characters[place] == " ":
            space, back = place + 1, column
        if text.characters[place] == "\n":
            end(place + 1)
            start, column = place + 1, 0
    if start < len(wide):
        end(len(wide))
    return found
