"""Where a training computes."""

from __future__ import annotations

import sys

import torch

from charrnn.errors import UsageError


def choose_device(name: str) -> torch.device:
    """The device to train on, where float32 is float32: on CUDA cuDNN's layers would keep 10 of its 23 bits (TF32).

    Args:
        name: One of cpu, cuda and mps; or auto: CUDA where there is one, else the CPU. MPS must be asked for.

    Returns:
        A device that is there.

    Raises:
        UsageError: There is no such device, or not on this machine.
    """
    name = name.lower()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name not in available:
        raise UsageError(f"--device {name}: there is no such device.", "Choose auto, cpu, cuda or mps.")
    if not available[name]:
        raise UsageError(f"--device {name}: there is none on this machine.", "Use --device auto.")
    torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 in hardware."""
    if device.type == "cpu":
        capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported())


def peak_memory() -> int | None:
    """Bytes of memory that this process has had at most; None on a system that does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_device_memory(device: torch.device) -> int | None:
    """Bytes of a GPU's own memory that this process has had at most; None of other devices."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
