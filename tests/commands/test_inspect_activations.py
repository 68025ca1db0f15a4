"""`charrnn inspect gates` and `charrnn inspect predictions`, as they are typed, on texts of every kind."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.config import ModelConfig, ReadConfig
from charrnn.runs import checkpoint
from charrnn.text.vocabulary import Vocabulary, to_code_points

GRU = ModelConfig(model="gru", num_layers=2, rnn_size=4, embedding_size=3)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(tiny.TEXT * 3, "utf-8")
    tiny.save(Path("m.safetensors"))
    return CommandLine(monkeypatch, capfdbinary)


def told(line: CommandLine, verb: str, *typed: str, model: str = "m.safetensors") -> dict[str, Any]:
    done = line("inspect", verb, model, *typed, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_gates(line: CommandLine) -> None:
    done = line("inspect", "gates", "m.safetensors", "text.txt", "--characters", "50")
    said = done.stdout.decode()
    assert said.startswith("Gates of m.safetensors on text.txt\n50 characters were read. A gate is shut")
    for name in ("Input gates", "Forget gates", "Output gates", "How long units remember", "Time constants"):
        assert name in said
    assert max(map(len, said.splitlines())) < 250
    facts = told(line, "gates", "text.txt")
    assert (facts["text"], facts["characters"]) == ("text.txt", 3 * len(tiny.TEXT))
    assert [gate["gate"] for gate in facts["gates"]] == ["input", "forget", "output"]
    assert len(facts["memory"][0]["time_constants"]) == 4


def test_gates_of_other_cells(line: CommandLine) -> None:
    tiny.save(Path("gru.safetensors"), model=GRU)
    facts = told(line, "gates", "text.txt", model="gru.safetensors")
    assert [(gate["layer"], gate["gate"]) for gate in facts["gates"]] == [
        *((1, "reset"), (1, "update")),
        *((2, "reset"), (2, "update")),
    ]
    tiny.save(Path("rnn.safetensors"), model=dataclasses.replace(GRU, model="rnn"))
    said = line("inspect", "gates", "rnn.safetensors", "text.txt").stdout.decode()
    assert "A plain RNN has no gates." in said
    assert told(line, "gates", "text.txt", model="rnn.safetensors")["memory"] == []


def test_what_was_held_out_is_read_where_no_text_is_named(line: CommandLine) -> None:
    tiny.run_on(Path("checkpoints"), "novel-1", Path("text.txt"))
    facts = told(line, "predictions", model="novel-1")
    assert facts["text"] == "text.txt, held out"
    held_out = (tiny.TEXT * 3)[-len(facts["places"]) :]
    assert "".join(place["character"] for place in facts["places"]) == held_out


def test_counts_have_no_say_and_that_is_said(line: CommandLine) -> None:
    plain = told(line, "predictions", "text.txt")
    tiny.add_counts(Path("m.safetensors"), tiny.TEXT)
    done = line("inspect", "predictions", "m.safetensors", "text.txt", "--count", "3", "--json")
    assert "the network alone predicts, without the counts beside it" in done.stderr.decode()
    places = json.loads(done.stdout)["places"]
    assert [place["next"] for place in places] == [place["next"][:3] for place in plain["places"]]


def test_bytes(line: CommandLine) -> None:
    read = ReadConfig(bytes=True)
    tiny.save(Path("b.safetensors"), vocabulary=Vocabulary.every_byte(), reading=read)
    Path("e.txt").write_text("é日a", "utf-8")
    facts = told(line, "predictions", "e.txt", model="b.safetensors")
    assert [place["character"] for place in facts["places"]] == [*"\udcc3\udca9\udce6\udc97\udca5", "a"]
    said = line("inspect", "predictions", "b.safetensors", "e.txt").stdout.decode()
    assert r"\xc3\xa9\xe6\x97\xa5" in said
    done = line("inspect", "gates", "b.safetensors", "e.txt", "--characters", "5")
    assert done.stderr == b"charrnn: e.txt: the first 5 of 6 bytes are read; --characters N reads more\n"
    assert b"\n5 bytes were read." in done.stdout


def test_weights_out_of_all_bounds_are_one_line(line: CommandLine, recwarn: pytest.WarningsRecorder) -> None:
    made = tiny.header()
    weights = {name: value * np.float32(1e30) for name, value in tiny.weights(made).items()}
    checkpoint.save(Path("huge.safetensors"), made, weights)
    done = line("inspect", "gates", "huge.safetensors", "text.txt")
    assert done.stderr.startswith(b"charrnn: The model's outputs are not numbers")
    assert len(done.stderr.splitlines()) == 1
    assert not recwarn.list


def test_a_boundary_of_documents_is_read_once(line: CommandLine) -> None:
    vocabulary = dataclasses.replace(Vocabulary.of(to_code_points("abc")), boundary="\n")
    reading = ReadConfig(documents=True, document_separator="\n", boundary=True)
    tiny.save(Path("d.safetensors"), vocabulary=vocabulary, reading=reading)
    Path("names.txt").write_text("ab\nca\nb\n" * 3)
    facts = told(line, "predictions", "names.txt", "--characters", "6", model="d.safetensors")
    assert [place["character"] for place in facts["places"]] == ["", "a", "b", "", "c", "a", ""]
    assert "∎ab∎ca∎" in line("inspect", "predictions", "d.safetensors", "names.txt").stdout.decode()


def test_other_characters_are_counted(line: CommandLine) -> None:
    Path("o.txt").write_text("Ж日ao")
    done = line("inspect", "predictions", "m.safetensors", "o.txt", "--json")
    assert b"o.txt: 2 of 4 characters (50.0%) the model has never seen" in done.stderr
    assert len(json.loads(done.stdout)["places"]) == 4


@pytest.mark.parametrize("verb", ["gates", "predictions"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("m.safetensors", "short.txt"), "short.txt"),
        (("m.safetensors", "nowhere.txt"), "nowhere.txt"),
        (("nowhere", "text.txt"), "nowhere"),
        (("m.safetensors",), "Name a text."),
        (("both.safetensors", "text.txt"), "bidirectional"),
        (("text.txt", "m.safetensors"), "text.txt: is no run or checkpoint, and m.safetensors is one. Name it first"),
        (("m.safetensors", "m.safetensors"), "m.safetensors: is a run or a checkpoint. Name a text in its place."),
        (("m.safetensors", "text.txt", "--characters", "1"), "--characters 1: at least 2."),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_a_line(
    line: CommandLine, verb: str, typed: tuple[str, ...], said: str
) -> None:
    Path("short.txt").write_text("a")
    tiny.save(Path("both.safetensors"), model=dataclasses.replace(tiny.MODEL, bidirectional=True))
    done = line("inspect", verb, *typed)
    assert done.returncode in (1, 2)
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == b""
