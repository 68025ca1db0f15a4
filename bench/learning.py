"""What `charrnn train TEXT --time T` reaches by itself: held-out loss after so much time, with no other option.

    python bench/learning.py tinyshakespeare.txt --time 60s 180s --seeds 3
    python bench/learning.py tinyshakespeare.txt --time 180s --keep checkpoints --option=--preset=small

Every training is the command itself, in a process of its own, one after the other. `trained` are the seconds from its
first iteration to its end, held-out losses and snapshots on the way included; `command` those of the whole process. The
loss is of the last model, over the last tenth of the text: carried, in one pass with the state carried from 512
characters before it; cold, in windows of 256 that begin with a zero state, as a transformer with that context has it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from charrnn.training import threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, nargs="?", help="default: the bundled novel")
    parser.add_argument("--time", nargs="+", default=["60s"])
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 1")
    parser.add_argument("--option", action="append", default=[], help="more options of train: --option=--preset=small")
    parser.add_argument("--dynamic", type=float, metavar="RATE", help="dynamic evaluation too, an extra: other rules")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the runs, for bench/picture.py")
    arguments = parser.parse_args()
    threads.prepare()
    import torch
    from losses import cold_loss, dynamic_loss

    from charrnn.network.torch_model import CharModel
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_run
    from charrnn.text import corpus, known_texts
    from charrnn.training.validation import held_out_loss

    torch.set_flush_denormal(True)
    source = arguments.text or known_texts.bundled()
    text = corpus.read(source)
    print(f"{text.name}: {len(text):,} characters; {torch.get_num_threads()} threads, torch {torch.__version__}\n")
    dynamic = ["dynamic"] * (arguments.dynamic is not None)
    columns = ["time", "seed", "network", "iterations", "epochs", "trained", "command", "carried", "cold 256", *dynamic]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)
    means = []
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.keep or Path(scratch)
        for budget in arguments.time:
            losses = []
            for seed in range(1, arguments.seeds + 1):
                name = f"{text.name.removesuffix('.txt')}-{budget}-{seed}"
                command = [sys.executable, "-m", "charrnn", "train", str(source), "--time", budget, "--seed", str(seed)]
                command += ["--checkpoint-dir", str(root), "--name", name, *arguments.option]
                began = time.perf_counter()
                done = subprocess.run(
                    command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
                )
                seconds = time.perf_counter() - began
                if done.returncode:
                    sys.exit(done.stderr)
                run = find_run(Path(name), root)
                elapsed = checkpoint.load(run.resume_path).header.progress["elapsed"]
                last = checkpoint.load(max(run.path.glob("iteration-*.safetensors")))
                header = last.header
                model = CharModel(header.model, len(header.vocabulary))
                model.load_weights(last.weights)
                split = text.split(header.training.val_frac, header.training.val_max)
                spans = split.held_out
                measured = [held_out_loss(model, text.ids, spans, streams=1), cold_loss(model, text.ids, spans)]
                losses.append(measured[:2])
                if dynamic:
                    measured.append(dynamic_loss(model, text.ids, spans, rate=arguments.dynamic))
                network = f"{header.model.model.upper()} {header.model.num_layers} x {header.model.rnn_size}"
                network += f", dropout {header.model.dropout:g}"
                epochs = header.characters / split.training_size
                figures = [f"{header.iteration:,}", f"{epochs:.1f}", f"{elapsed:.1f}", f"{seconds:.1f}"]
                row = [budget, str(seed), network, *figures, *(f"{loss:.4f}" for loss in measured)]
                print(f"| {' | '.join(row)} |", flush=True)
            carried, cold = zip(*losses, strict=True)
            means.append(
                f"{budget}: carried {statistics.mean(carried):.4f} ({min(carried):.4f} to {max(carried):.4f}), "
                f"cold {statistics.mean(cold):.4f} ({min(cold):.4f} to {max(cold):.4f})"
            )
    print("\nMean nats per character (least to most of the seeds)\n" + "\n".join(means))


if __name__ == "__main__":
    main()
