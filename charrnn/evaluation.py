"""Held-out loss: how surprised a model is by text it was not trained on."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from charrnn.model import CharModel, State
from charrnn.vocabulary import Ids

_CHUNK = 256  # characters a forward call takes; bounds memory, changes no number


@torch.inference_mode()
def held_out_loss(model: CharModel, ids: Ids, start: int, *, streams: int = 32, warmup: int = 512) -> float:
    """Nats per character over ids[start:], each predicted once with the state carried.

    One stream is the plain full pass from ids[start - 1] and a zero state. Several cut the text into pieces read in
    parallel, much faster; the state that enters a piece has then read the `warmup` characters before it instead of
    everything, which moves the result by less than the fourth decimal (tests/test_evaluation.py). A text too short
    for that is read in fewer streams. Sums are in float64; the model's mode and the generators are left as they were.

    `ids`: the whole encoded text; `start`: where the held-out tail begins, at least 1.
    """
    count = len(ids) - start
    if start < 1 or count < 1:
        raise ValueError("start must leave one character before it and one after it")
    pieces = max(1, min(streams, count // (2 * warmup))) if warmup else streams
    lead = warmup if pieces > 1 else 0  # characters that a row reads before its piece; in the first, all are counted
    length = -(-(count - lead) // pieces)
    # Every row has lead + length inputs. A last row that is cut short is padded with zeros that are not counted.
    rows = np.zeros((pieces, lead + length + 1), dtype=np.int64)
    counted = np.zeros((pieces, lead + length), dtype=bool)
    for row in range(pieces):
        begin = start + row * length - 1  # first input of this row
        piece = ids[begin : begin + lead + length + 1]
        rows[row, : len(piece)] = piece
        counted[row, lead if row else 0 : max(0, len(piece) - 1)] = True

    device = model.head.weight.device
    inputs, targets = torch.from_numpy(rows[:, :-1]).to(device), torch.from_numpy(rows[:, 1:]).to(device)
    weight = torch.from_numpy(counted).to(device)
    was_training = model.training
    model.eval()
    try:
        state: State = model.zero_state(pieces)
        total = 0.0
        for at in range(0, inputs.shape[1], _CHUNK):
            chunk = slice(at, at + _CHUNK)
            logits, state = model(inputs[:, chunk], state)
            losses = F.cross_entropy(logits.flatten(0, 1).float(), targets[:, chunk].flatten(), reduction="none")
            total += float(losses[weight[:, chunk].flatten()].double().sum())
    finally:
        model.train(was_training)
    return total / count


@torch.inference_mode()
def cold_loss(model: CharModel, ids: Ids, start: int, *, window: int = 256, batch: int = 64) -> float:
    """Nats per character over ids[start:], each predicted once, in windows that begin with a zero state.

    What a transformer with a context of `window` is measured by. The mean context is half a window, so this is above
    `held_out_loss` for any model that uses what it carries.
    """
    targets = ids[start:].astype(np.int64)
    inputs = ids[start - 1 : -1].astype(np.int64)
    device = model.head.weight.device
    was_training = model.training
    model.eval()
    total = 0.0
    try:
        whole = len(targets) // window * window
        pieces = [(inputs[:whole].reshape(-1, window), targets[:whole].reshape(-1, window))]
        if whole < len(targets):
            pieces.append((inputs[None, whole:], targets[None, whole:]))
        for rows, wanted in pieces:
            for at in range(0, len(rows), batch):
                x = torch.from_numpy(rows[at : at + batch]).to(device)
                y = torch.from_numpy(wanted[at : at + batch]).to(device)
                logits, _ = model(x, model.zero_state(len(x)))
                losses = F.cross_entropy(logits.flatten(0, 1).float(), y.flatten(), reduction="none")
                total += float(losses.double().sum())
    finally:
        model.train(was_training)
    return total / len(targets)
