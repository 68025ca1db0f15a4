"""Texts known by their files' sizes and times: what is read of them, and that no change is missed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charrnn.config import ReadConfig
from charrnn.errors import CorpusError
from charrnn.text import cache_place, corpus, encoder
from charrnn.text.sources import Source

TEXT = b"A ship came home with amber from the north. " * 100


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every text counts as large, and a file as settled as soon as it is written."""
    monkeypatch.setenv("CHARRNN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(encoder.encode, "__defaults__", (encoder.encode.__defaults__[0], 0))  # type: ignore[index]
    monkeypatch.setattr(corpus, "_CACHED_FROM", 0)
    monkeypatch.setattr(corpus, "IN_MEMORY", 0)
    monkeypatch.setattr(cache_place, "_TICK", 0)
    return tmp_path / "cache"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT)
    time.sleep(0.02)  # beyond the clock's tick
    return path


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much is read of texts, piece by piece."""
    pieces: list[int] = []
    stored = Source._stored

    def counted(self: Source, *arguments: Any) -> Iterator[bytes]:
        for piece in stored(self, *arguments):
            pieces.append(len(piece))
            yield piece

    monkeypatch.setattr(Source, "_stored", counted)
    return pieces


def test_nothing_of_a_known_text_is_read(text: Path, read_bytes: list[int]) -> None:
    first = corpus.read(text)
    assert sum(read_bytes) >= 3 * len(TEXT)  # digested, counted, encoded
    read_bytes.clear()
    again = corpus.read(text)
    assert read_bytes == []
    assert (again.text, again.digest) == (first.text, first.digest)
    assert corpus.read(text, ReadConfig(min_count=200)).vocabulary.unknown  # which is decided after reading
    assert read_bytes == []


def test_another_reading_is_another_text(text: Path) -> None:
    assert "A" in corpus.read(text).text
    assert "A" not in corpus.read(text, ReadConfig(lowercase=True)).text
    assert "A" in corpus.read(text).text


@pytest.mark.skipif(os.name != "posix", reason="a file's inode has no time of change")
def test_a_change_that_keeps_size_and_time_is_seen(text: Path) -> None:
    before = text.stat()
    corpus.read(text)
    text.write_bytes(TEXT.replace(b"amber", b"ivory"))
    os.utime(text, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert "ivory" in corpus.read(text).text
    time.sleep(0.02)
    other = text.with_name("other")
    other.write_bytes(TEXT.replace(b"amber", b"resin"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(text)
    assert "resin" in corpus.read(text).text


def test_a_touched_or_moved_text_is_digested_but_not_encoded_anew(text: Path, read_bytes: list[int]) -> None:
    corpus.read(text)
    read_bytes.clear()
    os.utime(text, ns=(0, 10**18))
    corpus.read(text)
    assert sum(read_bytes) == len(TEXT)
    read_bytes.clear()
    corpus.read(text)
    assert read_bytes == []
    (text.parent / "there").mkdir()
    moved = text.rename(text.parent / "there" / text.name)
    corpus.read(moved)
    assert sum(read_bytes) == len(TEXT)


def test_a_file_just_written_is_not_trusted(
    text: Path, read_bytes: list[int], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_place, "_TICK", 10**12)
    for _ in range(2):
        read_bytes.clear()
        corpus.read(text)
        assert sum(read_bytes) >= len(TEXT)
    assert [path.suffix for path in cache.iterdir()] == [".ids"]


@pytest.mark.parametrize("content", [b"", b"0" * 64, b"x" * 64, b"0" * 65])
def test_what_is_remembered_wrongly_leads_nowhere(text: Path, cache: Path, content: bytes) -> None:
    corpus.read(text)
    pointer = next(cache.glob("*.key"))
    right = pointer.read_bytes()
    pointer.write_bytes(content)
    assert corpus.read(text).text == TEXT.decode()
    assert pointer.read_bytes() == right


def test_a_text_whose_entry_is_gone_is_encoded_anew(text: Path, cache: Path) -> None:
    corpus.read(text)
    next(cache.glob("*.ids")).unlink()
    assert corpus.read(text).text == TEXT.decode()
    assert len(list(cache.glob("*.ids"))) == 1


def test_who_comes_second_waits_and_encodes_nothing(text: Path, cache: Path) -> None:
    stages: list[str] = []
    encoding, waiting = threading.Event(), threading.Event()

    def slow(stage: str, _: int) -> None:
        stages.append(stage)
        if stage == "encoding":
            encoding.set()
            assert waiting.wait(60)

    others: list[str] = []

    def impatient(stage: str, _: int) -> None:
        others.append(stage)
        waiting.set()

    texts: list[str] = []
    first = threading.Thread(target=lambda: texts.append(corpus.read(text, progress=slow).text))
    first.start()
    assert encoding.wait(60)
    second = corpus.read(text, progress=lambda stage, n: impatient(stage, n) if stage.startswith("waiting") else None)
    first.join()
    assert [second.text] == texts == [TEXT.decode()]
    assert set(others) == {"waiting until another process has encoded it"}
    assert {path.suffix for path in cache.iterdir()} == {".ids", ".key"}


def test_a_failure_leaves_the_next_its_turn(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "one.txt"
    path.write_bytes(b"a" * 100)
    for _ in range(2):
        with pytest.raises(CorpusError, match="only the character"):
            corpus.read(path)
    assert list(cache.iterdir()) == []
