"""Encoded texts on disk: too large for memory, read as they are needed, and made once.

A cache entry is one file, named after a digest of all that it was made from: the ids, then a JSON of what was learned
while they were made, then SHA-256 of that JSON, its length and a magic number. It is written under another name and
renamed, so that runs at the same time never see half of one; whoever reads it holds it open, so that it may be removed
under them; and it is read by `pread`, never mapped: a file cut short is then an error message, and not a SIGBUS.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from charrnn import files
from charrnn.errors import CorpusError
from charrnn.text.vocabulary import Ids

FORMAT = 1
_MAGIC = b"charrnn\x01"
_FOOTER = 32 + 8 + len(_MAGIC)  # SHA-256 of the JSON, its length, the magic number
_PIECE = 4 << 20


class IdFile:
    """The ids of a text on disk, (n,), read slice by slice: `ids[a:b]` is a new array, (b - a,)."""

    def __init__(self, file: IO[bytes], path: Path, dtype: np.dtype[Any], length: int) -> None:
        """Duplicates the descriptor of `file`, and closes it with this object.

        Args:
            file: Begins with the ids.
            path: What messages call it.
            dtype: Of the ids in the file.
            length: How many ids there are.
        """
        self._descriptor = os.dup(file.fileno())
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._path, self._stored, self._length = path, dtype, length
        self._table: NDArray[Any] | None = None

    def translated(self, table: NDArray[Any]) -> IdFile:
        """The same ids, each looked up in `table`, (V,), as it is read."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            ids = IdFile(file, self._path, self._stored, self._length)
        ids._table = table if self._table is None else table[self._table]
        return ids

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that slices give."""
        return self._stored if self._table is None else self._table.dtype

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> Ids:
        """Raises CorpusError if the file was cut short or cannot be read any more."""
        start, stop, step = span.indices(self._length)
        if step != 1:
            raise ValueError("an IdFile is read in contiguous slices")
        count, width = max(0, stop - start), self._stored.itemsize
        data = self._read(start * width, count * width)
        ids = np.frombuffer(data, dtype=self._stored)
        return ids if self._table is None else self._table[ids]

    def _read(self, offset: int, size: int) -> bytes:
        """`size` bytes of the file. Raises CorpusError."""
        parts = []
        try:
            while size:
                part = _pread(self._descriptor, min(size, 1 << 30), offset)
                if not part:
                    raise CorpusError(
                        f"{self._path}: was cut short while it was in use.",
                        "`charrnn corpora clear` removes it; then go on with --resume.",
                    )
                parts.append(part)
                size, offset = size - len(part), offset + len(part)
        except OSError as error:
            raise CorpusError(f"{self._path}: cannot be read any more ({error.strerror}).") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)


if hasattr(os, "pread"):
    _pread = os.pread
else:  # Windows

    def _pread(descriptor: int, size: int, offset: int) -> bytes:
        """As os.pread, but the descriptor's position moves."""
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, size)


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


