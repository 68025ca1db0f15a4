"""Progress bars on standard error; there are none where no line can be written over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from charrnn.terminal.output import is_moving

_DELAY = 0.5  # seconds of work before a bar is shown


@contextmanager
def share_bar(description: str, *, shape: str = "{desc} {percentage:.0f}%") -> Iterator[Callable[[float], None]]:
    """A bar for work of which the share is known that is done.

    Args:
        description: What is being done.
        shape: How the bar looks, as tqdm has it.

    Yields:
        What is told which share of the work, 0 to 1, has been done since it was last told.
    """
    with _bar(desc=description, total=1, delay=_DELAY, bar_format=shape) as bar:

        def progress(share: float) -> None:
            bar.update(share)

        yield progress


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int], None]]:
    """A bar for each of several stages, one after another, that count characters or bytes.

    Yields:
        What is told a stage and how many have been done in it since it was last told. A new stage ends the one before.
    """
    bars: dict[str, tqdm[Any]] = {}

    def progress(stage: str, count: int) -> None:
        if stage not in bars:
            _close(bars)
            bars[stage] = _bar(desc=stage, unit="", unit_scale=True, delay=_DELAY)
        bars[stage].update(count)

    try:
        yield progress
    finally:
        _close(bars)


@contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for a download.

    Args:
        name: What is downloaded.

    Yields:
        What is told how many bytes are there, and how many there will be, or None if that is not known.
    """
    with _bar(desc=name, unit="B", unit_scale=True, dynamic_ncols=True) as bar:

        def progress(arrived: int, total: int | None) -> None:
            bar.total = total
            bar.update(arrived - bar.n)

        yield progress


def _bar(**settings: Any) -> tqdm[Any]:
    """A bar that is gone when it is done."""
    return tqdm(file=sys.stderr, leave=False, disable=not is_moving(sys.stderr), **settings)


def _close(bars: dict[str, tqdm[Any]]) -> None:
    """Take bars away."""
    for bar in bars.values():
        bar.close()
