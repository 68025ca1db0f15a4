"""A report as one HTML page that needs nothing else: no network, no file beside it.

Whatever came out of files or models is text here, and every piece of text goes through `visible` and the escaping of
the template, without exception. The page's policy allows its own style and script, by their hashes, and nothing more.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from charrnn._version import __version__
from charrnn.evaluation.held_out_passage import SHADES
from charrnn.formatting import as_typed, duration, size, visible
from charrnn.report import svg_chart
from charrnn.report.collect import MADE_BY, Report, RunReport
from charrnn.report.svg_chart import Line
from charrnn.runs.history import Curves, Series, ceiling

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = 6  # colours and marks that tell runs apart; beyond that their letters do


def render(report: Report) -> str:
    """The page. The same report gives the same bytes."""
    style, script = _asset("report.css"), _asset("report.js")
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            charts=[one for one in (_losses(report), _rates(report), _gradients(report)) if one["chart"]],
            command=_command(report),
            labels={one.used.row.path: f"{one.letter} {one.used.row.label}" for one in report.runs if one.used},
            made_by=MADE_BY,
            versions={"charrnn": __version__, "NumPy": np.__version__},
            shades=SHADES,
            style=Markup(style),
            script=Markup(script),
            style_hash=_hash(style),
            script_hash=_hash(script),
            styles=_STYLES,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else visible(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bpc": lambda value: _or_dash(value, "{:.3f}"),
        "count": lambda value: _or_dash(value, "{:,}"),
        "share": lambda value: _or_dash(value, "{:.0%}"),
        "duration": lambda value: "–" if value is None else duration(value),
        "size": size,
        "setting": _setting,
        "pairs": lambda values: ", ".join(f"{name} {_setting(value)}" for name, value in values.items()),
    }
    return environment


def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


def _hash(text: str) -> str:
    """What a Content-Security-Policy allows an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _or_dash(value: float | None, shape: str) -> str:
    return "–" if value is None else shape.format(value)


def _setting(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "default" if value is None else str(value)


def _losses(report: Report) -> dict[str, Any]:
    lines: list[Line] = []
    for number, told in enumerate(report.runs):
        style, measured = number % _STYLES, told.curves
        best = f"{told.letter} {measured.best[1]:.3f}".strip() if measured.best else ""
        lines.append(Line(number=style, points=measured.train, dashed=True, label="" if best else told.letter))
        lines.append(Line(number=style, points=measured.held_out, label=best, best=True))
    top = ceiling([line.points for line in lines])
    words = [f"{_called(told)}{_loss_in_words(told.curves)}" for told in report.runs]
    cut = [f"What lies above {top:.2f} bits, early on, is cut off."] if top is not None else []
    return {
        "chart": svg_chart.chart(lines, top=top),
        "name": "Loss",
        "unit": "bits per character",
        "note": "Solid: the held-out text, its lowest point ringed. Dashed: the training text, as it was being learnt.",
        "words": words + cut,
    }


def _loss_in_words(measured: Curves) -> str:
    if measured.best is None:
        return "nothing was held out, or not measured yet."
    at, lowest = measured.best
    first, begun = measured.held_out[0]
    told = f"lowest {lowest:.3f} at iteration {at:,}"
    if first < at:
        told = f"{begun:.3f} bits held out at iteration {first:,}, {told}"
    trained = next((value for one, value in reversed(measured.train) if one <= at), None)
    if trained is not None:
        told += f", where the training text takes {trained:.3f}"
    last, latest = measured.held_out[-1]
    return told + (f"; {latest:.3f} at iteration {last:,}, its last." if last > at else ".")


def _rates(report: Report) -> dict[str, Any]:
    words = []
    for told in report.runs:
        if rates := told.curves.learning_rate:
            at, latest = rates[-1]
            peak = max(value for _, value in rates)
            words.append(f"{_called(told)}{peak:.2g} at its highest, {latest:.2g} at iteration {at:,}.")
    chart = svg_chart.chart(_each(report, lambda measured: measured.learning_rate))
    return {"chart": chart, "name": "Learning rate", "unit": "", "note": "", "words": words}


def _gradients(report: Report) -> dict[str, Any]:
    clips = {_clip(told) for told in report.runs}
    threshold = clips.pop() if len(clips) == 1 else None
    chart = svg_chart.chart(_each(report, lambda measured: measured.grad_norm), logarithmic=True, threshold=threshold)
    note = "The line across is where they are clipped." if chart and chart.threshold is not None else ""
    words = [f"{_called(told)}{_clipping_in_words(told)}" for told in report.runs]
    return {"chart": chart, "name": "Gradient norm", "unit": "before clipping", "note": note, "words": words}


def _clipping_in_words(told: RunReport) -> str:
    measured, clip = told.curves, _clip(told)
    share = measured.clipped_share
    if share is None:
        return "how many were clipped was not recorded."
    iterations, count = measured.clipped[-1]
    at = f" at {clip:g}" if clip else ""
    last = f", the last by iteration {measured.last_clipped:,}" if share else ""
    percent = "under 0.1%" if 0 < share < 0.001 else f"{share:.1%}"
    return f"{count:,.0f} of {iterations:,} iterations ({percent}) clipped{at}{last}."


def _each(report: Report, series: Callable[[Curves], Series]) -> list[Line]:
    """One line for each run."""
    return [
        Line(number=number % _STYLES, points=series(told.curves), label=told.letter)
        for number, told in enumerate(report.runs)
    ]


def _clip(told: RunReport) -> float | None:
    """The norm at which a run's gradients are clipped."""
    training = told.used.header.training if told.used else None
    return training.grad_clip if training and training.grad_clip and training.grad_clip_mode == "norm" else None


def _called(told: RunReport) -> str:
    return f"{told.letter} {told.name}: " if told.letter else ""


def _command(report: Report) -> str:
    """What makes this page again."""
    asked = {"prime": report.prime} if report.prime is not None else {}
    request = report.request
    options = asked | {"seed": request.seed, "length": request.length, "temperatures": request.temperatures}
    options |= {"text_length": report.text_length} if len(report.runs) > 1 else {}
    return f"{shlex.join(['charrnn', 'report', *(told.name for told in report.runs)])} {as_typed(options)}"
