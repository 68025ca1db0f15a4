"""Writing a page or a picture to where it was asked for: over older ones of charrnn's, and over nothing else."""

from __future__ import annotations

from pathlib import Path

from charrnn.errors import CharrnnError, UsageError

_MADE_BY = (b"charrnn report", b"charrnn score")
_LOOKED_AT = 4096  # bytes at the beginning of a file that say who made it


def check_replaceable(path: Path) -> None:
    """Raises CharrnnError if something is there already that charrnn did not make: a text is soon named by mistake."""
    if str(path) == "-":
        raise UsageError("-: pages and pictures are written into files.", "Name one, as in report.html.")
    if not path.exists():
        return
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOKED_AT)
    except OSError as error:
        raise unwritable(path, error) from None
    if not any(name in beginning for name in _MADE_BY):
        raise UsageError(
            f"{path}: is there already, and charrnn has not made it.", "Choose another name, or remove it first."
        )


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
