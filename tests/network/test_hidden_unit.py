"""Names of units."""

from __future__ import annotations

import pytest

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.hidden_unit import HiddenUnit


@pytest.mark.parametrize(("typed", "unit"), [("1.37", HiddenUnit(1, 37)), (" 2.5.C ", HiddenUnit(2, 5, cell=True))])
def test_parse(typed: str, unit: HiddenUnit) -> None:
    assert HiddenUnit.parse(typed) == unit
    assert HiddenUnit.parse(str(unit)) == unit


@pytest.mark.parametrize("typed", ["", "37", "1.", "1,37", "-1.2", "1.37.h", "1.37.c.c", "1.9999999999"])
def test_what_is_no_unit(typed: str) -> None:
    with pytest.raises(ValueError, match=r"LAYER\.UNIT"):
        HiddenUnit.parse(typed)


@pytest.mark.parametrize("typed", ["0.1", "3.1", "1.0", "1.9", "1.2.c"])
def test_units_that_are_not_there(typed: str) -> None:
    with pytest.raises(UsageError, match="unit"):
        HiddenUnit.parse(typed).check(ModelConfig(model="gru", num_layers=2, rnn_size=8))


def test_units_that_are_there() -> None:
    lstm = ModelConfig(model="lstm", num_layers=2, rnn_size=8)
    for typed in ("1.1", "2.8", "2.8.c"):
        HiddenUnit.parse(typed).check(lstm)
