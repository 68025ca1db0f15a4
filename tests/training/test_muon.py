"""Orthogonalised momentum against the singular value decomposition and against its formulas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from helpers.trainings import CELLS, assert_same, make
from numpy.typing import NDArray

from charrnn.config import ModelConfig, TrainConfig
from charrnn.config.network import GATES
from charrnn.network.torch_model import CharModel
from charrnn.training.muon import orthogonalized, recurrent_matrices
from charrnn.training.optimizer import Optimizer


def polar(matrix: NDArray[Any]) -> NDArray[Any]:
    """The orthogonal factor U V^T of U S V^T."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return left @ right


def with_values(rows: int, columns: int, values: list[float], seed: int) -> NDArray[np.float32]:
    """A matrix with these singular values."""
    generator = np.random.default_rng(seed)
    left, right = (np.linalg.qr(generator.normal(size=(size, len(values))))[0] for size in (rows, columns))
    return ((left * values) @ right.T).astype(np.float32)


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (4, 7), (7, 4)])
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_singular_values_become_1_or_so_and_directions_stay(
    rows: int, columns: int, size: float, dtype: torch.dtype
) -> None:
    matrices = [size * with_values(rows, columns, [1.0, 0.5, 0.2, 0.05], seed) for seed in range(3)]
    found = orthogonalized(torch.from_numpy(np.stack(matrices)), dtype)
    assert found.dtype == torch.float32
    for matrix, orthogonal in zip(matrices, found.numpy().astype(np.float64), strict=True):
        values = np.linalg.svd(orthogonal, compute_uv=False)
        assert 0.88 < values.min() <= values.max() < 1.12
        # In the singular vectors' own coordinates it is diagonal, as the polar factor is the identity there.
        inner = (
            orthogonal @ polar(matrix.astype(np.float64)).T
            if rows <= columns
            else (polar(matrix.astype(np.float64)).T @ orthogonal)
        )
        assert np.abs(inner - inner.T).max() < (1e-4 if dtype == torch.float32 else 0.05)
        assert np.linalg.eigvalsh((inner + inner.T) / 2).min() > 0.6


def test_a_matrix_is_made_orthogonal_by_hand() -> None:
    # Of a diagonal matrix only the numbers change; before the first step the sum of their fourth powers is made 1.
    size = (3.0**4 + 4.0**4) ** 0.25
    expected = [through_steps(3.0 / size), through_steps(4.0 / size)]
    found = orthogonalized(torch.diag(torch.tensor([3.0, 4.0]))[None])
    np.testing.assert_allclose(found[0].numpy(), np.diag(expected), rtol=1e-5, atol=1e-6)


STEPS = ((7.711, -22.1138, 16.2487), (3.2153, -2.4112, 0.5013), (2.2183, -1.594, 0.4107))


def through_steps(x: float) -> float:
    """What becomes of a singular value."""
    for first, third, fifth in STEPS:
        x = first * x + third * x**3 + fifth * x**5
    return x


def test_what_the_steps_make_of_singular_values() -> None:
    assert all(abs(through_steps(x) - 1) < 0.095 for x in np.geomspace(0.02, 1, 500))
    small = [through_steps(x) for x in np.linspace(0, 0.02, 50)]
    assert small == sorted(small)  # what is smaller stays smaller


def test_zeros_stay_zeros() -> None:
    blocks = torch.zeros(2, 3, 4)
    blocks[1, 0, 0] = 1
    found = orthogonalized(blocks)
    assert not found[0].any()
    assert found[1].isfinite().all()


def small_model(**settings: Any) -> CharModel:
    sizes: dict[str, Any] = {"num_layers": 2, "rnn_size": 6, "embedding_size": 4}
    return CharModel(ModelConfig(**sizes | settings).completed(), 9, seed=1)


def make_optimizer(model: CharModel, **settings: Any) -> Optimizer:
    return Optimizer(model, TrainConfig(optimizer="muon", **settings).completed(), torch.device("cpu"))


def random_gradients(optimizer: Optimizer, seed: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(parameter.shape, generator=generator) for parameter in optimizer.parameters]


