"""Held-out loss: how surprised a model is by text it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from charrnn.network.torch_model import CharModel, LayerStates
from charrnn.text.split import HeldOutSpan
from charrnn.training import data_parallel
from charrnn.training.rank_place import Place
from charrnn.training.ranks import ALONE, Ranks
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
    return float(held_out_nats(model, ids, spans, streams=streams, warmup=warmup).mean())


def held_out_nats(
    model: CharModel,
    ids: EncodedText,
    spans: Spans,
    *,
    streams: int = 32,
    warmup: int = 512,
    ranks: Ranks = ALONE,
) -> NDArray[np.float64]:
    """The losses whose mean is `held_out_loss`.

    Args:
        model: As there.
        ids: As there.
        spans: As there.
        streams: As there.
        warmup: As there.
        ranks: Each reads some of the rows.

    Returns:
        Nats of every character that is counted, (n,), in the order of `counted_spans`.

    Raises:
        ValueError: No character is counted.
    """
    rows, count = _reading(spans, streams, warmup)
    return ranks.sum(_nats(model, ids, rows, count, streams, ranks.place))


def characters_read(spans: Spans, *, streams: int = 32, warmup: int = 512) -> int:
    """How many characters `held_out_loss` reads, those that only lead to the counted ones included."""
    rows, _ = _reading(spans, streams, warmup)
    size = rows.end - rows.begin
    return int(size[size > rows.lead].sum())


def _reading(spans: Spans, streams: int, warmup: int) -> tuple[_Rows, int]:
    """The rows that spans are read in, and how many of their characters are counted."""
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
    # Where the loss of a row's first target would be among all those of the spans, one after another.
    first = (np.cumsum(count) - count - start)[span] + begin + 1
    return _Rows(begin, end, lead, first), int(count.sum())


def counted_spans(spans: Spans) -> list[HeldOutSpan]:
    """Those spans that have anything to count, without what follows nothing. Raises ValueError if there are none."""
    return [HeldOutSpan(*bounds) for bounds in zip(*(part.tolist() for part in _counted(spans)), strict=True)]


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


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows that each begin with a zero state. A row's inputs are ids[begin:end], its targets one character on; (R,)."""

    begin: Places
    end: Places
    lead: Places  # so many of its targets are not counted
    first: Places  # the place of its first target among the losses

    def __getitem__(self, chosen: NDArray[Any]) -> _Rows:
        return _Rows(self.begin[chosen], self.end[chosen], self.lead[chosen], self.first[chosen])


def _nats(
    model: CharModel, ids: EncodedText, rows: _Rows, count: int, streams: int, place: Place
) -> NDArray[np.float64]:
    """The losses of rows, (count,), `streams` of which are read at a time; 0 at those of other ranks."""
    size = rows.end - rows.begin
    threads = torch.get_num_threads() if model.head.weight.device.type == "cpu" else 1
    was_training = model.training
    model.eval()
    try:
        losses, pool = np.zeros(count), data_parallel.pool(threads)
        for all_ranks in _groups(np.where(size > rows.lead, size, 0), streams):
            group = all_ranks[place.rank :: place.size]
            parts = [group[number::threads] for number in range(min(threads, len(group)))]
            list(pool.map(lambda part: _read(model, ids, rows[part], losses), parts))
        return losses
    finally:
        model.train(was_training)


@torch.inference_mode()
def _read(model: CharModel, ids: EncodedText, rows: _Rows, losses: NDArray[np.float64]) -> None:
    """Write the losses of rows that are read side by side into their places, which no others have."""
    device, size = model.head.weight.device, rows.end - rows.begin
    state: LayerStates = model.zero_state(len(size))
    longest = int(size.max())
    for at in range(0, longest, _CHUNK):
        width = min(_CHUNK, longest - at)
        inputs, targets = gather(ids, rows.begin + at, np.clip(size - at, 0, width), width)
        targets[np.arange(at, at + width) < rows.lead[:, None]] = IGNORED
        logits, state = model(torch.from_numpy(inputs).to(device), state)
        wanted = torch.from_numpy(targets).to(device)
        nats = F.cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), reduction="none").cpu().numpy()
        counts = targets != IGNORED
        places = rows.first[:, None] + np.arange(at, at + width)
        losses[places[counts]] = nats.reshape(counts.shape)[counts]


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
