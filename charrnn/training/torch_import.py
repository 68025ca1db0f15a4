"""torch, which training needs and nothing else: it takes long to import, and some machines have none."""

from __future__ import annotations

import importlib
import importlib.util

from charrnn import memory
from charrnn.errors import CharrnnError

_ADVICE = (
    "Install it: python -m pip install torch. Where there is none for this machine, sample, score, compare, report and "
    "runs work all the same."
)


def installed() -> bool:
    """Whether torch is there, be it in order or not."""
    try:
        return importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError):
        return False


def require(purpose: str = "training") -> None:
    """See that torch is there, without importing it. Raises CharrnnError, which says what needs it."""
    if not installed():
        raise CharrnnError(f"{purpose} needs torch, which is not installed.", _ADVICE)


def import_torch(purpose: str = "training") -> None:
    """Import torch. Raises CharrnnError if it is not there, or is broken."""
    require(purpose)
    try:
        importlib.import_module("torch")
    except (ImportError, OSError, MemoryError) as error:  # OSError: a library of the system that it needs
        if memory.ran_out(error) or "failed to map segment" in str(error):
            raise CharrnnError(
                "memory: there is not enough to import torch.", "Close other programs, or raise `ulimit -v`."
            ) from None
        raise CharrnnError(f"torch is installed, and cannot be imported ({error}).", "Install it again.") from None
