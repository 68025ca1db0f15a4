"""Lines on standard error: what a person should know beside what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from charrnn.formatting import visible_line

_LONGEST = 3000  # characters of a line: what is named in it may be longer than anyone reads


def tell(line: object, *, prefix: str = "charrnn: ") -> None:
    """Say something in one line, whatever is named in it.

    Args:
        line: It; a CharrnnError is a line, too.
        prefix: Who says it; "" for what a verb is there to say.
    """
    said = visible_line(str(line))
    if len(said) > _LONGEST:
        said = f"{said[: _LONGEST // 2]} [...] {said[-_LONGEST // 2 :]}"
    print(f"{prefix}{said}", file=sys.stderr)


class Notes:
    """Notes of which each is told once: several models, or snapshots of a run, have the same to be said of them."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, line: str | None) -> None:
        """Say it, if there is something to say and it was not said before."""
        if line and line not in self._told:
            self._told.add(line)
            tell(line)


def tell_skipped(problem: str) -> None:
    """Name a thing that was skipped."""
    tell(f"skipped: {problem}")


def report_skipped(problems: Sequence[str]) -> None:
    """Name all that was skipped, after what is on standard output. Raises Exit with code 1 if there was anything."""
    sys.stdout.flush()
    for problem in problems:
        tell_skipped(problem)
    if problems:
        raise typer.Exit(1)
