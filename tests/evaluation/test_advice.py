"""What to try next: every row of the table, by a course that it fits and those before it do not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from charrnn.evaluation import advice
from charrnn.evaluation.advice import advise, amount
from charrnn.evaluation.course import Course, Outcome, Point
from charrnn.runs.history import Explosion
from charrnn.text.finding import Finding

FINDING = Finding(kind="sorted-lines", message="the lines are in order", advice="Try --shuffle lines.", count=9)
BACK, GONE = Explosion(40, 4.95, 12.0, ended=False), Explosion(40, 4.95, 12.0, ended=True)
LOSSES: dict[Outcome, tuple[float, ...]] = {
    "diverged": (3.0, 2.0, 2.0),
    "unstable": (2.0, 2.5, 2.5),
    "not learning": (4.7, 4.7, 4.7),
    "solved": (0.5, 0.01, 0.0),
    "drifting": (2.0, 2.1, 2.2),
    "memorising": (2.0, 2.1, 2.2),
    "learning": (3.0, 2.6, 2.2),
    "settled": (2.0, 2.0, 2.0),
    "too short to say": (2.0,),
}


def course(outcome: Outcome, gap: float | None = None, **figures: Any) -> Course:
    """A course that came to this: 1,000 iterations, the text read five times."""
    losses = LOSSES[outcome]
    learnt = (
        [loss - 0.2 * number for number, loss in enumerate(losses)] if outcome in ("drifting", "memorising") else losses
    )
    points = tuple(
        Point(iteration=1000 * (number + 1) // len(losses), train=train - (gap or 0.0), held_out=loss)
        for number, (loss, train) in enumerate(zip(losses, learnt, strict=True))
    )
    usual: dict[str, Any] = {"epochs": 0.5 if outcome == "drifting" else 5.0, "parameters": 500, "characters": 1000}
    usual |= {"letters": 4.75, "uniform": 6.0, "rate": 0.014, "clipping": 5.0, "width": 64, "dropout": 0.1}
    usual |= {"broken": 600} if outcome == "diverged" else {}
    made = Course(points=points, **usual | figures)
    assert made.outcome == outcome
    return made


CASES: list[tuple[Course, float | None, str, dict[str, Any]]] = [
    # the course, bits of n-grams, how the advice begins, what it changes
    (course("diverged"), None, "Try a tenth of the learning rate: the loss was no number.", {"learning_rate": 0.0014}),
    (
        course("diverged", clipping=0.0, gradient_peak=645.2, gradient_usual=2.0),
        None,
        "Try a tenth of the learning rate and gradient clipping: the loss was no number, and the gradient's norm rose "
        "to 645.2.",
        {"learning_rate": 0.0014, "grad_clip": 5.0},
    ),
    (
        course("diverged", broken=None, explosion=GONE),
        None,
        "Try a tenth of the learning rate: the loss did not come back.",
        {"learning_rate": 0.0014},
    ),
    (
        course("unstable", explosion=BACK, gradient_peak=50.0, gradient_usual=1.0),
        None,
        "Try half the learning rate and stronger clipping: the loss exploded on the way, and the gradient's norm "
        "rose to 50.",
        {"learning_rate": 0.007, "grad_clip": 1.0},
    ),
    (course("unstable"), None, "Try half the learning rate: the loss ended 0.50 bits up.", {"learning_rate": 0.007}),
    (
        course("not learning", gradient_peak=1234.5, gradient_usual=0.05, epochs=0.1),  # the dead units of the issue
        None,
        "Try a tenth of the learning rate and stronger clipping: nothing but these frequencies was learnt, and the "
        "gradient's norm rose to 1,234.",
        {"learning_rate": 0.0014, "grad_clip": 1.0},
    ),
    (course("not learning", findings=(FINDING,)), None, "Look at the text first: the lines are in order. Try", {}),
    (course("not learning", finished=False), None, "Try going on with --resume", {}),
    (  # neither repeats nor an order in the text keep a network from learning letters
        course("not learning", findings=(FINDING,), gradient_peak=1234.5, gradient_usual=0.05),
        None,
        "Try a tenth of the learning rate",
        {"learning_rate": 0.0014, "grad_clip": 1.0},
    ),
    (course("not learning", findings=(FINDING,), epochs=0.2), None, "Try training twice as long", {}),
    (
        course("not learning", epochs=0.2, uniform=4.7, letters=4.5),
        None,
        "Try ten times the learning rate: the loss fell by 0.00 bits in all.",
        {"learning_rate": 0.14},
    ),
    (course("not learning", uniform=4.7, letters=4.7), 4.7, "Nothing else can be had from this text by counting", {}),
    (course("not learning", epochs=0.2), None, "Try training twice as long: the text was read 0.2 times.", {}),
    (course("not learning"), 4.74, "Nothing else can be had from this text by counting either: n-grams take 4.740", {}),
    (course("not learning"), 2.2, "Try another learning rate, first a tenth", {"learning_rate": 0.0014}),
    (course("memorising", findings=(FINDING,)), None, "Look at the text first", {}),
    (course("memorising"), None, "Try more dropout (now 0.1) or more text: it was read 5.0 times.", {"dropout": 0.2}),
    (course("memorising", dropout=0.5), None, "Try more text: it was read", {}),
    (course("memorising", parameters=5000), None, "Try a smaller network or more text: 5.0", {"rnn_size": 32}),
    (course("drifting", findings=(FINDING,)), None, "Look at the text first", {}),
    (course("drifting"), None, "Try other held-out text (--val-at spread): read 0.5 times", {"val_at": "spread"}),
    (course("solved", findings=(FINDING,)), None, "Look at the text first", {}),
    (course("solved"), None, "Nothing is left to learn, for a larger network neither.", {}),
    (course("learning", finished=False), None, "Try going on with --resume", {}),
    (course("learning", findings=(FINDING,)), None, "Look at the text first", {}),
    (course("learning", gap=0.4, epochs=9.0), None, "Try more dropout", {"dropout": 0.2}),
    (course("learning", gap=0.4, epochs=9.0, parameters=50), None, "Try training twice as long: it fell by", {}),
    (course("learning"), None, "Try training twice as long: it fell by", {}),
    (course("too short to say", finished=False), None, "Try going on with --resume", {}),
    (course("too short to say"), None, "Try more --iterations or a smaller --eval-every: measured only 1 time.", {}),
    (course("settled", finished=False), None, "Try going on with --resume", {}),
    (course("settled", findings=(FINDING,)), None, "Look at the text first", {}),
    (course("settled", clipped_share=0.6), None, "Try a lower --learning-rate: 60%", {"learning_rate": 0.007}),
    (course("settled", gap=0.2), None, "Try more dropout (now 0.1)", {"dropout": 0.2}),
    # A gap is no sign of memorising after so little reading, nor of a network so small for its text.
    (course("settled", gap=0.2, epochs=1.5), None, "Try a larger network (--rnn-size)", {"rnn_size": 128}),
    (course("settled", gap=0.4, epochs=20.0, parameters=50), None, "Try a larger network", {"rnn_size": 128}),
    (course("settled"), 2.01, "Little more is to be had from this text", {}),
    (
        course("settled", dropout=0.5, dropouts={"dropout": 0.5, "input_dropout": 0.0, "recurrent_dropout": 0.25}),
        1.5,
        "Try less dropout (now 0.5): the training text is not learnt either.",
        {"dropout": 0.25, "recurrent_dropout": 0.12},
    ),
    (course("settled", parameters=5000), None, "Try more text: there are 5.0 parameters", {}),
    (course("settled"), 2.5, "Try a larger network (--rnn-size): 0.5 parameters a character.", {"rnn_size": 128}),
]


@pytest.mark.parametrize(("made", "ngrams", "said", "changes"), CASES)
def test_each_row_of_the_table(made: Course, ngrams: float | None, said: str, changes: dict[str, Any]) -> None:
    found = advise(made, lambda: ngrams)
    assert found.sentence.startswith(said)
    assert found.changes == changes
    assert found.checks_text == ((made.findings != () and "Look" in said) or "left" in said)
    assert found.resumed == ("--resume" in said or "twice as long" in said or "--iterations" in said)
    assert found.iterations == (2000 if "twice" in said or "--iterations" in said else None)


def test_where_counts_still_help_more_is_to_be_had_than_counting_knows() -> None:
    for mixed, said in ((1.97, "Try a larger network"), (1.985, "Little more is to be had"), (None, "Little more")):
        made = course("settled")
        points = tuple(replace(point, mixed=mixed) for point in made.points)
        assert advise(replace(made, points=points), lambda: 2.01).sentence.startswith(said)


def test_every_row_has_a_case() -> None:
    hit = {
        next(
            number
            for number, (kind, fits, _) in enumerate(advice._RULES)
            if kind == made.outcome and fits(made, lambda n=ngrams: n)
        )
        for made, ngrams, _, _ in CASES
    }
    assert hit == set(range(len(advice._RULES)))


def test_a_text_is_not_to_blame_for_a_loss_that_exploded() -> None:
    for outcome in ("diverged", "unstable"):
        assert "Look" not in advise(course(outcome, findings=(FINDING,)), lambda: None).sentence


def test_ngrams_are_counted_only_where_they_decide() -> None:
    def refuse() -> float:
        raise AssertionError

    undecided = [made for made, ngrams, _, _ in CASES if ngrams is None]
    undecided = [made for made in undecided if made.outcome not in ("not learning", "settled")]
    assert undecided
    for made in undecided:
        advise(made, refuse)


@pytest.mark.parametrize(
    ("bits", "told"),
    [(-0.001, "0.00"), (0.0, "0.00"), (0.126, "0.13"), (-0.2, "-0.20"), (999.0, "999.00"), (4e10, "4e+10")],
)
def test_an_amount_is_never_less_than_nothing_and_more_than_can_be_read(bits: float, told: str) -> None:
    assert amount(bits) == told


def test_a_training_loss_that_still_has_an_explosion_in_it_gives_no_gap() -> None:
    point = Point(iteration=10, train=1e9, held_out=4.0)
    assert Course(points=(point,), epochs=1, parameters=1, characters=1).gap is None
    assert not math.isnan(Course(points=(point,), epochs=1, parameters=1, characters=1).fall)
