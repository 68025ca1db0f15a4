"""Compressed files of every kind, whole, damaged, cut short and far too large."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import re
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from helpers.texts import COMPRESS, content, line, refused, unreadable, write
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.errors import CorpusError
from charrnn.text.sources import gather

OPEN: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
every_suffix = pytest.mark.parametrize("suffix", COMPRESS)


@every_suffix
@settings(max_examples=40)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 400), st.integers(0, 500))
def test_packed_files_of_many_members(suffix: str, members: list[bytes], size: int, start: int) -> None:
    data = b"".join(members)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, f"a{suffix}"), b"".join(map(COMPRESS[suffix], members)))
        (source,) = gather([path])
        pieces = list(source.chunks(size))
        assert b"".join(pieces) == data
        assert all(0 < len(piece) <= size for piece in pieces)
        assert source.read_range(start, size) == data[start : start + size]
        assert source.size == path.stat().st_size
        assert source.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


@every_suffix
def test_packed_files_larger_than_a_piece(tmp_path: Path, suffix: str) -> None:
    data = os.urandom(200_000) + b"\n" * 300_000 + os.urandom(100_000)
    write(tmp_path / f"a{suffix}", COMPRESS[suffix](data) + COMPRESS[suffix](data[::-1]) + b"\0" * 100_000)  # padded
    (source,) = gather([tmp_path / f"a{suffix}"])
    assert content(source) == data + data[::-1]
    assert source.read_range(599_990, 20) == data[-10:] + data[:-11:-1]
    first = COMPRESS[suffix](b"first, ")  # padded so that zeros alone, then the second member, come with a later read
    write(tmp_path / f"b{suffix}", first.ljust((1 << 17) + 5, b"\0") + COMPRESS[suffix](b"second"))
    assert content(gather([tmp_path / f"b{suffix}"])[0]) == b"first, second"


@every_suffix
@pytest.mark.parametrize("plain", [b"", b"\x1f", b"just text, never packed\n", b"BZh is how it begins"])
def test_a_suffix_that_lies(tmp_path: Path, suffix: str, plain: bytes) -> None:
    path = write(tmp_path / f"book.txt{suffix}", plain)
    assert refused(path).startswith(f"{path}: is named {suffix} but does not hold ")


@every_suffix
def test_every_truncation_is_seen(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    stored = COMPRESS[suffix](b"It was the best of times")
    for length in range(10, len(stored)):
        (source,) = gather([write(path, stored[:length])])
        assert "is cut short" in unreadable(source)


@every_suffix
def test_no_damage_gives_another_text(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    first, second = COMPRESS[suffix](b"It was the best of times, "), COMPRESS[suffix](b"it was the worst of times")
    (whole,) = gather([write(path, first + second)])
    text, noticed = content(whole), 0
    for at in range(10, len(first + second)):
        damaged = bytearray(first + second)
        damaged[at] ^= 0x55
        (source,) = gather([write(path, bytes(damaged))])
        try:
            assert content(source) == text  # gzip's header has a date
        except CorpusError as error:
            noticed += "is damaged" in str(error) or "is cut short" in str(error)
    assert noticed > 0.8 * len(damaged)
    (source,) = gather([write(path, first + b"rubbish, not padding")])
    assert "data is damaged after 26 bytes" in unreadable(source)


def write_zeros(path: Path, megabytes: int) -> None:
    with OPEN[path.suffix](path, "wb") as file:
        for _ in range(megabytes):
            file.write(bytes(1 << 20))


@every_suffix
def test_bombs_are_stopped_and_memory_stays_flat(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"zeros{suffix}"
    write_zeros(path, 80)
    (source,) = gather([path])
    (allowed,) = gather([path], max_expansion=1 << 30)  # bzip2 needs 80 bytes for 80 MiB
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError) as caught:
            sum(map(len, source.chunks()))
        assert sum(map(len, allowed.chunks())) == 80 << 20
        assert allowed.read_range(70 << 20, 2) == b"\0\0"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 << 20  # pieces of 4 MiB, and of xz two dictionaries of 8
    packed, unpacked, ratio = re.findall(r"\b\d[\d,]*\b", line(caught).removeprefix(str(path)))
    assert packed == f"{path.stat().st_size:,}"
    assert 64 << 20 < int(unpacked.replace(",", "")) <= 68 << 20
    assert ratio == "200"
    assert "--max-expansion N" in line(caught)


def test_a_small_file_may_expand_as_it_likes(tmp_path: Path) -> None:
    write_zeros(tmp_path / "a.gz", 64)
    (source,) = gather([tmp_path / "a.gz"], max_expansion=1)
    assert sum(map(len, source.chunks())) == 64 << 20
