"""Intervals that hold what they promise: on made differences whose mean is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.evaluation import bootstrap
from charrnn.evaluation.bootstrap import Difference, paired_difference

MEAN = 0.03

Floats = NDArray[np.float64]


def autoregressive(rng: np.random.Generator, n: int, memory: float) -> Floats:
    """Each value is `memory` times the one before, and noise; (n,) of variance 1, after a beginning that is left out.

    By doubling: x(t) = e(t) + m e(t-1) + m^2 e(t-2) + ..., as far as it is above rounding."""
    lead = 1 if not memory else math.ceil(-36 / math.log(memory))
    values = rng.normal(size=n + lead) * math.sqrt(1 - memory**2)
    step, factor = 1, memory
    while factor > 1e-16:
        values[step:] = values[step:] + factor * values[:-step]
        step, factor = 2 * step, factor**2
    return values[lead:]


def coverage(n: int, memory: float, **options: Any) -> float:
    """Of 400 texts, how many have intervals that hold the true mean."""
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(400):
        hardness = rng.exponential(2.0, size=n)  # the same for both
        difference = MEAN + 0.5 * autoregressive(rng, n, memory)
        found = paired_difference(hardness, hardness + difference, resamples=300, seed=seed, **options)
        held += found.low <= MEAN <= found.high
    return held / 400


def test_the_made_series_has_the_memory_that_is_claimed() -> None:
    series = autoregressive(np.random.default_rng(0), 200_000, 0.9)
    assert np.std(series) == pytest.approx(1, abs=0.03)
    assert np.corrcoef(series[1:], series[:-1])[0, 1] == pytest.approx(0.9, abs=0.01)
    assert np.corrcoef(series[5:], series[:-5])[0, 1] == pytest.approx(0.9**5, abs=0.03)


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n", [2_000, 10_000])
def test_an_interval_of_95_percent_holds_the_mean_that_often(n: int, memory: float) -> None:
    assert 0.9 <= coverage(n, memory) <= 0.99


def test_characters_drawn_one_by_one_would_promise_too_much() -> None:
    """What the blocks are for."""
    assert coverage(2_000, 0.9, block=1) < 0.6


def test_a_short_text_still_gives_an_honest_interval() -> None:
    assert 0.85 <= coverage(60, 0.0) <= 0.99
    assert 0.85 <= coverage(100, 0.3) <= 0.99
    a, b = np.array([1.0, 2.0]), np.array([1.5, 2.1])
    found = paired_difference(a, b)
    assert found.mean == pytest.approx(0.3)
    assert found.low <= 0.1
    assert found.high >= 0.5


def test_the_interval_is_that_of_the_mean() -> None:
    """For independent differences, 1.96 standard errors either way."""
    difference = np.random.default_rng(2).normal(MEAN, 0.5, size=40_000)
    found = paired_difference(np.zeros(40_000), difference)
    assert found.mean == pytest.approx(float(difference.mean()))
    assert found.half == pytest.approx(1.96 * 0.5 / 200, rel=0.1)
    assert found.low < found.mean < found.high
    narrower = paired_difference(np.zeros(40_000), difference, confidence=0.68)
    assert narrower.half == pytest.approx(0.5 / 200, rel=0.1)


def test_what_is_hard_for_both_cancels() -> None:
    rng = np.random.default_rng(3)
    hardness = rng.exponential(2.0, size=5_000)
    noise = rng.normal(0.1, 0.05, size=5_000)
    found = paired_difference(hardness, hardness + noise)
    alone = paired_difference(hardness, rng.permutation(hardness) + noise)
    assert found.clear
    assert alone.half > 10 * found.half


def test_block_by_block_it_is_what_a_loop_draws() -> None:
    """Against drawing whole blocks from a ring, character by character."""
    rng = np.random.default_rng(4)
    difference = rng.normal(size=97)
    size, count = 9, 10
    draws = np.random.default_rng(7)
    means = []
    for _ in range(50):
        starts = draws.integers(97, size=count)
        means.append(np.mean([difference[(start + place) % 97] for start in starts for place in range(size)]))
    student = 1 + (1.645**2 + 1) / (4 * (count - 1))  # near enough to 1.833, the quantile of t with 9 degrees, / 1.645
    spread = (np.array(means) - difference.mean()) * math.sqrt(count / (count - 1)) * student
    low, high = difference.mean() + np.quantile(spread, [0.05, 0.95])
    found = paired_difference(np.zeros(97), difference, block=9, resamples=50, confidence=0.9, seed=7)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-3)


def test_how_many_are_drawn_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.random.default_rng(8).normal(size=(2, 300))
    found = paired_difference(a, b, resamples=57)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 40)
    assert paired_difference(a, b, resamples=57) == found


def test_a_block_is_at_most_a_tenth_of_the_text() -> None:
    """One as long as the text would make every resample the same, and the interval nothing."""
    difference = np.random.default_rng(5).normal(size=500)
    whole = paired_difference(np.zeros(500), difference, block=500)
    assert whole == paired_difference(np.zeros(500), difference, block=50)
    assert whole.half > 0.02


finite = st.floats(0, 30)


@settings(max_examples=100)
@given(st.integers(2, 60).flatmap(lambda n: st.tuples(*[arrays(np.float64, n, elements=finite)] * 2)))
def test_swapped_it_is_the_same_the_other_way_round(pair: tuple[Floats, Floats]) -> None:
    there, back = (paired_difference(*order, resamples=200) for order in (pair, pair[::-1]))
    expected = (-there.mean, -there.high, -there.low)
    assert (back.mean, back.low, back.high) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=50)
@given(st.integers(2, 200).flatmap(lambda n: arrays(np.float32, n, elements=st.floats(0, 30, width=32))))
def test_the_same_losses_differ_by_nothing(losses: NDArray[np.float32]) -> None:
    found = paired_difference(losses, losses, resamples=50)
    assert found == Difference(0.0, 0.0, 0.0)
    assert found.half == 0
    assert not found.clear


def test_the_same_seed_gives_the_same_interval() -> None:
    a, b = np.random.default_rng(6).normal(size=(2, 1_000))
    assert paired_difference(a, b) == paired_difference(a, b)
    assert paired_difference(a, b) != paired_difference(a, b, seed=1)


def test_single_precision_is_summed_in_double() -> None:
    a, b = np.random.default_rng(9).exponential(2.0, size=(2, 300_000)).astype(np.float32)
    found = paired_difference(a, b, resamples=20)
    assert found.mean == pytest.approx(math.fsum(b.tolist() + (-a).tolist()) / 300_000, rel=1e-11)


def test_where_every_character_differs_by_as_much_there_is_nothing_to_be_unsure_of() -> None:
    a = np.random.default_rng(9).exponential(2.0, size=10_000)
    found = paired_difference(a, a + 0.01)
    assert (found.mean, found.low, found.high) == pytest.approx((0.01,) * 3)
    assert found.clear


@pytest.mark.parametrize(("low", "high", "clear"), [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False)])
def test_an_interval_is_clear_where_it_leaves_zero_out(low: float, high: float, clear: bool) -> None:
    found = Difference((low + high) / 2, low, high)
    assert found.clear is clear
    assert found.half == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_characters_are_refused(count: int) -> None:
    with pytest.raises(CorpusError, match=f"^{count} characters: too few"):
        paired_difference(np.ones(count), np.ones(count))


def test_losses_of_different_texts_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        paired_difference(np.ones(5), np.ones(1))
