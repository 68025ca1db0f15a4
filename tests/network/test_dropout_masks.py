"""Dropout masks: of the share that is asked for, the same wherever and beside whatever they are made, and unrelated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from charrnn.network.dropout_masks import DropoutMasks, _hash, _keys

WORD = (1 << 32) - 1
LIKE = torch.empty(50, 8, 30)


def signs(masks: DropoutMasks, place: int = 1, keep: float = 0.5) -> torch.Tensor:
    """A mask of LIKE as 1 and -1."""
    return torch.where(masks.of_streams(place, LIKE, keep) > 0, 1.0, -1.0)


def test_hashes_are_those_of_whole_numbers() -> None:
    """In Python's own numbers, which have no sign and no size, from the equations."""
    keys = _keys(5, 17, 3, range(2, 5)).reshape(2, 1, 3, 1)
    positions = np.arange(12, dtype=np.int32).reshape(4, 1, 3)
    ours = _hash(positions, *keys).view(np.uint32)
    for t, b, p in np.ndindex(4, 3, 3):
        first, second = (int(key[0, b, 0]) & WORD for key in keys)
        bits = (3 * t + p) * 0x9E3779B1 & WORD ^ first
        bits ^= bits >> 16
        bits = (bits * 0x7FEB352D & WORD) ^ second
        bits ^= bits >> 15
        bits = bits * 0x846CA68B & WORD
        bits ^= bits >> 16
        assert ours[t, b, p] == bits


def test_keys_are_splitmix64s() -> None:
    """The first numbers of its reference from the seed 0, since each part is taken in by one step of it."""
    assert _keys(0, 0, 0, range(1)).shape == (2, 1)
    state, word = 0, (1 << 64) - 1
    for part in (9, 4, 2, 7):
        state = (state ^ part) + 0x9E3779B97F4A7C15 & word
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & word
        state = (state ^ state >> 27) * 0x94D049BB133111EB & word
        state ^= state >> 31
    low, high = (int(part) & WORD for part in _keys(9, 4, 2, range(7, 8))[:, 0])
    assert high << 32 | low == state


def test_torch_makes_the_same_bits_as_numpy() -> None:
    """As on a device, where torch makes them."""
    keys = _keys(1, 2, 3, range(6)).reshape(2, 1, 6, 1)
    positions = np.arange(40, dtype=np.int32).reshape(8, 1, 5)
    in_torch = _hash(torch.from_numpy(positions), *torch.from_numpy(keys))
    assert np.array_equal(in_torch.numpy(), _hash(positions, *keys))


@given(
    keep=st.floats(0.01, 1.0, exclude_max=True),
    width=st.integers(1, 7),
    first=st.integers(0, 100),
    seed=st.integers(0, 2**63 - 1),
)
def test_rows_are_the_same_however_they_are_divided(keep: float, width: int, first: int, seed: int) -> None:
    like = torch.empty(3, 5, width)
    whole = DropoutMasks(seed, 9, first).of_streams(4, like, keep)
    kept = whole[whole > 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / keep), rtol=1 / (keep * 60_000), atol=0)
    parts = [
        DropoutMasks(seed, 9, first + rows.start).of_streams(4, like[:, rows], keep)
        for rows in (slice(0, 2), slice(2, 5))
    ]
    assert torch.equal(torch.cat(parts, dim=1), whole)


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.95, 0.123])
def test_the_share_is_kept_in_every_stream(keep: float) -> None:
    like = torch.empty(400, 6, 255)
    mask = DropoutMasks(3, 8).of_streams(2, like, keep)
    shares = (mask > 0).double().mean((0, 2))
    assert (shares - keep).abs().max() < 5 * (keep * (1 - keep) / (400 * 255)) ** 0.5
    assert mask.mean().item() == pytest.approx(1, abs=0.01)  # so that the expectation stays


def test_masks_of_different_things_are_unrelated() -> None:
    """Of other seeds, iterations, places and streams, and a stream's own numbers at any distance in it."""
    bound = 5 / LIKE.numel() ** 0.5
    different = [
        *(signs(DropoutMasks(seed, iteration)) for seed, iteration in itertools.product((0, 1, 2), (0, 1, 2))),
        *(signs(DropoutMasks(0, 0, first)) for first in (8, 16)),
        *(signs(DropoutMasks(0, 0), place) for place in (0, 2, 3)),
    ]
    for one, other in itertools.combinations(different, 2):
        assert abs((one * other).mean().item()) < bound
    for dimension, distance in itertools.product(range(3), (1, 2, 3, 4, 5, 7)):
        assert abs((different[0] * different[0].roll(distance, dimension)).mean().item()) < bound


def test_a_mask_of_all_streams_is_the_same_for_each() -> None:
    matrix = torch.empty(40, 10)
    masks = [DropoutMasks(7, 3, first).of_all(1, matrix, 0.7) for first in (0, 5)]
    assert torch.equal(*masks)
    assert not torch.equal(masks[0], DropoutMasks(7, 4).of_all(1, matrix, 0.7))
    assert not torch.equal(masks[0], DropoutMasks(7, 3).of_streams(1, matrix.unsqueeze(1), 0.7).squeeze(1))


def test_shares_next_to_none_and_to_all_are_rounded_to_those() -> None:
    assert DropoutMasks(1).of_streams(0, LIKE, 1 - 1e-6).eq(1).all()  # 65,536 of 65,536 are kept
    assert 0 < DropoutMasks(1).of_streams(0, torch.empty(500, 8, 500), 1e-9).count_nonzero() < 100  # 1 of 65,536


def test_a_mask_is_of_the_precision_of_what_it_is_for() -> None:
    mask = DropoutMasks().of_streams(0, torch.empty(2, 3, 4, dtype=torch.bfloat16), 0.5)
    assert mask.dtype == torch.bfloat16
    assert set(mask.flatten().tolist()) <= {0.0, 2.0}
