"""Gradients through time: finite differences, a dense SVD, and networks that are simple enough to know."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import tiny
from numpy.typing import NDArray
from torch import Tensor

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, DivergedError
from charrnn.inspection.gradients import curve, gradients
from charrnn.inspection.jacobian import power_iteration, singular_values
from charrnn.inspection.steps import StackState, Steps, flat, unflat
from charrnn.network.torch_model import CharModel
from charrnn.runs import checkpoint

V, H = 7, 5
STACKS: list[dict[str, Any]] = [
    {"model": "lstm", "num_layers": 2},
    {"model": "lstm", "num_layers": 2, "residual": False, "layer_norm": False, "embedding_size": 0},
    {"model": "gru", "num_layers": 3, "tied": True},
    {"model": "gru", "num_layers": 1, "layer_norm": False},
    {"model": "rnn", "num_layers": 2, "residual": False},
    {"model": "rnn", "num_layers": 2, "nonlinearity": "relu", "layer_norm": False},
]


def _model(dtype: torch.dtype = torch.float64, seed: int = 1, **settings: Any) -> CharModel:
    config = ModelConfig(**{"rnn_size": H, "embedding_size": 4, **settings}).completed()
    return CharModel(config, V, seed=seed).to(dtype).eval()


def _ids(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(V, size=n).astype(np.intp)


def _one_unit(w: float) -> CharModel:
    """h' = w h + x, and what the head makes of it; x is 1 for every character."""
    config = ModelConfig(
        model="rnn", nonlinearity="relu", num_layers=1, rnn_size=1, embedding_size=1, layer_norm=False
    ).completed()
    model = CharModel(config, 2).double()
    values = {name: np.zeros(shape) for name, shape in config.shapes(2).items()}
    values["embedding.weight"][:] = values["layers.0.weight_ih_l0"][:] = 1
    values["layers.0.weight_hh_l0"][:] = w
    values["head.weight"][:] = [[1e-9], [0]]  # so small that softmax remains where it is
    model.load_weights(values)
    return model


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_steps_are_those_of_the_model(settings: dict[str, Any]) -> None:
    model, ids = _model(torch.float32, **settings), torch.from_numpy(_ids(12).reshape(2, 6))
    steps = Steps(model)
    state = steps.zero_state(2)
    for column in ids.unbind(1):
        state, top = steps.step(column, state)
    with torch.no_grad():
        logits, carried = model(ids, model.zero_state(2))
    for layer, expected in zip(state, carried, strict=True):
        for part, wanted in zip(layer, expected, strict=True):
            torch.testing.assert_close(part, wanted, atol=2e-6, rtol=1e-5)
    wanted = torch.nn.functional.cross_entropy(logits[:, -1], ids[:, 0], reduction="none")
    torch.testing.assert_close(steps.losses(top, ids[:, 0]), wanted, atol=2e-6, rtol=1e-5)


