"""What share of a processor's peak a GRU and a plain RNN train at, of torch's modules and as charrnn does, and an LSTM.

    python bench/cells.py

Forward and backward of a whole network of two layers, the rows of a batch divided among threads as in `charrnn train`.
All take turns in one process, one window each. The peak is that of bench/loop.py; what is shared of it are six
operations for each weight in a matrix and character. A ratio is of a round: the share of the cell to that of the LSTM.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np
from loop import peak

from charrnn.training import threads

V, LENGTH, WARM = 96, 64, 3


def main() -> None:
    parser = argparse.ArgumentParser(description="GRU and plain RNN against an LSTM, as shares of the peak.")
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 64], help="rows of a window")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    count = threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    print(
        f"{count} threads, torch {torch.__version__}; {options.rounds} rounds of a window of {LENGTH} characters each"
    )
    print("| network | batch | precision | cell | of peak | torch's module, of peak | share to the LSTM's |")
    print("|---|---|---|---|---|---|---|")
    for width in options.widths:
        for batch in options.batch:
            for dtype in (torch.float32, torch.bfloat16):
                compare(torch, width, batch, dtype, count, options.rounds)


def compare(torch: Any, width: int, batch: int, dtype: Any, count: int, rounds: int) -> None:
    """Print the cells of one width in one precision."""
    from charrnn.config import ModelConfig
    from charrnn.network.torch_model import CharModel, detached
    from charrnn.training.data_parallel import DataParallel
    from charrnn.training.windows import Window

    rng = np.random.default_rng(0)
    ids = rng.integers(0, V, (batch, LENGTH + 1))
    window = Window(ids[:, :-1], ids[:, 1:], np.ones(batch, dtype=np.bool_), batch * LENGTH)
    passes: dict[str, DataParallel] = {}
    for name in ("lstm", "gru", "gru module", "tanh", "tanh module", "relu", "relu module"):
        cell = name.split()[0]
        settings: dict[str, Any] = (
            {"model": cell} if cell in ("lstm", "gru") else {"model": "rnn", "nonlinearity": cell}
        )
        model = CharModel(ModelConfig(rnn_size=width, **settings).completed(), V)
        if name.endswith("module"):
            model._cpu_kernel = None
        passes[name] = DataParallel(
            model, list(model.parameters()), batch_size=batch, threads=count, seed=0, dtype=dtype
        )
    states = {name: each.model.zero_state(batch) for name, each in passes.items()}
    speeds: dict[str, list[float]] = {name: [] for name in passes}  # operations a second, of the peak
    for number in range(WARM + rounds):
        at_most = peak(torch, dtype)
        for name, each in passes.items():
            began = time.perf_counter()
            states[name] = detached(each.backward(window, states[name], number).state)
            spent = time.perf_counter() - began
            operations = 6 * sum(weight.numel() for weight in each.parameters if weight.dim() > 1) * batch * LENGTH
            if number >= WARM:
                speeds[name].append(operations / spent / at_most)
    for name in ("lstm", "gru", "tanh", "relu"):
        ratios = [ours / theirs for ours, theirs in zip(speeds[name], speeds["lstm"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        module = f"{statistics.median(speeds[f'{name} module']):.0%}" if name != "lstm" else ""
        precision = str(dtype).removeprefix("torch.")
        print(
            f"| 2 x {width} | {batch} | {precision} | {name} | {statistics.median(speeds[name]):.0%} | {module} "
            f"| {middle:.2f} ({low:.2f} to {high:.2f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
