"""Held-out loss: how surprised a model is by text it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from charrnn.network.torch_model import CharModel, LayerStates, detached
from charrnn.training import data_parallel
from charrnn.training.windows import IGNORED, EncodedText, gather

_CHUNK = 256  # characters a forward call takes of a row; bounds memory, changes no number

Places = NDArray[np.int64]
# Held-out parts, (D, 3): reading may begin at `first`; the characters from `start` up to `stop` are predicted.
Tails = Sequence[tuple[int, int, int]] | Places


def held_out_loss(model: CharModel, ids: EncodedText, tails: Tails, *, streams: int = 32, warmup: int = 512) -> float:
    """Nats per character over all tails, each character predicted once with the state carried.

    Reading begins with a zero state, `warmup` characters before the tail but not before `first`: where that is the
    document's beginning, the state knows the document; where it is start - 1, the tail begins cold. Documents do not
    see each other. A character at `first` itself follows nothing and is not counted.

    One stream is the plain full pass. Several cut long tails into pieces read in parallel, much faster; the state that
    enters a piece has then read the `warmup` characters before it instead of everything, which moves the result by
    less than the fourth decimal (tests/test_evaluation.py). Tails too short for that are read whole, side by side.

    Sums are in float64; the model's mode and the generators are left as they were. Raises ValueError if no character
    is counted.
    """
    first, start, stop = _counted(tails)
    count = stop - start
    origin = np.maximum(first, start - 1 - warmup)  # the first input
    inputs = stop - 1 - origin
    pieces = streams * count // count.sum()  # every tail has its share of the streams
    pieces = np.maximum(1, np.minimum(pieces, count // (2 * warmup)) if warmup else pieces)
    # Each row of a tail has warmup + length inputs and begins `length` after the one before; the last is cut short.
    length = -(-(inputs - warmup) // pieces)
    tail, nth = _rows(pieces)
    begin = origin[tail] + nth * length[tail]
    end = np.minimum(begin + warmup + length[tail], stop[tail] - 1)
    lead = np.where(nth == 0, (start - 1 - origin)[tail], warmup)
    return _nats(model, ids, begin, end, lead, streams) / int(count.sum())


def cold_loss(model: CharModel, ids: EncodedText, tails: Tails, *, window: int = 256, batch: int = 64) -> float:
    """Nats per character over all tails, each predicted once, in windows that begin with a zero state.

    What a transformer with a context of `window` is measured by. The mean context is half a window, so this is above
    `held_out_loss` for any model that uses what it carries. Raises ValueError if no character is counted.
    """
    _, start, stop = _counted(tails)
    count = stop - start
    tail, nth = _rows(-(-count // window))
    begin = start[tail] - 1 + nth * window
    end = np.minimum(begin + window, stop[tail] - 1)
    return _nats(model, ids, begin, end, np.zeros_like(begin), batch) / int(count.sum())


def dynamic_loss(
    model: CharModel, ids: EncodedText, tails: Tails, *, rate: float = 0.1, decay: float = 0.0, window: int = 64
) -> float:
    """Nats per character over all tails when the model goes on learning from what it has read: dynamic evaluation.

    Not a held-out loss, and never to be compared with one: a copy of the model is updated after every window, by SGD
    with `rate` and a pull of `decay` back to the weights it had (Krause et al., 2018, eq. 5). Each character is still
    predicted before it is learnt from. Tails are read in their order, the state carried from a zero one at `start`,
    and each begins with the weights that the one before left. `model` stays as it was. Raises ValueError if no
    character is counted.
    """
    _, start, stop = _counted(tails)
    device, total = model.head.weight.device, 0.0
    adapted = CharModel(model.config, model.vocabulary_size).to(device)
    adapted.load_state_dict(model.state_dict())
    adapted.eval()
    weights: list[Tensor] = list(adapted.parameters())
    before = [weight.detach().clone() for weight in weights]
    for begin, end in zip((start - 1).tolist(), (stop - 1).tolist(), strict=True):
        state = adapted.zero_state(1)
        for at in range(begin, end, window):
            inputs, targets = gather(ids, np.array([at]), np.array([min(window, end - at)]), min(window, end - at))
            loss, state = adapted.loss(torch.from_numpy(inputs).to(device), torch.from_numpy(targets).to(device), state)
            gradients = torch.autograd.grad(loss, weights)
            state = detached(state)
            total += float(loss.detach().double()) * targets.size
            with torch.no_grad():
                if decay:
                    torch._foreach_lerp_(weights, before, decay)
                torch._foreach_add_(weights, gradients, alpha=-rate)
    return total / int((stop - start).sum())


def _counted(tails: Tails) -> tuple[Places, Places, Places]:
    """first, start and stop, each (D,), of the tails that have anything to count, without what follows nothing."""
    first, start, stop = np.asarray(tails, dtype=np.int64).reshape(-1, 3).T
    start = np.maximum(start, first + 1)
    some = stop > start
    if not some.any():
        raise ValueError("no tail has a character to predict from one before it")
    return first[some], start[some], stop[some]


def _rows(pieces: Places) -> tuple[Places, Places]:
    """How many rows each tail has, (D,) -> for every row its tail and its number there, (R,) each.

    >>> _rows(np.array([2, 1, 3]))
    (array([0, 0, 1, 2, 2, 2]), array([0, 1, 0, 0, 1, 2]))
    """
    tail = np.repeat(np.arange(len(pieces)), pieces)
    return tail, np.arange(len(tail)) - np.repeat(np.cumsum(pieces) - pieces, pieces)


def _nats(model: CharModel, ids: EncodedText, begin: Places, end: Places, lead: Places, streams: int) -> float:
    """The sum of the losses of rows that each begin with a zero state, read `streams` at a time.

    A row's inputs are ids[begin:end], its targets one character on; of these the first `lead` are not counted. (R,)
    """
    size = end - begin
    count = torch.get_num_threads() if model.head.weight.device.type == "cpu" else 1
    was_training = model.training
    model.eval()
    try:
        with data_parallel.pool(count) as pool:
            total = 0.0
            for group in _groups(np.where(size > lead, size, 0), streams):
                parts = [group[number::count] for number in range(min(count, len(group)))]
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
