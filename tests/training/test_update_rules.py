"""Updates against torch's optimizers, bit for bit: weights and what is carried, begun anew and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import assert_same
from torch import Tensor

from charrnn.config import ModelConfig, TrainConfig
from charrnn.network.torch_model import CharModel
from charrnn.training.gate import Gate
from charrnn.training.optimizer import Optimizer

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {"grad_clip": 0.0, "beta1": 0.8, "beta2": 0.97}


def adamw(matrices: Sequence[Tensor], others: Sequence[Tensor], weight_decay: float) -> torch.optim.Optimizer:
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1.0, betas=(0.8, 0.97), fused=True)


Maker = Callable[[Sequence[Tensor], Sequence[Tensor]], torch.optim.Optimizer]
ORACLES: dict[str, tuple[dict[str, Any], Maker]] = {
    "adamw": (
        {"optimizer": "adamw", "weight_decay": 0.3},
        lambda matrices, others: adamw(matrices, others, 0.3),
    ),
    "rmsprop": (
        {"optimizer": "rmsprop", "weight_decay": 0.0, "momentum": 0.0},
        lambda matrices, others: torch.optim.RMSprop([*matrices, *others], alpha=0.97, foreach=True),
    ),
    "rmsprop with momentum": (
        {"optimizer": "rmsprop", "weight_decay": 0.0, "momentum": 0.9},
        lambda matrices, others: torch.optim.RMSprop([*matrices, *others], alpha=0.97, momentum=0.9, foreach=True),
    ),
    "sgd": (
        {"optimizer": "sgd", "weight_decay": 0.0, "momentum": 0.0},
        lambda matrices, others: torch.optim.SGD([*matrices, *others], lr=1.0, fused=True),
    ),
    "sgd with momentum": (
        {"optimizer": "sgd", "weight_decay": 0.0, "momentum": 0.9},
        lambda matrices, others: torch.optim.SGD([*matrices, *others], lr=1.0, momentum=0.9, fused=True),
    ),
}


def small_model() -> CharModel:
    return CharModel(ModelConfig(num_layers=2, rnn_size=6, embedding_size=4).completed(), 9, seed=1)


def moments(oracle: torch.optim.Optimizer, order: Sequence[int]) -> dict[str, np.ndarray]:
    """As the resume file names them; `order` has the number of each of the oracle's parameters there."""
    state = oracle.state_dict()["state"]
    return {
        f"{order[index]}/{kind}": value.numpy()
        for index, kinds in state.items()
        for kind, value in kinds.items()
        if isinstance(value, Tensor)
    }


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("kind", ORACLES)
def test_updates_are_torchs(kind: str, gated: bool) -> None:
    settings, make = ORACLES[kind]
    if gated and "rmsprop" in kind:
        pytest.skip("torch's RMSprop asks the host")
    model, other = small_model(), small_model()
    config = TrainConfig(**SETTINGS | settings).completed()
    optimizer = Optimizer(model, config, CPU)
    theirs = list(other.parameters())
    matrices, others = ([each for each in theirs if (each.dim() >= 2) is wanted] for wanted in (True, False))
    oracle = make(matrices, others)
    in_order = {id(each): number for number, each in enumerate(theirs)}
    order = list(range(len(theirs)))
    if "adamw" not in kind:  # ours has no groups of parameters then
        order = [in_order[id(each)] for each in (*matrices, *others)]
    generator = torch.Generator().manual_seed(2)
    gate = Gate(CPU) if gated else Gate()
    for step, rate in enumerate((0.1, 0.02, 0.02, 0.3)):
        gradients = [torch.randn(each.shape, generator=generator) for each in theirs]
        for each, gradient in zip(theirs, gradients, strict=True):
            each.grad = gradient.clone()
        for group in oracle.param_groups:
            group["lr"] = rate
        oracle.step()
        optimizer.step(gradients, rate, gate)
        assert_same(model.weights(), other.weights())
        state = optimizer.state_dict()
        assert_same(state["moments"], moments(oracle, order))
        assert {name: value.shape for name, value in state["moments"].items()} == optimizer.moment_shapes()
        if step == 1:  # resumed
            optimizer = Optimizer(model, config, CPU)
            optimizer.load_state_dict(state)
            assert_same(optimizer.state_dict()["moments"], state["moments"])
