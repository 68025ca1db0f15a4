"""The verdict on a training in words: which checkpoint to use and why, what went wrong, what to try next.

By rules of thumb with thresholds that have names; docs/verdict.md states them and where they fail. Losses and gaps are
bits per character.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from charrnn.runs import history
from charrnn.runs.run import Run
from charrnn.text.finding import Finding

# What one and the same training measures on another day, or with another seed, differs by some 0.01.
NOISE = 0.01  # what is nearer than this is a tie
RISE = 0.05  # of the held-out loss above its best at the end: not by chance
JUMP = 0.1  # the same where the training loss did not fall meanwhile: it went off
FALL = 0.05  # of the held-out loss over the last doubling of the iterations, from which it was still learning
LATE = 0.75  # of the iterations, from which on the best must be for that
MEASURED = 3  # measurements, of fewer of which none can say that it has settled
SMALL_GAP = 0.1  # between training and held-out text, below which nothing much is learnt by heart
LARGE_GAP = 0.3  # and from which a lot is
OFTEN = 8.0  # times that the text was read, from which a large gap is dealt with before anything longer
MANY = 2.0  # parameters for each character of the training text, above which the network is large for it
MOST_DROPOUT = 0.5  # from which on more of it is no advice
CLIPPED = 0.5  # of the gradients, above which clipping rules the updates

Outcome = Literal["learning", "memorising", "settled", "unstable", "too short to say"]
_TITLES: dict[Outcome, str] = {
    "learning": "Still learning",
    "memorising": "Memorising",
    "settled": "Settled",
    "unstable": "Unstable",
    "too short to say": "Too short to say",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A measurement."""

    iteration: int
    train: float | None  # as the training has it: over the latest iterations, dropout at work
    held_out: float
    has_snapshot: bool = True  # whether there is a snapshot of it


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is to be said of a training."""

    use: int | None  # the iteration whose snapshot to use; None if none was kept and measured
    outcome: Outcome
    sentences: tuple[str, ...]  # which to use and why, first; then the gap, the baseline, and what to try next


@dataclass(frozen=True, kw_only=True, slots=True)
class _Course:
    """How a training went, in the figures that the rules are about."""

    points: tuple[Point, ...]  # by iteration; those with a loss that is a number
    broken: bool  # whether a loss was none
    epochs: float
    dropout: float
    density: float  # parameters for each character of the training text
    finished: bool
    clipped_share: float
    findings: tuple[Finding, ...] = ()  # of the text, the most important first

    @property
    def last(self) -> Point:
        """The latest measurement."""
        return self.points[-1]

    @property
    def best(self) -> Point:
        """Where the held-out loss is lowest, the earlier of equals."""
        return min(self.points, key=lambda point: point.held_out)

    @property
    def rise(self) -> float:
        """How far the held-out loss is above its best at the end."""
        return self.last.held_out - self.best.held_out

    @property
    def learnt(self) -> float:
        """How far the training loss fell meanwhile; 0 where it is not known."""
        before, after = self.best.train, self.last.train
        return 0.0 if before is None or after is None else before - after

    @property
    def fall(self) -> float:
        """How far the held-out loss fell over the last doubling of the iterations.

        It is the slope of a line through all that was measured since, and at least the last two.
        """
        late = [point for point in self.points if 2 * point.iteration >= self.last.iteration]
        late = late if len(late) > 1 else list(self.points[-2:])
        if len(late) < 2:
            return 0.0
        doublings = [math.log2(point.iteration) for point in late]
        return -statistics.linear_regression(doublings, [point.held_out for point in late]).slope

    @property
    def gap(self) -> float | None:
        """From training to held-out text, where it is best."""
        return None if self.best.train is None else self.best.held_out - self.best.train

    @property
    def outcome(self) -> Outcome:
        """What became of the training, by the first rule that fits."""
        if self.broken:
            return "unstable"
        if not self.points:
            return "too short to say"
        if self.rise > JUMP and self.learnt <= NOISE:
            return "unstable"
        if self.rise > RISE and self.learnt > NOISE:
            return "memorising"
        if self.fall > FALL and self.best.iteration >= LATE * self.last.iteration:
            return "learning"
        return "settled" if len(self.points) >= MEASURED else "too short to say"


def judge(
    points: Sequence[Point],
    *,
    epochs: float,
    dropout: float,
    parameters: int,
    characters: int,
    finished: bool = True,
    clipped_share: float | None = None,
    baseline: float | None = None,
    findings: Sequence[Finding] = (),
) -> Verdict:
    """The verdict on a training.

    Args:
        points: What was measured at several iterations, all above 0. Losses in bits per character.
        epochs: How often the training text was read.
        dropout: The largest share of anything that is dropped.
        parameters: Of the network.
        characters: Of the training text.
        finished: Whether the training came to its end.
        clipped_share: Of the gradients, how many were clipped; None where it is not known.
        baseline: Bits per character that the best n-gram model takes for the same held-out text; None: not known.
        findings: What makes the held-out loss say little on this text; advised on before the network.

    Returns:
        The verdict.
    """
    course = _Course(
        points=tuple(
            sorted((point for point in points if math.isfinite(point.held_out)), key=lambda point: point.iteration)
        ),
        broken=not all(math.isfinite(point.held_out) for point in points),
        epochs=epochs,
        dropout=dropout,
        density=parameters / max(1, characters),
        finished=finished,
        clipped_share=clipped_share or 0.0,
        findings=tuple(findings),
    )
    usable = [point for point in course.points if point.has_snapshot]
    use = min(usable, key=lambda point: point.held_out, default=None)
    sentences = [_headline(course, use)]
    if course.points:
        if use is not None and use.held_out - course.best.held_out > NOISE:
            best = course.best
            sentences.append(f"Iteration {best.iteration:,} had {best.held_out:.3f}, but no snapshot of it was kept.")
        if course.gap is not None:
            sentences.append(_gap(course.gap))
        if baseline is not None:
            better = baseline - course.best.held_out
            by = f"{abs(better):.3f} bits {'better' if better > 0 else 'worse'}"
            sentences.append(f"Counting n-grams takes {baseline:.3f} bits: the network is {by}.")
    sentences.append(_advice(course))
    return Verdict(use=use.iteration if use else None, outcome=course.outcome, sentences=tuple(sentences))


def _headline(course: _Course, use: Point | None) -> str:
    """The outcome, and which snapshot to use."""
    title = _TITLES[course.outcome]
    if use is None:
        return f"{title}: no snapshot was both kept and measured."
    losses = f"{use.held_out:.3f} bits held out"
    if use is course.last and not course.broken:
        return f"{title}: use iteration {use.iteration:,}, the last ({losses})."
    end = "a loss was no number" if course.broken else f"the last {course.last.held_out:.3f}"
    return f"{title}: use iteration {use.iteration:,} ({losses}, {end})."


def _gap(gap: float) -> str:
    """The gap from training to held-out text in words."""
    if gap < 0:
        return f"There is no gap from training to held-out text: {gap:.2f} bits."
    size = "small" if gap < SMALL_GAP else "moderate" if gap < LARGE_GAP else "large"
    return f"The gap from training to held-out text is {size}: {gap:.2f} bits."


def _advice(course: _Course) -> str:
    """What to try next, with its reason."""
    outcome = course.outcome
    if outcome == "unstable":
        went = "the loss was no number" if course.broken else f"the loss ended {course.rise:.2f} bits up"
        clipped = f", {course.clipped_share:.0%} clipped" if course.clipped_share > CLIPPED else ""
        return f"Try half the --learning-rate: {went}{clipped}."
    if course.findings and outcome != "too short to say" and (course.finished or outcome == "memorising"):
        finding = course.findings[0]
        return f"Look at the text first: {finding.message}. {finding.advice}"
    if outcome == "memorising":
        return _against_learning_by_heart(course)
    if not course.finished:
        return "Try going on with --resume: it has not been trained to its end."
    if outcome == "too short to say":
        count = len(course.points)
        return f"Try more --iterations or a smaller --eval-every: measured only {count} time{'s' * (count != 1)}."
    gap = course.gap or 0.0
    if outcome == "learning":
        if gap >= LARGE_GAP and course.epochs >= OFTEN:
            return _against_learning_by_heart(course)
        return f"Try training twice as long: it fell by {course.fall:.2f} bits in the last doubling."
    if course.clipped_share > CLIPPED:
        return f"Try a lower --learning-rate: {course.clipped_share:.0%} of the gradients were clipped."
    if gap >= SMALL_GAP:
        return _against_learning_by_heart(course)
    if course.density > MANY:
        return f"Try more text: there are {course.density:.1f} parameters for each character."
    return f"Try a larger network (--rnn-size): {course.density:.2g} parameters a character."


def _against_learning_by_heart(course: _Course) -> str:
    """What to try next against memorising, with its reason."""
    if course.density > MANY:
        return f"Try a smaller network or more text: {course.density:.1f} parameters a character."
    if course.dropout < MOST_DROPOUT:
        return f"Try more dropout (now {course.dropout:g}) or more text: it was read {course.epochs:,.1f} times."
    return f"Try more text: it was read {course.epochs:,.1f} times."


def of_run(run: Run, baseline: float | None = None) -> Verdict | None:
    """The verdict on what a run has measured so far.

    Args:
        run: The run.
        baseline: Bits per character that the best n-gram model takes for its held-out text; None: not known.

    Returns:
        The verdict; None where no checkpoint can be read or nothing was held out.
    """
    files = [*run.snapshots, *([run.resumable] if run.resumable else [])]
    curves = history.read(run)
    if not files or not curves.held_out:
        return None
    header = max((file.header for file in files), key=lambda header: (header.iteration, header.kind == "resume"))
    model, training = header.model, header.training
    stated = header.corpus.get("characters")
    whole = stated if isinstance(stated, int) and stated > 0 else header.characters
    held_out = min(round(training.val_frac * whole), training.val_max or whole)
    characters = max(1, whole - held_out)
    train = dict(curves.train)
    snapshots = {snapshot.header.iteration for snapshot in run.snapshots}
    return judge(
        [
            Point(iteration=at, train=train.get(at), held_out=loss, has_snapshot=at in snapshots)
            for at, loss in curves.held_out
            if at > 0
        ],
        epochs=header.iteration * training.batch_size * training.effective_shift / characters,
        dropout=max(model.dropout, model.input_dropout, model.recurrent_dropout),
        parameters=model.parameters(len(header.vocabulary)),
        characters=characters,
        finished=header.iteration >= training.iterations or header.progress.get("stopped") is True,
        clipped_share=curves.clipped_share,
        baseline=baseline,
        findings=header.findings,
    )
