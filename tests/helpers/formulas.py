"""What a network computes, by the formulas of the papers as torch has them, in float64, one character at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from charrnn.config import ModelConfig
from charrnn.network.hidden_unit import HiddenUnit


def step(
    config: ModelConfig, weights: Mapping[str, Tensor], layer: int, x: Tensor, h: Tensor, c: Tensor
) -> dict[str, Tensor]:
    """What one layer makes of x, h and c: `h`, gates by name, and `c` of an LSTM."""
    w_ih, w_hh, b_ih, b_hh = (
        weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    from_x, from_h = w_ih @ x + b_ih, w_hh @ h + b_hh
    if config.model == "lstm":
        i, f, g, o = (from_x + from_h).chunk(4)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        c = f * c + i * g
        return {"input": i, "forget": f, "output": o, "candidate": g, "c": c, "h": o * c.tanh()}
    if config.model == "gru":
        (r, z, n), (r_h, z_h, n_h) = from_x.chunk(3), from_h.chunk(3)
        r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        n = (n + r * n_h).tanh()
        return {"reset": r, "update": z, "candidate": n, "h": (1 - z) * n + z * h}
    total = from_x + from_h
    return {"h": total.relu() if config.nonlinearity == "relu" else total.tanh()}


def read(
    config: ModelConfig,
    weights: Mapping[str, Any],
    ids: Sequence[int],
    held: Mapping[HiddenUnit, float] | None = None,
) -> tuple[list[list[dict[str, Tensor]]], Tensor]:
    """Read ids, with units held at values after each.

    Returns:
        [T][layer] what each layer makes of each, and the log-probabilities (T, V).
    """
    weights = {name: torch.from_numpy(value).double() for name, value in weights.items()}
    zero = torch.zeros(config.rnn_size, dtype=torch.float64)
    state = [{"h": zero, "c": zero} for _ in range(config.num_layers)]
    seen, rows = [], []
    for index in ids:
        if config.embedding_size:
            x = weights["embedding.weight"][index] * (config.embedding_size**0.5 if config.tied else 1)
        else:
            x = torch.eye(len(weights["head.bias"]), dtype=torch.float64)[index]
        residual = zero
        for layer in range(config.num_layers):
            made = step(config, weights, layer, x, state[layer]["h"], state[layer].get("c", zero))
            for cell in (True, False):  # an output is made of the cell state
                for unit, value in (held or {}).items():
                    if unit.layer == layer + 1 and unit.cell is cell:
                        made["c" if cell else "h"][unit.number - 1] = value
                if cell and "c" in made:
                    made["h"] = made["output"] * made["c"].tanh()
            state[layer] = made
            residual = residual + made["h"] if config.residual and layer else made["h"]
            x = residual
            if config.layer_norm:
                gain, bias = weights[f"norms.{layer}.weight"], weights[f"norms.{layer}.bias"]
                x = torch.nn.functional.layer_norm(x, x.shape, gain, bias)
        if config.projected:
            x = weights["projection.weight"] @ x
        rows.append(weights["embedding.weight" if config.tied else "head.weight"] @ x + weights["head.bias"])
        seen.append([dict(made) for made in state])
    return seen, torch.stack(rows).log_softmax(-1)