def _loss_with(steps: Steps, ids: list[int], target: int, at: int, layer: int, part: int, change: Tensor) -> float:
    """The loss where a layer's state is changed as it comes out of step `at`: layer by layer, with modules of torch."""
    model, config = steps.model, steps.config
    states = [list(each) for each in steps.zero_state(1)]
    for number, index in enumerate(ids):
        x = (
            model.embedding.weight[index].unsqueeze(0)
            if config.embedding_size
            else torch.eye(V, dtype=torch.float64)[[index]]
        )
        x = x * config.embedding_size**0.5 if config.tied else x
        residual = x
        for at_layer, module in enumerate(model.layers):
            before = [each.unsqueeze(0) for each in states[at_layer]]
            with torch.no_grad():
                _, after = module(x.unsqueeze(0), tuple(before) if len(before) == 2 else before[0])
            states[at_layer] = [each[0] for each in (after if isinstance(after, tuple) else (after,))]
            if (number, at_layer) == (at, layer):
                states[at_layer][part] = states[at_layer][part] + change
            y = states[at_layer][0]
            residual = residual + y if config.residual and at_layer > 0 else y
            x = model.norms[at_layer](residual) if config.layer_norm else residual
    return float(steps.losses(x, torch.tensor([target]))[0])


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_gradients_are_finite_differences(settings: dict[str, Any]) -> None:
    model = _model(**settings)
    ids, reach, small = _ids(13, seed=2), 10, 1e-5  # one place, of all that there is, in two segments
    found = gradients(model, ids, reach=reach, places=3)
    assert found.places.tolist() == [11, 12]
    steps, text = Steps(model), ids[1:12].tolist()  # no character is read in: those of the last place
    for k in (0, 1, 4, 9):
        for layer in range(model.config.num_layers):
            slopes = []
            for part in range(2 if model.config.model == "lstm" else 1):
                for unit in range(H):
                    change = torch.zeros(1, H, dtype=torch.float64)
                    change[0, unit] = small
                    place = (text, int(ids[12]), reach - k, layer, part)
                    slopes.append((_loss_with(steps, *place, change) - _loss_with(steps, *place, -change)) / 2 / small)
            norm = 10 ** found.log10_norms[k, layer, 1]
            assert norm == pytest.approx(float(np.linalg.norm(slopes)), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("w", [1.0, 1.01, 0.99, 0.5, 1e-3])
def test_a_linear_unit_is_a_power(w: float) -> None:
    found = gradients(_one_unit(w), np.zeros(1100, dtype=np.intp), reach=1000, places=3)
    [of_layer] = found.curves()
    falls = of_layer.mean - of_layer.mean[0]
    np.testing.assert_allclose(falls, np.arange(1001) * math.log10(w), atol=1e-4 if w == 1.01 else 1e-6)
    assert of_layer.rate == pytest.approx(w, rel=1e-6)
    assert found.singular_values.whole == pytest.approx(w)
    if w < 1:
        assert of_layer.half_life == pytest.approx(math.log(2) / -math.log(w), rel=1e-5)
        assert of_layer.fallen_to(0.5) == math.ceil(math.log(2) / -math.log(w))
    else:
        assert of_layer.half_life is None
        assert of_layer.fallen_to(0.5) is None


def test_float32_has_room_for_any_gradient() -> None:
    """Where 0.001 to the 1000 is far below what float32 holds."""
    found = gradients(_one_unit(1e-3).float(), np.zeros(1002, dtype=np.intp), reach=1000)
    assert found.log10_norms[1000, 0, 0] - found.log10_norms[0, 0, 0] == pytest.approx(-3000, abs=1e-2)


def _dense(steps: Steps, ids: Tensor, state: StackState, row: int) -> np.ndarray:
    """The Jacobian of one row's step, (N, N)."""

    def of(vector: Tensor) -> Tensor:
        own = unflat(vector.unsqueeze(0), state)
        return flat(steps.step(ids[row : row + 1], own)[0])[0]

    matrix: np.ndarray = torch.autograd.functional.jacobian(of, flat(state)[row]).numpy()  # type: ignore[no-untyped-call]
    return matrix


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_singular_values_are_those_of_a_dense_svd(settings: dict[str, Any]) -> None:
    steps = Steps(_model(seed=4, **settings))
    rows = torch.from_numpy(_ids(3 * 6, seed=3).reshape(3, 6))
    state, ids = steps.read(rows, steps.zero_state(3)), rows[:, 0]
    found = singular_values(steps, ids, state, tolerance=1e-6)
    assert found.converged
    width = len(state[0]) * H
    for row in range(3):
        dense = _dense(steps, ids, state, row)
        assert found.whole[row] == pytest.approx(np.linalg.svd(dense, compute_uv=False)[0], rel=1e-5)
        for layer in range(len(state)):
            block = dense[layer * width :, layer * width :][:width, :width]
            assert found.layers[layer, row] == pytest.approx(np.linalg.svd(block, compute_uv=False)[0], rel=1e-5)


def test_power_iteration_converges() -> None:
    matrix = torch.diag(torch.tensor([0.5, 1.01, -0.2], dtype=torch.float64))
    sigma, converged = power_iteration(lambda vectors: vectors @ matrix.T, torch.zeros(2, 3, dtype=torch.float64), 1e-9)
    assert converged
    assert sigma.tolist() == pytest.approx([1.01, 1.01])
    nothing, converged = power_iteration(lambda vectors: 0 * vectors, torch.zeros(1, 3))
    assert (nothing.tolist(), converged) == ([0.0], True)
    _, converged = power_iteration(lambda vectors: vectors @ matrix.T, torch.zeros(1, 3, dtype=torch.float64), 0.0, 3)
    assert not converged


def test_curve_of_known_norms() -> None:
    norms: NDArray[np.float64] = np.log10(np.array([[1.0, 100.0], [1e-300, 1e-200], [1.0, 1.0]]))
    norms[2] = np.array([-np.inf, -4])
    found = curve(norms)
    assert found.mean.tolist() == pytest.approx([1, -250, -4])
    assert found.zero.tolist() == [0, 0, 0.5]
    assert (found.low[2], found.high[0]) == (-np.inf, 2)
    assert found.to_dict()["log10_norm_p10"][2] is None
    assert curve(np.full((3, 2), -np.inf)).half_life is None


def test_places_are_spread_and_the_same_each_time() -> None:
    model, ids = _model(torch.float32, model="gru"), _ids(900)
    found = gradients(model, ids, reach=20, places=5)
    assert found.places.tolist() == [277, 432, 588, 744, 899]
    assert found.log10_norms.shape == (21, 2, 5)
    again = gradients(model, ids, reach=20, places=5)
    assert np.array_equal(found.log10_norms, again.log10_norms)
    assert found.joint.shape == (21, 5)
    assert np.all(found.joint >= found.log10_norms.max(1) - 1e-12)
    assert len(gradients(model, _ids(23), reach=20).places) == 2


def test_what_cannot_be_measured() -> None:
    model = _model(torch.float32)
    with pytest.raises(CorpusError, match=r"novel: 21 characters are too few to look 20 back: 22 .* --reach 19"):
        gradients(model, _ids(21), reach=20, name="novel")
    with torch.no_grad():
        model.head.weight[0, 0] = math.nan
    with pytest.raises(DivergedError):
        gradients(model, _ids(40), reach=20)


def test_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny.save(tmp_path / "a.safetensors")
    model = charrnn.load(path)
    text = tiny.TEXT * 2
    found = model.gradients(text, reach=20, places=4)
    assert found.log10_norms.shape == (21, 1, 4)
    unfiled = charrnn.Model(dataclasses.replace(checkpoint.load(path), path=None))
    assert np.array_equal(unfiled.gradients(text, 20, 4).log10_norms, found.log10_norms)
    with pytest.raises(CorpusError):
        model.gradients("Well", reach=20)
    tiny.save(path, seed=1)
    with pytest.raises(CheckpointError, match="another checkpoint"):
        model.gradients(text, reach=20)
    monkeypatch.setattr("charrnn.training.torch_import.installed", lambda: False)
    with pytest.raises(CharrnnError, match="measuring gradients needs torch, which is not installed"):
        model.gradients(text)
