"""The lines of a list, shuffled before anything is held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError, UsageError
from charrnn.text import corpus, encoder
from charrnn.text import shuffle as shuffling

LINES = ReadConfig(shuffle="lines")


@given(st.text("ab\n", max_size=40), st.integers(0, 5))
def test_lines_are_the_same_in_another_order(text: str, seed: int) -> None:
    ids = np.frombuffer(text.encode(), dtype=np.uint8)
    mixed = b"".join(piece.tobytes() for piece in shuffling.shuffled(ids, shuffling.Segments(10), seed)).decode()
    assert len(mixed) == len(text)
    assert mixed.endswith("\n") or not text.endswith("\n")
    assert sorted(mixed.split("\n")) == sorted(text.split("\n"))


def test_a_text_too_large_for_memory_is_shuffled_as_one_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.txt"
    path.write_text("".join(f"number {number}\n" for number in range(3000)), "utf-8")
    monkeypatch.setattr(shuffling, "_PIECE", 1000)
    in_memory = corpus.read(path, LINES)
    monkeypatch.setattr(encoder.encode, "__defaults__", (*encoder.encode.__defaults__[:-1], 100))  # type: ignore[index]
    monkeypatch.setattr(corpus, "_CACHED_FROM", 100)
    for _ in range(2):  # encoded, and from the cache
        on_disk = corpus.read(path, LINES)
        assert not isinstance(on_disk.ids, np.ndarray)
        assert on_disk.text == in_memory.text != path.read_text("utf-8")
    assert corpus.read(path).text == path.read_text("utf-8")
    other = corpus.read(path, ReadConfig(shuffle="lines", split_seed=2))
    assert sorted(other.text) == sorted(in_memory.text)
    assert other.text != in_memory.text


def test_what_cannot_be_shuffled_is_said(tmp_path: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_text("one line", "utf-8")
    with pytest.raises(CorpusError, match="the text is one line"):
        corpus.read(path, LINES)
    with pytest.raises(UsageError, match="--shuffle documents"):
        corpus.read(path, ReadConfig(shuffle="documents"))


def test_files_are_shuffled(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / f"{name}.txt").write_text(f"{name}!", "utf-8")
    text = corpus.read(tmp_path, ReadConfig(shuffle="documents")).text
    assert sorted(text.split("\n\n")) == [f"{name}!" for name in "abcdefgh"]
    assert text.split("\n\n") != sorted(text.split("\n\n"))
