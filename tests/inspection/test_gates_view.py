"""What is shown of gates: a point for each unit, and what both axes and all words say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from helpers import engines

from charrnn.inspection.activations import read
from charrnn.inspection.gates import GateStatistics, gate_statistics
from charrnn.inspection.gates_view import characters_of, view


def _statistics(**settings: Any) -> GateStatistics:
    engine = engines.make(**settings)
    return gate_statistics(engine.config, read(engine, engines.ids(60)))


def test_a_point_is_a_unit() -> None:
    statistics = _statistics(model="lstm", num_layers=2)
    shown = view(statistics, "Gates of it")
    assert [plot.name for plot in shown.plots] == [
        *("Input gates", "Forget gates", "Output gates"),
        "How long units remember",
    ]
    second = shown.plots[1].lines[1]
    forget = statistics.gates[4]
    assert (forget.layer, forget.gate) == (2, "forget")
    assert list(second.points) == list(zip(forget.right.tolist(), forget.left.tolist(), strict=True))
    assert second.point_names[2] == "2.3"
    assert all(open_ + shut <= 1 for open_, shut in second.points)
    gates, memory = shown.tables
    assert gates.rows[4][:3] == ("2", "forget", f"{forget.left.mean():.0%}")
    unit, characters = statistics.memories[1].longest(1)[0]
    assert memory.rows[1][-1].startswith(f"{unit} {characters_of(characters)}")
    assert shown.remarks[0].startswith("60 characters were read.")
    assert f"{unit} takes longest, {characters_of(characters)} characters." in shown.remarks[2]


@pytest.mark.parametrize(
    ("kind", "plots", "heads"),
    [
        ({"model": "gru"}, ["Reset gates", "Update gates", "How long units remember"], "Shut Open Between"),
        ({"model": "rnn"}, ["Outputs"], "Low High Between"),
        ({"model": "rnn", "nonlinearity": "relu"}, [], "At 0 Between"),
    ],
    ids=["gru", "tanh", "relu"],
)
def test_other_cells(kind: dict[str, Any], plots: list[str], heads: str) -> None:
    shown = view(_statistics(**kind), "")
    assert [plot.name for plot in shown.plots] == plots
    assert heads in " ".join(shown.tables[0].heads)
    assert ("A plain RNN has no gates." in shown.remarks[0]) is (kind["model"] == "rnn")
    assert {len(row) for row in shown.tables[0].rows} == {len(shown.tables[0].heads)}


def test_time_constants_for_people() -> None:
    assert [characters_of(tau) for tau in (0.0, 1.25, 99.4, 99.6, 12345.6, math.inf)] == [
        *("0.0", "1.2", "99.4", "100", "12,346"),
        "∞",
    ]
