"""A budget of time becomes a number of iterations. The time is told by a clock that tests move."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from helpers.trainings import assert_same, finish, make, stored

from charrnn.config import Decay, TrainConfig
from charrnn.errors import UsageError
from charrnn.ngrams import counting
from charrnn.ngrams.model import NgramModel
from charrnn.training import held_out_counts
from charrnn.training.events import Evaluated, Progress, Snapshot
from charrnn.training.resume import resume_point, resumed
from charrnn.training.schedule import Horizon, LearningRateSchedule
from charrnn.training.time_budget import TimeBudget, WorkClock


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
    assert (longer.config.time, longer.budget.plans) == (None, 0)


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


def test_a_plan_goes_by_what_watching_has_taken() -> None:
    clock = Clock()
    budget = budget_of(TrainConfig(time=100.0, eval_every=50, snapshot_at=(20, 100, 300, 5000)), clock, spent=5.0)
    clock.now += 5.0
    budget.record(100, 10.0)
    budget.watched(0.5, 0.25)
    budget.plan(pytest.fail, pytest.fail)  # neither is made once more
    # 90 s are left, of 0.1 s an iteration: up to 905, 150 to 900 are measured, and 300 and 905 kept.
    assert budget.horizon.iterations == 100 + round((90 - (16 + 1) * 0.5 - 2 * 0.25) / 0.1)


def test_what_a_snapshot_has_taken_is_told_with_all_that_was_done_about_it() -> None:
    clock = Clock()
    training = make(iterations=5, snapshot_at=(0, 3), trainer={"clock": clock})
    measure = training.evaluator.sample_writer.write

    def write(weights: Any) -> Any:
        clock.now += 0.125
        return measure(weights)

    training.evaluator.sample_writer.write = write  # type: ignore[method-assign]
    told = []
    training.budget.watched = lambda *seconds: told.append(seconds)  # type: ignore[method-assign]
    for event in training.events():
        match event:
            case Evaluated():
                clock.now += 1.0  # what those who follow it do, and write
            case Snapshot():
                clock.now += 2.0
            case Progress():
                clock.now += 4.0
    assert told == [(0.0, 3.125), (0.0, 7.125), (0.0, 7.125)]  # before the first iteration nothing closes one


@pytest.mark.parametrize("snapshot_at", [(0, 3), (3,)])
def test_counting_the_text_is_no_part_of_an_evaluation(
    snapshot_at: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    training = make(iterations=5, snapshot_at=snapshot_at, trainer={"clock": clock})

    def count(*arguments: Any, **settings: Any) -> NgramModel:
        clock.now += 50.0
        return counting.count(*arguments, **settings)

    monkeypatch.setattr(held_out_counts, "count", count)
    told = []
    training.budget.watched = lambda *seconds: told.append(seconds)  # type: ignore[method-assign]
    for _ in training.events():
        pass
    assert told == [(0.0, 0.0)] * (len(snapshot_at) + 1)
    assert training.budget.elapsed == 50.0


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
    # The time is up, and a quarter of the cosine left: a quarter of a tenth of 400 iterations.
    assert budget.horizon.progress(400) == pytest.approx(0.748, abs=0.001)
    assert budget.horizon.iterations == 411
    assert budget.plans == TimeBudget.FINAL_PLAN


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
    assert left == {"seconds": 9.0, "elapsed": 14.0, "plans": 1, "began": 0.0, "iteration": 30}
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


# -- pauses ----------------------------------------------------------------------------------------------------------


def test_time_without_use_of_the_processor_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5000.0, 70.0]  # of the day, and of the processor
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(time, "process_time", lambda: now[1])
    clock = WorkClock()

    def look(passed: float, used: float) -> float:
        now[0] += passed
        now[1] += used
        return clock()

    assert clock() == 0.0
    assert look(1.0, 0.0) == 1.0  # too short to tell: it may have waited for a disk
    assert look(3.0, 5.5) == 4.0  # two threads
    assert look(10.0, 2.0) == 14.0  # beside others
    assert look(8 * 3600.0, 0.5) == 14.5  # a night with the lid closed, in the middle of half a second of work
    assert look(0.25, 0.25) == 14.75


STOPPED = """
import sys, time
from charrnn.training.time_budget import WorkClock
clock, began = WorkClock(), time.perf_counter()
for line in sys.stdin:
    used = time.process_time()
    while time.process_time() - used < 0.2:
        pass
    print(clock(), time.perf_counter() - began, flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_stopped_process_does_not_work() -> None:
    """Ctrl-Z for three seconds."""
    with subprocess.Popen([sys.executable, "-c", STOPPED], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def figures() -> list[float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            return [float(figure) for figure in process.stdout.readline().split()]

        before = figures()
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)
        process.send_signal(signal.SIGCONT)
        after = figures()
        process.stdin.close()
    worked, passed = (later - earlier for later, earlier in zip(after, before, strict=True))
    assert passed > 3.0
    assert worked < passed - 2.0


def rates_of(config: TrainConfig, speeds: list[float]) -> tuple[list[float], list[int]]:
    """The rate of every iteration, and the plans, of a training of which iteration i takes `speeds[i]` seconds, or the
    last of them."""
    clock = Clock()
    budget = budget_of(config, clock)
    schedule, rates, plans = LearningRateSchedule(config, budget.horizon, 100), [], []
    while not budget.horizon.reached(len(rates)):
        iteration = len(rates) + 1
        rates.append(schedule.rate(iteration))
        seconds = speeds[min(len(rates), len(speeds)) - 1]
        clock.now += seconds
        budget.record(iteration, seconds)
        if budget.plan_is_due():
            budget.plan(nothing, nothing)
            assert budget.horizon.iterations is not None
            plans.append(budget.horizon.iterations)
    return rates, plans


FASTER, SLOWER = [0.2] * 150 + [0.05], [0.05] * 300 + [0.25]  # of a hundred seconds: a machine that changes its speed
STALLED = [0.1] * 400 + [80.0] + [0.1]  # and one that hangs for most of them


@pytest.mark.parametrize("decay", ["cosine", "linear"])
@pytest.mark.parametrize(
    "speeds", [FASTER, SLOWER, STALLED, [0.1, 0.2] * 600], ids=["faster", "slower", "stalled", "?"]
)
def test_a_rate_never_rises_after_the_warmup_and_always_comes_down(decay: Decay, speeds: list[float]) -> None:
    config = TrainConfig(time=100.0, eval_every=0, snapshot_at=(), warmup=20, decay=decay, learning_rate=0.01)
    rates, plans = rates_of(config, speeds)
    assert len(set(plans)) > 1
    assert rates[:20] == pytest.approx([0.01 * at / 20 for at in range(1, 21)])
    falling = rates[20:]
    assert all(later <= earlier * (1 + 1e-9) for earlier, later in pairwise(falling))
    assert falling[-1] == pytest.approx(config.final_rate * config.learning_rate)
    # Nor does it fall by leaps, though there be little time left.
    assert max(earlier - later for earlier, later in pairwise(falling)) < 0.01 / 10


def test_a_budget_that_is_raised_is_planned_like_one_of_what_was_added() -> None:
    clock = Clock()
    budget = budget_of(TrainConfig(time=200.0, eval_every=0, snapshot_at=(), warmup=10), clock)
    budget.load_state_dict({"seconds": 90.0, "elapsed": 100.0, "plans": 5, "began": 0.0, "iteration": 1000})
    budget.horizon.restart(None, 1000)
    budget.renew()
    due = []
    for iteration in range(1001, 3000):
        clock.now += 0.1
        budget.record(iteration, 0.1)
        if budget.plan_is_due():
            due.append(round(budget.elapsed))
            budget.plan(nothing, nothing)
            assert budget.horizon.iterations == 2000
        if budget.horizon.reached(iteration):
            break
    assert due == [110, 130, 150, 170, 185]
    assert budget.elapsed == pytest.approx(200.0)
    again = budget_of(budget.config, clock)
    again.load_state_dict(budget.state_dict())
    assert again.began == 100.0
