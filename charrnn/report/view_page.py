"""What an analysis shows as one HTML page: plots, tables, and texts to be moved through by pointer or arrow keys."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from charrnn._version import __version__
from charrnn.formatting import plural, visible_line
from charrnn.inspection.view import LEVELS, PLACES, ColouredText, Colouring, View
from charrnn.plotting.chart import chart
from charrnn.report import html
from charrnn.terminal.text_grid import shown

COLOURINGS = 64  # by which a text can be coloured on a page, at most
MADE_BY = f"charrnn inspect {__version__}"  # stands near the beginning of every file that is made
STYLES = ("chart.css", "figure.css", "view.css")  # of what is shown here, beside those of all pages
KINDS = {level: f"{'n' if level < 0 else 'p'}{abs(level)}" if level else "" for level in range(-LEVELS, LEVELS + 1)}
_NONE = -128  # the share of a place that has no value


@dataclass(frozen=True, slots=True)
class ShownText:
    """A coloured text as a page shows it, bounded.

    Attributes:
        text: It.
        characters: The class of each place by the first colouring, "" for none, and its character so that it is seen.
        colourings: By which it can be coloured.
        remarks: What of it is not shown.
        data: For the page's script: JSON in which no tag can begin or end.
    """

    text: ColouredText
    characters: tuple[tuple[str, str], ...]
    colourings: tuple[Colouring, ...]
    remarks: tuple[str, ...]
    data: Markup


def page(view: View) -> str:
    """The page.

    Args:
        view: What it shows.

    Returns:
        HTML. Whatever a text or a name holds is text in it; the same view gives the same bytes.
    """
    return html.render(
        "view.html",
        styles=("common.css", *STYLES),
        scripts=("view.js", "scroll.js"),
        title=visible_line(view.title),
        made_by=MADE_BY,
        view=view,
        charts=[drawn for plot in view.plots if (drawn := chart(plot))],
        texts=[shown_text(text) for text in view.texts if text.characters],
    )


def shown_text(text: ColouredText) -> ShownText:
    """A coloured text for a page: the first PLACES of it, and COLOURINGS to choose from.

    Args:
        text: It.

    Returns:
        It, as the macro `coloured` takes it.
    """
    count, colourings = min(len(text.characters), PLACES), text.colourings[:COLOURINGS]
    levels = colourings[0].levels[:count].tolist() if colourings else [0] * count
    remarks = []
    if count < (total := text.total or len(text.characters)):
        remarks.append(f"The first {count:,} of {plural(total, 'character')} are shown.")
    if len(colourings) < len(text.colourings):
        remarks.append(f"By the first {len(colourings)} of {len(text.colourings):,} they can be coloured.")
    return ShownText(
        text=text,
        characters=tuple(
            (KINDS[level], _seen(character)) for level, character in zip(levels, text.characters[:count], strict=True)
        ),
        colourings=colourings,
        remarks=tuple(remarks),
        data=_json(
            {
                "colourings": [_data(colouring, count) for colouring in colourings],
                "heads": [visible_line(head) for head in text.heads],
                "chosen": [[[shown(cell) for cell in row] for row in rows] for rows in text.chosen[:count]],
            }
        ),
    )


def _seen(character: str) -> str:
    """A character of the text: a space is one, and a line goes on after what stands for its end."""
    return " " if character == " " else f"{shown(character)}\n" if character == "\n" else shown(character)


def _data(colouring: Colouring, count: int) -> dict[str, Any]:
    """What the script needs of a colouring: the shares in hundredths, one byte each."""
    hundredths = np.rint(colouring.shares[:count] * 100)
    shares = np.where(np.isnan(hundredths), _NONE, hundredths).astype(np.int8)
    return {
        "name": visible_line(colouring.name),
        "words": visible_line(colouring.words),
        "low": float(colouring.low),
        "high": float(colouring.high),
        "shares": base64.b64encode(shares.tobytes()).decode(),
    }


def _json(values: Any) -> Markup:
    """JSON for a block of a page: of ASCII, and without a `<` that could end it."""
    written = json.dumps(values, separators=(",", ":"), allow_nan=False)
    return Markup(written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
