"""The other ranks' side of a run that the first one writes: the same calls, of which nothing comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from charrnn.config import TrainConfig
from charrnn.runs.checkpoint import Tensors
from charrnn.runs.header import Header


class SilentWriter:
    """A `RunWriter` that writes nothing."""

    ending = False

    def write_snapshot(self, header: Header, tensors: Tensors) -> None:
        """Nothing."""

    def write_metrics(self, row: Mapping[str, Any]) -> None:
        """Nothing."""

    def write_resume(self, header: Header, tensors: Tensors) -> None:
        """Nothing."""

    def rewind(self, iteration: int) -> None:
        """Nothing."""

    def delete_surplus(self, training: TrainConfig) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
