"""The ranks of a training: its processes, and how they come to the same numbers. Imports torch late."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CharrnnError, RankError, UsageError
from charrnn.formatting import few
from charrnn.training.rank_place import Place

if TYPE_CHECKING:
    import torch

    from charrnn.training.rank_watch import Watch

T = TypeVar("T")
Array = NDArray[Any]


class Ranks:
    """This process among those of its training. By itself it is the only one, and whatever all agree on is its own.

    What several ranks do together, all of them do, in the same order.
    """

    def __init__(self, place: Place | None = None, watch: Watch | None = None) -> None:
        """Take part. `arrival.arrive` makes those of several processes, whose group of torch is there."""
        self.place = place or Place()
        self.watch = watch

    @property
    def size(self) -> int:
        """How many there are."""
        return self.place.size

    @property
    def alone(self) -> bool:
        """Whether this is the only one."""
        return self.place.alone

    @property
    def first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.place.first

    def name(self, rank: int) -> str:
        """What people call a rank."""
        return self.watch.name(rank) if self.watch else f"rank {rank}"

    def rows(self, batch_size: int) -> slice:
        """Which of the streams are this rank's. Raises UsageError where they cannot be divided evenly."""
        return self.place.rows(batch_size)

    def device(self, device: torch.device) -> torch.device:
        """Which device of a kind is this rank's. Raises UsageError where there are fewer than ranks of this host."""
        if self.alone or device.type != "cuda":
            return device
        import torch

        count = torch.cuda.device_count()
        if self.place.local_rank >= count:
            raise UsageError(
                f"--device cuda: {self.place.local_size} ranks and {count} GPUs on this host.",
                f"Start torchrun with --nproc-per-node {count}.",
            )
        torch.cuda.set_device(self.place.local_rank)
        return torch.device("cuda", self.place.local_rank)

    # -- what all do together ----------------------------------------------------------------------------------------

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first rank makes; the others only get it.

        Args:
            make: Called on the first rank. A CharrnnError that it raises is raised on all.

        Raises:
            RankError: Some rank is gone.
        """
        if self.alone:
            return make()
        said: list[Any] = [None, None]
        if self.first:
            try:
                said = [make(), None]
            except CharrnnError as error:
                said = [None, error]
        from torch import distributed

        with self.connected():
            distributed.broadcast_object_list(said)
        if said[1] is not None:
            raise said[1]
        made: T = said[0]
        return made

    def sum(self, values: Array) -> Array:
        """The sum over all ranks of arrays of one shape."""
        return self._reduced(values, "SUM")

    def largest(self, value: int) -> int:
        """The largest of every rank's."""
        return int(self._reduced(np.array([value]), "MAX")[0])

    def _reduced(self, values: Array, operation: str) -> Array:
        if self.alone:
            return values
        import torch
        from torch import distributed

        tensor = torch.from_numpy(np.array(values))
        with self.connected():
            distributed.all_reduce(tensor, op=getattr(distributed.ReduceOp, operation))
        reduced: Array = tensor.numpy()
        return reduced

    def joined(self, rows: Array) -> Array:
        """The rows of all ranks, one after another: (R, ...) of each, (size * R, ...) of all."""
        if self.alone:
            return rows
        import torch

        stacked = self.stacked(torch.from_numpy(np.ascontiguousarray(rows)))
        all_rows: Array = stacked.flatten(0, 1).numpy()
        return all_rows

    def stacked(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensors of all ranks, of one shape and where they are: (...) of each, (size, ...) of all."""
        import torch
        from torch import distributed

        if self.alone:
            return tensor.unsqueeze(0)
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        with self.connected():
            distributed.all_gather(parts, tensor)
        return torch.stack(parts)

    def each(self, value: T) -> list[T]:
        """That of every rank."""
        if self.alone:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        with self.connected():
            distributed.all_gather_object(values, value)
        return values

    def odd(self, value: object) -> list[int]:
        """The ranks that have another value than the first."""
        first, *others = self.each(value)
        return [rank for rank, theirs in enumerate(others, 1) if theirs != first]

    def by_hosts(self, make: Callable[[], T]) -> T:
        """What every rank makes for itself, one of each host first: the others find what it has left in a cache."""
        made: list[T] = []
        for turn in (True, False):
            if (self.place.local_rank == 0) is turn:
                made.append(make())
            self.each(None)
        return made[0]

    def require_same(self, facts: Mapping[str, object]) -> None:
        """Make sure that all ranks have the same.

        Args:
            facts: What is compared, by the name that people are told.

        Raises:
            RankError: Some rank has something else than the first; both are named.
        """
        all_facts = self.each(dict(facts))
        for name in {name: None for facts in all_facts for name in facts}:
            value, *others = [facts.get(name, "nothing") for facts in all_facts]
            odd = [rank for rank, theirs in enumerate(others, 1) if theirs != value]
            if odd:
                names, theirs = few([self.name(rank) for rank in odd]), others[odd[0] - 1]
                raise RankError(
                    f"{names}: {name} {theirs}, where {self.name(0)} has {value}.", "Give every rank the same."
                )

    @contextmanager
    def connected(self, iteration: int = 0) -> Iterator[None]:
        """What torch raises where another rank is gone becomes a RankError, which names it.

        Args:
            iteration: What this rank is about to make, which others are told if it is the one.
        """
        if iteration and self.watch is not None:
            self.watch.iteration = iteration
        try:
            yield
        except RuntimeError as error:
            if self.watch is None or not _is_of_connection(error):
                raise
            raise self.watch.lost() from None

    def close(self) -> None:
        """Leave, when all is done."""
        if self.watch is None:
            return
        with suppress(RuntimeError):  # the others are gone already, and the store with them
            self.watch.close()
        from torch import distributed

        distributed.destroy_process_group()


def _is_of_connection(error: RuntimeError) -> bool:
    """Whether a peer is gone, rather than memory or anything else of this process."""
    from torch import distributed

    return isinstance(error, distributed.DistError) or any(name in str(error) for name in ("gloo", "NCCL"))


ALONE = Ranks()
