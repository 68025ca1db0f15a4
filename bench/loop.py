"""What the whole training loop costs over bare torch modules: forward, backward, step, on the same windows.

    python bench/loop.py

Bare is nn.Embedding, nn.LSTM or nn.GRU of all layers at once, nn.Linear and fused AdamW, as a notebook would have them.
The loop is what `charrnn train` runs: windows cut, rate set, norm measured, clipped, checked, events, metrics.jsonl
written, lines shown; evaluations and snapshots are left out, being work of their own. It trains the same network, and
once more with the residual connections and layer norms that `charrnn train` adds by default and bare has not.

The two take turns in one process, in blocks of a few iterations; each pair of blocks gives one ratio. The peak is that
of a product of two 1024 x 1024 matrices on all threads in the same precision, measured between the turns; what is
shared of it are six operations for each weight in a matrix and character.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.training import threads

ROUNDS, WARM, BLOCK = 30, 5, 4  # short turns, so that the machine is the same for both


def peak(torch: Any, dtype: Any) -> float:
    """Operations a second of a large matrix product."""
    a = torch.ones(1024, 1024, dtype=dtype)
    a @ a
    began = time.perf_counter()
    for _ in range(4):
        a @ a
    return 4 * 2 * 1024**3 / (time.perf_counter() - began)


def main() -> None:
    count = threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.runs.creation import create_run
    from charrnn.terminal.progress import Display
    from charrnn.text import corpus
    from charrnn.training.checkpointing import record
    from charrnn.training.trainer import Trainer

    letters = np.random.default_rng(0).integers(32, 97, 1_100_000)
    text = corpus.from_text("".join(map(chr, letters.tolist())))
    print(f"{count} threads, torch {torch.__version__}; {ROUNDS} rounds of {BLOCK} iterations each")
    print("| network | batch x sequence | precision | bare, char/s | loop, char/s | loop / bare time | loop, of peak |")
    print("|---|---|---|---|---|---|---|")
    kinds: dict[str, Any] = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    for cell, width, batch, length, precision, more in (
        ("lstm", 256, 64, 64, "float32", False),
        ("lstm", 256, 64, 64, "bfloat16", False),
        ("lstm", 256, 64, 64, "bfloat16", True),
        ("lstm", 512, 32, 64, "float32", False),
        ("lstm", 512, 32, 64, "bfloat16", False),
        ("lstm", 128, 50, 50, "float32", False),
        ("gru", 128, 50, 50, "float32", False),
    ):
        network: dict[str, Any] = {"model": cell, "rnn_size": width, "residual": more, "layer_norm": more}
        learning: dict[str, Any] = {"batch_size": batch, "seq_length": length, "precision": precision}
        learning |= {"iterations": 10**6, "eval_every": 0, "snapshot_at": (), "learning_rate": 1e-3}
        model_config, config = ModelConfig(**network).completed(), TrainConfig(**learning).completed()
        dtype = getattr(torch, precision)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            training = Trainer(text, model_config, config, device="cpu")
            run = create_run(Path(folder), None, "bench")
            display = Display(training, run)
            loop = record(training, run)

            size = len(training.vocabulary)
            embedding, head = torch.nn.Embedding(size, 64), torch.nn.Linear(width, size)
            stack = kinds[cell](64, width, num_layers=2)
            weights = [*embedding.parameters(), *stack.parameters(), *head.parameters()]
            optimizer = torch.optim.AdamW(weights, lr=1e-3, fused=True)
            zeros = torch.zeros(2, batch, width)
            state: Any = (zeros, zeros) if cell == "lstm" else zeros
            peaks: list[float] = []
            bare_times, loop_times = [], []
            for number in range(ROUNDS + WARM):
                windows = [training.streams[number * BLOCK + i] for i in range(BLOCK)]
                tensors = [(torch.from_numpy(w.inputs), torch.from_numpy(w.targets)) for w in windows]

                began = time.perf_counter()
                for inputs, targets in tensors:
                    optimizer.zero_grad(set_to_none=True)
                    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                        outputs, state = stack(embedding(inputs.t()), state)
                        logits = head(outputs).float()
                    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.t().flatten())
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    state = tuple(part.detach() for part in state) if cell == "lstm" else state.detach()
                middle = time.perf_counter()
                for _ in range(BLOCK):
                    display.show(next(loop))
                bare, whole = middle - began, time.perf_counter() - middle
                if number >= WARM:  # the first rounds warm up
                    peaks.append(peak(torch, dtype))
                    bare_times.append(bare)
                    loop_times.append(whole)
            loop.close()
        ratios = [b / a for a, b in zip(bare_times, loop_times, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        per_block, rate = BLOCK * batch * length, statistics.median(loop_times)
        operations = 6 * sum(weight.numel() for weight in training.model.parameters() if weight.dim() > 1)
        share = operations * per_block / rate / statistics.median(peaks)
        speeds = f"{per_block / statistics.median(bare_times):,.0f} | {per_block / rate:,.0f}"
        print(
            f"| {cell} 2 x {width}{', with norms' if more else ''} | {batch} x {length} | {precision} | {speeds} "
            f"| {median:.3f} ({low:.3f} to {high:.3f}) | {share:.0%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
