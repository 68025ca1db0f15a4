"""A character drawn for every sequence of a batch on its device: the processors of a sampling chain, in torch.

Everything is in float64, as in NumPy, so that the same numbers draw the same characters but where two of them are as
good as equally likely; MPS has only float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Rules = Sequence[tuple[str, float]]  # names of _PROCESSORS and what each takes, in their order


def _exclude(log_probs: Tensor, value: float) -> Tensor:
    allowed = log_probs.clone()
    allowed[..., int(value)] = -math.inf
    return allowed


def _top_k(log_probs: Tensor, value: float) -> Tensor:
    order = torch.argsort(log_probs, dim=-1, descending=True, stable=True)
    return log_probs.scatter(-1, order[..., int(value) :], -math.inf)


def _top_p(log_probs: Tensor, value: float) -> Tensor:
    ranked, order = torch.sort(log_probs, dim=-1, descending=True, stable=True)
    weights = torch.exp(ranked - ranked[..., :1])
    before = torch.cumsum(weights, dim=-1) - weights
    beyond = before >= value * weights.sum(dim=-1, keepdim=True)
    return log_probs.scatter(-1, order, ranked.masked_fill(beyond, -math.inf))


def _min_p(log_probs: Tensor, value: float) -> Tensor:
    least = log_probs.amax(dim=-1, keepdim=True) + math.log(value)
    return log_probs.masked_fill(log_probs < least, -math.inf)


_PROCESSORS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "exclude": _exclude,
    "top_k": _top_k,
    "top_p": _top_p,
    "min_p": _min_p,
    "factor": torch.mul,
}


def draw(logits: Tensor, rules: Rules, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """One id for every sequence.

    Args:
        logits: (B, V).
        rules: What stands between the model's log-probabilities and the draw.
        uniform: (B,), float64, from 0 up to but not 1.

    Returns:
        Ids (B,), and their log-probabilities (B,), before any rule; NaN where the logits are no numbers.
    """
    log_probs = torch.log_softmax(logits.to(uniform.dtype), dim=-1)
    processed = log_probs
    for name, value in rules:
        processed = _PROCESSORS[name](processed, value)
    cumulated = torch.cumsum(torch.exp(processed - processed.amax(dim=-1, keepdim=True)), dim=-1)
    marks = uniform * cumulated[:, -1]
    ids = (cumulated <= marks.unsqueeze(1)).sum(dim=-1).clamp_max(logits.shape[1] - 1)  # NaN is above no mark
    return ids, log_probs.gather(1, ids.unsqueeze(1)).squeeze(1)
