"""Held-out losses of other kinds than charrnn's own, by which it is compared with other models.

Not a program: `bench/learning.py` and `bench/settings.py` use it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from charrnn.network.torch_model import CharModel, detached
from charrnn.ngrams.model import NgramModel
from charrnn.text.corpus import Corpus
from charrnn.text.split import HeldOutSpan, Split
from charrnn.training.held_out_counts import HeldOutCounts
from charrnn.training.validation import Spans, held_out_loss, held_out_nats
from charrnn.training.windows import EncodedText, gather


def cold_windows(spans: Spans, window: int = 256) -> list[HeldOutSpan]:
    """Held-out text in windows that each begin cold: nothing is read but the character before the first that counts.

    Args:
        spans: What is held out, (D, 3), as `held_out_loss` has them.
        window: Characters of each that count, but the last of a span's.

    Returns:
        The windows of each span, as spans of their own.
    """
    return [
        HeldOutSpan(at - 1, at, min(at + window, stop))
        for context, start, stop in np.asarray(spans, dtype=np.int64).reshape(-1, 3).tolist()
        for at in range(max(start, context + 1), stop, window)
    ]


def cold_loss(model: CharModel, ids: EncodedText, spans: Spans, *, window: int = 256, batch: int = 64) -> float:
    """The mean cross-entropy of held-out text in windows that begin with a zero state, each character predicted once.

    What a transformer with a context of `window` is measured by. The mean context is half a window, so this is above
    `held_out_loss` for any model that uses what it carries.

    Args:
        model: stays as it is.
        ids: the encoded text.
        spans: what is held out of it, (D, 3), as `held_out_loss` has them.
        window: characters.
        batch: windows that are read side by side.

    Returns:
        Nats per character.

    Raises:
        ValueError: no character is counted.
    """
    # With so long a warmup all of them are too short to be cut.
    return held_out_loss(model, ids, cold_windows(spans, window), streams=batch, warmup=window)


def losses_with_counts(model: CharModel, counts: NgramModel, corpus: Corpus, split: Split) -> tuple[float, float]:
    """The held-out losses of a network and counts: carried, in one pass, and in cold windows of 256.

    In a cold window the counts see no more than the network does. Shares by the length of the context are chosen on the
    other half of the text than the one that is measured with them (`ngrams.mixing`).

    Args:
        model: The network.
        counts: The n-grams.
        corpus: The text that both were made from.
        split: What of it is held out.

    Returns:
        Nats per character.
    """
    losses = []
    readings: tuple[tuple[Any, dict[str, Any]], ...] = (
        (split.held_out, {"streams": 1}),
        (cold_windows(split.held_out), _COLD),
    )
    for spans, reading in readings:
        looked_up = HeldOutCounts(corpus, Split(split.training, tuple(spans)))
        looked_up.model = counts
        nats = held_out_nats(model, corpus.measured.ids, spans, **reading)
        losses.append(looked_up.mixing(nats).held_out_loss)
    return losses[0], losses[1]


_COLD = {"streams": 64, "warmup": 256}


def dynamic_loss(
    model: CharModel, ids: EncodedText, spans: Spans, *, rate: float = 0.1, decay: float = 0.0, window: int = 64
) -> float:
    """The mean cross-entropy when the model goes on learning from what it has read: dynamic evaluation.

    Not a held-out loss, and never to be compared with one: a copy of the model is updated after every window, by SGD
    with `rate` and a pull of `decay` back to the weights it had (Krause et al., 2018, eq. 5). Each character is still
    predicted before it is learnt from. Spans are read in their order, the state carried from a zero one at `start`,
    and each begins with the weights that the one before left.

    Args:
        model: stays as it is.
        ids: the encoded text.
        spans: what is held out of it, (D, 3), as `held_out_loss` has them.
        rate: the learning rate.
        decay: the share of the way back to the first weights, at every window.
        window: characters.

    Returns:
        Nats per character.

    Raises:
        ValueError: no character is counted.
    """
    device, total, count = model.head.weight.device, 0.0, 0
    adapted = CharModel(model.config, model.vocabulary_size).to(device)
    adapted.load_state_dict(model.state_dict())
    adapted.eval()
    weights: list[Tensor] = list(adapted.parameters())
    first_weights = [weight.detach().clone() for weight in weights]
    for context, start, stop in np.asarray(spans, dtype=np.int64).reshape(-1, 3).tolist():
        state = adapted.zero_state(1)
        for at in range(max(start, context + 1) - 1, stop - 1, window):
            length = min(window, stop - 1 - at)
            inputs, targets = gather(ids, np.array([at]), np.array([length]), length)
            loss, state = adapted.loss(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device), state)
            gradients = torch.autograd.grad(loss, weights)
            state = detached(state)
            total += float(loss.detach().double()) * length
            count += length
            with torch.no_grad():
                if decay:
                    torch._foreach_lerp_(weights, first_weights, decay)
                torch._foreach_add_(weights, gradients, alpha=-rate)
    if not count:
        raise ValueError("no span has a character to predict from one before it")
    return total / count
