"""Shift-based training windows over parallel streams of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError

Array = NDArray[Any]


def windows(ids: Array, seq_length: int, shift: int, target_shift: int = 1) -> tuple[Array, Array]:
    """Every window of a text and its targets: (n,) -> inputs (W, seq_length), targets (W, seq_length), as views.

    Window k begins at k * shift; its targets are the same window `target_shift` characters on. The last window is the
    last whose targets all exist, so W = 0 for a text shorter than seq_length + target_shift.

    >>> windows(np.arange(1, 15), seq_length=7, shift=2)[0][:, 0]
    array([1, 3, 5, 7])
    """
    count = max(0, (len(ids) - seq_length - target_shift) // shift + 1)
    if count == 0:
        empty = ids[:0].reshape(0, seq_length)
        return empty, empty
    view = np.lib.stride_tricks.sliding_window_view(ids, seq_length)
    starts = slice(0, (count - 1) * shift + 1, shift)
    return view[starts], view[target_shift:][starts]


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """What one iteration trains on."""

    inputs: NDArray[np.int64]  # (B, T)
    targets: NDArray[np.int64]  # (B, T), one character ahead
    continues: bool  # whether the state of the window before enters here; False: zeros


class Streams:
    """A text as B contiguous streams read in parallel, indexed by iteration.

    Row b of window k + 1 continues row b of window k, `shift` characters on; an epoch ends where a stream has no
    further whole window, and the next begins at the streams' start with `continues` False. A window is a function of
    its index alone, so that a training is resumed by knowing its iteration.

    Stateless: the windows are those of the whole text, in an order shuffled anew each epoch by `seed`.
    """

    def __init__(
        self, ids: Array, batch_size: int, seq_length: int, shift: int, *, stateless: bool = False, seed: int = 0
    ) -> None:
        """`ids`: (n,). Raises CorpusError when they do not fill one window of every stream."""
        targets = len(ids) - 1  # every character but the first
        if targets < batch_size * seq_length:
            fits = [f"--batch-size {targets // seq_length}"] if targets >= seq_length else []
            fits += [f"--seq-length {targets // batch_size}"] if targets >= batch_size else []
            advice = f"at most {' or '.join(fits)} would fit" if fits else "give a longer text"
            raise CorpusError(
                f"the training text has {len(ids):,} characters, too few for {batch_size} streams of {seq_length} "
                f"({batch_size * seq_length + 1:,} needed): {advice}."
            )
        self.batch_size, self.seq_length, self.shift = batch_size, seq_length, shift
        self.stateless, self.seed = stateless, seed
        self._shuffled: tuple[int, NDArray[np.int64]] | None = None  # the latest epoch's order
        if stateless:
            self._inputs, self._targets = windows(ids, seq_length, shift)  # (W, T) each
            self.per_epoch = len(self._inputs) // batch_size
        else:
            self.length = targets // batch_size  # inputs of one stream
            rows = [ids[b * self.length : (b + 1) * self.length + 1] for b in range(batch_size)]
            self._rows = np.stack(rows)  # (B, length + 1): a stream's last target is the next one's first input
            self.per_epoch = (self.length - seq_length) // shift + 1

    def __getitem__(self, index: int) -> Window:
        """Window `index` of the training, counted from 0 over all epochs."""
        epoch, k = divmod(index, self.per_epoch)
        if self.stateless:
            chosen = self._order(epoch)[k * self.batch_size : (k + 1) * self.batch_size]
            inputs, targets = self._inputs[chosen], self._targets[chosen]
        else:
            start = k * self.shift
            inputs = self._rows[:, start : start + self.seq_length]
            targets = self._rows[:, start + 1 : start + 1 + self.seq_length]
        return Window(inputs.astype(np.int64), targets.astype(np.int64), continues=k > 0 and not self.stateless)

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if self._shuffled is None or self._shuffled[0] != epoch:
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self._inputs))
            self._shuffled = (epoch, order)
        return self._shuffled[1]
