"""Threads, OpenMP's way of waiting, and memory: settings of the process that only count before torch is imported."""

from __future__ import annotations

import ctypes
import os
import sys
import threading

from charrnn.errors import UsageError

# libgomp's idle threads spin. Without a bound, two trainings on the same cores starve each other; put to sleep at
# once, a single training loses its cores' clock between kernels. A bounded spin is in between: see bench/threads.py.
_SPINS = "20000"

# Of glibc's malloc.h. By itself it returns what an iteration frees, and takes it back page by page in the next: five
# thousand faults an iteration of the default network, a tenth of its time.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MEMORY = {_MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 1 << 30, _TOP_PAD: 64 << 20}  # the first is the most it takes


_MANY = 256  # threads that a training may always have: a run of a large machine goes on elsewhere with as many


def available() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare(threads: int | None = None) -> int:
    """Set OpenMP and memory up for this process. What the user has set in the environment is left alone.

    Call it before the first import of torch; later it can only fix the number of threads, not the waiting.

    Args:
        threads: How many; None: as OMP_NUM_THREADS says, or one for each core.

    Returns:
        The number of threads.

    Raises:
        UsageError: So many were asked for that the system would not start them.
    """
    theirs = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()[:9]  # a list is for nested regions
    chosen = threads or int(theirs if theirs.isdecimal() else 0) or available()
    _require_startable(chosen, "--threads" if threads else "OMP_NUM_THREADS")
    if "torch" not in sys.modules:
        if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
            os.environ["GOMP_SPINCOUNT"] = _SPINS
        if str(chosen) != theirs:
            os.environ["OMP_NUM_THREADS"] = str(chosen)
        if not any(name.startswith("MALLOC_") for name in os.environ):
            _keep_memory()
    return chosen


def _require_startable(count: int, said: str) -> None:
    """Raises UsageError for more threads than are of use, or than the system starts: OpenMP would end the process."""
    cores = available()
    if count <= cores:
        return
    most, threads, done = max(_MANY, 4 * cores), list[threading.Thread](), threading.Event()
    if count > most:
        raise UsageError(f"{said} {count}: at most {most} on {cores} cores.", "More are only slower.")
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
