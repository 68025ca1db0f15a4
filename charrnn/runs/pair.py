"""Two models of one vocabulary, of which one reads texts from the beginning and one from the end."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from charrnn.errors import CheckpointError, RunError
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.find import list_runs
from charrnn.runs.header import Header
from charrnn.runs.run import Run

_TRAIN = "Train them on one text: charrnn train TEXT; charrnn train TEXT --backward"


class Directed(Protocol):
    """A model, in whatever form, that says what it is."""

    @property
    def header(self) -> Header:
        """What it says of itself."""
        ...

    @property
    def path(self) -> Path | None:
        """The file, if it came from one."""
        ...


Model = TypeVar("Model", bound=Directed)


class Pair(NamedTuple):
    """A model of either direction."""

    forward: Checkpoint
    backward: Checkpoint


def in_order(first: Model, second: Model) -> tuple[Model, Model]:
    """Two models of one vocabulary, in whichever order.

    Args:
        first: The one.
        second: The other.

    Returns:
        That which reads from the beginning, and that which reads from the end.

    Raises:
        CheckpointError: Both are of one direction, or one of both; or their vocabularies differ.
    """
    for model in (first, second):
        if model.header.model.bidirectional:
            raise CheckpointError(
                f"{_name(model)}: reads in both directions at once, and two models are wanted that read in one each.",
                f"{_TRAIN}.",
            )
    if first.header.backward == second.header.backward:
        end = "end" if first.header.backward else "beginning"
        raise CheckpointError(
            f"{_name(first)} and {_name(second)}: both read from the {end} of a text, and one of each kind is wanted.",
            "Name one of `charrnn train` and one of `charrnn train --backward`.",
        )
    if first.header.vocabulary != second.header.vocabulary:
        only = [
            "".join(sorted(set(one.header.vocabulary.characters) - set(other.header.vocabulary.characters)))
            for one, other in ((first, second), (second, first))
        ]
        counts = " and ".join(f"{len(model.header.vocabulary):,}" for model in (first, second))
        differing = "" if not any(only) else f", {len(only[0]):,} and {len(only[1]):,} of them only there"
        raise CheckpointError(
            f"{_name(first)} and {_name(second)}: have different vocabularies ({counts} ids{differing}).", f"{_TRAIN}."
        )
    return (second, first) if first.header.backward else (first, second)


def newest_pair(root: Path) -> tuple[Run, Run]:
    """The newest run that reads from the beginning and has one from the end beside it, and the newest of those.

    Args:
        root: The directory of runs.

    Returns:
        The forward run, and the newest backward run of its vocabulary.

    Raises:
        RunError: There is none.
    """
    kept = [(run, run.best.header) for run in list_runs(root) if run.resumable or run.snapshots]
    runs = [(run, header) for run, header in kept if not header.model.bidirectional]
    for forward, header in runs:
        if header.backward:
            continue
        for backward, other in runs:
            if other.backward and other.vocabulary == header.vocabulary:
                return forward, backward
    kind = "forward" if all(header.backward for _, header in runs) else "backward"
    either = any(header.backward for _, header in runs) and not all(header.backward for _, header in runs)
    missing = "no two runs of one vocabulary and both directions" if either else f"no run of a {kind} model"
    raise RunError(f"{root}: {missing}.", f"{_TRAIN}.")


def _name(model: Directed) -> str:
    return "one model" if model.path is None else str(model.path)
