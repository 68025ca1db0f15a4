"""Masked language modelling, what a bidirectional network learns: to give hidden characters back from both sides.

All of the hidden ones are read as one symbol. BERT reads a tenth of them as they are and a tenth as others at random
(Devlin et al., 2019, section 3.1), for the sake of tasks that know no symbol; here that costs 0.04 bits of each hidden
character, and BERT's share of 15 %, half of ours, costs 0.08 (LSTM 2 x 64, 500 iterations of tinyshakespeare; 40 %
cost 0.04). Windows are independent of each other, whichever order they come in: nothing is carried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.training.document_windows import DocumentStreams
from charrnn.training.windows import ALL, IGNORED, Streams, Window

_MASKS = 4  # beside (seed, index): not what the windows' shuffles draw


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """Which characters of a window are hidden, and what is read instead: by seed and index of the window alone."""

    share: float  # of the characters, that are hidden
    seed: int
    vocabulary_size: int  # V; V itself is the id of the symbol
    boundary: int | None = None  # an id that is not hidden, unless there is nothing else

    def of(self, window: Window, index: int, rows: slice = ALL) -> Window:
        """A window to restore.

        Args:
            window: Of all B rows, to predict.
            index: Its number in the training.
            rows: Those that are wanted.

        Returns:
            Inputs (B, T) in which characters are hidden, and beyond a row's end the symbol; targets (B, T), those
            characters, IGNORED elsewhere; `count` is theirs in all B rows, at least one.
        """
        text, there = window.inputs, window.targets != IGNORED
        rng = np.random.default_rng([self.seed, index, _MASKS])
        chance = rng.random(text.shape)
        possible = there if self.boundary is None else there & (text != self.boundary)
        hidden = possible & (chance < self.share)
        if not hidden.any():
            possible = possible if possible.any() else there
            hidden.flat[np.where(possible, chance, 2.0).argmin()] = True
        inputs = np.where(hidden | ~there, self.vocabulary_size, text)
        targets = np.where(hidden, text, IGNORED)
        return Window(inputs[rows], targets[rows], window.continues[rows], count=int(hidden.sum()))


class MaskedStreams:
    """The windows of a training, with what is hidden in them. Their order is that of the streams within."""

    def __init__(self, streams: Streams | DocumentStreams, masking: Masking, rows: slice = ALL) -> None:
        """Hide some of the text.

        Args:
            streams: Windows of all B rows.
            masking: What is hidden.
            rows: Those of the B that windows have.
        """
        self.streams, self.masking, self.rows = streams, masking, rows
        self.per_epoch = streams.per_epoch

    def __getitem__(self, index: int) -> Window:
        """Window `index` of the training, counted from 0 over all epochs."""
        return self.masking.of(self.streams[index], index, self.rows)


def hidden_places(start: int, stop: int, share: float) -> NDArray[np.bool_]:
    """Which characters of a held-out span are hidden, (stop - start,): always the same, and at least one."""
    chance: NDArray[Any] = np.random.default_rng([start, stop, _MASKS]).random(stop - start)
    hidden = chance < share
    hidden[chance.argmin()] = True
    return hidden
