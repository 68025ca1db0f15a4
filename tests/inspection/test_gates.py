"""Gates: hand-made activations, and what the figures must be of whatever a network does."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from helpers import engines

from charrnn.config import ModelConfig
from charrnn.inspection.activations import Activations, LayerActivations, join, read
from charrnn.inspection.gates import gate_statistics, time_constants
from charrnn.network.hidden_unit import HiddenUnit


def _lstm(forget: list[list[float]], layers: int = 1) -> Activations:
    """Activations of an LSTM of which only the forget gate, (T, H), is other than a half."""
    gate = np.array(forget, dtype=np.float32)
    half, zero = np.full_like(gate, 0.5), np.zeros_like(gate)
    gates = MappingProxyType({"input": half, "forget": gate, "output": half, "candidate": zero})
    layer = LayerActivations(zero, zero, gates)
    return Activations(np.zeros(len(gate), dtype=np.intp), (layer,) * layers, np.zeros((len(gate), 2), np.float32))


def test_a_hand_made_gate() -> None:
    model = ModelConfig(num_layers=1, rnn_size=3)
    parts = [_lstm([[0.05, 1.0, 0.5], [0.95, 1.0, 0.5]]), _lstm([[0.0, 1.0, 0.5], [0.2, 1.0, 0.5]])]
    statistics = gate_statistics(model, parts)
    assert statistics.characters == 4
    assert [(gate.layer, gate.gate) for gate in statistics.gates] == [(1, "input"), (1, "forget"), (1, "output")]
    forget = statistics.gates[1]
    assert forget.left.tolist() == [0.5, 0, 0]
    assert forget.right.tolist() == [0.25, 1, 0]
    np.testing.assert_allclose(forget.mean, [0.3, 1, 0.5], rtol=1e-7)
    facts = forget.to_dict()
    assert facts["saturated_left"] == pytest.approx(0.5 / 3)
    assert (facts["units_often_left"], facts["units_often_right"]) == (0, 1)
    [memory] = statistics.memories
    np.testing.assert_allclose(memory.time_constants, [-1 / math.log(0.3), math.inf, 1 / math.log(2)], rtol=1e-6)
    assert [unit for unit, _ in memory.longest(2)] == [HiddenUnit(1, 2, cell=True), HiddenUnit(1, 3, cell=True)]
    assert json.loads(json.dumps(statistics.to_dict(), allow_nan=False))["memory"][0]["longest"][0] == {
        "unit": "1.2.c",
        "time_constant": None,
    }


def test_time_constants() -> None:
    assert time_constants(np.array([0.0, math.exp(-1), math.exp(-0.01), 1.0])).tolist() == [
        0,
        1,
        pytest.approx(100),
        math.inf,
    ]


def test_a_cell_that_is_emptied_now_and_then_remembers_about_as_long_as_that() -> None:
    """What is left after k characters, on average over where one begins, is m to the k: simulated."""
    rng = np.random.default_rng(0)
    gates = (rng.random(200_000) > 0.02).astype(np.float64)  # open, and shut once in fifty characters
    [tau] = time_constants(gates.mean(keepdims=True)).tolist()
    assert tau == pytest.approx(50, rel=0.05)
    length = round(tau)
    left = np.convolve(gates, np.ones(length), "valid") == length  # nothing was shut for so long
    assert left.mean() == pytest.approx(math.exp(-1), abs=0.02)


@engines.each_kind
def test_every_kind_of_cell(kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    engine, ids = engines.make(**kind, num_layers=2), engines.ids(40)
    statistics = gate_statistics(engine.config, read(engine, ids))
    names = {"lstm": ["input", "forget", "output"], "gru": ["reset", "update"], "rnn": ["h"]}[kind["model"]]
    assert [(gate.layer, gate.gate) for gate in statistics.gates] == [
        (layer, name) for layer in (1, 2) for name in names
    ]
    assert len(statistics.memories) == (0 if kind["model"] == "rnn" else 2)
    low, high = statistics.thresholds
    seen = join(read(engine, ids))
    for gate in statistics.gates:
        layer = seen.layers[gate.layer - 1]
        values = layer.h if gate.gate == "h" else layer.gates[gate.gate]
        np.testing.assert_allclose(gate.left, (values < low).mean(0))
        np.testing.assert_allclose(gate.right, (values > high).mean(0))
        np.testing.assert_allclose(gate.mean, values.astype(np.float64).mean(0))
    assert json.dumps(statistics.to_dict(), allow_nan=False)
    monkeypatch.setattr("charrnn.inspection.activations._CHUNK", 7)
    parts = gate_statistics(engine.config, read(engine, ids))
    for whole, part in zip(statistics.gates, parts.gates, strict=True):
        assert np.array_equal(whole.left, part.left)
        np.testing.assert_allclose(whole.mean, part.mean)


def test_a_relu_is_shut_where_it_is_zero() -> None:
    engine = engines.make("rnn", nonlinearity="relu", num_layers=1)
    [gate] = gate_statistics(engine.config, read(engine, engines.ids(30))).gates
    [layer] = join(read(engine, engines.ids(30))).layers
    np.testing.assert_allclose(gate.left, (layer.h == 0).mean(0))
    assert gate.left.any()
    assert not gate.right.any()
