"""The precision of the products in training: what a device can multiply in, and what it is fastest at."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache

import torch

from charrnn.config import Cell, ModelConfig, Precision, TrainConfig
from charrnn.errors import UsageError
from charrnn.network.torch_model import CharModel
from charrnn.training.devices import has_bfloat16
from charrnn.training.memory_needed import require_memory

_CHARACTERS = 100  # of the vocabulary in a trial: about what a text has
_WARMUP, _MEASURED = 3, 10  # passes


def choose_precision(model: ModelConfig, training: TrainConfig, device: torch.device) -> Precision:
    """The precision that a training is to have.

    Args:
        model: The network, none of whose settings is left to a preset.
        training: Its settings, likewise; but its precision may be auto: on a CPU bfloat16 if it has that in hardware
            (bench/settings.md), on a GPU the faster of float16 and bfloat16, which a trial tells, else float32.
        device: Where it is computed.

    Returns:
        One that is not auto.

    Raises:
        UsageError: The device cannot multiply in the one that is asked for, or has no memory for a trial.
    """
    asked = training.precision
    if asked == "auto":
        if device.type == "cuda":
            halves: tuple[Precision, ...] = ("float16", "bfloat16")
            there = tuple(half for half in halves if multiplies(half, device, model.model))
            return faster(model, training, device, there or ("float32",))
        return "bfloat16" if has_bfloat16(device) else "float32"
    if not multiplies(asked, device, model.model):
        raise UsageError(f"--precision {asked}: the {_name(device)} cannot train in it.", "Use --precision auto.")
    return asked


@lru_cache
def multiplies(precision: Precision, device: torch.device, cell: Cell) -> bool:
    """Whether a device trains such cells in a precision at all, which torch knows once it is asked to."""
    if precision == "float32":
        return True
    if precision == "float16" and device.type == "mps":  # was never tried there
        return False
    try:
        network = CharModel(ModelConfig(model=cell, rnn_size=8, embedding_size=8).completed(), _CHARACTERS).to(device)
        ids = torch.zeros(1, 1, dtype=torch.int64, device=device)
        with torch.autocast(device.type, dtype=getattr(torch, precision)):
            network.loss(ids, ids, network.zero_state(1))[0].backward()  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False
    return True


def faster(
    model: ModelConfig, training: TrainConfig, device: torch.device, candidates: tuple[Precision, ...]
) -> Precision:
    """Of these, the precision in which a device takes a network forwards and backwards in the least time.

    Raises:
        UsageError: The device has less memory than that takes.
    """
    require_memory(model, replace(training, precision=candidates[0]), _CHARACTERS, device)
    seconds = {precision: _seconds(model, training, device, precision) for precision in candidates}
    return min(candidates, key=lambda precision: seconds[precision])


def _seconds(model: ModelConfig, training: TrainConfig, device: torch.device, precision: Precision) -> float:
    """Of some passes, after some others."""
    network = CharModel(model, _CHARACTERS).to(device)
    inputs = torch.zeros(training.batch_size, training.seq_length, dtype=torch.int64, device=device)
    state = network.zero_state(training.batch_size)
    began = 0.0
    for number in range(_WARMUP + _MEASURED):
        if number == _WARMUP:
            _wait(device)
            began = time.perf_counter()
        with torch.autocast(device.type, dtype=getattr(torch, precision), enabled=precision != "float32"):
            loss, _ = network.loss(inputs, inputs, state)
        torch.autograd.grad(loss, list(network.parameters()))
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device) -> str:
    return "processor" if device.type == "cpu" else device.type.upper()
