"""What to try next after a training: a table of rules, of which the first that fits is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from charrnn.evaluation.course import FALL, LETTERS, MEASURED, NOISE, Course, Outcome
from charrnn.formatting import plural

SMALL_GAP = 0.1  # between training and held-out text, below which nothing much is learnt by heart
LARGE_GAP = 0.3  # and from which a lot is
SEVERAL = 4.0  # times that the text was read, below which a gap is no sign of memorising
OFTEN = 8.0  # times from which a large gap is dealt with before anything longer
SPARSE = 0.1  # parameters for each character of the training text, below which it cannot be learnt by heart
MANY = 2.0  # and above which the network is large for the text
MOST_DROPOUT = 0.5  # from which on more of it is no advice
CLIPPED = 0.5  # of the gradients, above which clipping rules the updates
RISEN = 10.0  # times its median, from which the largest gradient norm is told
STEEP = 5.0  # and the norm below which it never is: that of the usual clipping
HEAVY_DROPOUT = 0.2  # from which on it may be what keeps a network from learning
BEHIND = 0.1  # bits behind the best n-gram model, from which on it has not learnt what it could
COUNTING = 0.02  # bits from the best n-gram model, within which the network does what counting does


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What to try next, with its reason; and what that changes."""

    sentence: str
    changes: Mapping[str, Any] = field(default_factory=dict)  # settings of a new training on the same text
    resumed: bool = False  # whether the same training is to be gone on with
    iterations: int | None = None  # that it is to have then; None: what it was to have
    checks_text: bool = False  # whether the text is to be looked at


Ngrams = Callable[[], float | None]  # the bits of the best n-gram model, counted when asked for
_Rule = tuple[Outcome, Callable[[Course, Ngrams], bool], Callable[[Course, Ngrams], Advice]]


def advise(course: Course, ngrams: Ngrams) -> Advice:
    """What to try next.

    Args:
        course: How the training went.
        ngrams: Gives the bits per character of the best n-gram model of the text; None where they are not known. It is
            asked only where it decides.

    Returns:
        The advice of the first rule that fits.
    """
    outcome = course.outcome
    return next(advice(course, ngrams) for kind, fits, advice in _RULES if kind == outcome and fits(course, ngrams))


def amount(bits: float) -> str:
    """A loss in a sentence: to the hundredth, or of an exploded one the order of magnitude; never -0.00."""
    return f"{round(bits, 2) + 0.0:.2f}" if abs(bits) < 1000 else f"{bits:.2g}"


def _times(count: float) -> str:
    """How often the text was read."""
    return f"{count:,.1f} times"


# -- the advice ------------------------------------------------------------------------------------------------------


def _look_at_text(course: Course, _: Ngrams) -> Advice:
    finding = course.findings[0]
    return Advice(sentence=f"Look at the text first: {finding.message}. {finding.advice}".rstrip(), checks_text=True)


def _calmer(course: Course, divisor: int, reason: str) -> Advice:
    """A lower rate, and clipping where there is none, or where it was too weak."""
    changes: dict[str, Any] = {}
    words = "half" if divisor == 2 else "a tenth of"
    if course.rate is not None:
        changes["learning_rate"] = float(f"{course.rate / divisor:.2g}")
    clip = ""
    if course.clipping == 0:
        clip, changes["grad_clip"] = " and gradient clipping", 5.0
    elif course.clipping is not None and course.clipping > 1 and _gradient_rose(course):
        clip, changes["grad_clip"] = " and stronger clipping", 1.0
    return Advice(sentence=f"Try {words} the learning rate{clip}: {reason}.", changes=changes)


def _gradient_rose(course: Course) -> bool:
    """Whether the largest gradient stands out from the usual ones."""
    peak, usual = course.gradient_peak, course.gradient_usual
    return peak is not None and usual is not None and peak >= max(STEEP, RISEN * usual)


def _gradient(course: Course) -> str:
    """How far the gradient rose, after a reason; "" if it did not."""
    if _gradient_rose(course):
        return f", and the gradient's norm rose to {course.gradient_peak:,.4g}"
    if course.clipped_share > CLIPPED:
        return f", and {course.clipped_share:.0%} of the gradients were clipped"
    return ""


def _after_divergence(course: Course, _: Ngrams) -> Advice:
    reason = "the loss was no number" if course.broken is not None else "the loss did not come back"
    return _calmer(course, 10, reason + _gradient(course))


