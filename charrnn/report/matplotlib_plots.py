"""The curves of runs as a picture for a paper or a slide, by matplotlib, which is an extra.

The same curves give the same SVG, byte for byte, wherever the same matplotlib draws them.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

from charrnn.errors import UsageError
from charrnn.formatting import visible
from charrnn.report.collect import MADE_BY
from charrnn.runs.history import Curves, Series, ceiling, thinned

Kind = Literal["png", "svg"]

# Told apart without colour by their marks.
_COLOURS = ("#0b57a0", "#b03a00", "#00664d", "#84348a", "#6a5600", "#a3144f")
_MARKS = "os^DvP"
_DPI = 200
_LONGEST = 40  # characters of a name in the legend
_MARKED = 12  # points of a line that carry its mark, at most
_METADATA: dict[Kind, dict[str, str | None]] = {
    "png": {"Software": MADE_BY},
    "svg": {"Creator": MADE_BY, "Date": None},
}


def matplotlib() -> tuple[Any, Any]:
    """The library and its module `figure`. Raises UsageError if it is not installed."""
    try:
        return import_module("matplotlib"), import_module("matplotlib.figure")
    except ImportError:
        raise UsageError("--png and --svg need matplotlib: pip install 'charrnn[plot]'") from None


def draw(runs: Sequence[Curves], kind: Kind) -> bytes:
    """Loss, learning rate and gradient norm of runs, one above another, as far as there are any. Raises UsageError
    without matplotlib."""
    library, figures = matplotlib()
    norms = [tuple(point for point in measured.grad_norm if point[1] > 0) for measured in runs]  # for a logarithm
    below = {
        "learning rate": [measured.learning_rate for measured in runs],
        "gradient norm": norms,
    }
    below = {name: series for name, series in below.items() if any(series)}
    figure = figures.Figure(figsize=(8, 4.5 + 1.75 * len(below)), dpi=_DPI, layout="constrained")
    axes = figure.subplots(1 + len(below), sharex=True, height_ratios=(3, *(1 for _ in below)), squeeze=False)[:, 0]
    handles, labels = [], []
    for number, measured in enumerate(runs):
        colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
        name = visible(measured.name if len(measured.name) <= _LONGEST else measured.name[:_LONGEST] + "…")
        best = f", best {measured.best[1]:.3f} at {measured.best[0]:,}" if measured.best else ""
        for series, label, style in (
            (measured.held_out, f"{name}: held out{best}", {"marker": mark, "markersize": 4}),
            (measured.train, f"{name}: train", {"linestyle": (0, (4, 2)), "linewidth": 0.9}),
        ):
            if series:
                handles += _line(axes[0], series, {"color": colour} | style)
                labels.append(label)
        if measured.best:
            axes[0].plot(*measured.best, marker="o", markersize=10, fillstyle="none", color=colour)
        for one, every in zip(axes[1:], below.values(), strict=True):
            if every[number]:
                _line(one, every[number], {"color": colour, "marker": mark if len(runs) > 1 else "", "markersize": 4})
    top = ceiling([series for measured in runs for series in (measured.train, measured.held_out)])
    if top is not None:
        axes[0].set_ylim(top=top)
    if handles:
        for text in axes[0].legend(handles, labels, fontsize="small").get_texts():
            text.set_parse_math(False)  # a name is not a formula
    for one, label in zip(axes, ("bits per character", *below), strict=True):
        one.set_ylabel(label)
        one.grid(alpha=0.3)
        if label == "gradient norm":
            one.set_yscale("log")
    axes[-1].set_xlabel("iteration")
    written = io.BytesIO()
    with warnings.catch_warnings(), library.rc_context({"svg.hashsalt": "charrnn"}):
        warnings.filterwarnings("ignore", "Glyph")  # of a name in a script that the font has not: boxes will do
        figure.savefig(written, format=kind, metadata=_METADATA[kind])
    return written.getvalue()


def _line(axes: Any, series: Series, style: dict[str, Any]) -> list[Any]:
    """A line, with a mark at a dozen of its points at most."""
    points = thinned(series)
    lines: list[Any] = axes.plot(
        *zip(*points, strict=True), **{"linewidth": 1.4} | style, markevery=-(-len(points) // _MARKED)
    )
    return lines
