"""Encoded texts on disk: too large for memory, read as they are needed, and made once.

A cache entry is one file, named after a digest of all that it was made from: the ids; where the boundaries between
documents are among them, if there are any; digests of the blocks of both; and a JSON of what was learned while they
were made, with a SHA-256 of digests and JSON, the length of the JSON and a magic number. To find an entry those last
parts are read, which for a text of 10 GB are 160 KB; a block is compared with its digest when it is first read
(`charrnn.text.id_file`), so that the training of a large text begins as soon as that of a small one.

An entry is written under another name and renamed, so that runs at the same time never see half of one; and whoever
reads it holds it open, so that it may be removed under them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from charrnn import files
from charrnn.errors import CorpusError
from charrnn.text.code_points import Ids
from charrnn.text.id_file import BLOCK, DIGEST, BlockFile, IdFile

FORMAT = 2
_MAGIC = b"charrnn\x02"
_FOOTER = 32 + 8 + len(_MAGIC)  # SHA-256 of the digests and the JSON, the length of that, the magic number
_PLACES = np.dtype(np.int64)  # of boundaries


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """What the cache has of a text."""

    ids: IdFile
    boundaries: NDArray[Any]  # (D + 1,) where the boundaries of D documents are; or (0,)
    facts: Mapping[str, Any]  # what was stored with them


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A text in the cache, as people are told of it."""

    path: Path
    name: str
    characters: int
    size: int  # bytes of the file


