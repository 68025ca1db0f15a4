"""The gradients of a training, from its log: their norms, how many were clipped, and what that took from them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.config import ClipMode
from charrnn.inspection.view import Line, Plot, View
from charrnn.runs.history import Curves, Series


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingGradients:
    """What the log of a run has of its gradients. It has a line for some iterations only, every tenth at first.

    Attributes:
        name: The run.
        iterations: How far the log goes.
        bound: The threshold of clipping; 0: nothing was clipped.
        mode: `norm`, by which a gradient is scaled down to the bound, or `value`, by which each element is limited.
        norms: (iteration, norm) before clipping, of the logged iterations.
        peaks: The largest since the line before.
        clipped: (iteration, share) of the iterations since the line before whose gradient was clipped.
        clipped_share: Of all iterations; None where the log does not say.
        last_clipped: None was clipped after this iteration; None where none ever was.
        removed: (iteration, share) of the norm that clipping took away, 0 where it did nothing; () where the log does
            not say: of clipping by value.
    """

    name: str
    iterations: int
    bound: float
    mode: ClipMode
    norms: Series
    peaks: Series
    clipped: Series
    clipped_share: float | None
    last_clipped: int | None
    removed: Series

    @property
    def removed_where_clipped(self) -> float | None:
        """The mean share of the norm that was removed where anything was, of the logged iterations; None: nowhere."""
        shares = [share for _, share in self.removed if share > 0]
        return sum(shares) / len(shares) if shares else None

    @property
    def removed_at_most(self) -> float | None:
        """The share of the norm that was removed of the largest gradient of all; None where nothing was."""
        if self.mode != "norm" or not self.bound or not self.peaks:
            return None
        return _removed(max(norm for _, norm in self.peaks), self.bound) or None

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "run": self.name,
            "iterations": self.iterations,
            "grad_clip": self.bound,
            "grad_clip_mode": self.mode,
            "norm": [list(point) for point in self.norms],
            "peak_norm": [list(point) for point in self.peaks],
            "clipped": [list(point) for point in self.clipped],
            "clipped_share": self.clipped_share,
            "last_clipped": self.last_clipped,
            "removed": [list(point) for point in self.removed],
            "removed_where_clipped": self.removed_where_clipped,
            "removed_at_most": self.removed_at_most,
        }


def _removed(norm: float, bound: float) -> float:
    """The share of a norm that is above the bound."""
    return max(0.0, 1 - bound / norm) if norm > 0 else 0.0


def training_gradients(curves: Curves, bound: float, mode: ClipMode) -> TrainingGradients | None:
    """The gradients of a run.

    Args:
        curves: What was measured of it, by `history.read`.
        bound: Its `grad_clip`.
        mode: Its `grad_clip_mode`.

    Returns:
        Them; None where the log has no norm.
    """
    if not curves.grad_norm:
        return None
    steps = itertools.pairwise(((0, 0.0), *(point for point in curves.clipped if point[0] > 0)))
    known = mode == "norm" and bound > 0
    return TrainingGradients(
        name=curves.name,
        iterations=curves.iterations,
        bound=bound,
        mode=mode,
        norms=curves.grad_norm,
        peaks=curves.peak_norm,
        clipped=tuple((at, max(0.0, count - before) / (at - since)) for (since, before), (at, count) in steps),
        clipped_share=curves.clipped_share,
        last_clipped=curves.last_clipped if curves.clipped_share else None,
        removed=tuple((at, _removed(norm, bound)) for at, norm in curves.grad_norm) if known else (),
    )


def plots(logs: Sequence[TrainingGradients]) -> tuple[Plot, ...]:
    """The norms over time, and what was clipped of them: of one run in detail, of several beside each other."""
    if not logs:
        return ()
    [log, *others] = logs
    if others:
        lines = [Line(points=of.norms, number=n, name=of.name, words=_norm_words(of)) for n, of in enumerate(logs)]
        clipped = [Line(points=of.clipped, number=n, name=of.name, words=_share_words(of)) for n, of in enumerate(logs)]
    else:
        lines = [Line(points=log.norms, name="single iterations", words=_norm_words(log))]
        if log.peaks != log.norms:
            lines.append(Line(points=log.peaks, number=1, name="the largest since the point before", dotted=True))
        clipped = [Line(points=log.clipped, name="clipped", words=_share_words(log))]
        if log.removed:
            clipped.append(Line(points=log.removed, number=1, name="share of the norm that was removed"))
    bounds = sorted({of.bound for of in logs if of.bound and of.mode == "norm"})
    norm = Plot(
        name=f"Norm of the gradient in training{'' if others else f': {log.name}'}",
        lines=tuple(lines),
        up="norm before clipping",
        log_y=True,
        thresholds={bound: f"clipped above {bound:g}" for bound in bounds},
    )
    if not any(of.clipped_share for of in logs):
        return (norm,)
    name = f"What clipping did{'' if others else f': {log.name}'}"
    return norm, Plot(name=name, lines=tuple(clipped), up="share", up_range=(0.0, 1.0))


def _norm_words(log: TrainingGradients) -> str:
    """How it began and how it ended."""
    return f"{log.norms[0][1]:.3g} at iteration {log.norms[0][0]:,}, {log.norms[-1][1]:.3g} at {log.norms[-1][0]:,}"


def _share_words(log: TrainingGradients) -> str:
    """How many were clipped."""
    return "" if log.clipped_share is None else f"{log.clipped_share:.1%} of all iterations"


def remark(log: TrainingGradients) -> str:
    """What clipping did, in a sentence."""
    if not log.bound:
        return f"{log.name}: no gradient was clipped: --grad-clip was 0."
    how = f"{log.name}: clipping by {log.mode} at {log.bound:g}"
    if not log.clipped_share:
        none = "changed no gradient" if log.clipped_share is not None else "is not in its log"
        return f"{how} {none}; the largest norm was {max(norm for _, norm in log.peaks):.3g}."
    said = f"{how} changed {log.clipped_share:.1%} of the gradients"
    if log.last_clipped is not None and log.last_clipped < log.norms[-1][0]:
        said += f", none after iteration {log.last_clipped:,}"
    if log.mode == "value":
        return f"{said}; how much it took from the norm is not in the log."
    parts = []
    if log.removed_where_clipped is not None:
        parts.append(f"{log.removed_where_clipped:.0%} of the norm on average, of those in the log")
    if log.removed_at_most is not None:
        parts.append(f"{log.removed_at_most:.0%} of the largest")
    return f"{said}; it took away {' and '.join(parts)}." if parts else f"{said}."


def view(logs: Sequence[TrainingGradients]) -> View:
    """What the logs of one or several runs have of their gradients."""
    return View(
        title=f"Gradients of the training{f': {logs[0].name}' if len(logs) == 1 else ''}",
        remarks=tuple(map(remark, logs)),
        plots=plots(logs),
    )
