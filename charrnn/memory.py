"""Memory, asked for before it is taken: a system that has none left ends processes rather than refuse it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from charrnn import control_groups
from charrnn.errors import UsageError
from charrnn.formatting import size

_ROOT = Path("/")  # where `proc` and `sys` are


def available() -> int | None:
    """Bytes of memory that this process could still take; None where nothing tells.

    The least of what the system has free, of what the control groups of a container leave, and of `ulimit -v`.
    """
    return min(_bounds(), default=None)


def require(needed: int, what: str, advice: str) -> None:
    """Refuse what would take more memory than there is.

    Args:
        needed: Bytes that it takes at least.
        what: It, as a sentence begins: `--count 1000000`.
        advice: What would take less.

    Raises:
        UsageError: There is less.
    """
    if needed > _UNASKED and (free := available()) is not None and needed > free:
        raise UsageError(f"{what}: takes {size(needed)} of memory or more, and {size(free)} are free.", advice)


def ran_out(error: Exception) -> bool:
    """Whether an error says that there is no more memory, be it Python's, NumPy's or torch's, or a GPU's."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "allocate memory" in str(error)


_UNASKED = 50_000_000  # bytes, up to which it is not worth asking: Python with NumPy takes as much


def _bounds() -> Iterator[int]:
    """What each that tells leaves."""
    free = _numbers(_ROOT / "proc/meminfo", r"^(?:MemAvailable|SwapFree): *(\d+) kB")
    if free:
        yield sum(free) * 1024
    elif sys.platform != "win32" and {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # all there is, free or not
    for group in control_groups.bounding("memory", _ROOT):
        most = _numbers(group / "memory.max", r"^(\d+)") or _numbers(group / "memory.limit_in_bytes", r"^(\d+)")
        # What files keep in memory is given up when it is needed.
        used = _numbers(group / "memory.stat", r"^(?:anon|rss) (\d+)$")
        if most and used:
            yield max(0, most[0] - used[0])
    if sys.platform == "win32":
        return
    import resource

    most_mapped, mapped = resource.getrlimit(resource.RLIMIT_AS)[0], _numbers(_ROOT / "proc/self/statm", r"^(\d+)")
    if most_mapped != resource.RLIM_INFINITY and mapped:
        yield max(0, most_mapped - mapped[0] * resource.getpagesize())


def _numbers(path: Path, pattern: str) -> list[int]:
    """The numbers that a file of the system says; [] if there is no such file, or no such line in it."""
    return [int(number) for number in re.findall(pattern, control_groups.read(path), re.MULTILINE)]
