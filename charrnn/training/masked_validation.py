"""Held-out loss of a bidirectional network, the masked loss: how surprised it is by what is hidden from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from charrnn.network.pieces import LENGTH, MARGIN, pieces
from charrnn.network.torch_model import CharModel
from charrnn.training import data_parallel
from charrnn.training.masking import hidden_places
from charrnn.training.ranks import ALONE, Ranks
from charrnn.training.validation import Spans
from charrnn.training.windows import IGNORED, EncodedText

HIDDEN = 0.3  # of held-out text, as much as usual in training; whatever that hides, so that losses can be compared


def masked_nats(
    model: CharModel,
    ids: EncodedText,
    spans: Spans,
    *,
    boundary: int | None = None,
    streams: int = 32,
    ranks: Ranks = ALONE,
) -> NDArray[np.float64]:
    """The losses of a fixed 30 % of held-out text, all of it hidden at once.

    Args:
        model: A bidirectional one. Its mode is left as it was.
        ids: The encoded text.
        spans: What is held out of it, (D, 3), as for `held_out_nats`. What lies before a span, from its context on, is
            read too; spans do not see each other.
        boundary: An id that is never hidden.
        streams: Pieces that are read side by side.
        ranks: Each reads some of the pieces.

    Returns:
        Nats of every hidden character, (n,), in their order.

    Raises:
        ValueError: Nothing is hidden.
    """
    threads = torch.get_num_threads() if model.head.weight.device.type == "cpu" else 1
    pool, place = data_parallel.pool(threads), ranks.place
    was_training = model.training
    model.eval()
    try:
        losses = list[NDArray[np.float64]]()
        rows, number = _rows(ids, spans, boundary, model.vocabulary_size), 0
        while together := list(islice(rows, streams * threads)):
            if number % place.size == place.rank:
                parts = [together[at : at + streams] for at in range(0, len(together), streams)]
                losses += pool.map(lambda part: _read(model, part), parts)
            else:
                losses += [np.zeros(np.count_nonzero(row.targets != IGNORED)) for row in together]
            number += 1
    finally:
        model.train(was_training)
    if not losses:
        raise ValueError("no span has a character to hide")
    return ranks.sum(np.concatenate(losses))


class _Row(NamedTuple):
    """A piece of the text as it is read, `LENGTH` characters; the symbol of what is hidden beyond its end."""

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]  # IGNORED where nothing is measured


def _rows(ids: EncodedText, spans: Spans, boundary: int | None, symbol: int) -> Iterator[_Row]:
    for context, start, stop in np.asarray(spans, dtype=np.int64).reshape(-1, 3).tolist():
        if stop <= start:
            continue
        hidden = hidden_places(start, stop, HIDDEN)
        for piece in pieces(max(context, start - MARGIN), stop, start):
            text = np.asarray(ids[piece.begin : piece.end], dtype=np.int64)
            there = np.zeros(len(text), dtype=np.bool_)
            own = max(start, piece.begin)
            there[own - piece.begin :] = hidden[own - start : piece.end - start]
            if boundary is not None:
                there &= text != boundary
            inputs, targets = np.full(LENGTH, symbol), np.full(LENGTH, IGNORED)
            inputs[: len(text)] = np.where(there, symbol, text)
            judged = slice(piece.first - piece.begin, piece.last - piece.begin)
            targets[judged] = np.where(there, text, IGNORED)[judged]
            yield _Row(inputs, targets)


@torch.inference_mode()
def _read(model: CharModel, rows: Sequence[_Row]) -> NDArray[np.float64]:
    """The losses of rows that are read side by side."""
    device = model.head.weight.device
    inputs, targets = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*rows, strict=True))
    logits, _ = model(inputs, ())
    nats = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    losses: NDArray[np.float64] = nats[targets.flatten() != IGNORED].double().cpu().numpy()
    return losses
