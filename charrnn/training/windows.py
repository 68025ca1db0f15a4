"""Shift-based training windows over parallel streams of text, be it one text or many documents."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.formatting import plural

Array = NDArray[Any]
IGNORED = -100  # a target where there is nothing to predict; torch's cross-entropy skips it by default
ALL = slice(None)  # rows
_ROUNDS = 6  # of a shuffle; with 3 or 4 the order has a visible pattern


class EncodedText(Protocol):
    """An encoded text, (n,) ids, in memory or in a file: only contiguous slices are ever asked of it."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> Array: ...


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """What one iteration trains on: B rows, or those of them that were asked for."""

    inputs: NDArray[np.int64]  # (B, T)
    targets: NDArray[np.int64]  # (B, T), one character ahead; IGNORED where a row has no more, never in all B rows
    continues: NDArray[np.bool_]  # (B,), whether a row's state of the window before enters here; False: zeros
    count: int  # targets of all B rows that are not IGNORED, whichever were asked for


def gather(
    ids: EncodedText, starts: NDArray[np.int64], lengths: NDArray[np.int64], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stretches of a text as padded rows.

    Args:
        ids: The encoded text.
        starts: Where each row begins, (R,).
        lengths: How many characters of it there are, (R,), at most `width`; the rest is 0, with IGNORED targets.
        width: Of the rows.

    Returns:
        Inputs (R, width), and their targets (R, width), one character ahead.
    """
    pieces = np.zeros((len(starts), width + 1), dtype=ids[0:0].dtype)
    for piece, start, length in zip(pieces, starts.tolist(), lengths.tolist(), strict=True):
        if length > 0:
            piece[: length + 1] = ids[start : start + length + 1]
    inputs, targets = pieces[:, :-1].astype(np.int64), pieces[:, 1:].astype(np.int64)
    beyond = np.arange(width) >= lengths[:, None]
    if beyond.any():
        inputs[beyond], targets[beyond] = 0, IGNORED
    return inputs, targets


def shuffled(places: NDArray[np.int64], count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """What stands at some places of a random order of range(count).

    A Feistel network (Luby and Rackoff, 1988) on the pairs (left, right) of a square of at least `count` fields, its
    round functions tables of random numbers; what lands outside walks on (Black and Rogaway, 2002). It knows any place
    without laying out the order, which for a text of gigabytes would take more memory than the text.

    Args:
        places: (R,), each below `count`.
        count: How many are ordered.
        seed: With `epoch` it gives the order.
        epoch: Another one, another order.

    Returns:
        (R,), each below `count`.
    """
    side = math.isqrt(count - 1) + 1
    tables = _tables(side, seed, epoch)

    def step(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        left, right = np.divmod(numbers, side)
        for table in tables:
            left, right = right, (left + table[right]) % side
        return left * side + right

    numbers = step(places)
    while (outside := numbers >= count).any():
        numbers[outside] = step(numbers[outside])
    return numbers


@lru_cache(maxsize=2)
def _tables(side: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).integers(side, size=(_ROUNDS, side))


class Streams:
    """A text as B contiguous streams read in parallel, indexed by iteration.

    Row b of window k + 1 continues row b of window k, `shift` characters on; an epoch ends where a stream has no
    further whole window, and the next begins at the streams' start with `continues` False. A window is a function of
    its index alone, so that a training is resumed by knowing its iteration.

    Stateless: the windows are those of the whole text, in an order shuffled anew each epoch by `seed`.

    Rotate: epoch e reads the text as a ring, from a place drawn by (`seed`, e), so that the windows' and the streams'
    borders, and the few characters that no window of an epoch reaches, are others each time; epoch 0 begins at 0. No
    window crosses from the text's end to its beginning: it is cut short there, the rest IGNORED, and the row's next
    window starts where it would have, `shift` on around the ring, with `continues` False.

    >>> overlapping = Streams(np.arange(1, 15), batch_size=1, seq_length=7, shift=2)
    >>> [int(overlapping[k].inputs[0, 0]) for k in range(overlapping.per_epoch)]
    [1, 3, 5, 7]
    """

    def __init__(
        self,
        ids: EncodedText,
        batch_size: int,
        seq_length: int,
        shift: int,
        *,
        stop: int | None = None,
        stateless: bool = False,
        rotate: bool = False,
        seed: int = 0,
        rows: slice = ALL,
    ) -> None:
        """Cut the text into streams.

        Args:
            ids: (n,).
            batch_size: B, streams.
            seq_length: T, characters of a window.
            shift: How far the next window starts after this one.
            stop: The first `stop` ids are for training; None: all.
            stateless: See above.
            rotate: See above.
            seed: Of the shuffle and the rotation.
            rows: Those of the streams that windows have.

        Raises:
            CorpusError: They do not fill one window of every stream.
        """
        length = len(ids) if stop is None else stop
        targets = length - 1  # every character but the first
        if targets < batch_size * seq_length:
            fits = [f"--batch-size {targets // seq_length}"] if targets >= seq_length else []
            fits += [f"--seq-length {targets // batch_size}"] if targets >= batch_size else []
            raise CorpusError(
                f"the training text has {plural(length, 'character')}, "
                f"too few for {plural(batch_size, 'stream')} of {seq_length} "
                f"({batch_size * seq_length + 1:,} needed).",
                f"At most {' or '.join(fits)} would fit." if fits else "Give a longer text.",
            )
        self.ids, self.batch_size, self.seq_length, self.shift = ids, batch_size, seq_length, shift
        self.stateless, self.rotate, self.seed = stateless, rotate, seed
        self._targets = targets
        self._rows, self.rows = np.arange(batch_size, dtype=np.int64), rows
        if stateless:
            self._count = (targets - seq_length) // shift + 1  # W
            self.per_epoch = self._count // batch_size
        else:
            self.length = targets // batch_size  # inputs of one stream
            self.per_epoch = (self.length - seq_length) // shift + 1

    def __getitem__(self, index: int) -> Window:
        """Window `index` of the training, counted from 0 over all epochs."""
        epoch, k = divmod(index, self.per_epoch)
        if self.stateless:
            places = shuffled(k * self.batch_size + self._rows, self._count, self.seed, epoch) * self.shift
        else:
            places = self._rows * self.length + k * self.shift
        starts = (self._offset(epoch) + places) % self._targets  # from an offset of 0 none comes around
        lengths = np.minimum(self._targets - starts, self.seq_length)
        inputs, targets = gather(self.ids, starts[self.rows], lengths[self.rows], self.seq_length)
        came_around = starts[self.rows] < self.shift  # if k > 0: the window before this one began before the text's end
        continues = ~came_around & (k > 0 and not self.stateless)
        return Window(inputs, targets, continues, count=int(lengths.sum()))

    def _offset(self, epoch: int) -> int:
        """Where in the text its first stream begins."""
        if not self.rotate or epoch == 0:
            return 0
        return int(np.random.default_rng([self.seed, epoch, 1]).integers(self._targets))  # 1: not what `shuffled` draws
