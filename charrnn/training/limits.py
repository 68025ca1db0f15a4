"""What holds a training back, or ends it, where more text, more devices or a larger network are asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from charrnn.formatting import duration, plural, size
from charrnn.training.cost_model import Devices, IterationCost

_WORTH_TELLING = 0.15  # share of the time, from which it is said
_FEW_ROWS = 4  # of a thread, below which a product reaches a small part of what large ones do


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One thing that does, and how much of it."""

    name: str
    share: float  # of the time, that goes into it; 1 and more: of what there is, that it takes
    what: str  # in a sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What decides."""

    devices: Devices
    rows: int  # of a device
    threads: int  # that share a device's rows
    iteration: IterationCost
    waiting: float  # share of `iteration.backward` in which steps of a GPU wait; 0: not known
    gradients: int  # bytes
    iterations: int
    epoch: int  # iterations
    memory: int | None  # bytes that a device takes at most; None: it cannot be told
    memory_there: int | None  # bytes that it has
    evaluation_seconds: float = 0.0  # of all evaluations
    snapshot_seconds: float = 0.0  # of all snapshots
    start_seconds: float = 0.0  # before the first iteration
    disk: int = 0  # bytes that are written
    disk_free: int | None = None


def limits(at: Circumstances) -> tuple[Limit, ...]:
    """What breaks first, the worst first; nothing where all is well."""
    return tuple(sorted((*_walls(at), *_brakes(at)), key=lambda limit: -limit.share))


def _walls(at: Circumstances) -> Iterator[Limit]:
    """What ends a training."""
    if at.memory is not None and at.memory_there is not None and at.memory > at.memory_there:
        yield Limit(
            name="memory",
            share=at.memory / at.memory_there,
            what=f"a device takes {size(at.memory)} of memory and has {size(at.memory_there)}: fewer streams, shorter "
            "windows, a smaller network, or more devices.",
        )
    if at.disk_free is not None and at.disk > at.disk_free:
        yield Limit(
            name="disk",
            share=at.disk / max(1, at.disk_free),
            what=f"{size(at.disk)} are written and {size(at.disk_free)} are free: --keep last:5,best keeps fewer "
            "snapshots, and CHARRNN_CACHE_DIR moves the encoded text.",
        )


def _brakes(at: Circumstances) -> Iterator[Limit]:
    """What takes more of the time than it should, or leaves the text unread."""
    iterating = at.iterations * at.iteration.seconds
    whole = at.start_seconds + iterating + at.evaluation_seconds + at.snapshot_seconds
    shares = {
        "gradients": at.iterations * at.iteration.all_reduce / whole,
        "evaluation": at.evaluation_seconds / whole,
        "snapshots": at.snapshot_seconds / whole,
        "start": at.start_seconds / whole,
        "update": at.iterations * at.iteration.update / whole,
        "rows": at.waiting * at.iterations * at.iteration.backward / whole,
    }
    few = f"{plural(at.rows, 'stream')} a device" + (f", {at.threads} threads" if at.threads > 1 else "")
    sentences = {
        "gradients": f"adding up {size(at.gradients)} of gradients: fewer devices, or more characters an iteration "
        "(--batch-size, --seq-length).",
        "evaluation": "reading the held-out text: --eval-every with more iterations, or a smaller --val-max.",
        "snapshots": "samples and files of snapshots: fewer of them, or a shorter --sample-length.",
        "start": "reading the text and starting; a text that was read before lies in the cache.",
        "update": "the optimizer's update: more characters an iteration (--batch-size, --seq-length), or adamw.",
        "rows": f"waiting for weights and kernels, with {few}: more streams (--batch-size) cost next to no time.",
    }
    for name, share in shares.items():
        if share >= _WORTH_TELLING:
            yield Limit(name=name, share=share, what=f"{share:.0%} of the time is {sentences[name]}")
    if not at.waiting and at.devices.card is None and at.rows < _FEW_ROWS * at.threads:
        yield Limit(
            name="rows",
            share=_WORTH_TELLING,
            what=f"{few}: products of so few rows reach a small part of what a core can do.",
        )
    if at.iterations < at.epoch:
        each = at.iteration.seconds
        yield Limit(
            name="epoch",
            share=1 - at.iterations / at.epoch,
            what=f"{at.iterations / at.epoch:.2g} of the text is read: all of it once takes {at.epoch:,} iterations, "
            f"{duration(at.epoch * each)}.",
        )
