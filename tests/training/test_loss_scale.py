"""Loss scaling: GradScaler's rules, with nobody waiting for the device."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.trainings import assert_same, finish, make, stored

from charrnn.errors import DivergedError
from charrnn.training.events import Progress
from charrnn.training.gate import Gate
from charrnn.training.loss_scale import LossScale
from charrnn.training.resume import resume_point, resumed
from charrnn.training.trainer import Trainer

CPU = torch.device("cpu")
SETTINGS: dict[str, Any] = {"model": "gru", "precision": "float16", "iterations": 30, "dropout": 0.1, "average": 0.9}


@pytest.mark.parametrize("device", [None, CPU])
def test_the_scale_is_that_of_torch(monkeypatch: pytest.MonkeyPatch, device: torch.device | None) -> None:
    monkeypatch.setattr("charrnn.training.loss_scale._INTERVAL", 3)
    scaler = torch.amp.GradScaler("cpu", growth_interval=3)  # the oracle
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    ours, gate = LossScale(CPU), Gate(device)
    for finite in map(int, "11100110111111010111111111"):
        scaler.scale(weight * (1.0 if finite else math.inf)).sum().backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        norm, update = ours.observe(torch.tensor(1.0 if finite else math.inf), gate)
        assert norm.item() == finite
        assert (update.closed or bool(update.found_inf)) is not bool(finite)
        state = scaler.state_dict()
        assert ours.state_dict() == {"scale": state["scale"], "good": state["_growth_tracker"]}
    assert not gate.closed
    assert not gate.found_inf


@pytest.mark.parametrize("device", [None, CPU])
def test_where_nothing_is_left_to_lower_it_diverges(device: torch.device | None) -> None:
    scale, gate, halvings = LossScale(CPU), Gate(device), 0
    while not (gate.closed or gate.found_inf):
        before = scale.state_dict()
        norm, _ = scale.observe(torch.tensor(math.inf), gate)
        halvings += 1
    assert halvings == 31  # 2^16 / 2^30 is below 1e-4
    assert norm.item() == math.inf
    assert scale.state_dict() == before
    scale.observe(torch.tensor(1.0), gate)
    assert scale.state_dict() == before


def scaled(scale: float, read_every: int, **settings: Any) -> Trainer:
    training = make(trainer={"read_every": read_every}, **SETTINGS | settings)
    assert training.optimizer.loss_scale
    training.optimizer.loss_scale.scale.fill_(scale)
    return training


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "rmsprop"])
def test_what_overflows_is_left_out_and_the_rest_is_learnt(optimizer: str, tmp_path: Path) -> None:
    """However it is read; and resumed from within."""
    training, blocks = (scaled(2.0**40, read, optimizer=optimizer) for read in (1, 1 if optimizer == "rmsprop" else 7))
    before, left_out = training.model.weights(), 0
    while training.iteration < 3:
        left_out += training.step().grad_norm == 0
    assert left_out == 3
    assert_same(training.model.weights(), before)
    point = resume_point(training)
    assert point[0].progress["loss_scale"] == {"scale": 2.0**37, "good": 0}
    again = resumed(stored(tmp_path / "resume.safetensors", point), training.corpus, device="cpu")
    events = [event for event in training.events() if isinstance(event, Progress)]
    norms = [event.grad_norm for event in events]
    skipped = norms.count(0)
    assert skipped > 3
    assert all(math.isfinite(norm) and norm > 0 for norm in norms[skipped:])
    for other in (again, blocks):
        finish(other)
        assert_same(resume_point(other)[1], resume_point(training)[1])
        assert resume_point(other)[0].progress["loss_scale"] == resume_point(training)[0].progress["loss_scale"]


def test_it_learns_what_float32_does() -> None:
    losses = list[float]()
    for precision in ("float32", "float16"):
        training = make(**SETTINGS | {"precision": precision, "iterations": 60})
        finish(training)
        held_out = training.evaluator.evaluate()
        assert held_out is not None
        losses.append(held_out)
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.parametrize("read_every", [1, 7])
def test_a_gradient_that_is_no_number_at_any_scale_diverges(read_every: int) -> None:
    training = scaled(2.0**-10, read_every)
    training.model.head.bias.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(DivergedError, match=r"iteration 5: the gradient's norm is (inf|nan)"):  # 2^-14 is below 1e-4
        finish(training)
    assert training.iteration == 4
