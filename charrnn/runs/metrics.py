"""metrics.jsonl: one JSON object a line, read whatever else is in the file."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from charrnn.files import open_regular

_LARGEST = 256 << 20  # bytes, far more than a training writes
_BLOCK = 1 << 20
_LONGEST_LINE = 64 << 10  # bytes, likewise
_MOST_ROWS = 1_000_000

Row = dict[str, Any]


def check(path: Path) -> None:
    """See that a file can be read.

    Raises:
        OSError: It cannot, is no regular file, or is larger than any that charrnn writes.
    """
    with open_regular(path, _LARGEST) as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))
    if lines > _MOST_ROWS:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def read_rows(path: Path) -> Iterator[tuple[bytes, Row]]:
    """The rows of a file, each with its line. A line that is damaged, such as a half-written last one, is left out.

    Args:
        path: The file.

    Raises:
        OSError: As `check` does.
    """
    check(path)
    with open_regular(path) as file:
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n") and len(line) == _LONGEST_LINE:
                while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
            elif (row := _row(line)) is not None:
                yield line, row


def _row(line: bytes) -> Row | None:
    """The object in a line; None where there is none."""
    try:
        row = json.loads(line.decode("utf-8", "replace"), parse_constant=lambda _: None)  # NaN is none of ours
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number that can be reckoned with: JSON may have any, of any length."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def iteration_of(row: Row) -> float:
    """At which iteration a row was measured; 0 where it does not say."""
    at = row.get("iteration")
    return at if is_number(at) else 0
