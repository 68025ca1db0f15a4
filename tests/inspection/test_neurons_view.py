"""What is shown of units: all that was found, in figures and in the colours of the unit."""

from __future__ import annotations

import dataclasses

import numpy as np
from helpers.planted import PLANTED, planted, quoting

from charrnn.inspection.neurons import neurons
from charrnn.inspection.neurons_view import PASSAGE, passage, tracking_view, units_view
from charrnn.inspection.unit_values import unit_values
from charrnn.network.hidden_unit import HiddenUnit


def test_a_passage_is_where_most_happens() -> None:
    quiet = np.zeros(1_000)
    quiet[600:640:2] = 1
    where = passage(quiet, 0, 1_000, 40)
    assert where == slice(599, 639)
    assert passage(quiet, 700, 1_000, 40) == slice(700, 740)  # nothing happens: the first
    assert passage(quiet, 990, 1_000, 40) == slice(990, 1_000)  # shorter than it may be
    assert passage([], 0, 0) == slice(0, 0)


def test_what_is_found_is_shown_in_figures_and_colours() -> None:
    text = quoting(8_000)
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    result = neurons(engine, text, ids, np.arange(len(ids)))
    view = tracking_view(result, "Units")
    [table] = view.tables
    assert table.heads == ("Feature", "Unit", "By", "Chosen", "Measured", "Letter", "p", "")
    row = dict(zip(table.heads, table.rows[0], strict=True))
    assert row | {"p": "", "Letter": ""} == {
        "Feature": "inside quotes",
        "Unit": f"1.{PLANTED} high",
        "By": "AUC",
        "Chosen": "1.000",
        "Measured": "1.000",
        "Letter": "",
        "p": "",
        "": "found",
    }
    assert 0.5 < float(row["Letter"]) < 0.6
    assert any("digit (0 and 0)" in remark for remark in view.remarks)
    first = view.texts[0]
    shown = "".join(first.characters)
    assert first.name == "Inside quotes"
    assert len(shown) == PASSAGE
    assert shown in text[len(text) - result.half - 80 :]
    assert text[text.index(shown) - 1] == " "
    colouring = first.colourings[0]
    assert (colouring.name, colouring.words) == (f"1.{PLANTED}", "high: inside quotes, AUC 1.000")
    at = text.index(shown)
    assert np.array_equal(colouring.values, result.tracked[0].values[at : at + PASSAGE])
    assert len(first.colourings) == len(view.texts) == len(result.found)  # each can be shown in the others' colours
    assert np.abs(colouring.levels).min() == np.abs(colouring.levels).max() > 2  # one colour inside, another outside


def test_any_units_are_shown_on_any_text() -> None:
    text = 'a "b" c'
    engine, vocabulary = planted(text)
    ids = vocabulary.encode(text).astype(np.intp)
    units = [HiddenUnit(1, PLANTED), HiddenUnit(1, 1, cell=True)]
    shown = unit_values(engine, text, ids, np.arange(len(ids)), units)
    assert shown.values.shape == (2, len(text))
    feature, effect = shown.effects[0][0]
    assert (feature.name, effect) == ("inside quotes", 1.0)
    told = shown.to_dict()
    assert told["content"] == text
    assert [unit["unit"] for unit in told["units"]] == ["1.3", "1.1.c"]
    assert told["units"][0]["values"] == shown.values[0].tolist()
    assert told["units"][0]["features"][0] == {"feature": "inside quotes", "measure": "AUC", "value": 1.0}
    view = units_view(shown, "Units")
    [coloured] = view.texts  # one text, however many units: a page has the choice, a terminal shows one after the other
    assert [colouring.name for colouring in coloured.colourings] == ["1.3", "tanh 1.1.c"]
    assert coloured.shown_by == coloured.colourings
    assert np.array_equal(coloured.colourings[1].values, np.tanh(shown.values[1]))
    assert view.texts[0].colourings[0].words.startswith("high: inside quotes (AUC 1.000); ")
    low = unit_values(engine, text, ids, np.arange(len(ids)), units[:1])
    low = dataclasses.replace(low, effects=tuple(tuple((of, -size) for of, size in each) for each in low.effects))
    assert units_view(low, "Units").texts[0].colourings[0].words.startswith("low: inside quotes (AUC 1.000); ")
