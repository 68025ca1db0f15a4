"""Small models whose memory matters, texts and documents for them, and their losses character by character."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from charrnn.config import Cell, ModelConfig
from charrnn.network.torch_model import CharModel
from charrnn.training.windows import EncodedText

V = 7
STEPS: dict[str, Any] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "rnn": nn.RNNCell}


def make(cell: Cell = "lstm", vocabulary_size: int = V, scale: float = 2.0) -> CharModel:
    """A small model whose memory matters: its weights are `scale` times those it would begin with."""
    config = ModelConfig(model=cell, num_layers=2, rnn_size=8, embedding_size=5, layer_norm=False)
    model = CharModel(config, vocabulary_size, seed=5)
    model.load_weights({name: scale * value for name, value in model.weights().items()})
    return model


def text(length: int, vocabulary_size: int = V) -> NDArray[np.uint8]:
    return np.random.default_rng(length).integers(0, vocabulary_size, length, dtype=np.uint8)


def tail(ids: EncodedText, start: int) -> list[tuple[int, int, int]]:
    """The tail of a single text, read from the character before it."""
    return [(start - 1, start, len(ids))]


class OnDisk:
    """A text in a file: contiguous slices, of a row's chunk at most, and nothing else."""

    def __init__(self, path: Path, ids: NDArray[np.uint8]) -> None:
        ids.tofile(path)
        self.path, self.length = path, len(ids)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, span: slice) -> NDArray[np.uint8]:
        assert type(span) is slice
        assert span.step is None
        assert type(span.start) is type(span.stop) is int
        assert 0 <= span.start <= span.stop <= self.length
        assert span.stop - span.start <= 257
        return np.fromfile(self.path, np.uint8, span.stop - span.start, offset=span.start)


def losses_of(model: CharModel, ids: NDArray[np.uint8]) -> list[float]:
    """Nats of ids[1:] from a zero state, character by character in float64, by torch's cells."""
    config = model.config
    weights = {name: torch.from_numpy(value).double() for name, value in model.weights().items()}
    cells = []
    for layer in range(config.num_layers):
        own = {k.split(".")[2].removesuffix("_l0"): v for k, v in weights.items() if k.startswith(f"layers.{layer}.")}
        cells.append(STEPS[config.model](own["weight_ih"].shape[1], config.rnn_size).double())
        cells[-1].load_state_dict(own)
    zeros = torch.zeros(1, config.rnn_size, dtype=torch.float64)
    state: list[Any] = [(zeros, zeros) if config.model == "lstm" else zeros for _ in cells]
    losses = []
    with torch.no_grad():
        for now, following in zip(ids[:-1].tolist(), ids[1:].tolist(), strict=True):
            x = weights["embedding.weight"][now : now + 1]
            for layer, cell in enumerate(cells):
                state[layer] = cell(x, state[layer])
                h = state[layer][0] if config.model == "lstm" else state[layer]
                x = x + h if layer else h
            logits = (weights["head.weight"] @ x[0] + weights["head.bias"]).tolist()
            losses.append(math.log(sum(map(math.exp, logits))) - logits[following])
    return losses


@cache
def model_without_memory() -> CharModel:
    model = make("rnn")
    weights = model.weights()
    model.load_weights(weights | {name: 0 * value for name, value in weights.items() if "weight_hh" in name})
    return model


@cache
def bigram_losses() -> NDArray[np.float64]:
    """Nats of every character after every other, for the model without memory."""
    pairs = [(a, b) for a in range(V) for b in range(V)]
    flat = [losses_of(model_without_memory(), np.array(pair, np.uint8))[0] for pair in pairs]
    return np.array(flat).reshape(V, V)


@st.composite
def documents(draw: st.DrawFn, longest: int = 60) -> tuple[NDArray[np.uint8], list[tuple[int, int, int]]]:
    """A text of several documents, and the held-out tail of each: at least one has something to count."""
    lengths = draw(st.lists(st.integers(1, longest), min_size=1, max_size=8))
    spans, at = [], 0
    for length in lengths:
        spans.append((at, at + draw(st.integers(0, length)), at + length))
        at += length
    spans.append((at, at + 1, at + 3))
    return text(at + 3), spans
