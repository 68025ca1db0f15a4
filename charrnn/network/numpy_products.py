"""Products of a weight matrix with a character's column, or with a batch of columns: by all of BLAS, or on one thread.

NumPy's BLAS divides a product between threads of its own as soon as it is large enough, which gains little here and, on
a machine that has other work to do, loses nearly everything: the threads wait for each other. Their number is a setting
of the process and not ours to change. But what is small BLAS leaves to the thread that asks. So a tiled matrix is laid
out in tiles that are each too small to be divided, and `numpy.matmul` goes through them in C: as fast as one thread is
with the whole matrix, to some 30 % (bench/sampling.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Product = Callable[[Array, Array], object]  # of a matrix (M, K): from x (K, *batch) to y (M, *batch)

# OpenBLAS divides matrix times vector from 9,216 numbers in the matrix on (interface/gemv.c), matrix times matrix from
# 262,144 multiplications on (interface/gemm.c); newer versions, and others, later.
_TILE = 8192  # numbers in a tile
_COLUMNS = 32  # of a batch at a time: 8192 x 32 multiplications
_DEPTH = 256  # of a tile, at most: deep ones are too narrow to be fast


def multiply(left: NDArray[Any], right: NDArray[Any]) -> Array:
    """The product (M, N) of (M, K) and (K, N), or (M,) of (M, K) and (K,), on one thread."""
    result = np.empty((len(left), *right.shape[1:]), dtype=np.float32)
    TiledMatrix(left).product(right.shape[1:])(right, result)
    return result


class Matrix(Protocol):
    """A matrix (M, K), ready to be multiplied."""

    shape: tuple[int, int]

    def product(self, batch: tuple[int, ...]) -> Product:
        """What multiplies it with x (K, *batch), of which there is one column, (), or B of them, (B,)."""


class WholeMatrix:
    """Multiplied as a whole, by as many threads as BLAS takes."""

    def __init__(self, rows: Array) -> None:
        self.rows, self.shape = rows, (rows.shape[0], rows.shape[1])

    def product(self, batch: tuple[int, ...]) -> Product:
        """NumPy's own."""
        return self.rows.dot


class TiledMatrix:
    """Multiplied a tile at a time, each by the thread that asks.

    Attributes:
        tiles: (down, across, height, depth), with zeros beyond the last row and column.
    """

    def __init__(self, rows: NDArray[Any]) -> None:
        count, width = rows.shape
        across = -(-width // _DEPTH)
        depth = -(-width // across)
        height = min(count, max(1, _TILE // depth))
        down = -(-count // height)
        padded = np.zeros((down * height, across * depth), dtype=np.float32)
        padded[:count, :width] = rows
        self.shape = (count, width)
        self.tiles = np.ascontiguousarray(padded.reshape(down, height, across, depth).transpose(0, 2, 1, 3))

    def product(self, batch: tuple[int, ...]) -> Product:
        """Through buffers of its own, so that several threads can have one each."""
        return _TiledProduct(self, batch)


class _TiledProduct:
    """The product of a tiled matrix with one column, or with a batch of them."""

    def __init__(self, matrix: TiledMatrix, batch: tuple[int, ...]) -> None:
        self.tiles, self.batch = matrix.tiles, batch
        down, across, height, depth = self.tiles.shape
        columns = min(_COLUMNS, *batch) if batch else 1
        self.columns, self.width, self.count = columns, matrix.shape[1], matrix.shape[0]
        self.x = np.zeros((across * depth, columns), dtype=np.float32)
        self.x_of_tiles = self.x.reshape(across, depth, columns)
        self.parts = np.empty((down, across, height, columns), dtype=np.float32)
        self.sums = np.empty((down, height, columns), dtype=np.float32)
        self.y = self.sums.reshape(down * height, columns)

    def __call__(self, x: Array, y: Array) -> None:
        """From x to y."""
        if not self.batch:
            self._multiply(x[:, np.newaxis], y[:, np.newaxis])
            return
        for first in range(0, self.batch[0], self.columns):
            self._multiply(x[:, first : first + self.columns], y[:, first : first + self.columns])

    def _multiply(self, x: Array, y: Array) -> None:
        self.x[: self.width, : x.shape[1]] = x
        np.matmul(self.tiles, self.x_of_tiles, self.parts)
        np.add.reduce(self.parts, axis=1, out=self.sums)
        y[:] = self.y[: self.count, : x.shape[1]]
