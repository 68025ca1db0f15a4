"""Whether the other ranks are there: a store in which all of them meet, count as long as they live, and say why not.

A collective tells only that some peer has closed its connection, and says nothing of one that has stopped. So every
rank counts in the store from a thread of its own; the first looks whether the others do, and they whether it does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from charrnn.errors import RankError
from charrnn.formatting import duration, few
from charrnn.training.rank_place import Place

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

BEAT = 0.5  # seconds between two counts
START = "0 0"  # how often a rank has counted, and the iteration that it is at
_TOLD = "told"


class Watch:
    """The ranks of a training, as the store knows them."""

    def __init__(self, store: Store, place: Place, hosts: Sequence[str], patience: float) -> None:
        """Begin to count, and to look after the others.

        Args:
            store: In which all ranks have begun with START; other threads do not use this object.
            place: That of this rank.
            hosts: Of every rank.
            patience: Seconds after which a rank that does not count is given up.
        """
        self.place, self.hosts, self.patience = place, hosts, patience
        self.on_silence: Callable[[RankError], None] = lambda error: None  # called from a thread; may end the process
        self.iteration = 0  # that this rank is at; the others know it a moment later
        self.failed = self.heard = False  # whether a collective has; and whether a rank has said why
        self._store, self._lock = store, threading.Lock()
        self._ended, self._count = threading.Event(), 0
        self._beats: dict[int, bytes] = {}  # of those that this rank looks after
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._attend, self._judge)]
        for thread in self._threads:
            thread.start()

    def name(self, rank: int) -> str:
        """What people call a rank."""
        return f"rank {rank} ({self.hosts[rank]})"

    # -- the threads -------------------------------------------------------------------------------------------------

    def _attend(self) -> None:
        """Count, and see how far others have counted. What the store does may take for ever, where its server stops."""
        others = range(1, self.place.size) if self.place.first else (0,)
        while not self._ended.wait(BEAT):
            with suppress(RuntimeError):
                self._count += 1
                self._set("beat", f"{self._count} {self.iteration}")
                self._beats = self._values("beat", others)

    def _judge(self) -> None:
        """Give up those that have not been seen to count for too long."""
        # Turns are counted, not seconds: a process that was stopped finds that it alone has missed any.
        most = max(4, round(self.patience / BEAT))
        seen, missed = self._beats, dict[int, int]()
        while not self._ended.wait(BEAT):
            before, seen = seen, self._beats
            others = range(1, self.place.size) if self.place.first else (0,)
            missed = {rank: missed.get(rank, 0) + 1 if before.get(rank) == seen.get(rank) else 0 for rank in others}
            if silent := [rank for rank, turns in missed.items() if turns >= most and not self._left(rank)]:
                self.on_silence(self._silent(silent))
                return

    def _left(self, rank: int) -> bool:
        """Whether a rank has said that it leaves."""
        try:
            return self.told(f"left/{rank}") is not None
        except RuntimeError:
            return False

    def _silent(self, ranks: Sequence[int]) -> RankError:
        names = few([self.name(rank) for rank in ranks])
        return RankError(
            f"{names}: has not answered for {duration(self.patience)}.",
            "Look whether it is stopped, or its machine out of memory or off the net.",
        )

    # -- what is asked when a collective has failed ------------------------------------------------------------------

    def lost(self) -> RankError:
        """The error for a collective that failed: who is gone, as the store knows it."""
        self.failed = True
        try:
            if said := self.told():
                self.heard = True
                return RankError(said)
            before = self._values("beat", range(self.place.size))
            time.sleep(4 * BEAT)
            after = self._values("beat", before)
        except RuntimeError:
            return self._unreachable()
        gone = [rank for rank in before if before[rank] == after[rank] and rank != self.place.rank]
        if not gone:
            return RankError("the ranks: the connection between them has failed.", "Look at the network.")
        names = few([self.name(rank) for rank in gone])
        iterations = {int(after[rank].split()[1]) for rank in gone}
        at = f" at about iteration {max(iterations):,}" if max(iterations) else ""
        was = "was" if len(gone) == 1 else "were"
        return RankError(f"{names}: {'is' if len(gone) == 1 else 'are'} gone{at}, or {was} ended.")

    def _unreachable(self) -> RankError:
        server = "torchrun of the first node" if self.place.served else self.name(0)
        return RankError(f"{server}: is gone, and with it the store that the ranks meet in.")

    # -- the store ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _own(self) -> Iterator[Store]:
        """The store, which lets nobody else in while it waits. Raises RuntimeError where it does so for long."""
        if not self._lock.acquire(timeout=4 * BEAT):
            raise RuntimeError("the store does not answer")
        try:
            yield self._store
        finally:
            self._lock.release()

    def _set(self, key: str, value: object) -> None:
        with self._own() as store:
            store.set(f"{key}/{self.place.rank}", str(value))

    def _values(self, key: str, ranks: Collection[int]) -> dict[int, bytes]:
        with self._own() as store:
            values: Sequence[Any] = store.multi_get([f"{key}/{rank}" for rank in ranks])
        return dict(zip(ranks, values, strict=True))

    def told(self, key: str = _TOLD) -> str | None:
        """What was said under a key; None for nothing."""
        with self._own() as store:
            if not store.check([key]):
                return None
            value: bytes = store.get(key)
        return value.decode()

    def tell_first(self, line: str) -> str:
        """Say why the training ends, unless it has been said. Returns what was said first."""
        with self._own() as store:
            said: bytes = store.compare_set(_TOLD, "", line)
        return said.decode()

    def leave(self) -> None:
        """Let the others know that this rank is about to end."""
        self._set("left", 1)

    def await_others(self) -> None:
        """Give those that ask why this rank ends the time to hear it, if the store ends with it."""
        deadline = time.monotonic() + 4 * BEAT
        while not self.place.served and time.monotonic() < deadline:
            if all(self.told(f"left/{rank}") for rank in range(self.place.size) if rank != self.place.rank):
                return
            time.sleep(BEAT / 10)

    def close(self) -> None:
        """Count no longer: this rank leaves. Threads that use the store while Python ends would abort the process."""
        if self._ended.is_set():
            return
        self._ended.set()
        for thread in self._threads:
            thread.join(4 * BEAT)
        self.leave()