def find(key: str, progress: Callable[[int], None] = lambda _: None) -> tuple[IdFile, dict[str, Any]] | None:
    """Look a text up in the cache.

    Args:
        key: The name of the cache entry.
        progress: Called with how many bytes more were verified.

    Returns:
        The ids and what was stored with them; None if there are none, or they are damaged.
    """
    path = path_of(key)
    try:
        with open(path, "rb") as file:
            facts = _facts(file)
            digest, remaining = hashlib.sha256(), int(facts["bytes"])
            file.seek(0)
            while remaining:
                piece = file.read(min(_PIECE, remaining))
                if not piece:
                    return None
                digest.update(piece)
                remaining -= len(piece)
                progress(len(piece))
            if digest.hexdigest() != facts["sha256"]:
                return None
            dtype = np.dtype(facts["dtype"])
            return IdFile(file, path, dtype, int(facts["bytes"]) // dtype.itemsize), facts
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _facts(file: IO[bytes]) -> dict[str, Any]:
    """The JSON of a cache entry. Raises ValueError for a file that is not one, whole."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - _FOOTER))
    footer = file.read(_FOOTER)
    length = int.from_bytes(footer[32:40], "little")
    if len(footer) < _FOOTER or footer[40:] != _MAGIC or length > size - _FOOTER:
        raise ValueError("no footer")
    file.seek(size - _FOOTER - length)
    text = file.read(length)
    if hashlib.sha256(text).digest() != footer[:32]:
        raise ValueError("damaged")
    facts = json.loads(text)
    if facts["bytes"] + length + _FOOTER != size:
        raise ValueError("cut short")
    return dict(facts)


def store(
    key: str, iter_ids: Callable[[], Iterable[Ids]], dtype: np.dtype[Any], facts: Mapping[str, Any]
) -> tuple[IdFile, str | None]:
    """Write a cache entry.

    Args:
        key: Its name.
        iter_ids: Yields the ids piece by piece; called again if the cache cannot be written.
        dtype: What the ids are stored as.
        facts: What is stored with them (of JSON).

    Returns:
        The ids, and what to tell the user if the cache could not be written: the ids are then in a temporary file that
        goes with the process.

    Raises:
        CorpusError: There is room nowhere.
    """
    path = path_of(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.remove_temporary(path.parent)
        with files.replacing(path) as file:
            length = _write(file, iter_ids(), dtype, facts)
        with open(path, "rb") as file:
            return IdFile(file, path, dtype, length), None
    except OSError as error:
        trouble = f"{path.parent}: cannot keep the encoded text ({error.strerror})"
    try:
        with tempfile.TemporaryFile(prefix="charrnn-") as file:
            length = _write(file, iter_ids(), dtype, facts)
            notice = f"{trouble}; it will be encoded anew each time."
            return IdFile(file, Path(tempfile.gettempdir()), dtype, length), notice
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
            return IdFile(file, where, dtype, _write(file, iter_ids(), dtype, {}))
    except OSError as error:
        raise CorpusError(
            f"{where}: no room for the encoded text ({error.strerror}).",
            "Free space, or name a place with room: CHARRNN_CACHE_DIR.",
        ) from None


def _write(file: IO[bytes], pieces: Iterable[Ids], dtype: np.dtype[Any], facts: Mapping[str, Any]) -> int:
    """Write a cache entry and return how many ids it has. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        data = np.ascontiguousarray(piece, dtype=dtype).view(np.uint8).data
        digest.update(data)
        file.write(data)
        size += len(data)
    whole = dict(facts) | {"dtype": dtype.name, "bytes": size, "sha256": digest.hexdigest()}
    text = json.dumps(whole, separators=(",", ":")).encode()
    file.write(text + hashlib.sha256(text).digest() + len(text).to_bytes(8, "little") + _MAGIC)
    file.flush()
    os.fsync(file.fileno())
    return size // dtype.itemsize


def entries() -> list[CacheEntry]:
    """What the cache holds, in order of file name; what is no entry, or a damaged one, is left out."""
    listed = []
    for path in sorted(files.cache_dir().glob("*.ids")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError), open(path, "rb") as file:
            facts = _facts(file)
            size = os.fstat(file.fileno()).st_size
            listed.append(CacheEntry(path, str(facts["name"]), int(facts["characters"]), size))
    return listed


def clear() -> int:
    """Remove every cache entry, and the halves of one that interrupted processes left.

    Returns:
        The bytes freed.

    Raises:
        CorpusError: One cannot be removed.
    """
    freed = 0
    try:
        for pattern in ("*.ids", ".*.tmp"):
            for path in files.cache_dir().glob(pattern):
                with contextlib.suppress(FileNotFoundError):
                    size = path.stat().st_size
                    path.unlink()
                    freed += size
    except OSError as error:
        raise CorpusError(f"{error.filename}: cannot be removed ({error.strerror}).") from None
    return freed
