"""Units that are held: the numbers of a loop in torch that sets the same ones, for one text and for a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import engines, formulas

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.inspection.activations import join, read
from charrnn.network.engine import Engine, State
from charrnn.network.held_units import HeldUnit
from charrnn.network.hidden_unit import HiddenUnit

HELD = {"1.2": 0.9, "2.5": -0.4, "1.12": 3.0}
STACKS = [
    {**kind, "layer_norm": norm, "residual": residual}
    for kind in engines.KINDS
    for norm, residual in ((False, False), (True, True))
] + [{"model": "lstm", "tied": True}, {"model": "gru", "embedding_size": 0}]


def _held(model: str) -> dict[str, float]:
    return HELD | ({"1.3.c": 2.0, "2.5.c": -1.5, "2.1.c": 0.0} if model == "lstm" else {})


@pytest.mark.parametrize("settings", STACKS, ids=str)
def test_one_text(settings: dict[str, Any]) -> None:
    config = ModelConfig(**{"rnn_size": 12, "embedding_size": 5, **settings}).completed()
    weights, held, ids = engines.random_weights(config), _held(config.model), engines.ids(12)
    engine = Engine(config, weights)
    holding = engine.holding(held)
    expected, log_probs = formulas.read(
        config, weights, ids, {HiddenUnit.parse(name): value for name, value in held.items()}
    )
    seen = join(read(holding, ids))
    np.testing.assert_allclose(seen.log_probs, log_probs, atol=2e-5)
    for name, value in held.items():
        assert np.all(seen.of(HiddenUnit.parse(name)) == np.float32(value))
    for number, layer in enumerate(seen.layers):
        np.testing.assert_allclose(layer.h, [at[number]["h"].numpy() for at in expected], atol=1e-5)
    np.testing.assert_array_equal(holding.read(ids).layers[:, 0], [layer.h[-1] for layer in seen.layers])
    free = join(read(engine, ids)).log_probs
    assert np.abs(free - seen.log_probs).max() > 0.01, "the engine that it came from holds nothing"


@engines.each_kind
def test_a_batch(kind: dict[str, Any]) -> None:
    """Every sequence reads as it would alone."""
    holding = engines.make(**kind).holding(_held(kind["model"]))
    begun = holding.read(engines.ids(3))
    texts = np.array([engines.ids(6, seed=seed) for seed in range(40)])  # more than a block
    decoder = holding.batch_decoder(begun, len(texts))
    for column in texts.T:
        decoder.step(column)
    alone = np.array([holding.read(text, begun).logits for text in texts.tolist()])
    np.testing.assert_allclose(decoder.logits(), alone, atol=1e-5)


def test_what_was_read_without_is_gone_on_from() -> None:
    engine = engines.make("lstm")
    state = engine.read(engines.ids(4))
    after = engine.holding({"1.1": 0.5}).read(engines.ids(2), state)
    assert isinstance(after, State)
    assert after.layers[0, 0, 0] == 0.5
    engines.same(engine.holding({}).read(engines.ids(2), state), engine.read(engines.ids(2), state))


@pytest.mark.parametrize(
    ("typed", "held"),
    [("1.37=0.9", HeldUnit(HiddenUnit(1, 37), 0.9)), ("2.1.C = -2e1", HeldUnit(HiddenUnit(2, 1, cell=True), -20.0))],
)
def test_what_is_typed(typed: str, held: HeldUnit) -> None:
    assert HeldUnit.parse(typed) == held
    assert HeldUnit.parse(str(held)) == held


@pytest.mark.parametrize(
    "typed", ["1.37", "1.37=", "1.37=x", "1.37=nan", "1.37=inf", "1.37=1e39", "37=1", "=1", "1.1=1=2"]
)
def test_what_cannot_be_typed(typed: str) -> None:
    with pytest.raises(ValueError, match=r"such as 1\.\d+=0\.9|LAYER\.UNIT|finite number"):
        HeldUnit.parse(typed)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"3.1": 0.1}, "layers 1 to 2"),
        ({"1.13": 0.1}, "units 1 to 12"),
        ({"1.1.c": 0.1}, "only an LSTM has cell states"),
        ({"1.1": float("nan")}, "a number from -1e9 to 1e9"),
        ({"1.1": "x"}, "1.1=x"),
        ({"1.1": None}, "1.1=None: a number is needed"),
        ({7: 1.0}, "7=1.0"),
        ({"1": 1.0}, "LAYER.UNIT"),
        ([HeldUnit(HiddenUnit(1, 1), 0.1), HeldUnit(HiddenUnit(1, 1), 0.2)], "1.1: it is held at two values"),
    ],
)
def test_what_cannot_be_held(held: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        engines.make("gru").holding(held)
