"""A batch of sequences on an accelerator: the numbers of NumPy, to float32 rounding, from the same interface.

What is drawn by rules that `device_draws` knows is drawn there too, some characters of every sequence without the host
waiting for any of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.errors import UsageError
from charrnn.network.device_copy import to_device
from charrnn.network.device_draws import Rules, draw
from charrnn.network.engine import BatchDecoder, Engine, State
from charrnn.network.held_units import HeldUnit
from charrnn.network.numpy_cells import Array
from charrnn.network.numpy_weights import Weights
from charrnn.network.torch_model import CharModel


class DeviceEngine(Engine):
    """An engine that reads on the CPU, where one sequence is read fastest, and decodes a batch on a device."""

    def __init__(self, model: ModelConfig, weights: Weights, device: torch.device) -> None:
        """`weights` are named and shaped as `ModelConfig.shapes` has it; they are copied, to the device as well."""
        super().__init__(model, weights)
        self.network = CharModel(model, len(self.input_table))
        self.network.load_weights(weights)
        self.network.to(device).eval()
        self.device = device

    def holding(self, units: Mapping[str, float] | Sequence[HeldUnit]) -> Self:
        """Raises UsageError: the network's own pass on a device takes no orders."""
        held = ", ".join(map(str, units))
        raise UsageError(f"--set-unit {held}: held on a CPU, not on {self.device.type}.", "Leave out --device.")

    def batch_decoder(self, state: State, size: int) -> BatchDecoder:
        """A batch of `size` sequences on the device, all of them to go on from `state`."""
        return _TorchBatchDecoder(self, state, size)


class _TorchBatchDecoder:
    """The network's own pass, a character at a time; only logits leave the device, and only ids enter it."""

    def __init__(self, engine: DeviceEngine, state: State, size: int) -> None:
        self.network, self.device = engine.network, engine.device
        layers = torch.from_numpy(state.layers).to(self.device)  # (layers, parts, H)
        self.state = tuple(tuple(part.expand(size, -1).contiguous() for part in layer) for layer in layers)
        self.next_logits = torch.from_numpy(state.logits).to(self.device).expand(size, -1)

    @torch.inference_mode()
    def step(self, ids: NDArray[np.integer]) -> None:
        inputs = to_device(ids.astype(np.int64)[:, None], self.device)
        logits, self.state = self.network(inputs, self.state)
        self.next_logits = logits[:, 0]

    @torch.inference_mode()
    def draw(self, rules: Rules, uniform: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Draw some characters of every sequence, and read them.

        Args:
            rules: What stands between log-probabilities and draws.
            uniform: A number for each character of each sequence, (T, B), from 0 up to but not 1.

        Returns:
            Ids (T, B), and their log-probabilities before any rule, (T, B); NaN where the network computes no numbers.
        """
        exact = np.float32 if self.device.type == "mps" else np.float64
        below_one = np.minimum(uniform, np.nextafter(exact(1), exact(0))).astype(exact)
        drawn = list[tuple[torch.Tensor, torch.Tensor]]()
        for number in to_device(below_one, self.device):
            ids, log_probs = draw(self.next_logits, rules, number)
            drawn.append((ids, log_probs))
            logits, self.state = self.network(ids.unsqueeze(1), self.state)
            self.next_logits = logits[:, 0]
        all_ids, all_log_probs = (torch.stack(each).cpu().numpy() for each in zip(*drawn, strict=True))
        return all_ids, all_log_probs.astype(np.float64)

    def logits(self) -> Array:
        logits: Array = self.next_logits.float().cpu().numpy()
        return logits

    @torch.inference_mode()
    def restart(self, sequences: NDArray[np.integer], state: State) -> None:
        rows = torch.from_numpy(sequences.astype(np.int64)).to(self.device)
        layers = torch.from_numpy(state.layers).to(self.device)  # (layers, parts, H)
        for parts, values in zip(self.state, layers, strict=True):
            for part, value in zip(parts, values, strict=True):
                part[rows] = value.to(part.dtype)