def orthogonal(matrix: NDArray[Any]) -> NDArray[Any]:
    """The steps on the singular values themselves, in float64."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    size = float((values**4).sum()) ** 0.25
    return (left * [through_steps(value / size) for value in values]) @ right


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("clip", [0.0, 0.5])
def test_updates_are_those_of_the_formulas(cell: str, clip: float) -> None:
    model = small_model(model=cell)
    optimizer = make_optimizer(model, momentum=0.8, weight_decay=0.3, beta1=0.7, beta2=0.95, l2=0.02, grad_clip=clip)
    names = [name for name, _ in model.named_parameters()]
    weights = {name: value.astype(np.float64) for name, value in model.weights().items()}
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    rate = 0.05
    for step in (1, 2, 3):
        given = random_gradients(optimizer, seed=step)
        gradients = {
            name: gradient.numpy().astype(np.float64) + (0.02 * weights[name] if gradient.dim() > 1 else 0)
            for name, gradient in zip(names, given, strict=True)
        }
        norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients.values()))
        assert optimizer.step(given, rate).norm.item() == pytest.approx(norm, rel=1e-5)
        for name, gradient in gradients.items():
            g = gradient * (min(1.0, clip / norm) if clip else 1.0)
            if g.ndim > 1:
                weights[name] *= 1 - rate * 0.3
            if ".weight_" in name:
                first[name] = 0.8 * first[name] + 0.2 * g
                for block in np.split(np.arange(len(g)), GATES[cell]):
                    ahead = 0.2 * g[block] + 0.8 * first[name][block]
                    weights[name][block] -= rate * 0.28 * math.sqrt(max(6, g.shape[1])) * orthogonal(ahead)
            else:
                first[name] = 0.7 * first[name] + 0.3 * g
                second[name] = 0.95 * second[name] + 0.05 * g**2
                mean, square = first[name] / (1 - 0.7**step), second[name] / (1 - 0.95**step)
                weights[name] -= rate * mean / (np.sqrt(square) + 1e-8)
        for name, value in model.weights().items():
            np.testing.assert_allclose(value, weights[name], rtol=1e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("gate", [0, 2])
def test_a_gate_is_taken_by_itself(cell: str, gate: int) -> None:
    models = [small_model(model=cell) for _ in range(2)]
    before = models[0].weights()
    changed = slice(6 * gate, 6 * gate + 6)
    for number, model in enumerate(models):
        optimizer = make_optimizer(model, grad_clip=0.0)
        gradients = random_gradients(optimizer)
        for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
            if number and ".weight_" in name:
                gradient[changed] *= 1000  # which changes nothing: an orthogonal matrix has no size
                gradient[changed] = gradient[changed].flip(0)  # which turns the gate's rows round
        optimizer.step(gradients, 0.05)
    kept, turned = (model.weights() for model in models)
    for name in before:
        if ".weight_" not in name:
            assert np.array_equal(kept[name], turned[name])
            continue
        others = np.delete(np.arange(len(before[name])), changed)
        np.testing.assert_allclose(turned[name][others], kept[name][others], atol=1e-6)
        decay = 1 - 0.05 * 0.1
        update, other = (weights[name][changed] - decay * before[name][changed] for weights in (kept, turned))
        np.testing.assert_allclose(other[::-1], update, atol=1e-5)
        assert np.abs(update).max() > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_which_matrices_are_orthogonalised(cell: str) -> None:
    def names(model: CharModel) -> list[str]:
        chosen = set(map(id, recurrent_matrices(model)))
        return [name for name, parameter in model.named_parameters() if id(parameter) in chosen]

    every = [f"layers.{layer}.weight_{kind}_l0" for layer in (0, 1) for kind in ("ih", "hh")]
    assert names(small_model(model=cell)) == every
    assert names(small_model(model=cell, tied=True)) == every
    assert names(small_model(model=cell, embedding_size=0)) == every[1:]  # columns of characters: AdamW's
    assert names(small_model(model=cell, embedding_size=0, rnn_size=9)) == every[1:]  # square as it may be
    frozen = small_model(model=cell)
    frozen.freeze("layers")
    assert names(frozen) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"tied": True},
        {"embedding_size": 0, "model": "rnn"},
        {"freeze": ("layers",)},
        {"freeze": ("embedding", "head"), "model": "gru"},
        {"num_layers": 1, "rnn_size": 1, "embedding_size": 1},
    ],
)
def test_every_network_can_be_trained(settings: dict[str, Any]) -> None:
    training = make(optimizer="muon", **settings)
    before = training.model.weights()
    frozen = {name for name, parameter in training.model.named_parameters() if not parameter.requires_grad}
    for _ in range(3):
        training.step()
    after = training.model.weights()
    assert all(np.isfinite(value).all() for value in after.values())
    assert {name for name in before if np.array_equal(before[name], after[name])} == frozen


@pytest.mark.parametrize("threads", [2, 3, 30])
def test_threads_divide_the_blocks(threads: int) -> None:
    alone, divided = small_model(), small_model()
    updates = []
    for model, count in ((alone, 1), (divided, threads)):
        torch.set_num_threads(count)
        optimizer = make_optimizer(model)
        for seed in range(3):
            optimizer.step(random_gradients(optimizer, seed), 0.05)
        updates.append(model.weights())
    for name, value in updates[0].items():
        np.testing.assert_allclose(updates[1][name], value, atol=1e-5)


def test_momentum_can_be_put_back() -> None:
    optimizers = [make_optimizer(small_model()) for _ in range(2)]
    optimizers[0].step(random_gradients(optimizers[0]), 0.01)
    state = optimizers[0].state_dict()
    assert sum(name.endswith("/momentum") for name in state["moments"]) == 4
    assert len({name.split("/")[0] for name in state["moments"]}) == len(optimizers[0].parameters)
    optimizers[1].load_state_dict(state)
    assert_same(optimizers[1].state_dict()["moments"], state["moments"])


def test_a_state_without_any_update_can_be_put_back() -> None:
    optimizer = make_optimizer(small_model())
    optimizer.load_state_dict(make_optimizer(small_model()).state_dict())
    optimizer.step(random_gradients(optimizer), 0.01)
    assert all(parameter.isfinite().all() for parameter in optimizer.parameters)
