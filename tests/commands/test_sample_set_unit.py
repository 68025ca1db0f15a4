"""`charrnn sample --set-unit`: the network writes with units that are held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.config import ModelConfig
from charrnn.network.engine import Engine, RecurrentStack
from charrnn.network.hidden_unit import HiddenUnit
from charrnn.runs import checkpoint
from charrnn.sampling.chain import log_softmax

LSTM = ModelConfig(num_layers=2, rnn_size=6, embedding_size=3)
HELD = ("--set-unit", "1.2=0.9", "--set-unit", "2.3.c=-2")
ASKED = ("-n", "30", "-p", "so ", "--seed", "4", "--json")


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    tiny.add_counts(tiny.save(tmp_path / "m.safetensors", model=LSTM), tiny.TEXT)
    return CommandLine(monkeypatch, capfdbinary)


def written(line: CommandLine, *typed: str) -> list[dict[str, Any]]:
    done = line("sample", "m.safetensors", *ASKED, *typed)
    assert done.returncode == 0, done.stderr
    return [json.loads(text) for text in done.stdout.splitlines()]


def test_the_prompt_and_the_text_are_read_with_the_units_held(line: CommandLine) -> None:
    """Every character has the bits that it has after all those before it, by a loop that sets the states itself."""
    kept = checkpoint.load(Path("m.safetensors"))
    engine = Engine(kept.header.model, kept.weights)
    [text] = written(line, *HELD)
    assert text["set_units"] == {"1.2": 0.9, "2.3.c": -2.0}
    assert text["ngrams"] is False, "the counts know nothing of units"
    ids = kept.header.vocabulary.encode("so " + text["text"]).tolist()
    holding, total = RecurrentStack(engine.holding({"1.2": 0.9, "2.3.c": -2.0})), 0.0
    for place, index in enumerate(ids[:-1]):
        holding.step(engine.input_rows[index])
        if place >= 2:
            total -= float(log_softmax(holding.logits())[ids[place + 1]]) / np.log(2)
    assert text["bits_per_character"] == pytest.approx(total / 30, rel=1e-5)
    [free] = written(line, "--no-ngrams")
    assert free["set_units"] == {}
    assert free["text"] != text["text"]


def test_several_texts_are_those_that_each_is_alone(line: CommandLine) -> None:
    alone = [written(line, *HELD, "--seed", str(seed))[0]["text"] for seed in (4, 5, 6)]
    assert [text["text"] for text in written(line, *HELD, "--count", "3")] == alone


def test_counts_have_a_say_where_they_are_asked_for(line: CommandLine) -> None:
    assert written(line, *HELD, "--ngrams")[0]["ngrams"] is True
    assert written(line)[0]["ngrams"] is True
    said = line("sample", "m.safetensors", "-n", "3", "--seed", "1", *HELD).stderr.decode()
    assert said.endswith("; seed 1; held: 1.2=0.9, 2.3.c=-2\n")
    assert "network, held out" in said


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("3.1=1", "unit 3.1: LSTM 2 x 6 has layers 1 to 2."),
        ("1.7=1", "unit 1.7: the layers of LSTM 2 x 6 have units 1 to 6."),
        ("1.1=loud", "--set-unit 1.1=loud: a number from -1e9 to 1e9 is needed after 1.1=, such as 1.1=0.9."),
        ("1.1=1e30", "--set-unit 1.1=1e30: a number from -1e9 to 1e9 is needed"),
        ("1.1=nan", "--set-unit 1.1=nan: a number from -1e9 to 1e9 is needed"),
        ("1.1", "--set-unit 1.1: a unit and the value to hold it at, such as 1.37=0.9."),
        ("quotes=1", "--set-unit quotes=1: a unit is LAYER.UNIT"),
    ],
)
def test_what_cannot_be_held_is_said(line: CommandLine, typed: str, said: str) -> None:
    done = line("sample", "m.safetensors", "--set-unit", typed)
    assert done.returncode
    assert done.stdout == b""
    assert said in done.stderr.decode()


def test_a_device_holds_no_units(line: CommandLine) -> None:
    import torch

    from charrnn.errors import UsageError
    from charrnn.network.device_engine import DeviceEngine
    from charrnn.network.held_units import HeldUnit

    kept = checkpoint.load(Path("m.safetensors"))
    engine = DeviceEngine(kept.header.model, kept.weights, torch.device("cpu"))
    with pytest.raises(UsageError, match=r"--set-unit 1\.2=0\.9: held on a CPU, not on"):
        engine.holding([HeldUnit(HiddenUnit(1, 2), 0.9)])
    assert written(line, *HELD, "--device", "auto"), "which is then the CPU"
