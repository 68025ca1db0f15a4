"""The verdict on a training in words: which checkpoint to use and why, what went wrong, what to try next.

By rules of thumb with thresholds that have names; docs/verdict.md states them and where they fail. Losses and gaps are
bits per character.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from functools import cache

from charrnn.errors import CharrnnError
from charrnn.evaluation import head_to_head
from charrnn.evaluation.advice import LARGE_GAP, SMALL_GAP, Advice, Ngrams, advise, amount
from charrnn.evaluation.course import NOISE, Course, Outcome, Point
from charrnn.evaluation.next_command import next_command
from charrnn.runs import history
from charrnn.runs.checkpoint_file import CheckpointFile
from charrnn.runs.header import Header
from charrnn.runs.history import Curves
from charrnn.runs.run import Run
from charrnn.runs.training_text import find_training_text

_TITLES: dict[Outcome, str] = {
    "diverged": "Diverged",
    "not learning": "Not learning",
    "solved": "Solved",
    "unstable": "Unstable",
    "drifting": "Drifting apart",
    "memorising": "Memorising",
    "learning": "Still learning",
    "settled": "Settled",
    "too short to say": "Too short to say",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is to be said of a training."""

    use: int | None  # the iteration whose snapshot to use; None if none was kept and measured
    outcome: Outcome
    sentences: tuple[str, ...]  # which to use and why, first; then what happened, the gap, and what to try next
    advice: Advice  # the last of the sentences, and what it changes
    command: str | None = None  # that does what is advised


def judge(course: Course, ngrams: Ngrams = lambda: None) -> Verdict:
    """The verdict on a training.

    Args:
        course: How it went.
        ngrams: Gives the bits per character that the best n-gram model takes for the same held-out text; None: not
            known. It is asked only where the advice goes by it.

    Returns:
        The verdict, without a command.
    """
    counted: list[float | None] = []

    def count() -> float | None:
        if not counted:
            counted.append(ngrams())
        return counted[0]

    advice = advise(course, count)
    usable = [point for point in (course.before, *course.points) if point and point.has_snapshot]
    use = min(usable, key=lambda point: point.held_out, default=None)
    sentences = [_headline(course, use), *_rollbacks(course), *_fallback(course), *_explosion(course)]
    if course.points:
        best = course.best
        if use is not None and use is course.before:
            sentences.append(f"Those are the weights it began with; after that the lowest was {_exact(best.held_out)}.")
        if use is not None and use.held_out - best.held_out > NOISE:
            sentences.append(f"Iteration {best.iteration:,} had {best.held_out:.3f}, but no snapshot of it was kept.")
        if course.unlearnt is not None:
            what = "chance" if course.letters is None else "letter frequencies"
            said = use is not None and not course.explosion  # what the loss was
            loss = "That" if said else f"The lowest, {_exact(best.held_out)} bits at iteration {best.iteration:,},"
            sentences.append(f"{loss} is no better than {what}: {course.unlearnt:.3f} bits.")
        elif course.gap is not None and course.outcome not in ("diverged", "solved"):
            sentences.append(_gap(course.gap))
        if counted and counted[0] is not None:
            sentences.append(_counting(best.held_out, counted[0]))
    sentences.append(advice.sentence)
    return Verdict(
        use=use.iteration if use else None, outcome=course.outcome, sentences=tuple(sentences), advice=advice
    )


def _headline(course: Course, use: Point | None) -> str:
    """The outcome, and which snapshot to use."""
    title = _TITLES[course.outcome]
    if course.broken is not None:
        title += f" at iteration {course.broken:,}"
    if use is None:
        return f"{title}: no snapshot was both kept and measured."
    losses, counts = f"{_exact(use.held_out)} bits held out", ""
    if use.mixed is not None:
        losses, counts = f"{losses} by the network", f"; + counts {_exact(use.mixed)}"
    if course.points and use is course.last and course.broken is None:
        return f"{title}: use iteration {use.iteration:,}, the last ({losses}{counts})."
    if course.broken is not None:
        end = "a loss was no number"
    else:
        end = f"the last {_exact(course.last.held_out)}" if course.points else "the only one measured"
    return f"{title}: use iteration {use.iteration:,} ({losses}, {end}{counts})."


def _exact(bits: float) -> str:
    """A loss to the thousandth; of an exploded one the order of magnitude."""
    return f"{bits:.3f}" if bits < 1000 else amount(bits)


def _rollbacks(course: Course) -> tuple[str, ...]:
    """That the training diverged, and went on from an earlier iteration."""
    if not course.rollbacks:
        return ()
    last, count = course.rollbacks[-1], len(course.rollbacks)
    often = f"{count} times, the last" if count > 1 else "once,"
    return (
        f"It diverged {often} at iteration {last.diverged_at:,}, and was rolled back to iteration {last.iteration:,}, "
        f"on at {last.learning_rate_factor:g} of the learning rate.",
    )


