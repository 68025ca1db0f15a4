"""The chain and the draw, with probabilities made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.errors import DivergedError, UsageError
from charrnn.sampling.chain import (
    Chain,
    Exclude,
    LogitsProcessor,
    LogProbs,
    MinP,
    Temperature,
    TopK,
    TopP,
    log_softmax,
    make_chain,
    sample_id,
    sample_ids,
)

HALVES = np.array([0.5, 0.25, 0.125, 0.125])


def logs(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.log(probabilities)


def probabilities(log_probs: LogProbs) -> NDArray[np.float64]:
    weights = np.exp(log_probs)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


class Always:
    """Where a generator of random numbers is wanted: the edges of [0, 1)."""

    def __init__(self, number: float) -> None:
        self.number = number

    def random(self) -> float:
        return self.number


def test_log_softmax_of_hand_made_logits() -> None:
    logits = np.array([math.log(6), math.log(3), math.log(1), -np.inf], dtype=np.float64) + 100
    np.testing.assert_allclose(np.exp(log_softmax(logits)), [0.6, 0.3, 0.1, 0])


def test_log_softmax_works_in_double_precision_on_the_last_axis() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 2, 5)).astype(np.float16)
    before = logits.copy()
    result = log_softmax(logits)
    assert result.dtype == np.float64
    np.testing.assert_allclose(np.exp(result).sum(axis=-1), 1, rtol=1e-15)
    np.testing.assert_allclose(result[1, 0], log_softmax(logits[1, 0]), rtol=1e-15)
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("logits", [[1.0, math.nan], [math.inf, 0.0], [-math.inf, -math.inf]])
def test_log_softmax_refuses_what_has_no_distribution(logits: list[float]) -> None:
    with pytest.raises(DivergedError, match="diverged"):
        log_softmax(np.array(logits, dtype=np.float32))


def test_temperature_half_squares_the_probabilities() -> None:
    squares = np.array([16, 4, 1, 1]) / 22
    np.testing.assert_allclose(probabilities(Temperature(0.5)(logs(HALVES))), squares)


def test_temperature_two_takes_their_roots() -> None:
    roots = np.sqrt(HALVES) / np.sqrt(HALVES).sum()
    np.testing.assert_allclose(probabilities(Temperature(2)(logs(HALVES))), roots)


def test_temperature_works_on_the_last_axis() -> None:
    rows = logs(np.array([HALVES, HALVES[::-1]]))
    for value in (0.0, 0.3, 4.0):
        both = Temperature(value)(rows)
        np.testing.assert_array_equal(both, [Temperature(value)(row) for row in rows])


def test_temperature_zero_leaves_the_first_of_the_likeliest() -> None:
    only = Temperature(0)(logs(np.array([0.2, 0.4, 0.4])))
    np.testing.assert_array_equal(only, [-np.inf, 0, -np.inf])


@pytest.mark.parametrize("value", [5e-324, 1e-300, 1e-6])
def test_hardly_any_temperature_is_greedy(value: float) -> None:
    log_probs = log_softmax(np.array([-3e38, 0.1, 0.2, 3.0, 2.9], dtype=np.float32))
    assert sample_id(Temperature(value)(log_probs), np.random.default_rng(0)) == 3


def test_the_highest_temperature_is_uniform_over_what_is_possible() -> None:
    hot = Temperature(1e308)(logs(np.array([0.999, 0.001, 0.0])))
    np.testing.assert_allclose(probabilities(hot), [0.5, 0.5, 0])


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_temperature_is_zero_or_more(value: float) -> None:
    with pytest.raises(UsageError, match="--temperature"):
        make_chain(value)


TIED = np.array([0.1, 0.3, 0.1, 0.3, 0.2])


@pytest.mark.parametrize(
    ("process", "left"),
    [
        (TopK(1), [0, 1, 0, 0, 0]),
        (TopK(2), [0, 1, 0, 1, 0]),
        (TopK(3), [0, 1, 0, 1, 1]),
        (TopK(4), [1, 1, 0, 1, 1]),
        (TopK(5), [1, 1, 1, 1, 1]),
        (TopK(99), [1, 1, 1, 1, 1]),
        (TopP(0.01), [0, 1, 0, 0, 0]),
        (TopP(0.29), [0, 1, 0, 0, 0]),
        (TopP(0.31), [0, 1, 0, 1, 0]),
        (TopP(0.75), [0, 1, 0, 1, 1]),
        (TopP(0.85), [1, 1, 0, 1, 1]),
        (TopP(0.95), [1, 1, 1, 1, 1]),
        (TopP(1), [1, 1, 1, 1, 1]),
        (MinP(0), [1, 1, 1, 1, 1]),
        (MinP(0.3), [1, 1, 1, 1, 1]),
        (MinP(0.5), [0, 1, 0, 1, 1]),
        (MinP(0.7), [0, 1, 0, 1, 0]),
        (MinP(1), [0, 1, 0, 1, 0]),
        (Exclude(1), [1, 0, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.25])  # of what a processor before has left
def test_what_a_processor_leaves(process: LogitsProcessor, left: list[int], scale: float) -> None:
    log_probs = logs(TIED * scale)
    before = log_probs.copy()
    result = process(log_probs)
    np.testing.assert_array_equal(np.exp(result) > 0, np.array(left) == 1)
    np.testing.assert_array_equal(result[np.array(left) == 1], before[np.array(left) == 1])
    np.testing.assert_array_equal(log_probs, before)
    both = np.stack((log_probs, log_probs[::-1]))
    np.testing.assert_array_equal(process(both)[0], result)


@pytest.mark.parametrize(
    "make", [lambda: TopK(0), lambda: TopP(0), lambda: TopP(1.1), lambda: MinP(-0.1), lambda: MinP(2)]
)
def test_processors_that_would_leave_nothing_are_refused(make: object) -> None:
    with pytest.raises(UsageError, match=r"--(top-k|top-p|min-p)"):
        make()  # type: ignore[operator]


@given(
    st.lists(st.floats(0.001, 1), min_size=2, max_size=12),
    st.one_of(st.integers(1, 14).map(TopK), st.floats(0.01, 1).map(TopP), st.floats(0, 1).map(MinP)),
)
def test_the_likeliest_always_stays_and_what_stays_is_likelier_than_what_goes(
    weights: list[float], process: LogitsProcessor
) -> None:
    log_probs = logs(np.array(weights) / sum(weights))
    result = process(log_probs)
    stays = result > -np.inf
    assert stays[log_probs.argmax()]
    if not stays.all():
        assert log_probs[stays].min() >= log_probs[~stays].max()
    if isinstance(process, TopK):
        assert stays.sum() == min(process.count, len(weights))
    if isinstance(process, TopP):
        kept = np.exp(log_probs[stays])
        assert kept.sum() >= process.share - 1e-9
        assert kept.sum() - kept.min() < process.share + 1e-9  # not one more than needed


def test_the_order_of_the_chain() -> None:
    made = make_chain(0.5, top_k=3, top_p=0.9, min_p=0.1)
    assert made == Chain((TopK(3), TopP(0.9), MinP(0.1), Temperature(0.5)))
    assert make_chain(1, top_p=1, min_p=0) == Chain(())
    # The three likeliest are 0.8 of all, and the first two 0.75 of those.
    assert probabilities(make_chain(top_k=3, top_p=0.75)(logs(TIED))).tolist() == pytest.approx([0, 0.5, 0, 0.5, 0])


def test_chain_applies_its_processors_in_order() -> None:
    def ban_first(log_probs: LogProbs) -> LogProbs:
        return np.concatenate(([-np.inf], log_probs[1:]))

    assert sample_id(Chain((ban_first, Temperature(0)))(logs(HALVES)), np.random.default_rng(0)) == 1
    greedy_first = Chain((Temperature(0), ban_first))(logs(HALVES))
    assert np.all(np.isneginf(greedy_first))


def test_chain_at_temperature_one_changes_nothing() -> None:
    assert make_chain(1.0).processors == ()
    np.testing.assert_array_equal(make_chain()(logs(HALVES)), logs(HALVES))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_draws_follow_the_distribution(temperature: float) -> None:
    given_probabilities = np.array([0.4, 0.0, 0.3, 0.15, 0.1, 0.04, 0.01, 0.0])
    expected = given_probabilities ** (1 / temperature)
    expected /= expected.sum()
    rng, process, n = np.random.default_rng(11), make_chain(temperature), 20_000
    counts = np.bincount([sample_id(process(logs(given_probabilities)), rng) for _ in range(n)], minlength=8)
    possible = expected > 0
    assert counts[~possible].sum() == 0
    chi_square = float((((counts - n * expected) ** 2)[possible] / (n * expected[possible])).sum())
    assert chi_square < 20.5  # 5 degrees of freedom: one seed in a thousand exceeds it


@given(
    weights=st.lists(st.just(0.0) | st.floats(1e-300, 1e300), min_size=1, max_size=40).filter(any),
    number=st.floats(0, 1, exclude_max=True) | st.sampled_from([0.0, 1 - 2**-53]),
)
def test_an_impossible_id_is_never_drawn(weights: list[float], number: float) -> None:
    index = sample_id(logs(np.array(weights)), Always(number))  # type: ignore[arg-type]
    assert weights[index] > 0


def test_greedy_takes_the_likeliest_whatever_the_number() -> None:
    for number in (0.0, 0.5, 1 - 2**-53):
        assert sample_id(Temperature(0)(logs(HALVES[::-1])), Always(number)) == 3  # type: ignore[arg-type]


def test_each_draw_takes_one_number() -> None:
    one, other = np.random.default_rng(4), np.random.default_rng(4)
    sample_id(Temperature(0)(logs(HALVES)), one)
    sample_id(logs(HALVES), one)
    other.random(2)
    assert one.random() == other.random()


@given(
    rows=st.lists(st.lists(st.floats(-2000, 0) | st.just(-math.inf), min_size=3, max_size=3), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
def test_drawing_for_each_row_is_drawing_row_by_row(rows: list[list[float]], seed: int) -> None:
    log_probs = np.array([row if max(row) > -math.inf else [0.0, *row[1:]] for row in rows])
    rngs = [[np.random.default_rng(seed + number) for number in range(len(rows))] for _ in range(2)]
    one_by_one = [sample_id(row, rng) for row, rng in zip(log_probs, rngs[0], strict=True)]
    assert sample_ids(log_probs, rngs[1]).tolist() == one_by_one
    assert np.isfinite(log_probs[np.arange(len(rows)), one_by_one]).all()
    assert all(a.random() == b.random() for a, b in zip(*rngs, strict=True)), "one number from each"


def test_a_distribution_far_below_zero_is_drawn_from_as_above() -> None:
    """Where exp() itself gives nothing but zeros."""
    low = logs([0.25, 0.75]) - 5000
    drawn = [sample_id(low, np.random.default_rng(seed)) for seed in range(400)]
    assert 250 < sum(drawn) < 350
    assert sample_ids(np.tile(low, (400, 1)), [np.random.default_rng(seed) for seed in range(400)]).tolist() == drawn
