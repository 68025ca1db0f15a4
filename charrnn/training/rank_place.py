"""Where a process stands among the ranks of a training, as torchrun tells it. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from charrnn.errors import UsageError

_TOLD = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # all of which make a process a rank


@dataclass(frozen=True, slots=True)
class Place:
    """One of `size` processes that train together; by itself, a process is the only one."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among those of its host
    local_size: int = 1
    address: str = ""  # of the store in which they meet
    port: int = 0
    served: bool = False  # whether torchrun serves that store; else rank 0 does
    restarted: bool = False  # whether torchrun starts the ranks again when one fails

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Place:
        """The place that the environment tells of.

        Args:
            environment: That of torchrun's workers, or one made by hand with RANK, WORLD_SIZE, MASTER_ADDR and
                MASTER_PORT.

        Raises:
            UsageError: A number in it is none, or no rank has it.
        """
        if not all(environment.get(name) for name in _TOLD):
            return cls()
        rank, size = _number("RANK", environment), _number("WORLD_SIZE", environment)
        if not rank < size:
            raise UsageError(f"RANK {rank}: with WORLD_SIZE {size} the last is {size - 1}.", "Start it with torchrun.")
        return cls(
            rank=rank,
            size=size,
            local_rank=_number("LOCAL_RANK", environment, rank),
            local_size=_number("LOCAL_WORLD_SIZE", environment, size),
            address=environment["MASTER_ADDR"],
            port=_number("MASTER_PORT", environment),
            served=environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
            restarted=_number("TORCHELASTIC_MAX_RESTARTS", environment, 0) > 0,
        )

    @property
    def alone(self) -> bool:
        """Whether there is no other rank."""
        return self.size == 1

    @property
    def first(self) -> bool:
        """Whether it is the rank that writes and tells."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """Which of the streams are its own.

        Raises:
            UsageError: They cannot be divided evenly.
        """
        each, left = divmod(batch_size, self.size)
        if left:
            sizes = ", ".join(str(size) for size in range(1, batch_size + 1) if batch_size % size == 0)
            nearest = " or ".join(str(self.size * count) for count in (each, each + 1) if count)
            raise UsageError(
                f"--batch-size {batch_size}: cannot be divided evenly among {self.size} ranks.",
                f"Start {sizes} of them, or take --batch-size {nearest}.",
            )
        return slice(self.rank * each, (self.rank + 1) * each)


def _number(name: str, environment: Mapping[str, str], default: int | None = None) -> int:
    """A number of the environment. Raises UsageError where it is none."""
    value = environment.get(name)
    if value is None and default is not None:
        return default
    if value is None or not (value.isascii() and value.isdecimal()):
        raise UsageError(f"{name}={value}: is no number from 0 on.", "torchrun sets it.")
    return int(value)