def _fallback(course: Course) -> tuple[str, ...]:
    """That it is not the training that it would have been, had its resume file been whole."""
    if course.fell_back_to is None:
        return ()
    return (
        f"Its resume file was lost: it went on from the snapshot of iteration {course.fell_back_to:,}, where the "
        "optimizer began anew.",
    )


def _explosion(course: Course) -> tuple[str, ...]:
    """That the loss exploded, and whether it came back."""
    explosion = course.explosion
    if explosion is None:
        return ()
    rose = f"rose from {amount(explosion.before)} to {amount(explosion.peak)} bits"
    end = "did not come back" if explosion.ended else "came back"
    return (f"The loss {rose} by iteration {explosion.iteration:,}, and {end}.",)


def _gap(gap: float) -> str:
    """The gap from training to held-out text in words."""
    if amount(gap) == "0.00" or gap < 0:
        figure = "" if amount(gap) == "0.00" else f": {amount(gap)} bits"
        return f"There is no gap from training to held-out text{figure}."
    size = "small" if gap < SMALL_GAP else "moderate" if gap < LARGE_GAP else "large"
    return f"The gap from training to held-out text is {size}: {gap:.2f} bits."


def _counting(loss: float, counted: float) -> str:
    """The network beside the best n-gram model."""
    better = round(counted - loss, 3)
    by = f"{abs(better):.3f} bits {'better' if better > 0 else 'worse'}" if better else "as good"
    return f"Counting n-grams takes {counted:.3f} bits: the network is {by}."


def of_run(run: Run, *, mixed: bool = True) -> Verdict | None:
    """The verdict on what a run has measured so far.

    Args:
        run: The run.
        mixed: Whether the losses with counts are told.

    Returns:
        The verdict; None where no checkpoint can be read, or nothing was held out and nothing went wrong.
    """
    files = [*run.snapshots, *([run.resumable] if run.resumable else [])]
    curves = history.read(run)
    if not mixed:
        curves = replace(curves, mixed=())
    if not files or not (any(at for at, _ in curves.held_out) or curves.diverged is not None):
        return None
    latest = max(files, key=lambda file: (file.header.iteration, file.header.kind == "resume"))
    judged = judge(_course(run, curves, latest.header), cache(lambda: _ngrams(latest)))
    return replace(judged, command=next_command(run, latest.header, judged.advice))


def _course(run: Run, curves: Curves, header: Header) -> Course:
    """The figures of a run, `header` being that of its latest checkpoint."""
    model, training = header.model, header.training
    stated = header.corpus.get("characters")
    whole = stated if isinstance(stated, int) and stated > 0 else header.characters
    held_out = min(round(training.val_frac * whole), training.val_max or whole)
    trained_on = header.corpus.get("trained_on")  # not in checkpoints of older versions
    characters = max(1, trained_on if isinstance(trained_on, int) else whole - held_out)
    train, mixed = dict(curves.train), dict(curves.mixed)
    snapshots = {snapshot.header.iteration for snapshot in run.snapshots}
    dropouts = {name: getattr(model, name) for name in ("dropout", "input_dropout", "recurrent_dropout")}
    norms = [norm for _, norm in curves.grad_norm]
    peaks = [norm for _, norm in curves.peak_norm]
    entropy = header.corpus.get("entropy")
    points = [
        Point(iteration=at, train=train.get(at), held_out=loss, mixed=mixed.get(at), has_snapshot=at in snapshots)
        for at, loss in curves.held_out
    ]
    pretrained = header.began_from.get("what") == "network"
    return Course(
        points=tuple(point for point in points if point.iteration),
        before=next((point for point in points if pretrained and not point.iteration), None),
        epochs=header.iteration * training.batch_size * training.effective_shift / characters,
        parameters=model.parameters(len(header.vocabulary)),
        characters=characters,
        dropout=max(dropouts.values()),
        dropouts=dropouts,
        finished=header.iteration >= training.iterations or header.progress.get("stopped") is True,
        iterations=header.iteration,
        broken=curves.broken,
        explosion=curves.explosion,
        rollbacks=curves.rollbacks,
        fell_back_to=header.fell_back_to,
        clipped_share=curves.clipped_share or 0.0,
        gradient_peak=max(peaks, default=None),
        gradient_usual=statistics.median(norms) if norms else None,
        letters=float(entropy) if isinstance(entropy, float | int) and math.isfinite(entropy) else None,
        uniform=curves.uniform,
        findings=header.findings,
        width=model.rnn_size,
        rate=training.learning_rate,
        clipping=training.grad_clip,
    )


def _ngrams(latest: CheckpointFile) -> float | None:
    """Bits per character of the best n-gram model of a run's text; None where it is not there, or has changed."""
    try:
        text = find_training_text(latest.path, latest.header)
        baseline = head_to_head.counting(text) if text.same else None
    except (CharrnnError, TypeError, ValueError):  # a resume file may say anything of its text
        return None
    return baseline.bits if baseline else None
