"""Names of a network's units, as people write them: `1.37`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from charrnn.config import ModelConfig
from charrnn.errors import UsageError

_WRITTEN = re.compile(r"(\d{1,9})\.(\d{1,9})(\.c)?")


@dataclass(frozen=True, slots=True, order=True)
class HiddenUnit:
    """One unit of one layer: its output h, or of an LSTM its cell state c.

    Both numbers count from 1, layers from the lowest up: `1.37` is `activations.layers[0].h[:, 36]`, and `1.37.c` is
    `activations.layers[0].c[:, 36]`.
    """

    layer: int
    number: int
    cell: bool = False

    @classmethod
    def parse(cls, typed: str) -> Self:
        """The unit that was written. Raises ValueError."""
        if not (written := _WRITTEN.fullmatch(typed.strip().lower())):
            raise ValueError("a unit is LAYER.UNIT, as 1.37, or with .c for a cell state of an LSTM, as 1.37.c")
        return cls(int(written[1]), int(written[2]), cell=bool(written[3]))

    def __str__(self) -> str:
        return f"{self.layer}.{self.number}{'.c' if self.cell else ''}"

    def check(self, config: ModelConfig) -> None:
        """Raises UsageError if a network has no such unit."""
        if not 1 <= self.layer <= config.num_layers:
            raise UsageError(f"unit {self}: {config.title} has layers 1 to {config.num_layers}.")
        if not 1 <= self.number <= config.rnn_size:
            raise UsageError(f"unit {self}: the layers of {config.title} have units 1 to {config.rnn_size:,}.")
        if self.cell and config.model != "lstm":
            raise UsageError(f"unit {self}: only an LSTM has cell states.", f"Write {str(self).removesuffix('.c')}.")
