"""`charrnn inspect neurons`, as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.text.vocabulary import Vocabulary, to_code_points

TEXT = 'He said, "well, then: so be it," and left. "Why?" asked Ann. It was late. ' * 45


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT, "utf-8")
    tiny.save(Path("model.safetensors"), vocabulary=Vocabulary.of(to_code_points(TEXT)))
    return CommandLine(monkeypatch, capfdbinary)


def test_units_are_told_with_their_figures(line: CommandLine) -> None:
    done = line("inspect", "neurons", "model.safetensors", "text.txt")
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode()
    assert "Units of model.safetensors that track something in text.txt" in said
    assert "8 units, each tried on each feature" in said
    assert "word ended" in said
    assert "digit (0 and 0)" in said


def test_json_has_every_feature(line: CommandLine) -> None:
    told = json.loads(line("inspect", "neurons", "model.safetensors", "text.txt", "--json").stdout)
    assert (told["text"], told["characters"], told["units"], told["alpha"]) == ("text.txt", len(TEXT), 8, 0.05)
    assert {feature["feature"] for feature in told["features"]} | {
        feature["feature"] for feature in told["absent"]
    } >= {"inside quotes", "bracket depth", "URL or markup"}
    assert all(0 < feature["p"] <= 1 for feature in told["features"])


def test_any_unit_colours_any_text(line: CommandLine) -> None:
    typed = ("inspect", "neurons", "model.safetensors", "text.txt", "--characters", "20", "--unit", "1.2")
    told = json.loads(line(*typed, "--unit", "1.4.c", "--unit", "1.2", "--json").stdout)
    assert [unit["unit"] for unit in told["units"]] == ["1.2", "1.4.c"]
    assert [len(unit["values"]) for unit in told["units"]] == [20, 20]
    assert told["content"] == TEXT[:20]
    said = line(*typed).stdout.decode()
    assert re.search(r"1\.2: (high|low): ", said)
    assert TEXT[:20] in said


def test_a_model_that_reads_from_the_end_is_shown_in_the_order_of_people(line: CommandLine) -> None:
    header = tiny.header(vocabulary=Vocabulary.of(to_code_points(TEXT)))
    training = header.training.__class__(iterations=100, backward=True)
    tiny.save(Path("backward.safetensors"), vocabulary=header.vocabulary, training=training)
    typed = ("inspect", "neurons", "backward.safetensors", "text.txt", "--characters", "20", "--unit", "1.1")
    assert json.loads(line(*typed, "--json").stdout)["content"] == TEXT[:20]
    assert TEXT[:20] in line(*typed).stdout.decode()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--unit", "1.5"], "unit 1.5: the layers of LSTM 1 x 4 have units 1 to 4."),
        (["--unit", "2.1"], "unit 2.1: LSTM 1 x 4 has layers 1 to 1."),
        (["--unit", "one"], "--unit one: a unit is LAYER.UNIT, as 1.37"),
        (["--characters", "2999"], "2,999 characters: too few to choose units on one half"),
        (["--alpha", "1"], "--alpha 1"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(line: CommandLine, typed: list[str], said: str) -> None:
    done = line("inspect", "neurons", "model.safetensors", "text.txt", *typed)
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert done.stdout == b""
