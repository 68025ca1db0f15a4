"""Threads and OpenMP's way of waiting: settings that only count before torch is imported."""

from __future__ import annotations

import os
import sys

# libgomp's idle threads spin. Without a bound, two trainings on the same cores starve each other; put to sleep at
# once, a single training loses its cores' clock between kernels. A bounded spin is in between: see bench/threads.py.
_SPINS = "20000"


def available() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare(threads: int | None = None) -> int:
    """Set OpenMP up for this process and return the number of threads. Whatever the user has set is left alone.

    Call it before the first import of torch; later it can only fix the number of threads, not the waiting.
    """
    theirs = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # a list is for nested regions
    chosen = threads or int(theirs if theirs.isdecimal() else 0) or available()
    if "torch" not in sys.modules:
        if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ):
            os.environ["GOMP_SPINCOUNT"] = _SPINS
        if str(chosen) != theirs:
            os.environ["OMP_NUM_THREADS"] = str(chosen)
    return chosen