def _after_explosion(course: Course, _: Ngrams) -> Advice:
    return _calmer(course, 2, "the loss exploded on the way" + _gradient(course))


def _after_jump(course: Course, _: Ngrams) -> Advice:
    return _calmer(course, 2, f"the loss ended {amount(course.rise)} bits up{_gradient(course)}")


def _after_dead_units(course: Course, _: Ngrams) -> Advice:
    reason = "the loss exploded on the way" if course.explosion else "nothing but these frequencies was learnt"
    return _calmer(course, 10, reason + _gradient(course))


def _nothing_to_learn(course: Course, ngrams: Ngrams) -> Advice:
    return Advice(
        sentence=f"Nothing else can be had from this text by counting either: n-grams take {ngrams() or 0.0:.3f} bits."
    )


def _another_rate(course: Course, _: Ngrams) -> Advice:
    changes = {} if course.rate is None else {"learning_rate": float(f"{course.rate / 10:.2g}")}
    return Advice(
        sentence=f"Try another learning rate, first a tenth: the text was read {_times(course.epochs)} for this.",
        changes=changes,
    )


def _higher_rate(course: Course, _: Ngrams) -> Advice:
    changes = {} if course.rate is None else {"learning_rate": float(f"{course.rate * 10:.2g}")}
    fell = amount(course.points[0].held_out - course.last.held_out)
    return Advice(sentence=f"Try ten times the learning rate: the loss fell by {fell} bits in all.", changes=changes)


def _go_on(course: Course, _: Ngrams) -> Advice:
    return Advice(sentence="Try going on with --resume: it has not been trained to its end.", resumed=True)


def _measure_more(course: Course, _: Ngrams) -> Advice:
    count = len(course.points)
    sentence = f"Try more --iterations or a smaller --eval-every: measured only {plural(count, 'time')}."
    return _longer(course, sentence) if count else Advice(sentence=sentence)


def _longer(course: Course, sentence: str) -> Advice:
    return Advice(sentence=sentence, resumed=True, iterations=2 * course.made)


def _twice_as_long(course: Course, _: Ngrams) -> Advice:
    return _longer(course, f"Try training twice as long: it fell by {amount(course.fall)} bits in the last doubling.")


def _read_more(course: Course, _: Ngrams) -> Advice:
    return _longer(course, f"Try training twice as long: the text was read {_times(course.epochs)}.")


def _hold_out_elsewhere(course: Course, _: Ngrams) -> Advice:
    return Advice(
        sentence=f"Try other held-out text (--val-at spread): read {_times(course.epochs)}, nothing is learnt by "
        "heart yet, so what is held out differs from the rest.",
        changes={"val_at": "spread"},
    )


