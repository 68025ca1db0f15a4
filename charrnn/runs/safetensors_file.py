"""A safetensors file, whoever made it: what it has and where, known to be so before anything of that size is read.

The file is 8 bytes with the size of its index, the index, which is JSON, and the tensors, one after another without a
gap (docs/format.md). Only one that is exactly as long as its index says is opened at all.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError
from charrnn.files import open_regular
from charrnn.runs import bounded_json

LONGEST_INDEX = 8 << 20  # bytes; 300,000 characters, the most that a vocabulary has, take 2 MB
_MOST_TENSORS = 10_000  # a resume file of 256 layers has 8,000
_MOST_VALUES = 15 * _MOST_TENSORS  # in the index: of a matrix 12
_MOST_DIMENSIONS = 8
_METADATA = "__metadata__"
_HEADS = (b'{"__metadata__":{"charrnn":"', b'{"__metadata__":{"sha256":"')  # of the index that `checkpoint.save` writes
_DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("|u1"),
}

ANOTHER = "Use another checkpoint."

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """A tensor in a file, unread."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int  # bytes from the end of the index
    end: int


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """A file that is open, its tensors unread.

    Attributes:
        path: Where it is.
        metadata: The strings "charrnn" and "sha256".
        entries: Its tensors by name, in the order in which they lie one after another.
    """

    path: Path
    metadata: Mapping[str, str]
    entries: Mapping[str, TensorEntry]
    _file: BufferedReader
    _size: int  # bytes of all of it

    def tensors(self) -> Tensors:
        """Read the tensors, once.

        Raises:
            CheckpointError: The file became shorter meanwhile.
            OSError: It cannot be read.
        """
        tensors: Tensors = {}
        for name, entry in self.entries.items():
            tensor = np.empty(entry.shape, entry.dtype)
            if tensor.size and self._file.readinto(tensor.reshape(-1).view(np.uint8).data) < tensor.nbytes:
                raise _cut_short(self.path, os.fstat(self._file.fileno()).st_size, self._size)
            tensors[name] = tensor
        return tensors


@contextlib.contextmanager
def opened(path: Path) -> Iterator[SafetensorsFile]:
    """Open a checkpoint's file, and read its index.

    Args:
        path: A regular file, or a link to one.

    Yields:
        The file.

    Raises:
        CheckpointError: It cannot be read, is none of charrnn's, or is damaged or cut short.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            prefix = file.read(8)
            length = int.from_bytes(prefix, "little")
            data = file.read(min(length, LONGEST_INDEX, size))
            yield SafetensorsFile(path, *_index(path, prefix + data, length, size), file, size)
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error.strerror}).", "Check the path; `charrnn runs` lists what is there."
        ) from None


def _index(path: Path, data: bytes, length: int, size: int) -> tuple[dict[str, str], dict[str, TensorEntry]]:
    """The metadata and the tensors of a file.

    Args:
        path: The file, for the errors.
        data: Its first bytes, to the end of the index where that is not too long.
        length: Bytes of the index, as the file says.
        size: Bytes of the whole file.

    Raises:
        CheckpointError: It is no checkpoint of charrnn's; or one, damaged or cut short.
    """
    head = data[8 : 8 + len(_HEADS[0])]
    ours = len(head) > 0 and any(known.startswith(head) or head.startswith(known) for known in _HEADS)
    if size < 8 or length > min(LONGEST_INDEX, size - 8):
        raise _cut_short(path, size, 8 + length) if ours else _foreign(path)
    try:
        parsed = bounded_json.loads(data[8:], most=_MOST_VALUES)
    except ValueError as error:
        raise damaged(path, f"its header cannot be read ({error})") if ours else _foreign(path) from None
    try:
        metadata = parsed.pop(_METADATA)
        # Padding is spaces: JSON would take a tab for one too, and no checksum sees it.
        if not all(metadata[name].isascii() for name in ("charrnn", "sha256")) or not data.rstrip(b" ").endswith(b"}"):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _foreign(path) from None
    if len(parsed) > _MOST_TENSORS:
        raise damaged(path, f"it has more than {_MOST_TENSORS:,} tensors")
    entries = {name: _entry(path, name, entry) for name, entry in parsed.items()}
    entries = dict(sorted(entries.items(), key=lambda pair: (pair[1].begin, pair[1].end)))
    end = 0
    for name, entry in entries.items():
        if entry.begin != end:
            raise damaged(path, f"tensor {name} does not lie where the one before it ends")
        end = entry.end
    if 8 + length + end > size:
        raise _cut_short(path, size, 8 + length + end)
    if 8 + length + end < size:
        raise damaged(path, f"of {size:,} bytes only {8 + length + end:,} are its own")
    return metadata, entries


def _entry(path: Path, name: str, entry: Any) -> TensorEntry:
    """A tensor as the index has it. Raises CheckpointError where it contradicts itself."""
    try:
        dtype, shape, (begin, end) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        numbers = [*shape, begin, end]
        whole = all(type(number) is int and 0 <= number < 1 << 63 for number in numbers)
        if not whole or len(entry) != 3 or len(shape) > _MOST_DIMENSIONS or not isinstance(shape, list):
            raise ValueError
        if end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise damaged(path, f"tensor {name!r:.60} has no type, shape and place that fit together") from None
    return TensorEntry(dtype, tuple(shape), begin, end)


def _foreign(path: Path) -> CheckpointError:
    """The error for a file that is no checkpoint of charrnn's."""
    return CheckpointError(f"{path}: not a charrnn checkpoint.", "Give a run, or a .safetensors file of one.")


def damaged(path: Path, how: str) -> CheckpointError:
    """The error for a checkpoint that is damaged, or was made by someone else."""
    return CheckpointError(f"{path}: is a damaged charrnn checkpoint: {how}.", ANOTHER)


def _cut_short(path: Path, size: int, whole: int) -> CheckpointError:
    if whole > LONGEST_INDEX and size < 64:  # so little is there that the length is not to be believed
        return damaged(path, f"of {size:,} bytes")
    there = f"{size:,} of at least {whole:,} bytes are there"
    return CheckpointError(
        f"{path}: is a charrnn checkpoint that was cut short: {there}.", "Copy it again, or use another snapshot."
    )
