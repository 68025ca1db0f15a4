"""Shift-based training windows over parallel streams of text, be it one text or many documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.config import TrainConfig
from charrnn.errors import CorpusError
from charrnn.text.corpus import Corpus
from charrnn.text.spliced import Spliced
from charrnn.text.split import Split

Array = NDArray[Any]
IGNORED = -100  # a target where there is nothing to predict; torch's cross-entropy skips it by default
_ROUNDS = 6  # of a shuffle; with 3 or 4 the order has a visible pattern


class EncodedText(Protocol):
    """An encoded text, (n,) ids, in memory or in a file: only contiguous slices are ever asked of it."""

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> Array: ...


@dataclass(frozen=True, eq=False, slots=True)
class Window:
    """What one iteration trains on."""

    inputs: NDArray[np.int64]  # (B, T)
    targets: NDArray[np.int64]  # (B, T), one character ahead; IGNORED where a row has no more, never everywhere
    continues: NDArray[np.bool_]  # (B,), whether a row's state of the window before enters here; False: zeros


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
    inputs = np.zeros((len(starts), width), dtype=np.int64)
    targets = np.full_like(inputs, IGNORED)
    for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        if length > 0:
            piece = ids[start : start + length + 1]
            inputs[row, :length] = piece[:-1]
            targets[row, :length] = piece[1:]
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

        Raises:
            CorpusError: They do not fill one window of every stream.
        """
        length = len(ids) if stop is None else stop
        targets = length - 1  # every character but the first
        if targets < batch_size * seq_length:
            fits = [f"--batch-size {targets // seq_length}"] if targets >= seq_length else []
            fits += [f"--seq-length {targets // batch_size}"] if targets >= batch_size else []
            raise CorpusError(
                f"the training text has {length:,} characters, too few for {batch_size} streams of {seq_length} "
                f"({batch_size * seq_length + 1:,} needed).",
                f"At most {' or '.join(fits)} would fit." if fits else "Give a longer text.",
            )
        self.ids, self.batch_size, self.seq_length, self.shift = ids, batch_size, seq_length, shift
        self.stateless, self.rotate, self.seed = stateless, rotate, seed
        self._targets = targets
        self._rows = np.arange(batch_size, dtype=np.int64)
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
        inputs, targets = gather(self.ids, starts, lengths, self.seq_length)
        came_around = starts < self.shift  # (B,), if k > 0: the window before this one began before the text's end
        return Window(inputs, targets, continues=~came_around & (k > 0 and not self.stateless))

    def _offset(self, epoch: int) -> int:
        """Where in the text its first stream begins."""
        if not self.rotate or epoch == 0:
            return 0
        return int(np.random.default_rng([self.seed, epoch, 1]).integers(self._targets))  # 1: not what `shuffled` draws


