"""Writing a page or a picture to where it was asked for."""

from __future__ import annotations

from pathlib import Path

from charrnn.errors import CharrnnError


def write_page(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all.

    Args:
        path: Where.
        data: What is in it.

    Raises:
        CharrnnError: It cannot be written.
    """
    from charrnn.files import replace_file

    try:
        replace_file(path, data)
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> CharrnnError:
    """The error for a file that cannot be written, and why."""
    return CharrnnError(f"{path}: cannot be written ({error.strerror}).", "Choose another place.")
