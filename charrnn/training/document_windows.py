"""Training windows over many documents that are kept apart: long ones alone, short ones several in a pack."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.training.windows import ALL, IGNORED, EncodedText, Window, shuffled

Places = NDArray[np.int64]


class DocumentStreams:
    """Many documents as B rows read in parallel, indexed by iteration.

    Documents are read in packs, each from a zero state. A pack is a document, or several short ones one after another,
    the boundary between them: windows of one document of a few characters each would be nearly empty. A pack's windows
    begin at 0, `shift`, 2 `shift`, ... until one reaches its end; that one may be short, so that no character is left
    out. No window straddles two packs. The windows of all packs, in order, are cut into B runs whose numbers of windows
    differ by one at most, and row b walks run b. `continues` is False where a pack or a run begins. In an epoch's last
    window the rows whose run is over are IGNORED. As with `Streams` a window is a function of its index alone.

    Shuffled: the packs come in another order each epoch, by `seed`, because documents that lie together are often
    alike; and in each pack documents change their places with others of the same length, so that the same two seldom
    follow each other twice, and an epoch always has as many windows. Stateless: the windows are shuffled instead,
    without regard to their packs. There is no rotation: the shuffle moves the runs' borders already.
    """

    def __init__(
        self,
        ids: EncodedText,
        spans: Sequence[tuple[int, int]] | Places,
        batch_size: int,
        seq_length: int,
        shift: int,
        *,
        shuffle: bool = True,
        stateless: bool = False,
        seed: int = 0,
        pack: int = 0,
        rows: slice = ALL,
    ) -> None:
        """Divide the documents' windows among the rows.

        Args:
            ids: (n,).
            spans: (D, 2), start and stop of what each document gives to training.
            batch_size: B, rows.
            seq_length: T, characters of a window.
            shift: How far the next window of a pack starts after this one.
            shuffle: See above.
            stateless: See above.
            seed: Of the shuffle.
            pack: Characters up to which documents share a pack; 0: each has one of its own.
            rows: Those of the B that windows have.

        Raises:
            CorpusError: They have fewer windows than there are rows.
        """
        bounds = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
        bounds = bounds[bounds[:, 1] - bounds[:, 0] >= 2]  # a single character predicts nothing
        self._starts, self._targets = bounds[:, 0], bounds[:, 1] - bounds[:, 0] - 1  # (D,) each
        documents = np.arange(len(bounds))
        # The documents lie in slots, a slot is of one length, and a pack is some slots that follow each other.
        self._documents = np.random.default_rng([seed, 0, 3]).permutation(documents) if pack else documents
        self._slots = self._targets[self._documents]  # (D,) inputs of each
        self._ends = np.cumsum(self._slots)  # (D,) where it ends, if all lie one after another
        firsts = _packs(self._ends, pack) if pack else documents  # (P,) the first slot of each pack
        self._packs = (self._ends - self._slots)[firsts]  # (P,) where each pack begins
        self._sizes = np.diff(np.append(self._packs, self._ends[-1:]))  # (P,) inputs of each
        self._by_length = np.argsort(self._slots, kind="stable") if pack else None
        beyond_the_first = np.maximum(0, self._sizes - seq_length)
        self._counts = 1 + -(-beyond_the_first // shift)  # (P,) windows of each pack
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
        runs, self.rows = np.arange(batch_size, dtype=np.int64), rows
        self._begins = runs * every + np.minimum(runs, remainder)  # (B,) first window of each run
        self._lengths = every + (runs < remainder).astype(np.int64)  # (B,) and how many it has
        self.per_epoch = int(self._lengths[0])
        self._arranged: tuple[int, Places, Places, Places] | None = None  # the latest epoch's

    def __getitem__(self, index: int) -> Window:
        """Window `index` of the training, counted from 0 over all epochs."""
        epoch, k = divmod(index, self.per_epoch)
        running = k < self._lengths
        numbers = np.where(running, self._begins + k, 0)  # of the windows, in the order they are read
        if self.stateless:
            numbers = shuffled(numbers, self._count, self.seed, epoch)
        order, ends, documents = self._arrangement(epoch)
        place = np.searchsorted(ends, numbers, side="right")
        pack = order[place]
        nth = numbers - ends[place] + self._counts[pack]  # of its pack's windows
        offset = nth * self.shift
        lengths = np.minimum(self._sizes[pack] - offset, self.seq_length) * running
        begins, widths = (self._packs[pack] + offset)[self.rows].tolist(), lengths[self.rows].tolist()
        inputs = np.zeros((len(begins), self.seq_length), dtype=np.int64)
        targets = np.full_like(inputs, IGNORED)
        for row, (begin, length) in enumerate(zip(begins, widths, strict=True)):
            self._fill(inputs[row], targets[row], begin, length, documents)
        continues = (running & (nth > 0) & (k > 0 and not self.stateless))[self.rows]
        return Window(inputs, targets, continues, count=int(lengths.sum()))

    def _fill(self, inputs: Places, targets: Places, begin: int, length: int, documents: Places) -> None:
        """Write `length` inputs and their targets, of the documents that lie from `begin` on."""
        slot, at = int(np.searchsorted(self._ends, begin, side="right")), 0
        while at < length:
            document, end = documents[slot], int(self._ends[slot])
            start = int(self._starts[document]) + begin + at - (end - int(self._slots[slot]))
            size = min(length - at, end - begin - at)
            piece = self.ids[start : start + size + 1]
            inputs[at : at + size], targets[at : at + size] = piece[:-1], piece[1:]
            slot, at = slot + 1, at + size

    def _arrangement(self, epoch: int) -> tuple[Places, Places, Places]:
        """This epoch's packs in order, (P,), the windows up to and with each, (P,), and the slots' documents, (D,)."""
        if self._arranged is None or self._arranged[0] != epoch:
            order, documents = np.arange(len(self._counts)), self._documents
            if self.shuffle and not self.stateless:
                np.random.default_rng([self.seed, epoch]).shuffle(order)
            if self.shuffle and self._by_length is not None:
                mixed = np.random.default_rng([self.seed, epoch, 2]).permutation(len(documents))
                documents = np.empty_like(mixed)
                documents[self._by_length] = mixed[np.argsort(self._targets[mixed], kind="stable")]
            self._arranged = (epoch, order, np.cumsum(self._counts[order]), documents)
        return self._arranged[1:]


def _packs(ends: NDArray[Any], most: int) -> Places:
    """The first slot of each pack, (P,): a pack takes the next slot as long as it has no more than so many inputs.

    >>> _packs(np.cumsum([3, 4, 9, 1, 1, 6]), 8)
    array([0, 2, 3])
    """
    begins = np.concatenate([[0], ends[:-1]])
    nexts = np.maximum(np.searchsorted(ends, begins + most, side="right"), np.arange(1, len(ends) + 1))
    following, firsts, slot = nexts.data, array("q"), 0  # which Python reads one by one without a copy
    while slot < len(ends):
        firsts.append(slot)
        slot = following[slot]
    return np.array(firsts, dtype=np.int64)
