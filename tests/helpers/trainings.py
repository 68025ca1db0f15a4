"""Tiny trainings on the CPU, and what they are compared by."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.config import ModelConfig, ReadConfig, TrainConfig
from charrnn.runs import checkpoint
from charrnn.runs.checkpoint import Checkpoint, Tensors
from charrnn.runs.header import Header
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.training.events import Event
from charrnn.training.trainer import Trainer

TEXT = "".join(f"{n} sheep went over the stile, said Ann; {n * n} came back.\n" for n in range(60))
CELLS = ("lstm", "gru", "rnn")

# A tiny network and training of documents, for `Trainer` itself.
MODEL_CONFIG = ModelConfig(rnn_size=16, embedding_size=8)
TRAIN_CONFIG = TrainConfig(
    batch_size=3, seq_length=8, iterations=14, warmup=2, snapshot_at=(4,), eval_every=5, sample_length=12, seed=5
)

# What a processor can do, and the precision that is chosen for it.
CAPABILITIES = pytest.mark.parametrize(
    ("capabilities", "chosen"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512_f": True}, "float32"),
        ({}, "float32"),
        (None, "float32"),  # a torch that cannot tell
    ],
    ids=["avx512", "amx", "without", "other", "unknown"],
)


def make(text: str = TEXT, *, trainer: dict[str, Any] | None = None, **settings: Any) -> Trainer:
    """A tiny training on the CPU; `trainer` are more arguments of `Trainer`."""
    network: dict[str, Any] = {"rnn_size": 16, "embedding_size": 8, "layer_norm": False}
    learning: dict[str, Any] = {"batch_size": 3, "seq_length": 8, "iterations": 12, "warmup": 2, "seed": 5}
    learning |= {"precision": "float32", "beta1": 0.9}  # most compare to rounding
    learning |= {"snapshot_at": (), "eval_every": 0, "sample_length": 12}
    models = {field.name for field in dataclasses.fields(ModelConfig)}
    for key, value in settings.items():
        (network if key in models else learning)[key] = value
    source = corpus.from_text(text)
    return Trainer(source, ModelConfig(**network), TrainConfig(**learning), device="cpu", **trainer or {})


def finish(training: Trainer) -> dict[str, NDArray[Any]]:
    """Train to the end; the weights."""
    for _ in training.events():
        pass
    return training.model.weights()


def with_held_out_losses(training: Trainer, losses: Iterable[float]) -> list[Event]:
    """A training's events, where the held-out losses are given."""
    given, evaluator = iter(losses), training.evaluator

    def evaluate() -> float:
        if evaluator._held_out_at != training.iteration:
            evaluator.held_out_loss, evaluator._held_out_at = next(given), training.iteration
        assert evaluator.held_out_loss is not None
        return evaluator.held_out_loss

    evaluator.evaluate = evaluate  # type: ignore[method-assign]
    return list(training.events())


def give_gradient(parameter: nn.Parameter, gradient: list[float]) -> Tensor:
    """Make backward arrive at this gradient, padded with zeros."""
    padded = torch.zeros(parameter.shape)
    padded[: len(gradient)] = torch.tensor(gradient)
    parameter.register_hook(lambda _: padded)
    return padded


def pretend_capabilities(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool] | None) -> None:
    """As if the processor could do this."""
    if capabilities is None:
        monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    else:
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)


def folder(path: Path, texts: list[str]) -> Path:
    """A new folder with these texts in files of their own."""
    path.mkdir()
    for number, text in enumerate(texts):
        (path / f"{number:02}.txt").write_text(text, "utf-8")
    return path


def documents(path: Path) -> Corpus:
    """Some short documents, read from a new folder in `path` and kept apart."""
    texts = [TEXT[at : at + length] for at, length in ((0, 1), (10, 3), (20, 60), (90, 17), (120, 41), (200, 9))]
    return corpus.read(folder(path / "documents", texts), ReadConfig(documents=True))


def assert_same(tensors: Tensors, expected: Tensors) -> None:
    """Bit for bit, with the same names, types and shapes."""
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert (tensor.dtype, tensor.shape) == (expected[name].dtype, expected[name].shape), name
        assert tensor.tobytes() == expected[name].tobytes(), name


def stored(path: Path, point: tuple[Header, Tensors]) -> Checkpoint:
    """A checkpoint as it is once it has been written and read."""
    checkpoint.save(path, *point)
    return checkpoint.load(path)
