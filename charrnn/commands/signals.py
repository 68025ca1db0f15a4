"""Signals that ask a command to stop, or a training to save. Imported first of all: it must itself import little."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# Seconds in which signals count as one: a terminal and a program that passes them on, as torchrun is, both send them.
_TOGETHER = 2.0 if "TORCHELASTIC_RUN_ID" in os.environ else 0.5
_STOPPING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(SystemExit):
    """A signal that ends the command, raised where it was at work. Its exit code is 128 and the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return name(self.number)


def name(number: int) -> str:
    """What people call a signal."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def stop_on_signals() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP raise `Stopped`, and a second one ends the process at once.

    What was ignored when the process began stays so: SIGHUP under `nohup`, Ctrl-C in what a shell runs in the
    background. SIGUSR1, which only a training can obey, ends no command.
    """
    _handle(_raise)
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    _leave_where_nothing_can_be_raised()


def ignore_late_signals() -> None:
    """From now on, when all is done, a signal changes nothing; a second one ends the process at once."""
    received = [0.0]

    def count(number: int, _: FrameType | None) -> None:
        received[0] = received[0] or time.monotonic()
        if time.monotonic() - received[0] > _TOGETHER:
            _leave(number)

    _handle(count)


def tell_stopped(number: int) -> None:
    """Say that a signal ends the command, on standard error, if anything can be written there; the first rank does."""
    if os.environ.get("WORLD_SIZE") and os.environ.get("RANK", "0") != "0":
        return
    line = f"charrnn: stopped by {name(number)}.\n"
    with contextlib.suppress(OSError, ValueError):
        if os.isatty(2):
            line = f"\n{line}"  # the terminal has shown ^C, or a bar
        if os.name != "posix" or select.select([], [2], [], 0)[1]:  # a pipe that is full holds nobody up
            os.write(2, line.encode())


def _handle(handler: Callable[[int, FrameType | None], object]) -> None:
    """Let a function handle the signals that stop, those that are not ignored."""
    for number in _STOPPING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    """Raises Stopped."""
    if _importing(frame):
        _leave(number)
    began = time.monotonic()

    def leave(number: int, _: FrameType | None) -> None:
        if time.monotonic() - began > _TOGETHER:
            _leave(number)

    _handle(leave)
    raise Stopped(number)


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: an exception there may become another one, or be lost."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave(number: int) -> NoReturn:
    """End the process without another word of Python."""
    tell_stopped(number)
    os._exit(128 + number)


def _leave_where_nothing_can_be_raised() -> None:
    """Let a signal that comes while an object is finalized end the process: raised there, it would be lost."""
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, Stopped):
            _leave(unraisable.exc_value.number)
        before(unraisable)

    sys.unraisablehook = hook


@contextmanager
def stopping_on_signals(begun: Callable[[], bool]) -> Iterator[list[int]]:
    """Signals are remembered, to stop a training at the end of an iteration. A second one raises `Stopped`.

    Until there is something to be saved, the first does, too.

    Args:
        begun: Whether an iteration has been trained.

    Yields:
        The signals so far, to which later ones are added.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in _STOPPING}
    first = 0.0

    def remember(number: int, frame: FrameType | None) -> None:
        """Note the signal. Raises Stopped for one after another, and where there is nothing to be saved."""
        nonlocal first
        now = time.monotonic()
        if received and now - first <= _TOGETHER:
            return
        received.append(number)
        if len(received) > 1 or not (begun() or _importing(frame)):
            _raise(number, frame)
        first = now

    _handle(remember)
    try:
        yield received
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is remember:  # not where one has come that ends the process
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
