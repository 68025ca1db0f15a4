"""The windows that a text is trained in, as a class sees them: what is read, what is to follow, and in which state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import UsageError
from charrnn.formatting import plural, shown_character
from charrnn.inspection.view import Table, View

MOST_NUMBERS = 10_000
_RANGE = re.compile(r"(-?\d{1,30})\.\.(-?\d{1,30})", re.ASCII)


def numbers(typed: str) -> NDArray[np.int64] | None:
    """The whole numbers of a range that was typed, `1..14`, both ends among them; None: it is none.

    Raises:
        UsageError: There are too many, or it runs backward.
    """
    if not (found := _RANGE.fullmatch(typed)):
        return None
    first, last = int(found[1]), int(found[2])
    if last < first:
        raise UsageError(f"{typed}: ends before it begins.", f"Write {last}..{first}")
    if last - first >= MOST_NUMBERS:
        raise UsageError(f"{typed}: has {last - first + 1:,} numbers; {MOST_NUMBERS:,} are shown at most.")
    return np.arange(first, last + 1, dtype=np.int64)


class TrainingWindow(Protocol):
    """What one iteration trains on: `training.windows.Window`."""

    @property
    def inputs(self) -> NDArray[np.int64]:
        """(B, T)."""
        ...

    @property
    def targets(self) -> NDArray[np.int64]:
        """(B, T), -100 where there is none."""
        ...

    @property
    def continues(self) -> NDArray[np.bool_]:
        """(B,)."""
        ...


_NONE = -100  # `training.windows.IGNORED`


@dataclass(frozen=True, slots=True)
class StreamWindow:
    """What one stream has in one iteration.

    Attributes:
        iteration: Counted from 1.
        stream: The row of the batch, counted from 1.
        inputs: What is read, as it is shown.
        targets: What is to follow each of them; None where there is nothing to predict.
        state: `zeros`, or `carried`: what the stream's window before has left.
    """

    iteration: int
    stream: int
    inputs: tuple[str, ...]
    targets: tuple[str | None, ...]
    state: str

    @property
    def inputs_shown(self) -> tuple[str, ...]:
        """The inputs, but those that pad a window cut short."""
        count = sum(target is not None for target in self.targets)
        return self.inputs[:count]


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """The first windows of a training.

    Attributes:
        name: The text.
        size: How many characters, or numbers, it has.
        seq_length: T.
        shift: How far the next window starts after one.
        batch_size: B.
        stateless: Whether every window begins with zeros.
        per_epoch: Iterations until the text begins anew.
        numbered: Whether numbers stand in the place of characters.
        windows: (iterations times B), as they come.
    """

    name: str
    size: int
    seq_length: int
    shift: int
    batch_size: int
    stateless: bool
    per_epoch: int
    numbered: bool
    windows: tuple[StreamWindow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "text": self.name,
            "size": self.size,
            "seq_length": self.seq_length,
            "shift": self.shift,
            "batch_size": self.batch_size,
            "stateless": self.stateless,
            "iterations_per_epoch": self.per_epoch,
            "windows": [
                {
                    "iteration": window.iteration,
                    "stream": window.stream,
                    "inputs": list(window.inputs_shown),
                    "targets": [target for target in window.targets if target is not None],
                    "state": window.state,
                }
                for window in self.windows
            ],
        }


def shown(windows: Sequence[TrainingWindow], names: Sequence[str] | None) -> tuple[StreamWindow, ...]:
    """Windows with what their ids stand for.

    Args:
        windows: As training has them, from the first on.
        names: What each id is shown as; None: ids are numbers, and shown as these.

    Returns:
        Stream by stream, iteration by iteration.
    """

    def name(index: int) -> str:
        return str(index) if names is None else names[index]

    return tuple(
        StreamWindow(
            iteration=number,
            stream=stream,
            inputs=tuple(map(name, inputs)),
            targets=tuple(None if target == _NONE else name(target) for target in targets),
            state="carried" if continues else "zeros",
        )
        for number, window in enumerate(windows, start=1)
        for stream, (inputs, targets, continues) in enumerate(
            zip(window.inputs.tolist(), window.targets.tolist(), window.continues.tolist(), strict=True), start=1
        )
    )


def view(found: Windows) -> View:
    """A row for each stream of each iteration."""
    kind = (
        "Stateless: every window begins with a state of zeros, and they come in a shuffled order."
        if found.stateless
        else "Carried: a window begins with the state that its stream's window before had where this one begins."
    )
    overlap = found.seq_length - found.shift
    rows = tuple(
        (
            str(window.iteration),
            *([str(window.stream)] if found.batch_size > 1 else []),
            _row(window.inputs_shown, found.numbered),
            _row([target for target in window.targets if target is not None], found.numbered),
            window.state,
        )
        for window in found.windows
    )
    left = found.per_epoch - found.windows[-1].iteration
    return View(
        title=f"Training windows of {found.name}",
        remarks=(
            f"{plural(found.size, 'character')}, windows of {found.seq_length}, each {found.shift} after the one before"
            f"{f', so that neighbours share {overlap}' if overlap else ''}; the targets are the same, one further on.",
            kind,
            f"An epoch has {plural(found.per_epoch, 'iteration')}{f'; {left:,} are not shown' if left > 0 else ''}.",
        ),
        tables=(
            Table(
                heads=("Iteration", *(["Stream"] if found.batch_size > 1 else []), "Inputs", "Targets", "State"),
                rows=rows,
                figures=("Iteration", *(["Stream"] if found.batch_size > 1 else [])),
            ),
        ),
    )


def _row(parts: Sequence[str], numbered: bool) -> str:
    """Numbers with spaces between them; characters as they stand, those that are not seen as what stands for them."""
    return " ".join(parts) if numbered else "".join(map(shown_character, parts))
