"""Views made by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from charrnn.inspection.view import ColouredText, Colouring, Line, Plot, Table, View

HOSTILE = "</script><script>alert(1)</script>\x1b[31m\u202ee\u0301名前\n\udc9b&amp;\"'{{ 7*7 }} "


def plot(**settings: Any) -> Plot:
    """Three lines with bands over a logarithmic axis."""
    lines = tuple(
        Line(
            number=number,
            points=[(k, 0.5 ** (k / half)) for k in range(257)],
            name=f"layer {number + 1}",
            words=f"half-life {half} characters.",
            band=[(k, 0.25 ** (k / half), 0.9 * 0.6 ** (k / half)) for k in range(257)],
        )
        for number, half in enumerate((9, 30, 90))
    )
    return Plot(**{"name": "Reach", "lines": lines, "across": "characters back", "log_y": True} | settings)


def scatter() -> Plot:
    """Points with names in a square."""
    places = [(number / 10, number / 20) for number in range(11)]
    points = Line(points=places, name="layer 1", scattered=True, point_names=[f"1.{number}" for number in range(11)])
    return Plot(name="Gates", lines=(points,), across="open", up="shut", across_range=(0, 1), up_range=(0, 1))


def text(characters: str, units: int = 3, **settings: Any) -> ColouredText:
    """A text by units that swing, each place with its five likeliest."""
    at = np.arange(len(characters))
    colourings = tuple(
        Colouring(name=f"1.{unit + 1}", values=np.sin(at / (unit + 2)), words=f"swings {unit}") for unit in range(units)
    )
    likeliest = (("e", "40%"), (" ", "20%"), ("\n", "9%"), ("<", "5%"), ("a", "1%"))
    rows = (likeliest,) * len(at)
    chosen: dict[str, Any] = {"heads": ("Next", "Probability"), "chosen": rows}
    return ColouredText(**{"characters": tuple(characters), "colourings": colourings} | chosen | settings)


def view(characters: str = "He said, “No.”\n" * 4, **settings: Any) -> View:
    """All that there can be."""
    rows = (("inside quotes", "1.37", "0.981"), ("indentation", "2.5", "0.700"))
    return View(
        title="Inside novel-1",
        remarks=("Above 1 explodes, below 1 vanishes.",),
        plots=(plot(tall=True, thresholds={0.5: "half"}), scatter()),
        tables=(Table(heads=("Feature", "Unit", "AUC"), rows=rows, figures=("AUC",), best=0),),
        texts=(text(characters, **settings),),
    )


def hostile() -> View:
    """All of it of names and texts that would break out."""
    lines = (Line(points=[(0, 1), (math.nan, 1), (1, math.inf), (2, 2)], name=HOSTILE, words=HOSTILE, label=HOSTILE),)
    named = Line(points=[(1, 1)], name=HOSTILE, scattered=True, point_names=[HOSTILE])
    words = {"across": HOSTILE, "up": HOSTILE, "note": HOSTILE, "remarks": (HOSTILE,), "thresholds": {1.0: HOSTILE}}
    colouring = Colouring(name=HOSTILE, values=np.full(len(HOSTILE), np.nan), words=HOSTILE)
    return View(
        title=HOSTILE,
        remarks=(HOSTILE,),
        plots=(Plot(name=HOSTILE, lines=(*lines, named), **words),),
        tables=(Table(heads=(HOSTILE, "x"), rows=((HOSTILE, HOSTILE),), name=HOSTILE),),
        texts=(
            ColouredText(
                characters=tuple(HOSTILE),
                colourings=(colouring, Colouring(name="y", values=np.ones(len(HOSTILE)))),
                name=HOSTILE,
                heads=(HOSTILE, "x"),
                chosen=tuple(((character, HOSTILE),) for character in HOSTILE),
            ),
        ),
    )
