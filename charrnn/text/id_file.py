"""The ids of a text that lies in a file: read slice by slice, and each block made sure of when it is first read.

A file is read by `pread`, never mapped: one that is cut short is then an error message, and not a SIGBUS. Processes
that read the same file share what the system keeps of it in memory; none has a copy of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError
from charrnn.text.code_points import Ids

BLOCK = 1 << 20  # bytes that have a digest: of each stream's first window so many are read to make sure of it
DIGEST = 16  # bytes of a block's digest, the first of its SHA-256


class BlockFile:
    """The data that a file begins with, whose blocks are compared with their digests as they are first read."""

    def __init__(self, file: IO[bytes], path: Path, size: int, digests: bytes | None) -> None:
        """Duplicates the descriptor of `file`, and closes it with this object.

        Args:
            file: Begins with the data.
            path: What messages call it.
            size: Bytes of the data.
            digests: Those of its blocks, one after another; None: what is there is taken for right.
        """
        self._descriptor = os.dup(file.fileno())
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._path, self._size, self._digests = path, size, digests
        self._sure = bytearray(-(-size // BLOCK))  # 1 of a block that was compared

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`.

        Raises:
            CorpusError: They are not what was written, or cannot be read any more.
        """
        if self._digests is not None and start < stop:
            for block in range(start // BLOCK, -(-stop // BLOCK)):
                if not self._sure[block]:  # several threads may find that at once, and agree
                    self._compare(block, self._digests[block * DIGEST : (block + 1) * DIGEST])
        return self._bytes(start, stop)

    def _compare(self, block: int, digest: bytes) -> None:
        """Make sure of a block. Raises CorpusError."""
        start = block * BLOCK
        data = self._bytes(start, min(start + BLOCK, self._size))
        if hashlib.sha256(data).digest()[:DIGEST] != digest:
            raise self._lost(f"is damaged in the {BLOCK >> 20} MB from byte {start:,} on")
        self._sure[block] = 1

    def _bytes(self, start: int, stop: int) -> bytes:
        """What is there. Raises CorpusError."""
        parts = []
        try:
            while start < stop:
                part = _pread(self._descriptor, min(stop - start, 1 << 30), start)
                if not part:
                    raise self._lost("was cut short while it was in use")
                parts.append(part)
                start += len(part)
        except OSError as error:
            raise CorpusError(f"{self._path}: cannot be read any more ({error.strerror}).") from None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _lost(self, what: str) -> CorpusError:
        """The error to raise for a file that is no longer what was written; the next to ask for it makes it anew."""
        with contextlib.suppress(OSError):  # where an open file cannot be removed
            if os.path.samestat(os.fstat(self._descriptor), os.stat(self._path)):
                self._path.unlink()
        return CorpusError(
            f"{self._path}: {what}.",
            "Give the command again, with --resume if a run had begun: the text is encoded anew, or else after "
            "`charrnn corpora clear`.",
        )


if hasattr(os, "pread"):
    _pread = os.pread
else:  # Windows
    _position = threading.Lock()

    def _pread(descriptor: int, size: int, offset: int) -> bytes:
        """As os.pread, but the descriptor's position moves."""
        with _position:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, size)


class IdFile:
    """The ids of a text on disk, (n,), read slice by slice: `ids[a:b]` is a new array, (b - a,)."""

    def __init__(
        self,
        data: BlockFile,
        dtype: np.dtype[Any],
        length: int,
        *,
        offset: int = 0,
        table: NDArray[Any] | None = None,
    ) -> None:
        """Name a part of a file.

        Args:
            data: The file.
            dtype: Of the ids in it.
            length: How many ids there are.
            offset: Byte that they begin at.
            table: What the ids are looked up in, (V,), as they are read; None: nothing.
        """
        self._data, self._stored, self._length = data, dtype, length
        self._offset, self._table = offset, table

    def translated(self, table: NDArray[Any]) -> IdFile:
        """The same ids, each looked up in `table`, (V,), as it is read."""
        table = table if self._table is None else table[self._table]
        return IdFile(self._data, self._stored, self._length, offset=self._offset, table=table)

    def part(self, start: int, size: int) -> IdFile:
        """The `size` ids from `start` on; nothing of them is read."""
        offset = self._offset + start * self._stored.itemsize
        return IdFile(self._data, self._stored, size, offset=offset, table=self._table)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arrays that slices give."""
        return self._stored if self._table is None else self._table.dtype

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, span: slice) -> Ids:
        """Raises CorpusError if the file was damaged or cut short, or cannot be read any more."""
        start, stop, step = span.indices(self._length)
        if step != 1:
            raise ValueError("an IdFile is read in contiguous slices")
        width = self._stored.itemsize
        data = self._data.read(self._offset + start * width, self._offset + max(start, stop) * width)
        ids = np.frombuffer(data, dtype=self._stored)
        return ids if self._table is None else self._table[ids]


def part_of(ids: Ids | IdFile, start: int, size: int) -> Ids | IdFile:
    """A part of an encoded text, which stays where it is: in memory, or in its file."""
    return ids.part(start, size) if isinstance(ids, IdFile) else ids[start : start + size]