def _against_learning_by_heart(course: Course, _: Ngrams) -> Advice:
    if course.density > MANY:
        return Advice(
            sentence=f"Try a smaller network or more text: {course.density:.1f} parameters a character.",
            changes={} if course.width is None else {"rnn_size": max(1, course.width // 2)},
        )
    often = f"it was read {_times(course.epochs)}"
    if course.dropout >= MOST_DROPOUT:
        return Advice(sentence=f"Try more text: {often}.")
    more = min(MOST_DROPOUT, round(course.dropout + max(0.1, course.dropout / 2), 2))
    return Advice(
        sentence=f"Try more dropout (now {course.dropout:g}) or more text: {often}.", changes={"dropout": more}
    )


def _less_dropout(course: Course, _: Ngrams) -> Advice:
    return Advice(
        sentence=f"Try less dropout (now {course.dropout:g}): the training text is not learnt either.",
        changes={name: round(share / 2, 2) for name, share in course.dropouts.items() if share},
    )


def _as_good_as_counting(course: Course, _: Ngrams) -> Advice:
    return Advice(sentence="Little more is to be had from this text: the network predicts it as well as counting.")


def _nothing_left(course: Course, _: Ngrams) -> Advice:
    return Advice(
        sentence="Nothing is left to learn, for a larger network neither. See whether the text repeats itself.",
        checks_text=True,
    )


def _lower_rate(course: Course, _: Ngrams) -> Advice:
    changes = {} if course.rate is None else {"learning_rate": float(f"{course.rate / 2:.2g}")}
    return Advice(
        sentence=f"Try a lower --learning-rate: {course.clipped_share:.0%} of the gradients were clipped.",
        changes=changes,
    )


def _more_text(course: Course, _: Ngrams) -> Advice:
    return Advice(sentence=f"Try more text: there are {course.density:.1f} parameters for each character.")


def _larger(course: Course, _: Ngrams) -> Advice:
    return Advice(
        sentence=f"Try a larger network (--rnn-size): {course.density:.2g} parameters a character.",
        changes={} if course.width is None else {"rnn_size": 2 * course.width},
    )


# -- when ------------------------------------------------------------------------------------------------------------


def _always(course: Course, ngrams: Ngrams) -> bool:
    return True


def _has_findings(course: Course, _: Ngrams) -> bool:
    return bool(course.findings)


def _unfinished(course: Course, _: Ngrams) -> bool:
    return not course.finished


def _has_exploded(course: Course, _: Ngrams) -> bool:
    return course.explosion is not None or _gradient_rose(course) or course.clipped_share > CLIPPED


def _has_hardly_moved(course: Course, _: Ngrams) -> bool:
    """Whether a network is still at the chance with which it began, where letter frequencies are better than that."""
    if course.uniform is None or course.letters is None or course.uniform - course.letters <= FALL:
        return False
    return (
        course.best.held_out > LETTERS * course.uniform
        and len(course.points) >= MEASURED
        and course.points[0].held_out - course.last.held_out <= FALL
    )


def _counting_is_no_better(course: Course, ngrams: Ngrams) -> bool:
    """Whether the best n-gram model, too, only knows letter frequencies."""
    counted = ngrams()
    return counted is not None and course.best.held_out - counted <= COUNTING


def _equals_counting(course: Course, ngrams: Ngrams) -> bool:
    """Whether a network knows what counting knows, and the two together no more."""
    best = course.best
    if best.mixed is not None and best.held_out - best.mixed > COUNTING:
        return False
    counted = ngrams()
    return counted is not None and abs(best.held_out - counted) <= COUNTING


def _underfits(course: Course, ngrams: Ngrams) -> bool:
    """Whether dropout may keep a network from learning what counting learns."""
    if course.dropout < HEAVY_DROPOUT or (course.gap or 0.0) >= SMALL_GAP:
        return False
    counted = ngrams()
    return counted is not None and course.best.held_out - counted > BEHIND


def _memorises(course: Course, _: Ngrams) -> bool:
    """Whether a gap is that of a network that learns by heart, and not that of two different texts."""
    gap = course.gap or 0.0
    if course.density < SPARSE or gap < SMALL_GAP:
        return False
    return course.epochs >= (OFTEN if course.outcome == "learning" else SEVERAL) and (
        gap >= LARGE_GAP or course.outcome == "settled"
    )


_RULES: tuple[_Rule, ...] = (
    ("diverged", _always, _after_divergence),
    ("unstable", lambda course, _: course.explosion is not None, _after_explosion),
    ("unstable", _always, _after_jump),
    ("not learning", _has_exploded, _after_dead_units),
    ("not learning", _unfinished, _go_on),
    ("not learning", _has_hardly_moved, _higher_rate),
    ("not learning", lambda course, _: course.fall > NOISE or course.epochs < 1, _read_more),
    ("not learning", _has_findings, _look_at_text),
    ("not learning", _counting_is_no_better, _nothing_to_learn),
    ("not learning", _always, _another_rate),
    ("memorising", _has_findings, _look_at_text),
    ("memorising", _always, _against_learning_by_heart),
    ("drifting", _has_findings, _look_at_text),
    ("drifting", _always, _hold_out_elsewhere),
    ("solved", _has_findings, _look_at_text),
    ("solved", _always, _nothing_left),
    ("learning", _unfinished, _go_on),
    ("learning", _has_findings, _look_at_text),
    ("learning", _memorises, _against_learning_by_heart),
    ("learning", _always, _twice_as_long),
    ("too short to say", _unfinished, _go_on),
    ("too short to say", _always, _measure_more),
    ("settled", _unfinished, _go_on),
    ("settled", _has_findings, _look_at_text),
    ("settled", lambda course, _: course.clipped_share > CLIPPED, _lower_rate),
    ("settled", _memorises, _against_learning_by_heart),
    ("settled", _equals_counting, _as_good_as_counting),
    ("settled", _underfits, _less_dropout),
    ("settled", lambda course, _: course.density > MANY, _more_text),
    ("settled", _always, _larger),
)
