"""How often a training with a time budget is watched."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import TrainConfig
from charrnn.training.watching import Cost, spaced, watching_for


@given(st.floats(1, 1e7), st.integers(0, 9))
def test_snapshots_are_spaced_from_the_untrained_network_on(iterations: float, count: int) -> None:
    chosen = spaced(iterations, count)
    assert len(chosen) <= count
    assert list(chosen) == sorted(set(chosen))
    assert all(0 <= at < iterations for at in chosen)
    assert chosen[:1] == (0,) * min(1, count)
    assert all(3 <= first < later for first, later in pairwise(chosen[1:]))
    growing = set(TrainConfig(iterations=10**8, snapshot_at=("...",)).snapshot_iterations())
    assert set(chosen[1:]) <= growing
    if iterations >= 1000 and count > 1:
        assert len(chosen) == count
        steps = [later / first for first, later in pairwise([*chosen[1:], iterations])]
        assert max(steps) < 3 * min(steps)  # even, but for the rounding


def test_by_hand() -> None:
    """Of 100 s five may go into evaluations of 0.1 s, and two into snapshots of 0.2 s beside them."""
    assert watching_for(2000, 100.0, Cost(evaluation=0.1, snapshot=0.2)) == (
        (0, 3, 7, 15, 30, 70, 200, 500, 1000),
        1000,
    )
    snapshots, eval_every = watching_for(50_000, 100.0, Cost(evaluation=0.1, snapshot=0.2))
    assert len(snapshots) == 9
    assert eval_every == 2000  # 25 of the 40 more that there is time for
    assert watching_for(2000, 100.0, Cost(evaluation=1.0, snapshot=0.5)) == ((0, 50, 300), 2000)
    assert watching_for(2000, 100.0, Cost(evaluation=10.0, snapshot=0.5)) == ((), 0)
    assert watching_for(2000, 100.0, Cost(evaluation=0.0, snapshot=1.0)) == ((0,), 1000)


@pytest.mark.parametrize("iterations", [0.1, 1, 2, 3])
def test_of_a_few_iterations_there_is_the_untrained_network(iterations: float) -> None:
    assert spaced(iterations, 9) == (0,)


def test_a_larger_network_costs_more() -> None:
    assert Cost(evaluation=1.0, snapshot=0.5).times(3) == Cost(evaluation=3.0, snapshot=1.5)
