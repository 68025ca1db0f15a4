"""Threads, OpenMP's way of waiting, and memory: settings of the process that only count before torch is imported."""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from pathlib import Path

from charrnn import control_groups
from charrnn.errors import UsageError
from charrnn.formatting import plural
from charrnn.training.rank_place import Place

# libgomp's idle threads spin. Without a bound, two trainings on the same cores starve each other; put to sleep at
# once, a single training loses its cores' clock between kernels. A bounded spin is in between: see bench/threads.py.
_SPINS = "20000"

# Of glibc's malloc.h. By itself it returns what an iteration frees, and takes it back page by page in the next: five
# thousand faults an iteration of the default network, a tenth of its time.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MEMORY = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 1 << 30, _TOP_PAD: 64 << 20}  # the first is the most it takes


_MANY = 256  # threads that a training may always have: a run of a large machine goes on elsewhere with as many


def cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(root: Path = Path("/")) -> float | None:
    """Cores whose time the control groups of this process leave it, be it a container's, Slurm's or systemd's.

    Args:
        root: Where `proc` and `sys` are.

    Returns:
        The least of its own group's and of those that it lies in; None where there is no quota.
    """
    shares = []
    for group in control_groups.bounding("cpu", root):
        of_version_1 = (control_groups.read(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        said = control_groups.read(group / "cpu.max") or " ".join(of_version_1)
        if numbers := re.fullmatch(r"(\d+)\s+([1-9]\d*)\s*", said):  # "max" and -1 are none
            shares.append(int(numbers[1]) / int(numbers[2]))
    return min(shares, default=None)


def available() -> int:
    """Cores this process may use: those it may run on, or as many as its quota lasts for.

    A quota is rounded down, as Rust and Go's automaxprocs do: more threads than it lasts for are all stopped in the
    middle of an iteration until its next period. At 1.5 cores two threads are hardly faster than one (bench/quota.py).
    """
    share = quota()
    return cores() if share is None else max(1, min(cores(), int(share)))


def default() -> int:
    """Threads where none are asked for: as OMP_NUM_THREADS says, or one for each core, which ranks share."""
    return _of_environment() or max(1, available() // Place.of().local_size)


def prepare(threads: int | None = None) -> int:
    """Set OpenMP and memory up for this process. What the user has set in the environment is left alone.

    Call it before the first import of torch; later it can only fix the number of threads, not the waiting.

    Args:
        threads: How many; None: the default.

    Returns:
        The number of threads.

    Raises:
        UsageError: So many were asked for that the system would not start them.
    """
    chosen = threads or default()
    _require_startable(chosen, "--threads" if threads else "OMP_NUM_THREADS")
    if "torch" not in sys.modules:
        if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
            os.environ["GOMP_SPINCOUNT"] = _SPINS
        if chosen != _of_environment():
            os.environ["OMP_NUM_THREADS"] = str(chosen)
        # cuDNN's recurrent kernels add up in the same order each time only so (PyTorch's notes on reproducibility).
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:2")
        if not any(name.startswith("MALLOC_") for name in os.environ):
            _keep_memory()
    return chosen


def remarks(threads: int | None) -> list[str]:
    """What whoever trains should know of the cores that there are, if anything; told by one rank of each machine.

    Args:
        threads: As for `prepare`, before which it is called.
    """
    place = Place.of()
    if place.local_rank != 0:
        return []
    notes, share, usable = [], quota(), available()
    if usable < cores() and share is not None and not threads and not _of_environment():
        lasts = f"The CPU quota of this container or job lasts for {share:g} of {plural(cores(), 'core')}"
        notes.append(f"{lasts}: {plural(default(), 'thread')} (--threads N takes another number).")
    if place.local_size > usable:
        waiting = f"{place.local_size} ranks on {plural(usable, 'core')} of this machine wait for each other"
        notes.append(f"{waiting}: on CPUs more than {usable} are only slower (--nproc-per-node {usable}).")
    return notes


def _of_environment() -> int:
    """OMP_NUM_THREADS as the user has set it; 0 if it is no number, or the 1 that torchrun sets for several ranks."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()[:9]  # a list is for nested regions
    count = int(said) if said.isdecimal() else 0
    return 0 if count == 1 and Place.of().local_size > 1 else count


def _require_startable(count: int, said: str) -> None:
    """Raises UsageError for more threads than are of use, or than the system starts: OpenMP would end the process."""
    usable = available()
    if count <= usable:
        return
    most, threads, done = max(_MANY, 4 * usable), list[threading.Thread](), threading.Event()
    if count > most:
        raise UsageError(f"{said} {count}: at most {most} on {plural(usable, 'core')}.", "More are only slower.")
    try:
        for _ in range(count):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:
        raise UsageError(f"{said} {count}: the system starts no more than {len(threads)}.", "Take fewer.") from None
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _keep_memory() -> None:
    """Let the process keep the memory that it frees, where the C library is glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return
    for parameter, value in _MEMORY.items():
        mallopt(parameter, value)
