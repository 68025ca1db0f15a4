"""Which snapshots of a run are kept once later ones are there."""

from __future__ import annotations

from collections.abc import Mapping

from charrnn.config import TrainConfig


def surplus(losses: Mapping[int, float | None], training: TrainConfig) -> set[int]:
    """The snapshots that `--keep` does not name.

    Args:
        losses: The held-out loss, if it was measured, of each snapshot by its iteration.
        training: Its `keep`: the last so many; the best, which is the first of the lowest loss or else the last; the
            milestones, which are those of `snapshot_at` and the end of the training.

    Returns:
        The iterations of those that may be deleted.
    """
    if not training.keep or not losses:
        return set()
    iterations = sorted(losses)
    kept: set[int] = set()
    for rule in training.keep:
        if rule == "best":
            measured = [(loss, at) for at in iterations if (loss := losses[at]) is not None]
            kept.add(min(measured)[1] if measured else iterations[-1])
        elif rule == "milestones":
            kept |= {at for at in iterations if training.is_milestone(at) or at == training.iterations}
        else:
            kept |= set(iterations[-int(rule.removeprefix("last:")) :])
    return losses.keys() - kept
