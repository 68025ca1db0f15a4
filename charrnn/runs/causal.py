"""Which checkpoints predict what comes next: those of a network that reads in one direction."""

from __future__ import annotations

from typing import TypeVar

from charrnn.errors import CheckpointError
from charrnn.network.engine import causal_refusal
from charrnn.runs.pair import Directed

Model = TypeVar("Model", bound=Directed)


def require_causal(loaded: Model) -> Model:
    """The same. Raises CheckpointError, which names the file, if its network reads in both directions at once."""
    if not loaded.header.model.bidirectional:
        return loaded
    refusal = causal_refusal()
    what = refusal.what if loaded.path is None else f"{loaded.path}: {refusal.what}"
    raise CheckpointError(what, refusal.advice)
