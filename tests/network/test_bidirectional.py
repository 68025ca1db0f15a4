"""The network that reads in both directions, against torch's own bidirectional modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.engines import V, each_kind, random_weights

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError
from charrnn.network.bidirectional import BidirectionalEngine
from charrnn.network.engine import Engine
from charrnn.network.torch_model import CharModel


@each_kind
@pytest.mark.parametrize("embedding_size", [0, 5], ids=["one-hot", "embedded"])
def test_stack_is_torchs_bidirectional_one(kind: dict[str, Any], embedding_size: int) -> None:
    """Of layers with nothing between, torch has the whole stack: its logits and the gradients of every weight."""
    config = ModelConfig(
        **kind, num_layers=3, rnn_size=6, embedding_size=embedding_size,
        residual=False, layer_norm=False, bidirectional=True,
    ).completed()  # fmt: skip
    model = CharModel(config, V)
    model.load_weights(random_weights(config, scale=0.3))
    options = {"nonlinearity": config.nonlinearity} if config.model == "rnn" else {}
    oracle = getattr(torch.nn, config.model.upper())(embedding_size or V + 1, 6, 3, bidirectional=True, **options)
    oracle.load_state_dict(
        {
            name.split(".")[2].replace("_l0", f"_l{name.split('.')[1]}"): tensor
            for name, tensor in model.state_dict().items()
            if name.startswith("layers.")
        }
    )
    ids = torch.randint(0, V + 1, (2, 9), generator=torch.Generator().manual_seed(4))
    targets = ids.clamp_max(V - 1)
    loss, state = model.loss(ids, targets, model.zero_state(2), carry_at=4)
    x = model.embedding(ids) if embedding_size else torch.nn.functional.one_hot(ids, V + 1).float()
    logits = model.head(oracle(x.transpose(0, 1))[0].transpose(0, 1))
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert state == ()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for layer in range(3):
        for name, parameter in model.layers[layer].named_parameters():
            wanted = oracle.get_parameter(name.replace("_l0", f"_l{layer}")).grad
            torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-6)


def test_what_is_hidden_is_read_and_never_answered() -> None:
    model = CharModel(ModelConfig(rnn_size=6, embedding_size=5, tied=True, bidirectional=True).completed(), V)
    hidden = torch.tensor([[1, V, 2]])
    logits, _ = model(hidden, model.zero_state(1))
    assert logits.shape == (1, 3, V)
    with torch.no_grad():
        model.embedding.weight[V] += 1
    assert not torch.equal(model(hidden, ())[0], logits)


def test_it_writes_nothing() -> None:
    config = ModelConfig(rnn_size=6, bidirectional=True).completed()
    with pytest.raises(CheckpointError, match="bidirectional: it sees what comes"):
        Engine(config, random_weights(config))


@each_kind
@pytest.mark.parametrize("layer_norm", [False, True], ids=["", "norm"])
@pytest.mark.parametrize(
    "ends",
    [{"embedding_size": 0}, {"embedding_size": 5}, {"tied": True, "embedding_size": 5}, {"tied": True}],
    ids=["one-hot", "embedded", "projected", "tied"],
)
@pytest.mark.parametrize(("num_layers", "residual"), [(1, True), (2, False), (3, True)])
def test_numpy_agrees_with_torch(
    kind: dict[str, Any], num_layers: int, residual: bool, ends: dict[str, Any], layer_norm: bool
) -> None:
    config = ModelConfig(
        **kind, **{"rnn_size": 9, "embedding_size": 18} | ends,
        num_layers=num_layers, residual=residual, layer_norm=layer_norm, bidirectional=True,
    ).completed()  # fmt: skip
    weights = random_weights(config, scale=0.3)
    network = CharModel(config, V).eval()
    network.load_weights(weights)
    ids = np.random.default_rng(2).integers(V + 1, size=(3, 40))
    with torch.no_grad():
        expected, _ = network(torch.from_numpy(ids), ())
    for single_threaded in (False, True):
        engine = BidirectionalEngine(config, weights, single_threaded=single_threaded)
        np.testing.assert_allclose(engine.logits(ids), expected.numpy(), rtol=0, atol=3e-5)
    assert engine.hidden_id == V


def test_a_network_of_one_direction_restores_nothing() -> None:
    config = ModelConfig(rnn_size=6).completed()
    with pytest.raises(CheckpointError, match="one direction"):
        BidirectionalEngine(config, random_weights(config))
