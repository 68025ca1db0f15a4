"""The three charts of runs, with their words: loss, learning rate and gradient norm by iteration."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charrnn.formatting import common_unit
from charrnn.plotting.chart import Chart, chart
from charrnn.plotting.plot import Line, Plot
from charrnn.report.collect import RunReport
from charrnn.runs.history import Series, ceiling


def charts(runs: Sequence[RunReport]) -> list[Chart]:
    """The charts of runs, as far as anything was measured.

    Args:
        runs: The runs, each of which has the same colour and mark in all charts.

    Returns:
        Loss, learning rate and gradient norm.
    """
    plots = (_losses(runs), _learning_rates(runs), _gradient_norms(runs))
    return [drawn for plot in plots if (drawn := chart(plot))]


def _losses(runs: Sequence[RunReport]) -> Plot:
    """The losses of the held-out and of the training text, in bits."""
    unit = common_unit(run.unit for run in runs)
    lines: list[Line] = []
    for number, run in enumerate(runs):
        curves = run.curves
        best = f"{run.letter} {curves.best[1]:.3f}".strip() if curves.best else ""
        lines.append(Line(number=number, points=curves.train, dashed=True, label="" if best else run.letter))
        lines.append(_line(runs, number, curves.held_out, _loss_in_words, label=best, best=True))
        lines.append(Line(number=number, points=curves.mixed, dotted=True, label=f"{run.letter} + counts".strip()))
    top = ceiling([line.points for line in lines])
    note = "Solid: the held-out text, its lowest point ringed. Dashed: the training text, as it was being learnt."
    if any(run.curves.mixed for run in runs):
        note = "Solid: held out, the network, its lowest point ringed. Dotted: network + counts. Dashed: training."
    return Plot(
        name="Loss",
        lines=tuple(lines),
        up=unit.bits_per if unit else "bits per character, or byte",
        note=note,
        remarks=() if top is None else (f"What lies above {top:.2f} bits, early on, is cut off.",),
        top=top,
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


def _learning_rates(runs: Sequence[RunReport]) -> Plot:
    """The learning rates."""
    lines = [_line(runs, number, run.curves.learning_rate, _rate_in_words) for number, run in enumerate(runs)]
    return Plot(name="Learning rate", lines=tuple(lines))


def _rate_in_words(run: RunReport) -> str:
    """How high a learning rate was."""
    rates = run.curves.learning_rate
    if not rates:
        return "it was not recorded."
    at, latest = rates[-1]
    return f"{max(value for _, value in rates):.2g} at its highest, {latest:.2g} at iteration {at:,}."


def _gradient_norms(runs: Sequence[RunReport]) -> Plot:
    """The norms of the gradients, and where they are clipped."""
    lines: list[Line] = []
    for number, run in enumerate(runs):
        curves = run.curves
        if len(runs) == 1 and curves.peak_norm != curves.grad_norm:
            lines.append(Line(number=number, points=curves.grad_norm, dashed=True))
        lines.append(_line(runs, number, curves.peak_norm, _clipping_in_words))
    clips = sorted({clip for run in runs if (clip := _clip(run))})
    dashed = "Solid: the largest since the point before. Dashed: that of the iteration itself."
    return Plot(
        name="Gradient norm",
        lines=tuple(lines),
        up="before clipping",
        note=dashed if len(lines) > len(runs) else "",
        log_y=True,
        thresholds={clip: f"clipped at {clip:g}" for clip in clips},
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


def _line(
    runs: Sequence[RunReport],
    number: int,
    points: Series,
    words: Callable[[RunReport], str],
    *,
    label: str | None = None,
    best: bool = False,
) -> Line:
    """The line that stands for a run, with what there is to say of it. Of several each has its name in the legend."""
    run = runs[number]
    return Line(
        number=number,
        points=points,
        name=f"{run.letter} {run.name}" if len(runs) > 1 else "",
        words=words(run),
        label=run.letter if label is None else label,
        best=best,
    )
