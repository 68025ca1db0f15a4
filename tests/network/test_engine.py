"""The NumPy engine against torch's own one-layer modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.engines import CELLS, V, Weights, each_kind, ids, make, random_weights, same
from numpy.typing import NDArray
from torch import Tensor, nn

from charrnn.config import Cell, ModelConfig
from charrnn.errors import UsageError
from charrnn.network.engine import Engine
from charrnn.network.torch_model import CharModel

MODULES: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
STEPS = 420


def oracle(config: ModelConfig, weights: Weights, inputs: list[int]) -> tuple[Tensor, list[Tensor]]:
    """Logits (T, V) and the last states h and c, layer by layer, from torch in double precision."""
    tensors = {name: torch.from_numpy(value).double() for name, value in weights.items()}
    index = torch.tensor(inputs)
    x = tensors["embedding.weight"][index] if config.embedding_size else F.one_hot(index, V).double()
    x = x * config.embedding_size**0.5 if config.tied else x
    path, last = x, list[Tensor]()
    for layer in range(config.num_layers):
        options = {"nonlinearity": config.nonlinearity} if config.model == "rnn" else {}
        module = MODULES[config.model](x.shape[-1], config.rnn_size, **options).double()
        prefix = f"layers.{layer}."
        module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
        with torch.no_grad():
            y, state = module(x)
        last.extend(state if isinstance(state, tuple) else (state,))
        x = path = path + y if config.residual and layer > 0 else y
        if config.layer_norm:
            gain, bias = tensors[f"norms.{layer}.weight"], tensors[f"norms.{layer}.bias"]
            x = F.layer_norm(path, (config.rnn_size,), gain, bias)
    if config.projected:
        x = x @ tensors["projection.weight"].T
    matrix = tensors["embedding.weight" if config.tied else "head.weight"]
    return x @ matrix.T + tensors["head.bias"], last


def steps(config: ModelConfig, weights: Weights, inputs: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Logits (T, V) and the last state of the engine, one step at a time."""
    engine, state, logits = Engine(config, weights), None, []
    for index in inputs:
        state = engine.read([index], state)
        logits.append(state.logits)
    assert state
    return np.array(logits), state.layers


@pytest.mark.parametrize("layer_norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize(
    "ends",
    [{"embedding_size": 0}, {"embedding_size": 5}, {"tied": True, "embedding_size": 5}, {"tied": True}],
    ids=["one-hot", "embedded", "projected", "tied"],
)
@pytest.mark.parametrize(("num_layers", "residual"), [(1, True), (2, False), (2, True), (3, False), (3, True)])
@each_kind
def test_engine_agrees_with_torch(
    kind: dict[str, Any], num_layers: int, residual: bool, ends: dict[str, Any], layer_norm: bool
) -> None:
    """With torch's modules in double precision and with our own network in single precision."""
    config = ModelConfig(
        **kind, **{"rnn_size": 17, "embedding_size": 17} | ends,
        num_layers=num_layers, residual=residual, layer_norm=layer_norm,
    )  # fmt: skip
    scale = 0.2 if config.nonlinearity == "relu" else 0.3  # a relu's state has no bound
    weights, inputs = random_weights(config, scale=scale), ids(STEPS)
    logits, state = steps(config, weights, inputs)
    expected, last = oracle(config, weights, inputs)
    np.testing.assert_allclose(logits, expected.numpy(), rtol=0, atol=2e-5)
    np.testing.assert_allclose(state.reshape(len(last), -1), torch.cat(last).numpy(), rtol=0, atol=1e-5)
    network = CharModel(config, V).eval()
    network.load_weights(weights)
    with torch.no_grad():
        ours, _ = network(torch.tensor([inputs]), network.zero_state(1))
    np.testing.assert_allclose(logits, ours[0].numpy(), rtol=0, atol=2e-5)


@each_kind
def test_engine_agrees_with_torch_over_a_thousand_steps(kind: dict[str, Any]) -> None:
    """As `charrnn train` makes it by default, but small."""
    config = ModelConfig(**kind, rnn_size=32, embedding_size=8)
    weights, inputs = random_weights(config, scale=0.2), ids(1000)
    logits, _ = steps(config, weights, inputs)
    expected, _ = oracle(config, weights, inputs)
    np.testing.assert_allclose(logits, expected.numpy(), rtol=0, atol=2e-5)


def test_dropouts_are_nothing_to_the_engine() -> None:
    config = ModelConfig(rnn_size=12, embedding_size=5)
    dropping = ModelConfig(rnn_size=12, embedding_size=5, dropout=0.5, input_dropout=0.5, recurrent_dropout=0.5)
    weights, inputs = random_weights(config), ids(20)
    for one, other in zip(steps(config, weights, inputs), steps(dropping, weights, inputs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_layer_norm_of_a_stack_at_rest_is_its_bias() -> None:
    """Where nothing differs from the mean, the deviation is that of the epsilon, not zero."""
    config = ModelConfig(num_layers=1, rnn_size=4, embedding_size=2, layer_norm=True)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes(V).items()}
    weights["norms.0.weight"] += 3
    weights["norms.0.bias"][:] = 1, 2, 3, 4
    weights["head.weight"][:] = [[0.5, -1, 0, 2]]
    logits, _ = steps(config, weights, ids(3))
    assert logits.tolist() == [[0.5 - 2 + 8] * V] * 3


@pytest.mark.parametrize("cell", CELLS)
def test_saturated_gates_raise_no_warning(cell: Cell) -> None:
    config = ModelConfig(model=cell, rnn_size=12, embedding_size=5)
    weights = random_weights(config, scale=300)
    assert np.isfinite(Engine(config, weights).read(ids(50)).logits).all()


@pytest.mark.parametrize("cell", CELLS)
def test_reading_in_steps_equals_reading_at_once(cell: Cell) -> None:
    engine, inputs = make(cell, layer_norm=True), ids(STEPS)
    state = None
    for index in inputs:
        state = engine.read([index], state)
    same(state, engine.read(inputs))
    same(engine.read([], engine.read(inputs)), engine.read(inputs))


@pytest.mark.parametrize("switches", [{"layer_norm": False}, {"layer_norm": True, "tied": True}], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_copied_and_left_alone(dtype: type[np.floating[Any]], switches: dict[str, Any]) -> None:
    config = ModelConfig(model="gru", rnn_size=12, embedding_size=5, **switches)
    weights: Weights = {name: value.astype(dtype) for name, value in random_weights(config).items()}
    before = {name: value.copy() for name, value in weights.items()}
    engine = Engine(config, weights)
    state = engine.read(ids(5))
    for name, value in weights.items():
        np.testing.assert_array_equal(value, before[name])
        value[:] = 0
    same(engine.read(ids(5)), state)


def test_state_shapes() -> None:
    assert make("lstm", num_layers=3).read([0]).layers.shape == (3, 2, 12)
    assert make("gru", num_layers=2).read([0]).layers.shape == (2, 1, 12)


def test_a_state_of_another_model_is_refused() -> None:
    state = make("gru", num_layers=2).read([0])
    for other in (make("lstm", num_layers=2), make("gru", num_layers=1), make("gru", num_layers=2, rnn_size=8)):
        with pytest.raises(UsageError, match=r"<State of 2 x 12 units, \d+ characters> is of another model"):
            other.read([], state)


def test_reading_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to read"):
        make().read([])
