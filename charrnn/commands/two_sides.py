"""The two models of a verb that reads a text from both sides: as they were named, or the newest there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charrnn.commands import later_states
from charrnn.commands.notes import tell
from charrnn.errors import UsageError
from charrnn.formatting import plural

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.runs.pair import Pair
    from charrnn.sampling.side import Side


def open_pair(named: Sequence[str], root: Path, warn: Callable[[str], None], verb: str) -> Pair:
    """Load the two models, and say on standard error which they are.

    Args:
        named: Two checkpoints or runs, in any order; () for the newest run of either direction and one vocabulary.
        root: The directory of runs.
        warn: Is told of each file of a run that should be a checkpoint and is not.
        verb: What is typed before them: `charrnn fill`.

    Returns:
        Both.

    Raises:
        UsageError: One is named, or more than two.
        RunError: There is no such run.
        CheckpointError: One is damaged; they are of one direction, or of different vocabularies.
    """
    from charrnn.runs.find import load_found
    from charrnn.runs.pair import Pair, in_order, newest_pair

    if len(named) not in (0, 2):
        raise UsageError(
            f"{plural(len(named), 'word')} beside the text: a forward and a backward model are named there, or none.",
            f"As in: {verb} FORWARD BACKWARD TEXT; a text of several words in quotes.",
        )
    paths = [Path(name) for name in named] or [run.path for run in newest_pair(root)]
    loaded = [load_found(path, root, warn) for path in paths]
    for path, checkpoint in zip(paths, loaded, strict=True):
        if checkpoint.path is not None:
            later_states.tell_of_found(path, checkpoint.path, root)
    pair = Pair(*in_order(*loaded))
    newest = "" if named else ": the newest of one vocabulary"
    tell(f"forward {pair.forward.path}, backward {pair.backward.path}{newest}")
    return pair


def sides(pair: Pair, ngrams: bool | None) -> tuple[Side, Side]:
    """The engines of both, with the counts that have a say. Raises CheckpointError, UsageError."""
    from charrnn.network.engine import Engine
    from charrnn.sampling.side import Side

    forward, backward = (
        Side(Engine(model.header.model, model.weights), model.chosen_mixture(ngrams)) for model in pair
    )
    return forward, backward


def facts(model: Checkpoint, side: Side) -> dict[str, Any]:
    """Which checkpoint it is, ready for JSON."""
    return {
        "checkpoint": str(model.path),
        "sha256": model.digest,
        "iteration": model.header.iteration,
        "ngrams": side.mixture is not None,
    }
