"""What the whole training loop costs over the bare model: forward, backward, step, on the same windows.

    python bench/loop.py

The loop is what `charrnn train` runs: windows cut, rate set, norm measured, clipped, checked, events, metrics.jsonl
written, lines shown; evaluations and snapshots are left out, being work of their own. The two take turns in one
process, in blocks of a few iterations; each pair of blocks gives one ratio.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from charrnn import threads

ROUNDS, BLOCK = 100, 4  # short turns, so that the machine is the same for both


def main() -> None:
    count = threads.prepare()
    import torch

    torch.set_flush_denormal(True)
    from charrnn import corpus, runs
    from charrnn.config import ModelConfig, TrainConfig
    from charrnn.model import CharModel, detached
    from charrnn.optimisation import Optimisation
    from charrnn.progress import Display
    from charrnn.recording import record
    from charrnn.training import Training

    letters = np.random.default_rng(0).integers(32, 97, 1_100_000)
    text = corpus.from_text("".join(map(chr, letters.tolist())))
    print(f"{count} threads, torch {torch.__version__}; {ROUNDS} rounds of {BLOCK} iterations each")
    print("| model | batch x sequence | bare, char/s | loop, char/s | loop / bare time, median (quartiles) |")
    print("|---|---|---|---|---|")
    for cell, layers, width, batch, length in (
        ("lstm", 2, 192, 16, 64),
        ("lstm", 2, 128, 50, 50),
        ("gru", 2, 128, 50, 50),
    ):
        model_config = ModelConfig(model=cell, num_layers=layers, rnn_size=width)  # type: ignore[arg-type]
        config = TrainConfig(
            batch_size=batch, seq_length=length, iterations=10**6, eval_every=0, snapshot_at=(), learning_rate=1e-3
        )
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            training = Training(text, model_config, config)
            run = runs.create(Path(folder), None, "bench")
            display = Display(training, run)
            loop = record(training, run)

            model = CharModel(model_config, len(training.vocabulary), seed=1)
            optimizer = Optimisation(model, config, torch.device("cpu")).optimizer
            state = model.zero_state(batch)
            bare_times, loop_times = [], []
            for number in range(ROUNDS + 10):
                windows = [training.streams[number * BLOCK + i] for i in range(BLOCK)]
                tensors = [(torch.from_numpy(w.inputs), torch.from_numpy(w.targets)) for w in windows]

                began = time.perf_counter()
                for inputs, targets in tensors:
                    optimizer.zero_grad(set_to_none=True)
                    loss, state = model.loss(inputs, targets, state)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    state = detached(state)
                middle = time.perf_counter()
                for _ in range(BLOCK):
                    display.show(next(loop))
                bare, whole = middle - began, time.perf_counter() - middle
                if number >= 10:  # the first rounds warm up
                    bare_times.append(bare)
                    loop_times.append(whole)
            loop.close()  # type: ignore[attr-defined]
        ratios = [b / a for a, b in zip(bare_times, loop_times, strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        per_block = BLOCK * batch * length
        print(
            f"| {cell} {layers}x{width} | {batch} x {length} | {per_block / statistics.median(bare_times):,.0f} "
            f"| {per_block / statistics.median(loop_times):,.0f} "
            f"| {median:.3f} ({low:.3f} to {high:.3f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