class DocumentStreams:
    """Many documents as B rows read in parallel, indexed by iteration. No window straddles two of them.

    A document's windows begin at 0, `shift`, 2 `shift`, ... until one reaches its end; that one may be short, so that
    no character is left out. The windows of all documents, in order, are cut into B runs whose numbers of windows
    differ by one at most, and row b walks run b. `continues` is False where a document or a run begins. In an epoch's
    last window the rows whose run is over are IGNORED. As with `Streams` a window is a function of its index alone.

    Shuffled: the documents come in another order each epoch, by `seed`, because those that lie together are often
    alike. Stateless: the windows are shuffled instead, without regard to their documents. There is no rotation: the
    shuffle moves the runs' borders already, and other borders within a document would make epochs of other lengths.
    """

    def __init__(
        self,
        ids: EncodedText,
        spans: Sequence[tuple[int, int]] | NDArray[np.int64],
        batch_size: int,
        seq_length: int,
        shift: int,
        *,
        shuffle: bool = True,
        stateless: bool = False,
        seed: int = 0,
    ) -> None:
        """Divide the documents' windows among the rows.

        Args:
            ids: (n,).
            spans: (D, 2), start and stop of what each document gives to training.
            batch_size: B, rows.
            seq_length: T, characters of a window.
            shift: How far the next window of a document starts after this one.
            shuffle: See above.
            stateless: See above.
            seed: Of the shuffle.

        Raises:
            CorpusError: They have fewer windows than there are rows.
        """
        bounds = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
        bounds = bounds[bounds[:, 1] - bounds[:, 0] >= 2]  # a single character predicts nothing
        self._starts, self._targets = bounds[:, 0], bounds[:, 1] - bounds[:, 0] - 1  # (D,) each
        beyond_the_first = np.maximum(0, self._targets - seq_length)
        self._counts = 1 + -(-beyond_the_first // shift)  # (D,) windows of each document
        self._count = int(self._counts.sum())  # W
        if self._count == 0:
            raise CorpusError("no document has two characters for training.", "Give longer documents.")
        if self._count < batch_size:
            raise CorpusError(
                f"the documents give training {self._count:,} windows of {seq_length}, too few for {batch_size} rows.",
                f"At most --batch-size {self._count} would fit.",
            )
        self.ids, self.batch_size, self.seq_length, self.shift = ids, batch_size, seq_length, shift
        self.shuffle, self.stateless, self.seed = shuffle, stateless, seed
        every, remainder = divmod(self._count, batch_size)
        rows = np.arange(batch_size, dtype=np.int64)
        self._begins = rows * every + np.minimum(rows, remainder)  # (B,) first window of each run
        self._lengths = every + (rows < remainder).astype(np.int64)  # (B,) and how many it has
        self.per_epoch = int(self._lengths[0])
        self._arranged: tuple[int, NDArray[np.int64], NDArray[np.int64]] | None = None  # the latest epoch's

    def __getitem__(self, index: int) -> Window:
        """Window `index` of the training, counted from 0 over all epochs."""
        epoch, k = divmod(index, self.per_epoch)
        running = k < self._lengths
        numbers = np.where(running, self._begins + k, 0)  # of the windows, in the order they are read
        if self.stateless:
            numbers = shuffled(numbers, self._count, self.seed, epoch)
        order, ends = self._arrangement(epoch)
        place = np.searchsorted(ends, numbers, side="right")
        document = order[place]
        nth = numbers - ends[place] + self._counts[document]  # of its document's windows
        offset = nth * self.shift
        lengths = np.minimum(self._targets[document] - offset, self.seq_length) * running
        inputs, targets = gather(self.ids, self._starts[document] + offset, lengths, self.seq_length)
        return Window(inputs, targets, continues=running & (nth > 0) & (k > 0 and not self.stateless))

    def _arrangement(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The documents in this epoch's order, (D,), and how many windows they have up to and with each, (D,)."""
        if self._arranged is None or self._arranged[0] != epoch:
            order = np.arange(len(self._counts))
            if self.shuffle and not self.stateless:
                np.random.default_rng([self.seed, epoch]).shuffle(order)
            self._arranged = (epoch, order, np.cumsum(self._counts[order]))
        return self._arranged[1:]


def streams_of(corpus: Corpus, split: Split, config: TrainConfig) -> Streams | DocumentStreams:
    """The training text as windows.

    Args:
        corpus: The text, joined or of many documents.
        split: Which spans of it are trained on.
        config: The windows' size and order.

    Returns:
        Windows by index: of one text's streams, or of documents kept apart.

    Raises:
        CorpusError: The text does not fill one window of every stream.
    """
    shape = (config.batch_size, config.seq_length, config.effective_shift)
    if corpus.config.documents:
        return DocumentStreams(corpus.ids, split.training, *shape, stateless=config.stateless, seed=config.seed)
    from_the_beginning = len(split.training) == 1 and split.training[0].start == 0
    return Streams(
        corpus.ids if from_the_beginning else Spliced(corpus.ids, split.training),
        *shape,
        stop=split.training_size,
        stateless=config.stateless,
        rotate=config.rotate,
        seed=config.seed,
    )
