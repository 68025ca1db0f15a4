"""GPUs by their data sheets, for plans of a training on one that is not here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charrnn.config import CardName

ATTAINED = 0.5  # of its data sheet's operations a second, that a large matrix product is assumed to attain
STEP = 5e-6  # seconds that a step of a recurrent layer is assumed to take at least, be its matrix as small as it may
CONTEXT = 600_000_000  # bytes that CUDA, cuDNN and the allocator are assumed to take beside a training's own


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """What a data sheet says of a GPU."""

    name: str
    half: float  # operations a second of bfloat16 and float16, dense (a sheet's figure "with sparsity" halved)
    single: float  # of float32
    memory: int  # bytes
    bandwidth: float  # of its memory, bytes a second
    link: float  # to the other GPUs of its node, bytes a second in one direction
    source: str


CARDS: Mapping[CardName, Card] = {
    "l4": Card(
        name="NVIDIA L4, 24 GB",
        half=121e12,
        single=30.3e12,
        memory=24 * 10**9,
        bandwidth=300e9,
        link=32e9,  # PCIe Gen4 x16, 64 GB/s in both directions
        source="https://www.nvidia.com/en-us/data-center/l4/",
    ),
    "a100": Card(
        name="NVIDIA A100 SXM, 80 GB",
        half=312e12,
        single=19.5e12,
        memory=80 * 10**9,
        bandwidth=2039e9,
        link=300e9,  # NVLink, 600 GB/s in both directions
        source="https://www.nvidia.com/en-us/data-center/a100/",
    ),
    "h100": Card(
        name="NVIDIA H100 SXM, 80 GB",
        half=989e12,
        single=67e12,
        memory=80 * 10**9,
        bandwidth=3350e9,
        link=450e9,  # NVLink, 900 GB/s in both directions
        source="https://www.nvidia.com/en-us/data-center/h100/",
    ),
    "h200": Card(
        name="NVIDIA H200 SXM, 141 GB",
        half=989e12,
        single=67e12,
        memory=141 * 10**9,
        bandwidth=4800e9,
        link=450e9,
        source="https://www.nvidia.com/en-us/data-center/h200/",
    ),
}
