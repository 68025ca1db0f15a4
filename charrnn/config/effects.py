"""Settings that were typed and change nothing, as another is not what they need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from charrnn.config.network import ModelConfig
from charrnn.config.option import AUTO, flag
from charrnn.config.training import TrainConfig

# What settings need: whether they have it, and when they have not.
_NEEDS: Mapping[tuple[str, ...], tuple[Callable[[TrainConfig], bool], str]] = {
    ("plateau_patience", "plateau_factor"): (lambda config: config.decay == "plateau", "without --decay plateau"),
    ("final_rate",): (lambda config: config.decay not in ("constant", "step"), "with --decay constant or step"),
    ("decay_every", "decay_factor", "decay_after"): (lambda config: config.decay == "step", "without --decay step"),
    ("momentum",): (lambda config: config.optimizer != "adamw", "with --optimizer adamw"),
    ("beta1",): (lambda config: config.optimizer in (AUTO, "muon", "adamw"), "without --optimizer muon or adamw"),
    ("beta2",): (lambda config: config.optimizer != "sgd", "with --optimizer sgd"),
    ("grad_clip_mode",): (lambda config: config.grad_clip > 0, "without a --grad-clip above 0"),
    ("val_frac",): (lambda config: config.val_text is None, "with --val-text"),
    ("val_at",): (
        lambda config: config.val_frac > 0 and config.val_text is None,
        "without a share of the text held out",
    ),
    ("ngrams",): (
        lambda config: not config.ngrams or config.val_frac > 0 or config.val_text is not None,
        "without held-out text",
    ),
    ("val_max",): (lambda config: config.val_frac > 0 or config.val_text is not None, "without held-out text"),
    ("sample_temperature", "sample_prime"): (
        lambda config: config.sample_length > 0,
        "without a --sample-length above 0",
    ),
}


# Settings of what a network that reads in both directions has not, and of what no other has.
_OF_ONE_DIRECTION = ("state_reset", "ngrams", "sample_prime", "sample_temperature")
_OF_BOTH = ("mask_share",)


def without_effect(typed: Collection[str], training: TrainConfig, model: ModelConfig | None = None) -> list[str]:
    """What to know of settings that change nothing.

    Args:
        typed: The names of those that were typed.
        training: As they make it.
        model: Likewise; None: no matter.

    Returns:
        A line for each.
    """
    lines: list[str] = []
    if model:
        idle, where = (_OF_ONE_DIRECTION, "with") if model.bidirectional else (_OF_BOTH, "without")
        on = {"ngrams"} if not training.ngrams else set()
        lines = [f"{flag(name)} changes nothing {where} --bidirectional" for name in idle if name in {*typed} - on]
    return lines + [
        f"{flag(name)} changes nothing {needed}"
        for names, (met, needed) in _NEEDS.items()
        for name in names
        if name in typed and not met(training)
    ]
