"""Many texts at once on an accelerator: the same texts as in NumPy, to float32 rounding, from the same interface."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.network.engine import Engine, State, Writers
from charrnn.network.numpy_cells import Array, Weights
from charrnn.network.torch_model import CharModel


class DeviceEngine(Engine):
    """An engine that reads on the CPU, as one text is read fastest, and writes several on a device."""

    def __init__(self, model: ModelConfig, weights: Weights, device: torch.device) -> None:
        super().__init__(model, weights)
        self.network = CharModel(model, len(self.table))
        self.network.load_weights(weights)
        self.network.to(device).eval()
        self.device = device

    def writers(self, state: State, texts: int) -> Writers:
        return _OnDevice(self, state, texts)


class _OnDevice:
    """The network's own pass, a character at a time; only logits leave the device, and only ids enter it."""

    def __init__(self, engine: DeviceEngine, state: State, texts: int) -> None:
        self.network, self.device = engine.network, engine.device
        carried = torch.from_numpy(state.carried).to(self.device)  # (layers, parts, H)
        self.state = tuple(tuple(part.expand(texts, -1).contiguous() for part in layer) for layer in carried)

    @torch.inference_mode()
    def consume(self, ids: NDArray[np.integer]) -> None:
        inputs = torch.from_numpy(ids.astype(np.int64)[:, None]).to(self.device)
        logits, self.state = self.network(inputs, self.state)
        self.last = logits[:, 0]

    def logits(self) -> Array:
        found: Array = self.last.float().cpu().numpy()
        return found
