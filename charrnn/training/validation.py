"""Held-out loss: how surprised a model is by text it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from charrnn.network.torch_model import CharModel, LayerStates
from charrnn.training import data_parallel
from charrnn.training.windows import IGNORED, EncodedText, gather

_CHUNK = 256  # characters a forward call takes of a row; bounds memory, changes no number

Places = NDArray[np.int64]
Spans = Sequence[tuple[int, int, int]] | Places  # (D, 3): context, start and stop of each, as in `split.HeldOutSpan`


def held_out_loss(model: CharModel, ids: EncodedText, spans: Spans, *, streams: int = 32, warmup: int = 512) -> float:
    """The mean cross-entropy of held-out text, each character predicted once with the state carried.

    Reading begins with a zero state, `warmup` characters before a span but not before its `context`: where that is the
    document's beginning, the state knows the document; where it is start - 1, the span begins cold. Documents do not
    see each other. A character at `context` itself follows nothing and is not counted.

    One stream is the plain full pass. Several cut long spans into pieces read in parallel, much faster; the state that
    enters a piece has then read the `warmup` characters before it instead of everything, which moves the result by
    less than the fourth decimal (tests/training/test_validation.py). Spans too short for that are read whole, side by
    side.

    Args:
        model: Its mode and the random generators are left as they were.
        ids: The encoded text.
        spans: What is held out of it.
        streams: Rows that are read side by side.
        warmup: Characters that a piece reads before those that count.

    Returns:
        Nats per character, summed in float64.

    Raises:
        ValueError: No character is counted.
    """
    context, start, stop = _counted(spans)
    count = stop - start
    origin = np.maximum(context, start - 1 - warmup)  # the first input
    inputs = stop - 1 - origin
    pieces = streams * count // count.sum()  # every span has its share of the streams
    pieces = np.maximum(1, np.minimum(pieces, count // (2 * warmup)) if warmup else pieces)
    # Each row of a span has warmup + length inputs and begins `length` after the one before; the last is cut short.
    length = -(-(inputs - warmup) // pieces)
    span, nth = _rows(pieces)
    begin = origin[span] + nth * length[span]
    end = np.minimum(begin + warmup + length[span], stop[span] - 1)
    lead = np.where(nth == 0, (start - 1 - origin)[span], warmup)
    return _nats(model, ids, begin, end, lead, streams) / int(count.sum())


def _counted(spans: Spans) -> tuple[Places, Places, Places]:
    """context, start and stop, each (D,), of the spans that have anything to count, without what follows nothing."""
    context, start, stop = np.asarray(spans, dtype=np.int64).reshape(-1, 3).T
    start = np.maximum(start, context + 1)
    some = stop > start
    if not some.any():
        raise ValueError("no span has a character to predict from one before it")
    return context[some], start[some], stop[some]


def _rows(pieces: Places) -> tuple[Places, Places]:
    """How many rows each span has, (D,) -> for every row its span and its number there, (R,) each.

    >>> _rows(np.array([2, 1, 3]))
    (array([0, 0, 1, 2, 2, 2]), array([0, 1, 0, 0, 1, 2]))
    """
    span = np.repeat(np.arange(len(pieces)), pieces)
    return span, np.arange(len(span)) - np.repeat(np.cumsum(pieces) - pieces, pieces)


def _nats(model: CharModel, ids: EncodedText, begin: Places, end: Places, lead: Places, streams: int) -> float:
    """The sum of the losses of rows that each begin with a zero state, read `streams` at a time.

    A row's inputs are ids[begin:end], its targets one character on; of these the first `lead` are not counted. (R,)
    """
    size = end - begin
    threads = torch.get_num_threads() if model.head.weight.device.type == "cpu" else 1
    was_training = model.training
    model.eval()
    try:
        with data_parallel.pool(threads) as pool:
            total = 0.0
            for group in _groups(np.where(size > lead, size, 0), streams):
                parts = [group[number::threads] for number in range(min(threads, len(group)))]
                total += sum(pool.map(lambda rows: _read(model, ids, begin[rows], end[rows], lead[rows]), parts))
            return total
    finally:
        model.train(was_training)


@torch.inference_mode()
def _read(model: CharModel, ids: EncodedText, begin: Places, end: Places, lead: Places) -> float:
    """The sum of the losses of rows, (R,) as in `_nats`, that are read side by side."""
    device, size, total = model.head.weight.device, end - begin, 0.0
    state: LayerStates = model.zero_state(len(size))
    longest = int(size.max())
    for at in range(0, longest, _CHUNK):
        width = min(_CHUNK, longest - at)
        inputs, targets = gather(ids, begin + at, np.clip(size - at, 0, width), width)
        targets[np.arange(at, at + width) < lead[:, None]] = IGNORED
        logits, state = model(torch.from_numpy(inputs).to(device), state)
        wanted = torch.from_numpy(targets).to(device)
        losses = F.cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), reduction="none")
        total += float(losses.double().sum())
    return total


def _groups(size: Places, streams: int) -> Iterator[NDArray[Any]]:
    """Rows of similar size together, so that little is padded: `streams` of them, more if they are short."""
    order = np.argsort(-size, kind="stable")
    order = order[: np.count_nonzero(size)]
    while len(order):
        longest = size[order[0]]
        group = order[: streams * max(1, _CHUNK // int(longest))]
        group = group[2 * size[group] > longest]
        yield group
        order = order[len(group) :]
