"""Activations are those of the torch model, layer by layer and gate by gate."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import engines, formulas

from charrnn.config import ModelConfig
from charrnn.inspection.activations import join, read
from charrnn.network.engine import Engine
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.network.torch_model import CharModel

V, H = 7, 6
STACKS = [
    {"model": model, "layer_norm": norm, "residual": residual, **more}
    for model in ("lstm", "gru", "rnn")
    for norm, residual, more in (
        (False, False, {"num_layers": 1}),
        (True, True, {"num_layers": 3}),
        (False, True, {"num_layers": 2, "embedding_size": 0}),
        (True, False, {"num_layers": 2, "tied": True}),
    )
] + [{"model": "rnn", "nonlinearity": "relu", "num_layers": 2}]


def _torch_layers(model: CharModel, ids: list[int]) -> list[list[tuple[np.ndarray, ...]]]:
    """The state of every layer after each character: [T][layer] parts (H,)."""
    state, states = model.zero_state(1), []
    with torch.no_grad():
        for index in ids:
            _, state = model(torch.tensor([[index]]), state)
            states.append([tuple(part[0].numpy() for part in layer) for layer in state])
    return states


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_states_and_predictions_are_those_of_torch(settings: dict[str, object]) -> None:
    config = ModelConfig(**{"rnn_size": H, "embedding_size": 4, **settings}).completed()
    model = CharModel(config, V, seed=3).eval()
    ids = engines.ids(12, seed=1)
    ids = [index % V for index in ids]
    seen = join(read(Engine(config, model.weights()), ids))
    with torch.no_grad():
        logits, _ = model(torch.tensor([ids]), model.zero_state(1))
    np.testing.assert_allclose(seen.log_probs, torch.log_softmax(logits[0], -1).numpy(), atol=2e-6)
    for t, states in enumerate(_torch_layers(model, ids)):
        for layer, parts in zip(seen.layers, states, strict=True):
            np.testing.assert_allclose(layer.h[t], parts[0], atol=2e-6)
            if config.model == "lstm":
                np.testing.assert_allclose(layer.c[t], parts[1], atol=2e-6)
            else:
                assert layer.c is None


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_gates_are_those_of_the_formulas(settings: dict[str, object]) -> None:
    """Of the weights of torch's model, in float64."""
    config = ModelConfig(**{"rnn_size": H, "embedding_size": 4, **settings}).completed()
    weights = {name: 3 * value for name, value in CharModel(config, V, seed=4).weights().items()}  # some saturate
    ids = [index % V for index in engines.ids(15, seed=2)]
    seen = join(read(Engine(config, weights), ids))
    expected, log_probs = formulas.read(config, weights, ids)
    np.testing.assert_allclose(seen.log_probs, log_probs, atol=3e-5)
    for number, layer in enumerate(seen.layers):
        names = {"h", *layer.gates, *(["c"] if layer.c is not None else [])}
        assert names == set(expected[0][number])
        for name in names:
            values = {"h": layer.h, "c": layer.c}.get(name, layer.gates.get(name))
            np.testing.assert_allclose(
                values, np.array([at[number][name].numpy() for at in expected]), rtol=1e-5, atol=1e-5, err_msg=name
            )


def test_lstm_gates_make_the_state() -> None:
    engine = engines.make("lstm", num_layers=2)
    seen = join(read(engine, engines.ids(9)))
    for layer in seen.layers:
        gates = layer.gates
        assert list(gates) == ["input", "forget", "output", "candidate"]
        before = np.vstack([np.zeros_like(layer.c[:1]), layer.c[:-1]])
        np.testing.assert_allclose(gates["forget"] * before + gates["input"] * gates["candidate"], layer.c, atol=1e-6)
        np.testing.assert_allclose(gates["output"] * np.tanh(layer.c), layer.h, atol=1e-6)


def test_gru_gates_make_the_state() -> None:
    engine = engines.make("gru", num_layers=2)
    seen = join(read(engine, engines.ids(9)))
    for layer in seen.layers:
        gates = layer.gates
        assert list(gates) == ["reset", "update", "candidate"]
        before = np.vstack([np.zeros_like(layer.h[:1]), layer.h[:-1]])
        np.testing.assert_allclose(
            (1 - gates["update"]) * gates["candidate"] + gates["update"] * before, layer.h, atol=1e-6
        )


def test_parts_are_one_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, ids = engines.make("lstm"), engines.ids(10)
    whole = join(read(engine, ids))
    monkeypatch.setattr("charrnn.inspection.activations._CHUNK", 3)
    parts = list(read(engine, ids))
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    joined = join(parts)
    assert np.array_equal(joined.layers[0].h, whole.layers[0].h)
    assert np.array_equal(joined.layers[0].gates["forget"], whole.layers[0].gates["forget"])
    assert np.array_equal(joined.of(HiddenUnit(1, 2, cell=True)), whole.layers[0].c[:, 1])
    after = engine.read(ids[:4])
    assert np.array_equal(join(read(engine, ids[4:], after)).log_probs, whole.log_probs[4:])
