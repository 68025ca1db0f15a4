"""A budget of time becomes a number of iterations. The time is told by a clock that tests move."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
from helpers.trainings import assert_same, finish, make, stored

from charrnn.config import TrainConfig
from charrnn.errors import UsageError
from charrnn.training.events import Progress
from charrnn.training.resume import resume_point, resumed
from charrnn.training.schedule import Horizon
from charrnn.training.time_budget import TimeBudget


class Clock:
    """The time of day, as a test has it; each look at it takes `tick` seconds."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 1000.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


def nothing() -> None:
    """An evaluation or a snapshot that takes no time."""


def budget_of(config: TrainConfig, clock: Clock, spent: float = 0.0) -> TimeBudget:
    return TimeBudget(config, Horizon.of(config), spent=spent, clock=clock)


def test_a_budget_of_time_becomes_a_number_of_iterations(tmp_path: Path) -> None:
    training = make(time=3.0, snapshot_at=(50,), eval_every=100, trainer={"clock": Clock(tick=0.008)})
    assert training.horizon.iterations is None
    planned_at: list[int] = []
    points = []
    for event in training.events():
        if isinstance(event, Progress):
            if event.iteration == 10 or training.budget.plans > len(planned_at):
                points.append(resume_point(training))
            planned_at += [event.iteration] * (training.budget.plans - len(planned_at))
    assert planned_at[0] >= 20
    assert len(planned_at) == 5
    assert training.iteration == training.config.iterations > planned_at[-1]
    first, *_, last = (stored(tmp_path / f"{n}.safetensors", point) for n, point in enumerate(points))
    unplanned = resumed(first, training.corpus, device="cpu")
    assert unplanned.horizon.iterations is None  # it measures again, and the time that has passed counts
    assert unplanned.budget.elapsed >= first.header.progress["elapsed"]
    again = resumed(last, training.corpus, device="cpu")
    assert (again.budget.plans, again.horizon.iterations) == (5, training.horizon.iterations)
    assert_same(finish(again), training.model.weights())


def test_saved_before_the_plan_it_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    settings = {"time": 1000.0, "decay": "linear", "warmup": 3, "iterations": 5}
    never_stopped, training = (make(**settings, trainer={"clock": Clock()}) for _ in range(2))
    for _ in range(10):  # beyond the iterations that a training without a budget would have
        never_stopped.step()
        training.step()
    point = stored(tmp_path / "resume.safetensors", resume_point(training))
    assert point.header.training.iterations > 10  # not complete, for all who read it
    assert point.header.progress["plans"] == 0
    again = resumed(point, training.corpus, device="cpu")
    assert not again.complete
    for _ in range(4):
        assert again.step().learning_rate == never_stopped.step().learning_rate
    assert_same(again.model.weights(), never_stopped.model.weights())
    longer = resumed(point, training.corpus, device="cpu", iterations=12)  # a number given by hand is not planned over
    finish(longer)
    assert longer.iteration == 12
    assert longer.budget.plans == TimeBudget.FINAL_PLAN


def test_the_plan_fits_what_was_measured() -> None:
    """A tenth of the budget spent at a known speed leaves nine times as many iterations, less what watching takes."""
    clock = Clock()
    training = make(time=100.0, iterations=1, eval_every=0, trainer={"clock": clock})
    for _ in range(29):
        training.step()
    clock.now += 10.0
    assert training.budget.plans == 0
    training.budget._watching_seconds = (2.0, 0.5)  # for a held-out loss, and for a snapshot beside it
    training.budget.record(29, 10.0)
    next(training.events())
    assert training.horizon.iterations == 30 + round((100 - 10 - 2.5) * 3)  # one snapshot, the last


def test_a_plan_leaves_time_to_watch_and_goes_by_the_latest_speed() -> None:
    clock = Clock()
    config = TrainConfig(time=100.0, eval_every=50, snapshot_at=(20, 100, 300, 5000))
    budget = budget_of(config, clock, spent=4.0)
    evaluate, snapshot = partial(clock.pass_by, 0.5), partial(clock.pass_by, 0.25)
    clock.now += 5.0
    assert budget.elapsed == 9.0
    budget.record(100, 10.0)
    budget.plan(evaluate, snapshot)
    assert budget.elapsed == 10.0  # one evaluation and two snapshots
    # 90 s are left, of 0.1 s an iteration: up to 905, 150 to 900 are measured, and 300 and 905 kept.
    assert budget.horizon.iterations == 100 + round((90 - (16 + 1) * 0.5 - 2 * 0.25) / 0.1)
    assert budget.plans == 1
    clock.now += 30.0
    budget.record(200, 20.0)
    # 60 s are left, and the last 100 iterations took 0.2 s each: up to 480, 250 to 450 are measured, 300 and 480 kept.
    budget.plan(evaluate, snapshot)
    assert budget.elapsed == 40.0  # what watching takes is measured once
    assert budget.horizon.iterations == 200 + round((60 - (5 + 1) * 0.5 - 2 * 0.25) / 0.2)
    assert budget.plans == 2
    clock.now += 100.0
    budget.record(400, 90.0)
    budget.plan(evaluate, snapshot)
    assert budget.horizon.iterations == 401  # the time is up


