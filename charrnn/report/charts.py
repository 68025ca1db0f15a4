"""The three charts of runs, with their words: loss, learning rate and gradient norm by iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from charrnn.formatting import common_unit
from charrnn.report import svg_chart
from charrnn.report.collect import RunReport
from charrnn.report.svg_chart import Line
from charrnn.runs.history import Curves, Series, ceiling

STYLES = 6  # colours and marks that tell runs apart; beyond that their letters do


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What there is to say of a chart's line."""

    text: str
    style: int | None  # the colour and mark of the line; None: of none


@dataclass(frozen=True, kw_only=True, slots=True)
class TitledChart:
    """A chart with its words."""

    chart: svg_chart.Chart
    name: str
    unit: str
    note: str  # how to read it
    legend: tuple[LegendEntry, ...]
    tall: bool = False  # the chart that matters most

    @property
    def description(self) -> str:
        """The chart in words, for those who do not see it."""
        return " ".join(entry.text for entry in self.legend)


def charts(runs: Sequence[RunReport]) -> list[TitledChart]:
    """The charts of runs, as far as anything was measured.

    Args:
        runs: The runs, each of which has the same colour and mark in all charts.

    Returns:
        Loss, learning rate and gradient norm.
    """
    drawn = (_losses(runs), _learning_rates(runs), _gradient_norms(runs))
    return [chart for chart in drawn if chart]


def _losses(runs: Sequence[RunReport]) -> TitledChart | None:
    """The losses of the held-out and of the training text, in bits."""
    unit = common_unit(run.unit for run in runs)
    lines: list[Line] = []
    for number, run in enumerate(runs):
        style, curves = number % STYLES, run.curves
        best = f"{run.letter} {curves.best[1]:.3f}".strip() if curves.best else ""
        lines.append(Line(number=style, points=curves.train, dashed=True, label="" if best else run.letter))
        lines.append(Line(number=style, points=curves.held_out, label=best, best=True))
        lines.append(Line(number=style, points=curves.mixed, dotted=True, label=f"{run.letter} + counts".strip()))
    top = ceiling([line.points for line in lines])
    chart = svg_chart.chart(lines, top=top)
    if chart is None:
        return None
    legend = _legend(runs, _loss_in_words)
    if top is not None:
        legend += (LegendEntry(f"What lies above {top:.2f} bits, early on, is cut off.", None),)
    note = "Solid: the held-out text, its lowest point ringed. Dashed: the training text, as it was being learnt."
    if any(run.curves.mixed for run in runs):
        note = "Solid: held out, the network, its lowest point ringed. Dotted: network + counts. Dashed: training."
    return TitledChart(
        chart=chart,
        name="Loss",
        unit=unit.bits_per if unit else "bits per character, or byte",
        note=note,
        legend=legend,
        tall=True,
    )


def _loss_in_words(run: RunReport) -> str:
    """How the losses of a run went."""
    curves = run.curves
    if curves.best is None:
        return "nothing was held out, or not measured yet."
    at, lowest = curves.best
    first_iteration, first_loss = curves.held_out[0]
    words = f"lowest {lowest:.3f} {run.unit.short} at iteration {at:,}"
    if first_iteration < at:
        words = (
            f"{first_loss:.3f} {run.unit.short} held out at iteration {first_iteration:,}, "
            f"lowest {lowest:.3f} at iteration {at:,}"
        )
    if curves.best_mixed is not None:
        words += f" (+ counts {curves.best_mixed:.3f})"
    trained = next((value for iteration, value in reversed(curves.train) if iteration <= at), None)
    if trained is not None:
        words += f", where the training text takes {trained:.3f}"
    last_iteration, last_loss = curves.held_out[-1]
    return words + (f"; {last_loss:.3f} at iteration {last_iteration:,}, its last." if last_iteration > at else ".")


def _learning_rates(runs: Sequence[RunReport]) -> TitledChart | None:
    """The learning rates."""
    chart = svg_chart.chart(_lines(runs, lambda curves: curves.learning_rate))
    if chart is None:
        return None
    legend = _legend(runs, _rate_in_words)
    return TitledChart(chart=chart, name="Learning rate", unit="", note="", legend=legend)


def _rate_in_words(run: RunReport) -> str:
    """How high a learning rate was."""
    rates = run.curves.learning_rate
    if not rates:
        return "it was not recorded."
    at, latest = rates[-1]
    return f"{max(value for _, value in rates):.2g} at its highest, {latest:.2g} at iteration {at:,}."


def _gradient_norms(runs: Sequence[RunReport]) -> TitledChart | None:
    """The norms of the gradients, and where they are clipped."""
    lines: list[Line] = []
    for number, run in enumerate(runs):
        style, curves = number % STYLES, run.curves
        if len(runs) == 1 and curves.peak_norm != curves.grad_norm:
            lines.append(Line(number=style, points=curves.grad_norm, dashed=True))
        lines.append(Line(number=style, points=curves.peak_norm, label=run.letter))
    clips = sorted({clip for run in runs if (clip := _clip(run))})
    chart = svg_chart.chart(lines, logarithmic=True, thresholds={clip: f"clipped at {clip:g}" for clip in clips})
    if chart is None:
        return None
    dashed = "Solid: the largest since the point before. Dashed: that of the iteration itself."
    return TitledChart(
        chart=chart,
        name="Gradient norm",
        unit="before clipping",
        note=dashed if len(lines) > len(runs) else "",
        legend=_legend(runs, _clipping_in_words),
    )


def _clipping_in_words(run: RunReport) -> str:
    """How many gradients were clipped, and how large the largest was."""
    curves, clip = run.curves, _clip(run)
    largest = max((value for _, value in curves.peak_norm), default=None)
    share = curves.clipped_share
    if share is None:
        return "how many were clipped was not recorded."
    iterations, count = curves.clipped[-1]
    at = f" at {clip:g}" if clip else ""
    last_clipping = f", the last by iteration {curves.last_clipped:,}" if share else ""
    percent = "under 0.1%" if 0 < share < 0.001 else f"{share:.1%}"
    words = f"{count:,.0f} of {iterations:,} iterations ({percent}) clipped{at}{last_clipping}"
    if largest is None:
        return f"{words}."
    if share and clip and largest < clip:  # as a log of every tenth iteration has it
        return f"{words}, between the iterations that were logged: the largest of those was {largest:.3g}."
    return f"{words}; the largest was {largest:.3g}."


def _clip(run: RunReport) -> float | None:
    """The norm at which a run's gradients are clipped."""
    training = run.checkpoint.header.training if run.checkpoint else None
    return training.grad_clip if training and training.grad_clip and training.grad_clip_mode == "norm" else None


def _lines(runs: Sequence[RunReport], series: Callable[[Curves], Series]) -> list[Line]:
    """One line for each run."""
    return [
        Line(number=number % STYLES, points=series(run.curves), label=run.letter) for number, run in enumerate(runs)
    ]


def _legend(runs: Sequence[RunReport], words: Callable[[RunReport], str]) -> tuple[LegendEntry, ...]:
    """What there is to say of each run. Of several each has its name, its colour and its mark."""
    if len(runs) == 1:
        return (LegendEntry(words(runs[0]), None),)
    return tuple(
        LegendEntry(f"{run.letter} {run.name}: {words(run)}", number % STYLES) for number, run in enumerate(runs)
    )
