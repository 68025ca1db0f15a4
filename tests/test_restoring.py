"""`model.restore`: the same as the command, from Python."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from helpers import tiny

import charrnn

BOTH = dataclasses.replace(tiny.MODEL, bidirectional=True)


def test_a_model_of_both_directions_restores_and_writes_nothing(tmp_path: Path) -> None:
    path = tiny.save(tmp_path / "both.safetensors", model=BOTH)
    model = charrnn.load(path)
    given = model.restore("Well, Pri#ce", alternatives=3)
    assert str(given) == given.text
    assert given.text[:9] + given.text[10:] == "Well, Price"
    [place] = given.places
    assert (place.at, place.character) == (9, given.text[9])
    assert len(place.alternatives) == 3
    assert model.restore("Well, Pri~ce", mark="~").text == given.text
    assert model.restore("").text == ""
    for refused in (
        lambda: model.generate("Well"),
        lambda: model.next_characters("Well"),
        lambda: model.state("Well"),
        lambda: model.bits("Well"),
        lambda: model.bits_per_character("Well"),
        lambda: model.generate_many(2),
    ):
        with pytest.raises(
            charrnn.CharrnnError, match=r"both\.safetensors: this network is bidirectional: it sees what"
        ):
            refused()


def test_a_forward_model_restores_nothing(tmp_path: Path) -> None:
    model = charrnn.load(tiny.save(tmp_path / "forward.safetensors"))
    with pytest.raises(charrnn.CharrnnError, match=r"forward\.safetensors: this network reads in one direction"):
        model.restore("Well, Pri#ce")
