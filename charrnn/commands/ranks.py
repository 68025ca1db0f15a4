"""A command in processes that torchrun has started: the first tells, the others are silent, errors come once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import NoReturn

import typer

from charrnn.commands.notes import tell
from charrnn.commands.signals import Stopped
from charrnn.errors import CharrnnError, RankError, UsageError
from charrnn.training.rank_place import Place
from charrnn.training.ranks import Ranks

_TURN = 3.0  # seconds in which the first rank tells what all have met with
_POLL = 0.05


@contextmanager
def first_tells() -> Iterator[None]:
    """Let nothing that a rank writes to its standard streams be seen, unless it is the first. Raises UsageError."""
    if Place.of().first:
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def only_first() -> None:
    """End a verb that one process does in all ranks but the first. Raises Exit."""
    if not Place.of().first:
        raise typer.Exit


def tell_failure(failure: CharrnnError) -> None:
    """Say why a command has failed, before its ranks have met: all fail alike, and the first is heard."""
    try:
        place = Place.of()
    except UsageError:  # which is what is said: of the environment
        place = Place()
    if not place.first:
        time.sleep(_TURN)  # torchrun ends this process when the first has ended
    tell(failure, prefix=_prefix(f"rank {place.rank}", place))


@contextmanager
def together(patience: float, threads: int | None) -> Iterator[Ranks]:
    """This process among those that train together, which have met; by itself, it alone.

    Args:
        patience: Seconds that they wait for one another.
        threads: CPU threads of each.

    Raises:
        RankError: One does not come.
        typer.Exit: With its exit code, for a CharrnnError, once it has been told.
    """
    place = Place.of()
    if place.alone:
        yield Ranks(place)
        return
    _import_torch(threads)
    import torch

    if not torch.distributed.is_available():
        raise RankError("torch: this build of it has no torch.distributed.", "Install another, or leave torchrun out.")
    from charrnn.training.arrival import arrive

    ranks = arrive(place, patience)
    assert ranks.watch is not None
    ranks.watch.on_silence = lambda error: _leave(ranks, error)
    try:
        yield ranks
    except CharrnnError as error:
        _tell(ranks, error)
        raise typer.Exit(error.exit_code) from None
    except Stopped as stopped:
        if place.first:
            raise
        raise SystemExit(stopped.code) from None
    finally:
        with suppress(RuntimeError):  # the store is gone
            ranks.watch.close()
    ranks.close()


def _import_torch(threads: int | None) -> None:
    """Import torch, set up for so many threads."""
    from charrnn.training import threads as openmp
    from charrnn.training import torch_import

    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # what ends a training is told in a line
    openmp.prepare(threads)
    torch_import.import_torch()


def _prefix(name: str, place: Place) -> str:
    return "charrnn: " if place.first else f"charrnn: {name}: "


def _tell(ranks: Ranks, error: CharrnnError) -> None:
    """Say why this rank ends, unless another has said the same; or why all do, and this is only what follows."""
    place, watch, line = ranks.place, ranks.watch, str(error)
    assert watch is not None
    follows = isinstance(error, RankError) and watch.failed
    if follows and watch.heard:
        return
    with suppress(RuntimeError):  # the store is gone
        deadline = time.monotonic() + _TURN
        said = watch.told()
        while said is None and not place.first and time.monotonic() < deadline:
            time.sleep(_POLL)
            said = watch.told()
        if said is not None and (said == line or follows):
            watch.leave()
            return
        if place.first:
            tell(line)
            watch.tell_first(line)
            watch.await_others()
            return
        watch.tell_first(line)
    with redirect_stderr(sys.__stderr__):
        tell(line, prefix=_prefix(watch.name(place.rank), place))
        sys.stderr.flush()


def _leave(ranks: Ranks, error: RankError) -> NoReturn:
    """End the process for a rank that does not answer, from a thread: the main one waits for it."""
    _tell(ranks, error)
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(error.exit_code)
