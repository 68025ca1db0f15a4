"""The learning rate by hand, and what held-out losses decide."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, get_args

import pytest
from helpers.trainings import assert_same, finish, make, with_held_out_losses
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import Decay, TrainConfig
from charrnn.errors import UsageError
from charrnn.training.events import Evaluated, Progress, Snapshot
from charrnn.training.schedule import EarlyStopping, Horizon, LearningRateSchedule


def schedule(config: TrainConfig, per_epoch: int = 40) -> LearningRateSchedule:
    return LearningRateSchedule(config, Horizon.of(config), per_epoch)


@pytest.mark.parametrize(
    ("decay", "rates"),
    [
        # peak 1, warmup 10 of 110; a quarter, half and three quarters of the way down to 0.2
        ("cosine", {35: 0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2, 60: 0.6, 85: 0.2 + 0.8 * (1 - math.sqrt(0.5)) / 2}),
        ("linear", {35: 0.8, 60: 0.6, 85: 0.4}),
    ],
)
def test_rates_by_hand(decay: Decay, rates: dict[int, float]) -> None:
    config = TrainConfig(iterations=110, warmup=10, learning_rate=1.0, final_rate=0.2, decay=decay)
    rates = rates | {1: 0.1, 2: 0.2, 10: 1.0, 110: 0.2}
    assert {at: schedule(config).rate(at) for at in rates} == pytest.approx(rates)


def test_constant_rate_after_warmup() -> None:
    config = TrainConfig(iterations=110, warmup=10, learning_rate=0.5, decay="constant")
    assert [schedule(config).rate(at) for at in (1, 5, 10, 11, 60, 110)] == pytest.approx(
        [0.05, 0.25, 0.5, 0.5, 0.5, 0.5]
    )


def test_warmup_takes_at_most_a_tenth_of_the_run() -> None:
    config = TrainConfig(iterations=50, warmup=100, learning_rate=1.0)
    assert [schedule(config).rate(at) for at in (1, 4, 5)] == pytest.approx([0.2, 0.8, 1.0])
    assert schedule(config).rate(6) < 1.0


def test_without_warmup_the_first_rate_is_nearly_the_peak() -> None:
    config = TrainConfig(iterations=1000, warmup=0, learning_rate=1.0, decay="linear", final_rate=0.0)
    assert schedule(config).rate(1) == pytest.approx(0.999)
    assert schedule(config).rate(1000) == 0.0


@given(st.integers(1, 300), st.integers(0, 400), st.sampled_from(get_args(Decay)), st.floats(0, 1), st.floats(1e-6, 10))
def test_rate_rises_then_falls_and_stays_within_its_bounds(
    iterations: int, warmup: int, decay: Decay, final: float, peak: float
) -> None:
    config = TrainConfig(
        iterations=iterations,
        warmup=warmup,
        decay=decay,
        final_rate=final,
        learning_rate=peak,
        decay_every=1,
        decay_after=5,
    )
    rates = [schedule(config).rate(at) for at in range(1, iterations + 1)]
    top = rates.index(max(rates))
    slack = peak * 1e-9
    assert all(b >= a - slack for a, b in pairwise(rates[: top + 1]))
    assert all(b <= a + slack for a, b in pairwise(rates[top:]))
    assert max(rates) <= peak + slack
    assert min(rates) >= -slack
    steps = max(0, (iterations - 1) // 40 - 4)  # halved after five epochs of 40, and after every one
    ends = {"constant": peak, "plateau": peak, "step": peak * 0.5**steps}
    assert rates[-1] == pytest.approx(ends.get(decay, peak * final))


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        # An epoch is of 40 iterations: its last update is the 40th, the first of the next the 41st.
        ({"decay_every": 1, "decay_factor": 0.5, "decay_after": 2}, {1: 1, 80: 1, 81: 0.5, 120: 0.5, 121: 0.25}),
        ({"decay_every": 2, "decay_factor": 0.1}, {80: 1, 81: 0.1, 160: 0.1, 161: 0.01}),
        ({"decay_every": 1, "decay_after": 0}, {1: 0.5, 40: 0.5, 41: 0.25}),
        ({"decay_every": 0.5, "decay_after": 0.25}, {10: 1, 11: 0.5, 30: 0.5, 31: 0.25, 51: 0.125}),
        ({}, {200: 1, 201: 0.5, 400: 0.5, 401: 0.25}),
        ({"decay_every": 100}, {500: 1}),
        ({"decay_every": 1, "decay_factor": 0}, {40: 1, 41: 0, 500: 0}),
    ],
)
def test_steps_by_hand(settings: dict[str, Any], rates: dict[int, float]) -> None:
    config = TrainConfig(iterations=500, warmup=0, learning_rate=1.0, decay="step", **settings)
    assert {at: schedule(config).rate(at) for at in rates} == pytest.approx(rates)


def test_steps_are_where_they_are_wherever_the_end_is() -> None:
    settings: dict[str, Any] = {"warmup": 0, "learning_rate": 1.0, "decay": "step", "decay_every": 1}
    rates = [
        [schedule(TrainConfig(**settings, **length)).rate(at) for at in range(1, 300)]
        for length in ({"iterations": 300}, {"iterations": 10**6}, {"time": 9.0})
    ]
    assert rates[0] == rates[1] == rates[2]


def test_on_a_plateau_the_rate_is_lowered_and_has_a_floor() -> None:
    config = TrainConfig(iterations=1000, warmup=10, learning_rate=1.0, decay="plateau", plateau_factor=0.5)
    on_plateaus, rates = schedule(config), []
    for _ in range(10):
        rates.append(on_plateaus.rate(500))
        on_plateaus.observe(2.0)  # the first is the best so far, and so no plateau
    assert rates == pytest.approx([1, 1, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.02, 0.02, 0.02])
    assert on_plateaus.rate(5) == pytest.approx(0.5)  # warming up it has no part


def test_a_schedule_follows_its_horizon_and_stays_at_its_peak_while_that_is_unknown() -> None:
    config = TrainConfig(iterations=10, warmup=5, learning_rate=1.0, time=60.0, decay="linear", final_rate=0.0)
    horizon = Horizon.of(config)
    planned = LearningRateSchedule(config, horizon, 40)
    assert [planned.rate(at) for at in (1, 5, 6, 1000)] == pytest.approx([0.2, 1.0, 1.0, 1.0], rel=1e-5)
    horizon.iterations = 105
    assert [planned.rate(at) for at in (5, 55, 105)] == pytest.approx([1.0, 0.5, 0.0])


def test_early_stopping_counts_the_evaluations_since_the_best() -> None:
    stopping = EarlyStopping(patience=2)
    assert [stopping.observe(loss) for loss in (3.0, 3.0, 2.0, 2.5)] == [True, False, True, False]
    assert (stopping.state_dict()["best_loss"], stopping.evaluations_since_best, stopping.stopped) == (2.0, 1, False)
    again = EarlyStopping(patience=2)
    again.load_state_dict(stopping.state_dict())
    for patient in (stopping, again):
        patient.observe(2.0)
        assert patient.stopped
    never = EarlyStopping(patience=0)
    for _ in range(100):
        never.observe(1.0)
    assert not never.stopped


def test_a_horizon_is_reached_at_its_last_iteration_and_never_while_it_is_unknown() -> None:
    assert [Horizon(7).reached(at) for at in (6, 7, 8)] == [False, True, True]
    assert not Horizon(None).reached(10**12)


def test_a_plateau_lowers_the_rate() -> None:
    training = make(decay="plateau", plateau_patience=2, eval_every=2, learning_rate=0.01, warmup=0)
    events = with_held_out_losses(training, [3.0, 2.0, 2.5, 2.0, 1.9, 2.0])
    rates = [event.learning_rate for event in events if isinstance(event, Progress)]
    assert rates == pytest.approx([0.01] * 8 + [0.005] * 4)


def test_without_improvement_training_ends_and_the_best_is_kept() -> None:
    training = make(patience=2, eval_every=2, iterations=100)
    events = with_held_out_losses(training, [3.0, 2.0, 2.5, 2.0, 1.0])
    assert training.early_stopping.stopped
    assert training.complete
    assert training.iteration == 8
    assert [event.header.iteration for event in events if isinstance(event, Snapshot)] == [2, 4, 8]
    assert [event.iteration for event in events if isinstance(event, Evaluated)] == [2, 4, 6, 8]


def test_snapshots_do_not_steer() -> None:
    """Watching changes nothing: only every eval_every-th iteration counts, whenever snapshots are kept."""
    settings = {"decay": "plateau", "eval_every": 4, "learning_rate": 0.3, "iterations": 16}
    assert_same(finish(make(**settings)), finish(make(snapshot_every=1, **settings)))


@pytest.mark.parametrize("settings", [{"patience": 1, "eval_every": 0}, {"decay": "plateau", "val_frac": 0.0}])
def test_what_goes_by_the_held_out_text_needs_some(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--eval-every"):
        TrainConfig(**settings)
