"""What every verb that reads runs says of one that has trained on since its newest snapshot."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands import notes
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.runs.run import Run


def tell(runs: Iterable[Run]) -> None:
    """Say it on standard error, in a line for each run of which it is so."""
    from charrnn.runs.later_state import later_state

    sys.stdout.flush()
    for run in runs:
        if line := later_state(run):
            notes.tell(line)


def tell_of_found(named: Path | None, found: Path, root: Path) -> None:
    """The same of the run that a checkpoint was found in, unless the file itself was named.

    Args:
        named: What was typed; None: nothing.
        found: The checkpoint that it stands for.
        root: The directory of runs.
    """
    from charrnn.runs.find import find_file
    from charrnn.runs.run import Run

    if named is None or find_file(named, root) is None:
        tell([Run(found.parent)])


def tell_of_named(named: Iterable[Path], root: Path) -> None:
    """The same of runs by path or name; of none named, the newest. What is no run has been named elsewhere."""
    from charrnn.runs.find import find_file, find_run, newest_run

    wanted: list[Path | None] = [*named]
    runs: dict[Path, Run] = {}
    for path in wanted or [None]:
        with contextlib.suppress(CharrnnError):
            if path is None or find_file(path, root) is None:
                run = newest_run(root) if path is None else find_run(path, root)
                runs.setdefault(run.path.resolve(), run)
    tell(runs.values())
