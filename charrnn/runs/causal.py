"""Which checkpoints predict what comes next: those of a network that reads in one direction."""

from __future__ import annotations

from charrnn.errors import CheckpointError
from charrnn.network.engine import causal_refusal
from charrnn.runs.checkpoint import Checkpoint


def require_causal(loaded: Checkpoint) -> Checkpoint:
    """The same. Raises CheckpointError, which names the file, if its network reads in both directions at once."""
    if not loaded.header.model.bidirectional:
        return loaded
    refusal = causal_refusal()
    what = refusal.what if loaded.path is None else f"{loaded.path}: {refusal.what}"
    raise CheckpointError(what, refusal.advice)
