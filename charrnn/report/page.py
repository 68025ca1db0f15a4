"""A report as one HTML page."""

from __future__ import annotations

import numpy as np

from charrnn._version import __version__
from charrnn.evaluation.settings import unlike_first
from charrnn.formatting import SHADES
from charrnn.report import html, view_page
from charrnn.report.charts import charts
from charrnn.report.collect import MADE_BY, Report
from charrnn.shell import as_typed, typed_command


def render(report: Report) -> str:
    """The page.

    Args:
        report: What it tells.

    Returns:
        HTML. The same report gives the same bytes.
    """
    reported = [(run.letter, run.checkpoint.row) for run in report.runs if run.checkpoint]
    return html.render(
        "report.html",
        styles=("common.css", *view_page.STYLES, "report.css"),
        scripts=("report.js", "view.js", "scroll.js"),
        report=report,
        unlike_first=unlike_first(report.settings),
        title=report.title,
        charts=charts(report.runs),
        command=_command(report),
        labels={row.path: f"{letter} {row.label}" for letter, row in reported},
        made_by=MADE_BY,
        versions={"charrnn": __version__, "NumPy": np.__version__},
        shades=SHADES,
    )


def _command(report: Report) -> str:
    """What makes this page again."""
    prime = {"prime": report.prime} if report.prime is not None else {}
    request = report.request
    options = prime | {"seed": request.seed, "length": request.length, "temperatures": request.temperatures}
    options |= {"inside": report.inside}
    options |= {"text_length": report.text_length} if len(report.runs) > 1 else {}
    return f"{typed_command('charrnn', 'report', *(run.name for run in report.runs))} {as_typed(options)}"
