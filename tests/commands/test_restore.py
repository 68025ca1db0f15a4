"""`charrnn restore`: on standard output the text, all else beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import tiny
from helpers.command_line import CommandLine

from charrnn.config import ModelConfig, ReadConfig
from charrnn.text.vocabulary import Vocabulary

BOTH = ModelConfig(num_layers=2, rnn_size=4, embedding_size=3, bidirectional=True).completed()


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(monkeypatch, capfdbinary)


@pytest.fixture
def both(tmp_path: Path) -> Path:
    return tiny.save(tmp_path / "both.safetensors", model=BOTH, sample=None)


def test_a_text_that_is_typed_is_given_back_whole(line: CommandLine, both: Path) -> None:
    done = line("restore", both, "Well, Pri#ce, so")
    assert done.returncode == 0
    text = done.stdout.decode()
    assert text.startswith("Well, Pri")
    assert text.endswith("ce, so\n")
    assert len(text) == len("Well, Pri#ce, so\n")
    said = done.stderr.decode()
    assert "masked loss, held out 3.000 bpc" in said
    assert "1 character restored" in said
    again = line("restore", both, "Well, Pri*ce, so", "--mark", "*")
    assert again.stdout == done.stdout


def test_a_file_and_standard_input_are_exact(line: CommandLine, both: Path, tmp_path: Path) -> None:
    data = "Well,#Prince\r\nŻ and # Luc#a\r\n\r\n".encode()
    (tmp_path / "damaged.txt").write_bytes(data)
    done = line("restore", both, tmp_path / "damaged.txt")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.decode()) == len(data.decode())
    assert all(new == old for new, old in zip(done.stdout.decode(), data.decode(), strict=True) if old != "#")
    assert b"never seen: left as they are" in done.stderr
    assert line("restore", both, "-", stdin=data).stdout == done.stdout
    assert "both.safetensors: is a run or a checkpoint; the text comes last" in line("restore", both).stderr.decode()


def test_alternatives_and_json(line: CommandLine, both: Path) -> None:
    done = line("restore", both, "Well, Pri#ce# so", "--alternatives", "3")
    first, second = done.stderr.decode().splitlines()[-2:]
    assert first.split()[0] == "10"
    assert second.split()[0] == "13"
    assert first.count("%") == 3
    known = json.loads(line("restore", both, "Well, Pri#ce# so", "--json").stdout)
    assert known["text"] == done.stdout.decode().rstrip("\n")
    assert [place["at"] for place in known["places"]] == [9, 12]
    for place in known["places"]:
        assert place["alternatives"][0] == [place["character"], place["probability"]]
        assert len(place["alternatives"]) == 5
        assert known["text"][place["at"]] == place["character"]


def test_what_has_no_mark_comes_back_as_it_is(line: CommandLine, both: Path, tmp_path: Path) -> None:
    (tmp_path / "whole.txt").write_text("Well, Prince", "utf-8")
    done = line("restore", both, tmp_path / "whole.txt")
    assert done.stdout == b"Well, Prince"
    assert b"the text has no #: nothing was restored" in done.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("nofile.txt",), "is no file, and as a text it has no # to restore"),
        (("",), "names nothing"),
        ((".",), "is a folder"),
        (("a#", "b#"), "takes one run and one text"),
        (("a#", "--mark", "##"), "a mark is one character"),
        (("a#", "--mark", ""), "a mark is one character"),
    ],
)
def test_what_cannot_be_is_one_line(line: CommandLine, both: Path, typed: tuple[str, ...], said: str) -> None:
    done = line("restore", both, *typed)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


def test_a_mark_that_the_text_of_the_model_has_is_said(line: CommandLine, both: Path) -> None:
    assert b"W is a character of the model's text" in line("restore", both, "Well, so", "--mark", "W").stderr


def test_a_forward_model_restores_nothing_and_this_one_writes_nothing(
    line: CommandLine, both: Path, tmp_path: Path
) -> None:
    forward = tiny.save(tmp_path / "forward.safetensors")
    done = line("restore", forward, "a#")
    assert done.returncode == 1
    assert "forward.safetensors: this network reads in one direction" in done.stderr.decode()
    (tmp_path / "text.txt").write_text(tiny.TEXT, "utf-8")
    for typed in (
        ("sample", both),
        ("sample", both, "--ending", "so"),
        ("score", both, tmp_path / "text.txt"),
        ("inspect", "predictions", both),
    ):
        done = line(*typed)
        assert done.returncode == 1, done
        assert done.stderr.count(b"\n") == 1
        assert f"{both}: this network is bidirectional: it sees what comes after a char" in done.stderr.decode()


def test_bytes_are_given_back_as_bytes(line: CommandLine, tmp_path: Path) -> None:
    of_bytes = tiny.save(
        tmp_path / "bytes.safetensors",
        model=BOTH,
        vocabulary=Vocabulary.every_byte(),
        reading=ReadConfig(bytes=True),
        sample=None,
    )
    data = "caf\N{LATIN SMALL LETTER E WITH ACUTE} ".encode() + b"\xff# x"
    (tmp_path / "damaged.bin").write_bytes(data)
    done = line("restore", of_bytes, tmp_path / "damaged.bin")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) == len(data)
    assert done.stdout[:7] == data[:7]
    assert done.stdout[8:] == b" x"
