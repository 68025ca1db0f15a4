"""Ctrl-C between two events of a training, instead of in the middle of an update."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, raised where a training can be saved."""


@contextmanager
def deferred_interrupts() -> Iterator[list[int]]:
    """A Ctrl-C meanwhile is remembered; another one raises KeyboardInterrupt at once.

    Where Ctrl-C does something of its own, as on the command line, it still does that and nothing is remembered.

    Yields:
        The signals so far, to which later ones are added.
    """
    received: list[int] = []
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield received
        return

    def remember(number: int, _: FrameType | None) -> None:
        """Note the signal. Raises KeyboardInterrupt for the second."""
        if received:
            raise KeyboardInterrupt
        received.append(number)

    signal.signal(signal.SIGINT, remember)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
