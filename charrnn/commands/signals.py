"""Signals that ask a training to stop, or to save."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_TOGETHER = 0.5  # seconds in which Ctrl-C counts once: a terminal and a program that passes it on both send it


@contextmanager
def stopping_on_signals() -> Iterator[list[int]]:
    """Ctrl-C, SIGTERM and SIGHUP are remembered, to stop at the end of an iteration; another Ctrl-C acts at once.

    SIGTERM and SIGHUP come more than once without anyone being in a hurry: `timeout` and a closed terminal send them to
    a process and to its group. Where SIGHUP was ignored (`nohup`), it still is.

    Yields:
        The signals so far, to which later ones are added.
    """
    received: list[int] = []
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    first = 0.0

    def remember(number: int, _: FrameType | None) -> None:
        """Note the signal. Raises KeyboardInterrupt for a Ctrl-C after another signal."""
        nonlocal first
        now = time.monotonic()
        if number == signal.SIGINT and received and now - first > _TOGETHER:
            raise KeyboardInterrupt
        first = first or now
        received.append(number)

    for number in before:
        signal.signal(number, remember)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def saving_on_signal() -> Iterator[Callable[[], bool]]:
    """SIGUSR1 asks for the resume file to be replaced, where there is such a signal. Afterwards it is ignored.

    By default it would end the process: one that comes when all is saved must not change how a training has ended.

    Yields:
        Whether it has come since the last time that this was asked.
    """
    received: list[int] = []

    def asked() -> bool:
        came = bool(received)
        received.clear()
        return came

    if not hasattr(signal, "SIGUSR1"):
        yield asked
        return
    before = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGUSR1, before if before != signal.SIG_DFL else signal.SIG_IGN)