def key_of(values: Any) -> str:
    """The name of the cache entry that is made from these values (of JSON): a digest of them, hexadecimal."""
    text = json.dumps([FORMAT, values], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def path_of(key: str) -> Path:
    """Where the cache entry of this name lies, if there is one."""
    return files.cache_dir() / f"{key}.ids"


def find(key: str) -> Entry | None:
    """Look a text up in the cache. It takes as long whatever the length of the text.

    Args:
        key: The name of the cache entry.

    Returns:
        What is there; None if there is nothing, or what was learned of the text is damaged, or the file cut short.
    """
    path = path_of(key)
    try:
        with open(path, "rb") as file:
            facts, digests = _footer(file)
            return _entry(file, path, facts, digests)
    except (OSError, ValueError, KeyError, TypeError, CorpusError):
        return None


def _entry(file: IO[bytes], path: Path, facts: Mapping[str, Any], digests: bytes | None) -> Entry:
    """What lies in a file. Raises CorpusError where the boundaries are damaged."""
    dtype, size, count = np.dtype(facts["dtype"]), int(facts["bytes"]), int(facts["boundaries"])
    data = BlockFile(file, path, size + count * _PLACES.itemsize, digests)
    places = IdFile(data, _PLACES, count, offset=size)
    return Entry(IdFile(data, dtype, size // dtype.itemsize), places[0:count], facts)


def _footer(file: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """The JSON of a cache entry, and its blocks' digests. Raises ValueError for a file that is not one, whole."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - _FOOTER))
    footer = file.read(_FOOTER)
    length = int.from_bytes(footer[32:40], "little")
    if len(footer) < _FOOTER or footer[40:] != _MAGIC or length > size - _FOOTER:
        raise ValueError("no footer")
    file.seek(size - _FOOTER - length)
    text = file.read(length)
    facts = json.loads(text)
    stored = facts["bytes"] + facts["boundaries"] * _PLACES.itemsize
    digests_size = -(-stored // BLOCK) * DIGEST
    if stored + digests_size + length + _FOOTER != size:
        raise ValueError("cut short")
    file.seek(stored)
    digests = file.read(digests_size)
    if hashlib.sha256(digests + text).digest() != footer[:32]:
        raise ValueError("damaged")
    return dict(facts), digests


def store(
    key: str,
    iter_ids: Callable[[], Iterable[Ids]],
    dtype: np.dtype[Any],
    facts: Mapping[str, Any],
    boundary: int | None = None,
) -> tuple[Entry, str | None]:
    """Write a cache entry.

    Args:
        key: Its name.
        iter_ids: Yields the ids piece by piece; called again if the cache cannot be written.
        dtype: What the ids are stored as.
        facts: What is stored with them (of JSON).
        boundary: The id between documents, whose places are stored, too; None: there is none.

    Returns:
        The entry, and what to tell the user if the cache could not be written: the ids are then in a temporary file
        that goes with the process.

    Raises:
        CorpusError: There is room nowhere.
    """
    path = path_of(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.remove_temporary(path.parent)
        with files.replacing(path) as file:
            whole = _write(file, iter_ids(), dtype, facts, boundary)
        with open(path, "rb") as file:
            return _entry(file, path, whole, None), None
    except OSError as error:
        trouble = f"{path.parent}: cannot keep the encoded text ({error.strerror})"
    try:
        with tempfile.TemporaryFile(prefix="charrnn-") as file:
            whole = _write(file, iter_ids(), dtype, facts, boundary)
            notice = f"{trouble}; it will be encoded anew each time."
            return _entry(file, Path(tempfile.gettempdir()), whole, None), notice
    except OSError as error:
        raise CorpusError(
            f"{trouble}, nor can {tempfile.gettempdir()} ({error.strerror}).",
            "Free space, or name a place with room: CHARRNN_CACHE_DIR.",
        ) from None


def store_for_now(iter_ids: Callable[[], Iterable[Ids]], dtype: np.dtype[Any]) -> IdFile:
    """Ids in a temporary file, which goes with what is returned: what they will be is still to be made of them.

    Raises:
        CorpusError: There is no room for it.
    """
    where = files.cache_dir()
    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(prefix="charrnn-", dir=where) as file:
            return _entry(file, where, _write(file, iter_ids(), dtype, {}), None).ids
    except OSError as error:
        raise CorpusError(
            f"{where}: no room for the encoded text ({error.strerror}).",
            "Free space, or name a place with room: CHARRNN_CACHE_DIR.",
        ) from None


class _BlockWriter:
    """Writes data to a file and remembers the digests of its blocks."""

    def __init__(self, file: IO[bytes]) -> None:
        self.size = 0
        self._file, self._digest, self._digests = file, hashlib.sha256(), bytearray()

    def write(self, values: NDArray[Any]) -> None:
        data = np.ascontiguousarray(values).view(np.uint8).data
        at = 0
        while at < len(data):
            part = data[at : at + BLOCK - self.size % BLOCK]
            self._digest.update(part)
            self._file.write(part)
            at, self.size = at + len(part), self.size + len(part)
            if self.size % BLOCK == 0:
                self._end_block()

    def digests(self) -> bytes:
        """Those of all blocks, the last of which may be short; nothing is written after it."""
        if self.size % BLOCK:
            self._end_block()
        return bytes(self._digests)

    def _end_block(self) -> None:
        self._digests += self._digest.digest()[:DIGEST]
        self._digest = hashlib.sha256()


def _write(
    file: IO[bytes],
    pieces: Iterable[Ids],
    dtype: np.dtype[Any],
    facts: Mapping[str, Any],
    boundary: int | None = None,
) -> dict[str, Any]:
    """Write a cache entry and return its facts. Raises OSError."""
    blocks, places, count = _BlockWriter(file), [np.zeros(0, dtype=_PLACES)], 0
    for piece in pieces:
        blocks.write(np.asarray(piece, dtype=dtype))
        if boundary is not None:
            places.append(np.flatnonzero(piece == boundary) + count)
        count += len(piece)
    found = np.concatenate(places).astype(_PLACES)
    whole = dict(facts) | {"dtype": dtype.name, "bytes": blocks.size, "boundaries": len(found)}
    blocks.write(found)
    text = json.dumps(whole, separators=(",", ":")).encode()
    digests = blocks.digests()
    file.write(digests + text)
    file.write(hashlib.sha256(digests + text).digest() + len(text).to_bytes(8, "little") + _MAGIC)
    file.flush()
    os.fsync(file.fileno())
    return whole


def entries() -> list[CacheEntry]:
    """What the cache holds, in order of file name; what is no entry, or a damaged one, is left out."""
    listed = []
    for path in sorted(files.cache_dir().glob("*.ids")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError), open(path, "rb") as file:
            facts, _ = _footer(file)
            size = os.fstat(file.fileno()).st_size
            listed.append(CacheEntry(path, str(facts["name"]), int(facts["characters"]), size))
    return listed


def clear() -> int:
    """Remove every cache entry, what leads to one, and the halves of one that interrupted processes left.

    Returns:
        The bytes freed.

    Raises:
        CorpusError: One cannot be removed.
    """
    freed = 0
    try:
        for pattern in ("*.ids", "*.key", "*.lock", ".*.tmp"):
            for path in files.cache_dir().glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    size = path.stat().st_size
                    path.unlink()
                    freed += size
    except OSError as error:
        raise CorpusError(f"{error.filename}: cannot be removed ({error.strerror}).") from None
    return freed
