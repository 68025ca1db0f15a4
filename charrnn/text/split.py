"""Which spans of a corpus are trained on and which are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Span(NamedTuple):
    """The ids from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


class HeldOutSpan(NamedTuple):
    """Ids that are predicted and never trained on: those from `start` up to `stop`."""

    context: int  # where reading may begin, at most `start`: at the beginning of the document
    start: int
    stop: int

    @property
    def size(self) -> int:
        """Characters in it."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Split:
    """Which spans of a corpus' ids are trained on and which are held out, in the order of the text.

    Of documents kept apart each has one of both, which may be empty; a joined text is a single document.
    """

    training: tuple[Span, ...]
    held_out: tuple[HeldOutSpan, ...]

    @property
    def training_size(self) -> int:
        """Characters trained on."""
        return sum(span.size for span in self.training)

    @property
    def held_out_size(self) -> int:
        """Characters held out."""
        return sum(span.size for span in self.held_out)
