"""Updates, penalties, clipping and the average of the weights against their formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import assert_same, finish, give_gradient, make

from charrnn.config import ModelConfig, TrainConfig
from charrnn.network.torch_model import CharModel, entering
from charrnn.training import validation
from charrnn.training.events import Progress, Snapshot
from charrnn.training.gate import Gate
from charrnn.training.optimizer import Optimizer
from charrnn.training.trainer import Trainer


def gradients(training: Trainer) -> dict[str, np.ndarray]:
    """Of the next window, by a copy of the model."""
    model = CharModel(training.model.config, len(training.vocabulary))
    model.load_weights(training.model.weights())
    window = training.streams[training.iteration]
    state = entering(training.state, window.continues)
    loss, _ = model.loss(torch.from_numpy(window.inputs), torch.from_numpy(window.targets), state)
    loss.backward()
    return {name: parameter.grad.numpy().astype(np.float64) for name, parameter in model.named_parameters()}  # type: ignore[union-attr]


SETTINGS: dict[str, Any] = {"grad_clip": 0.0, "warmup": 0, "decay": "constant", "weight_decay": 0.3, "iterations": 6}


@pytest.mark.parametrize(
    ("optimizer", "momentum", "penalties"),
    [
        ("sgd", 0.9, {}),
        ("sgd", 0.0, {"l2": 0.02}),
        ("rmsprop", 0.0, {"l1": 0.003}),
        ("rmsprop", 0.8, {"l1": 0.01, "l2": 0.1}),
    ],
)
def test_updates_are_those_of_the_formulas(optimizer: str, momentum: float, penalties: dict[str, float]) -> None:
    rate = 0.01
    training = make(optimizer=optimizer, momentum=momentum, learning_rate=rate, beta2=0.95, **SETTINGS, **penalties)
    weights = {name: value.astype(np.float64) for name, value in training.model.weights().items()}
    square = {name: np.zeros_like(value) for name, value in weights.items()}
    speed = {name: np.zeros_like(value) for name, value in weights.items()}
    for _ in range(4):
        of_loss = gradients(training)
        progress = training.step()
        total = 0.0
        for name, g in of_loss.items():
            w = weights[name]
            if w.ndim >= 2:
                g = g + penalties.get("l2", 0.0) * w + penalties.get("l1", 0.0) * np.sign(w)
            total += float((g**2).sum())
            if w.ndim >= 2:
                w = w * (1 - rate * 0.3)
            if optimizer == "rmsprop":
                square[name] = 0.95 * square[name] + 0.05 * g**2
                g = g / (np.sqrt(square[name]) + 1e-8)
            speed[name] = momentum * speed[name] + g
            weights[name] = w - rate * speed[name]
        assert progress.grad_norm == pytest.approx(math.sqrt(total), rel=1e-4)
        for name, value in training.model.weights().items():
            np.testing.assert_allclose(value, weights[name], rtol=1e-3, atol=2e-5, err_msg=name)
            weights[name] = value.astype(np.float64)


def tiny_optimizer(**settings: Any) -> tuple[Optimizer, list[torch.Tensor]]:
    """An optimizer of a small network, and a gradient for each of its parameters."""
    model = CharModel(ModelConfig(num_layers=1, rnn_size=4, embedding_size=3).completed(), 5, seed=1)
    optimizer = Optimizer(model, TrainConfig(**settings).completed(), torch.device("cpu"))
    generator = torch.Generator().manual_seed(2)
    return optimizer, [torch.randn(parameter.shape, generator=generator) for parameter in optimizer.parameters]


def test_penalties_are_added_once_a_step_however_often_the_same_gradients_are_given() -> None:
    optimizer, gradients = tiny_optimizer(
        l1=0.1, l2=0.3, grad_clip=0.0, optimizer="sgd", momentum=0.0, weight_decay=0.0
    )
    before = [gradient.clone() for gradient in gradients]
    squares = 0.0
    for parameter, gradient in zip(optimizer.parameters, gradients, strict=True):
        weight = parameter.detach() if parameter.dim() > 1 else torch.zeros(())  # only matrices are penalized
        squares += float(((gradient + 0.3 * weight + 0.1 * weight.sign()).double() ** 2).sum())
    norms = [optimizer.step(gradients, rate=0.0).norm.item() for _ in range(3)]
    assert norms == pytest.approx([math.sqrt(squares)] * 3, rel=1e-5)
    assert norms[0] == norms[1] == norms[2]
    assert all(map(torch.equal, gradients, before))


@pytest.mark.parametrize("kind", ["muon", "adamw", "rmsprop", "sgd"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_refused_and_nothing_is_changed(kind: Any, bad: float) -> None:
    optimizer, gradients = tiny_optimizer(optimizer=kind, l1=0.1, l2=0.1, grad_clip=0.1)
    optimizer.step(gradients, 0.01)
    weights = [parameter.detach().clone() for parameter in optimizer.parameters]
    before = optimizer.state_dict()
    spoilt = [gradient.clone() for gradient in gradients]
    spoilt[0][0, 0] = bad
    given = [gradient.clone() for gradient in spoilt]
    gate = Gate()
    assert not optimizer.step(spoilt, 0.01, gate).norm.isfinite()
    assert gate.closed
    assert all(map(torch.equal, optimizer.parameters, weights))
    assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(spoilt, given, strict=True))
    assert_same(optimizer.state_dict()["moments"], before["moments"])


@pytest.mark.parametrize("mode", ["norm", "value"])
@pytest.mark.parametrize("kind", ["muon", "adamw", "sgd"])
def test_what_the_device_decides_changes_as_little(kind: Any, mode: Any) -> None:
    """And, until the gate closes, what it would have changed with the host deciding, bit for bit."""
    settings = {"optimizer": kind, "l2": 0.1, "grad_clip": 0.5, "grad_clip_mode": mode, "weight_decay": 0.1}
    (asked, gradients), (gated, _) = tiny_optimizer(**settings), tiny_optimizer(**settings)
    gate = Gate(torch.device("cpu"))
    for size in (1.0, 0.01, 100.0):
        updates = [
            optimizer.step([gradient * size for gradient in gradients], 0.01, choice)
            for optimizer, choice in ((asked, Gate()), (gated, gate))
        ]
        assert updates[0] == updates[1]
        assert updates[0].clipped.item() is (size >= 1.0)
    for spoilt in ([gradients[0] * math.inf, *gradients[1:]], gradients):  # once closed it remains so
        gated.step([gradient.clone() for gradient in spoilt], 0.01, gate)
        assert (gate.closed, gate.found_inf) == (False, 1.0)
        assert all(map(torch.equal, gated.parameters, asked.parameters))
        assert_same(gated.state_dict()["moments"], asked.state_dict()["moments"])


def test_rmsprop_alone_asks_the_host() -> None:
    kinds: tuple[Any, ...] = ("muon", "adamw", "rmsprop", "sgd")
    assert [kind for kind in kinds if not tiny_optimizer(optimizer=kind)[0].decides_on_device] == ["rmsprop"]


def test_state_is_a_copy_and_can_be_put_back() -> None:
    optimizer, gradients = tiny_optimizer(grad_clip=0.1)
    optimizer.step(gradients, 0.01)
    optimizer.clipped = 1
    state = optimizer.state_dict()
    moments = {name: moment.copy() for name, moment in state["moments"].items()}
    optimizer.step(gradients, 0.01)
    optimizer.clipped = 2
    assert_same(state["moments"], moments)
    optimizer.load_state_dict(state)
    assert optimizer.clipped == 1
    assert_same(optimizer.state_dict()["moments"], moments)


def other_gradients_zero(training: Trainer) -> None:
    for name, parameter in training.model.named_parameters():
        if name != "head.bias":
            parameter.register_hook(torch.zeros_like)


def test_clipping_by_value_lets_it_be_15() -> None:
    training = make(grad_clip=15.0, grad_clip_mode="value")
    give_gradient(training.model.head.bias, [20.0, -20.0, 15.0, -15.5, 3.0, 1e10])
    training.step()
    assert training.model.head.bias.grad is not None
    assert training.model.head.bias.grad[:7].tolist() == [15.0, -15.0, 15.0, -15.0, 3.0, 15.0, 0.0]


def test_clipping_by_norm_keeps_the_direction_and_leaves_small_gradients_alone() -> None:
    training = make(grad_clip=5.0)
    other_gradients_zero(training)
    give_gradient(training.model.head.bias, [30.0, -40.0])
    progress = training.step()
    assert progress.grad_norm == pytest.approx(50.0)  # before clipping
    assert training.model.head.bias.grad is not None
    assert training.model.head.bias.grad[:3].tolist() == pytest.approx([3.0, -4.0, 0.0], rel=1e-6)

    small = make(grad_clip=5.0)
    other_gradients_zero(small)
    exact = give_gradient(small.model.head.bias, [3.0, -4.0])  # norm exactly at the bound
    small.step()
    assert small.model.head.bias.grad is not None
    assert torch.equal(small.model.head.bias.grad, exact)


@pytest.mark.parametrize("mode", ["norm", "value"])
def test_grad_clip_0_never_clips(mode: str) -> None:
    training = make(grad_clip=0.0, grad_clip_mode=mode)
    exact = give_gradient(training.model.head.bias, [1e6, -1e6])
    training.step()
    assert training.model.head.bias.grad is not None
    assert torch.equal(training.model.head.bias.grad, exact)


@pytest.mark.parametrize(("mode", "clip"), [("norm", 0.1), ("value", 0.01), ("norm", 1e9), ("value", 1e9)])
def test_clipped_iterations_are_counted(mode: str, clip: float) -> None:
    training = make(grad_clip=clip, grad_clip_mode=mode)
    events = [event for event in training.events() if isinstance(event, Progress)]
    assert [event.clipped for event in events] == [(number + 1) * (clip < 1) for number in range(12)]


def test_the_average_is_what_is_measured_and_kept() -> None:
    training = make(average=0.9, snapshot_at=(12,))
    mean = {name: value.astype(np.float64) for name, value in training.model.weights().items()}
    snapshot = None
    for event in training.events():
        if isinstance(event, Progress):
            continue
        snapshot = event if isinstance(event, Snapshot) else snapshot
    again = make(average=0.9)
    for at in range(1, 13):
        again.step()
        decay = min(0.9, at / (at + 10))
        for name, value in again.model.weights().items():
            mean[name] = decay * mean[name] + (1 - decay) * value
    assert snapshot is not None
    for name, value in snapshot.weights.items():
        np.testing.assert_allclose(value, mean[name], rtol=1e-4, atol=1e-6)
        if name != "embedding.weight":
            assert not np.array_equal(value, training.model.weights()[name])
    model = CharModel(training.model.config, len(training.vocabulary))
    model.load_weights(snapshot.weights)
    assert snapshot.header.held_out_loss == validation.held_out_loss(model, training.ids, training.split.held_out)
    assert_same(training.model.weights(), finish(make()))  # averaging changes nothing in the training
