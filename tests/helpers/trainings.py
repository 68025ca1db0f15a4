"""Tiny trainings on the CPU, and what they are compared by."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from charrnn.config import ModelConfig, TrainConfig
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint, Header, Tensors
from charrnn.text import corpus
from charrnn.training.trainer import Trainer

TEXT = "".join(f"{n} sheep went over the stile, said Ann; {n * n} came back.\n" for n in range(60))
CELLS = ("lstm", "gru", "rnn")


def make(text: str = TEXT, **settings: Any) -> Trainer:
    """A tiny training on the CPU."""
    network: dict[str, Any] = {"rnn_size": 16, "embedding_size": 8, "layer_norm": False}
    learning: dict[str, Any] = {"batch_size": 3, "seq_length": 8, "iterations": 12, "warmup": 2, "seed": 5}
    learning |= {
        "precision": "float32",
        "beta1": 0.9,
    }  # most compare to rounding
    learning |= {"snapshot_at": (), "eval_every": 0, "sample_length": 12}
    models = {field.name for field in dataclasses.fields(ModelConfig)}
    for key, value in settings.items():
        (network if key in models else learning)[key] = value
    return Trainer(corpus.from_text(text), ModelConfig(**network), TrainConfig(**learning), device="cpu")


def finish(training: Trainer) -> dict[str, NDArray[Any]]:
    for _ in training.events():
        pass
    return training.model.weights()


def same(one: Tensors, other: Tensors) -> None:
    """Bit for bit, with the same names, types and shapes."""
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert (tensor.dtype, tensor.shape) == (other[name].dtype, other[name].shape), name
        assert tensor.tobytes() == other[name].tobytes(), name


def kept(path: Path, point: tuple[Header, Tensors]) -> Checkpoint:
    checkpoint.save(path, *point)
    return checkpoint.load(path)
