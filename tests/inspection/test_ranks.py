"""AUC, rank correlation and their permutation test are what they are by hand and by counting pairs."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.inspection import ranks
from charrnn.inspection.ranks import MovedFeatures, auc, blocks_in, centred_ranks, effect, holm, rank_correlation


def test_auc_of_a_case_by_hand() -> None:
    # 6 pairs of a value with the flag (3, 5, 5) and one without (1, 5): 3 > 1, 5 > 1 twice; 3 < 5; 5 = 5 twice.
    assert auc([3, 1, 5, 5, 5], [1, 0, 1, 0, 1]) == (3 + 2 / 2) / 6
    assert auc([1, 2, 3, 4], [0, 0, 1, 1]) == 1
    assert auc([4, 3, 2, 1], [0, 0, 1, 1]) == 0
    assert auc([7, 7, 7], [0, 1, 1]) == 0.5


def test_auc_counts_pairs() -> None:
    rng = np.random.default_rng(0)
    values, flags = rng.integers(0, 6, 60).astype(np.float32), rng.random(60) < 0.3
    above = values[flags][:, None] - values[~flags]
    assert auc(values, flags) == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)), abs=1e-12)
    assert effect(values, flags) == pytest.approx(2 * auc(values, flags) - 1)


def test_rank_correlation_of_a_case_by_hand() -> None:
    # Ranks 1, 2.5, 2.5, 4 and 4, 3, 2, 1: centred -1.5, 0, 0, 1.5 and 1.5, .5, -.5, -1.5; the sum of products is -4.5.
    assert rank_correlation([0, 5, 5, 9], [4, 3, 2, 1]) == pytest.approx(-4.5 / np.sqrt(4.5 * 5))
    assert rank_correlation([1, 2, 3], [10, 200, 3000]) == pytest.approx(1)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0


def test_ranks_are_exact_in_a_long_text() -> None:
    values = np.arange(1 << 20)
    assert np.array_equal(centred_ranks(values), values - (len(values) - 1) / 2)


def test_effects_at_every_move_are_those_of_the_moved_feature() -> None:
    rng = np.random.default_rng(1)
    blocks, length = 12, 5
    size = blocks * length
    units = rng.normal(size=(3, size)).astype(np.float32).round(1)  # with ties
    units[2] = 0.25  # it never moves
    features = [rng.random(size) < 0.4, rng.integers(0, 4, size, dtype=np.int32)]
    effects = MovedFeatures(features, blocks).effects(units)
    assert effects.shape == (blocks, 3, 2)
    for unit in range(3):
        for column, feature in enumerate(features):
            expected = [effect(units[unit], np.roll(feature, -move * length)) for move in range(blocks)]
            either = [effect(units[unit], np.roll(feature, move * length)) for move in range(blocks)]
            found = effects[:, unit, column]
            assert np.allclose(found, expected, atol=1e-5) or np.allclose(found, either, atol=1e-5)


def test_blocks_are_enough_to_find_anything_or_none() -> None:
    shortest = ranks.FEWEST_BLOCKS * ranks.SHORTEST_BLOCK
    assert blocks_in(shortest - 1) == 0
    assert blocks_in(shortest) == blocks_in(8_000) == ranks.FEWEST_BLOCKS
    assert blocks_in(12_000) == 750
    assert blocks_in(50_000) == ranks.BLOCKS
    assert 12 / ranks.FEWEST_BLOCKS < 0.05  # of twelve features each can be found


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == [0.03, 0.06, 0.06]
    assert holm([0.5, 0.9, 0.001]).tolist() == [1, 1, 0.003]
    assert holm([]).tolist() == []
