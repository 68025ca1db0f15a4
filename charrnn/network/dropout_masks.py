"""Dropout masks as a function of what they are for: the seed, the iteration, the place in the network, the stream.

Nothing is drawn from a generator, so there is no state to keep, and a batch has the same masks however its streams are
divided among threads, processes and devices, and wherever a training goes on. Every pair of numbers of a stream comes
from one hash of its position (an integer finalizer with the constants of C. Wellons' lowbias32, 2018, under a key that
SplitMix64's finalizer makes: Steele, Lea and Flood, 2014), which in NumPy takes a fraction of the time that torch's
`bernoulli_` does. Shares are rounded to the nearest 1 / 65,536.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charrnn.network.device_copy import to_device

_HALF = 1 << 16  # the values of half a hash: what a share is compared with
_EVERY_STREAM = -1  # the stream of a mask that all of them share
_SPREAD, _FIRST, _SECOND = (np.uint32(each).astype(np.int32) for each in (0x9E3779B1, 0x7FEB352D, 0x846CA68B))


@dataclass(frozen=True, slots=True)
class DropoutMasks:
    """The masks of one iteration, for the streams from `first` on."""

    seed: int = 0
    iteration: int = 0
    first: int = 0  # the stream of the first row

    def of_streams(self, place: int, like: Tensor, keep: float) -> Tensor:
        """A mask with numbers of its own for every stream.

        Args:
            place: A number for where in the network it is used.
            like: What it is for, (T, B, H).
            keep: The share that is kept.

        Returns:
            (T, B, H), on the device of `like` and of its dtype: 0 or 1 / keep.
        """
        length, rows, width = like.shape
        return self._mask(place, range(self.first, self.first + rows), (length, rows, width), like, keep)

    def of_all(self, place: int, like: Tensor, keep: float) -> Tensor:
        """A mask that is the same for every stream.

        Args:
            place: A number for where in the network it is used.
            like: A matrix, (R, C).
            keep: The share that is kept.

        Returns:
            (R, C), as `of_streams`.
        """
        rows, columns = like.shape
        everywhere = range(_EVERY_STREAM, _EVERY_STREAM + 1)
        return self._mask(place, everywhere, (rows, 1, columns), like, keep).squeeze(1)

    def _mask(self, place: int, streams: range, shape: tuple[int, int, int], like: Tensor, keep: float) -> Tensor:
        length, rows, width = shape
        pairs = -(-width // 2)
        keys = _keys(self.seed, self.iteration, place, streams).reshape(2, 1, rows, 1)
        threshold = max(1, round(keep * _HALF))
        if like.device.type == "cpu":
            positions = np.arange(length * pairs, dtype=np.int32).reshape(length, 1, pairs)
            bits = torch.from_numpy(_hash(positions, *keys))
        else:
            places = torch.arange(length * pairs, dtype=torch.int32, device=like.device).view(length, 1, pairs)
            bits = _hash(places, *to_device(keys, like.device))
        kept = bits.view(torch.int16) <= threshold - _HALF // 2 - 1  # torch would take 32,768 for -32,768
        return kept[..., :width].to(like.dtype).mul_(_HALF / threshold)


def _hash(positions: Any, first: Any, second: Any) -> Any:
    """Of every position under the keys of every row, of the same bits in NumPy as in torch.

    Args:
        positions: int32, (T, 1, P).
        first: Keys of the rows, int32, (1, B, 1).
        second: More of them, likewise.

    Returns:
        int32, (T, B, P).
    """
    bits = positions * _SPREAD ^ first
    bits ^= bits >> 16 & 0xFFFF  # int32 is shifted with its sign
    bits *= _FIRST
    bits ^= second
    bits ^= bits >> 15 & 0x1FFFF
    bits *= _SECOND
    bits ^= bits >> 16 & 0xFFFF
    return bits


def _keys(seed: int, iteration: int, place: int, streams: range) -> NDArray[np.int32]:
    """Two numbers for every stream, (2, B)."""
    mixed = np.zeros(len(streams), dtype=np.uint64)
    for part in (seed & (1 << 64) - 1, iteration, place):
        mixed = _splitmix(mixed ^ np.uint64(part))
    mixed = _splitmix(mixed ^ np.arange(streams.start, streams.stop, dtype=np.int64).view(np.uint64))
    return np.ascontiguousarray(mixed.view(np.int32).reshape(-1, 2).T)


def _splitmix(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's next number of each."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ numbers >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ numbers >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return numbers ^ numbers >> np.uint64(31)