@pytest.mark.parametrize(
    ("seconds", "due_at"),
    [
        (100.0, (10.0, 30.0, 50.0, 70.0, 85.0)),
        (20.0, (2.0, 6.0, 10.0, 14.0, 17.0)),
        (1000.0, (10.0, 300.0, 500.0, 700.0, 850.0)),
    ],
)
def test_when_a_plan_is_due(seconds: float, due_at: tuple[float, ...]) -> None:
    """Five times, by shares of the budget, and after twenty iterations at least."""
    clock = Clock()
    began = clock.now
    budget, unlimited = (
        budget_of(TrainConfig(time=time, eval_every=0, snapshot_at=()), clock) for time in (seconds, None)
    )
    iteration = 0
    for due in due_at:
        clock.now = began + due - 0.5
        budget.record(iteration + 20, 0.0)
        assert not budget.plan_is_due()
        clock.now = began + due
        budget.record(iteration + 19, 0.0)
        assert not budget.plan_is_due()
        iteration += 20
        budget.record(iteration, due - budget.seconds)
        unlimited.record(iteration, due - unlimited.seconds)
        assert not unlimited.plan_is_due()
        assert budget.plan_is_due()
        budget.plan(nothing, nothing)
    clock.now = began + seconds
    budget.record(iteration + 1000, 0.0)
    assert not budget.plan_is_due()


def test_a_training_that_became_faster_goes_on() -> None:
    clock = Clock()
    budget = budget_of(TrainConfig(time=100.0, eval_every=0, snapshot_at=()), clock)
    clock.now += 10.0
    budget.record(100, 10.0)
    budget.plan(nothing, nothing)
    assert budget.horizon.iterations == 1000
    clock.now += 15.0  # twenty-five seconds, and all is done
    budget.record(999, 15.0)
    assert not budget.plan_is_due()
    budget.record(1000, 0.0)
    assert budget.plan_is_due()
    budget.plan(nothing, nothing)
    assert budget.horizon.iterations == 1000 + 75 * 60


def test_what_was_spent_before_counts() -> None:
    clock = Clock()
    assert make(time=100.0, trainer={"clock": clock}).budget.elapsed == 0.0
    assert make(time=100.0, trainer={"clock": clock, "spent": 5.0}).budget.elapsed == 5.0


def test_a_budget_goes_on_where_it_was_left() -> None:
    clock, config = Clock(), TrainConfig(time=100.0).completed()
    budget = budget_of(config, clock, spent=1.0)
    clock.now += 11.0
    budget.record(30, 9.0)
    budget.plan(nothing, nothing)
    clock.now += 2.0
    left = budget.state_dict()
    assert left == {"seconds": 9.0, "elapsed": 14.0, "plans": 1, "iteration": 30}
    clock.now += 1e6  # nobody trains meanwhile
    again = budget_of(config, clock)
    again.load_state_dict(left | {"iteration": 40})
    assert again.state_dict() == left | {"iteration": 40}
    clock.now += 26.0
    again.record(59, 0.0)
    assert not again.plan_is_due()  # the speed is that of this machine, from here on
    again.record(60, 0.0)
    assert again.plan_is_due()
    settled = budget_of(config, clock)
    settled.load_state_dict(left | {"plans": TimeBudget.FINAL_PLAN})
    clock.now += 1000.0
    settled.record(1000, 0.0)
    assert not settled.plan_is_due()


def test_a_budget_too_small_still_ends() -> None:
    training = make(time=1e-3)
    finish(training)
    assert training.horizon.iterations is not None
    assert training.iteration <= 25


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_budget_is_above_zero(value: float) -> None:
    with pytest.raises(UsageError, match="--time"):
        TrainConfig(time=value)
