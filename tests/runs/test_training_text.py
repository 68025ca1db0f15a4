"""The text of a checkpoint, found again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers import tiny

from charrnn.config import ReadConfig, TrainConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.runs import checkpoint
from charrnn.runs.training_text import find_training_text
from charrnn.text import corpus

TEXT = "One two three four five six seven eight nine ten.\n" * 20


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose resume file says what it was trained on."""
    (tmp_path / "numbers.txt").write_text(TEXT, "utf-8")
    read = corpus.read(tmp_path / "numbers.txt", ReadConfig(lowercase=True))
    facts = {"corpus": read.describe(), "reading": read.config, "training": TrainConfig(val_frac=0.25)}
    path = tiny.run(tmp_path, "run", {10: 3.0}, **facts)
    tiny.save(path / "resume.safetensors", kind="resume", progress={"origin": dict(read.origin)}, **facts)
    return path


def test_by_the_runs_resume_file(run: Path) -> None:
    path = run / "iteration-000010.safetensors"
    found = find_training_text(path, checkpoint.read_header(path))
    assert found.same
    assert found.corpus.text == TEXT.lower()
    assert found.training == ((0, len(TEXT) * 3 // 4),)
    assert found.split.held_out == ((0, len(TEXT) * 3 // 4, len(TEXT)),)


def test_by_name(run: Path, tmp_path: Path) -> None:
    path = run / "iteration-000010.safetensors"
    header = checkpoint.read_header(path)
    (tmp_path / "copy.txt").write_text(TEXT, "utf-8")
    (tmp_path / "other.txt").write_text("ELSEWHERE, and other things", "utf-8")
    assert find_training_text(path, header, str(tmp_path / "copy.txt")).same
    assert find_training_text(None, header, str(tmp_path / "copy.txt")).training == ((0, len(TEXT) * 3 // 4),)
    other = find_training_text(path, header, str(tmp_path / "other.txt"))
    assert not other.same
    assert other.corpus.text == "elsewhere, and other things"
    assert other.training == ((0, len(other.corpus)),)


def test_another_text_has_an_encoding_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("Très près, là-bas.", "utf-8")
    header = tiny.header(reading=ReadConfig(encoding="cp1252"))
    assert find_training_text(None, header, str(tmp_path / "other.txt")).corpus.text == "Très près, là-bas."


def test_where_it_is_gone(run: Path, tmp_path: Path) -> None:
    path = run / "iteration-000010.safetensors"
    header = checkpoint.read_header(path)
    (tmp_path / "numbers.txt").write_text(TEXT + "More.", "utf-8")
    assert not find_training_text(path, header).same
    (tmp_path / "numbers.txt").unlink()
    with pytest.raises(CorpusError, match=re.escape("numbers.txt")):
        find_training_text(path, header)
    (run / "resume.safetensors").unlink()
    for place in (path, None):
        with pytest.raises(UsageError, match="--text FILE"):
            find_training_text(place, header)


def test_standard_input_cannot_be_read_again(run: Path) -> None:
    tiny.save(run / "resume.safetensors", kind="resume", progress={"origin": {"texts": ["-"]}})
    path = run / "iteration-000010.safetensors"
    with pytest.raises(UsageError, match="--text FILE"):
        find_training_text(path, checkpoint.read_header(path))


def test_a_damaged_text_is_named_without_options_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_bytes("été café\n".encode() * 9 + b"\xff\n")
    with pytest.raises(CorpusError) as caught:
        find_training_text(None, tiny.header(), str(tmp_path / "other.txt"))
    assert "is UTF-8, but damaged: byte 108 (ff 0a), line 10" in str(caught.value)
    assert "iconv" in caught.value.advice
    assert "--errors" not in caught.value.advice
