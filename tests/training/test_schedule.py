from __future__ import annotations

import math
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.config import Decay, TrainConfig
from charrnn.training.schedule import learning_rate


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
    assert {at: learning_rate(config, at) for at in rates} == pytest.approx(rates)


def test_constant_rate_after_warmup() -> None:
    config = TrainConfig(iterations=110, warmup=10, learning_rate=0.5, decay="constant")
    assert [learning_rate(config, at) for at in (1, 5, 10, 11, 60, 110)] == pytest.approx(
        [0.05, 0.25, 0.5, 0.5, 0.5, 0.5]
    )


def test_warmup_takes_at_most_a_tenth_of_the_run() -> None:
    config = TrainConfig(iterations=50, warmup=100, learning_rate=1.0)
    assert [learning_rate(config, at) for at in (1, 4, 5)] == pytest.approx([0.2, 0.8, 1.0])
    assert learning_rate(config, 6) < 1.0


def test_without_warmup_the_first_rate_is_nearly_the_peak() -> None:
    config = TrainConfig(iterations=1000, warmup=0, learning_rate=1.0, decay="linear", final_rate=0.0)
    assert learning_rate(config, 1) == pytest.approx(0.999)
    assert learning_rate(config, 1000) == 0.0


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(0, 400), st.sampled_from(get_args(Decay)), st.floats(0, 1), st.floats(1e-6, 10))
def test_rate_rises_then_falls_and_stays_within_its_bounds(
    iterations: int, warmup: int, decay: Decay, final: float, peak: float
) -> None:
    config = TrainConfig(iterations=iterations, warmup=warmup, decay=decay, final_rate=final, learning_rate=peak)
    rates = [learning_rate(config, at) for at in range(1, iterations + 1)]
    top = rates.index(max(rates))
    slack = peak * 1e-9
    assert all(b >= a - slack for a, b in pairwise(rates[: top + 1]))
    assert all(b <= a + slack for a, b in pairwise(rates[top:]))
    assert max(rates) <= peak + slack
    assert min(rates) >= -slack
    assert rates[-1] == pytest.approx(peak if decay in ("constant", "plateau") else peak * final)


def test_on_a_plateau_the_rate_is_lowered_and_has_a_floor() -> None:
    config = TrainConfig(iterations=1000, warmup=10, learning_rate=1.0, decay="plateau", plateau_factor=0.5)
    assert [learning_rate(config, 500, lowered) for lowered in (0, 1, 2, 9)] == pytest.approx([1, 0.5, 0.25, 0.02])
    assert learning_rate(config, 5, 2) == pytest.approx(0.5)  # warming up it has no part
