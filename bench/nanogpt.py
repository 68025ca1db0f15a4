"""nanoGPT's own recipe for a CPU, on this machine: for the picture of loss against seconds.

    git clone https://github.com/karpathy/nanoGPT
    python bench/nanogpt.py nanoGPT tinyshakespeare.txt --keep checkpoints/nanogpt.json

It runs nanoGPT's train.py as its README says for CPUs, with a measurement every 250 iterations as its configuration
has it, and then measures the model it keeps over the whole last tenth in cold windows of its context. The seconds are
those since the command was started; nothing of charrnn is used but the thread count.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

# The command of nanoGPT's README, "I only have a macbook (or other cheap computer)".
RECIPE = (
    "--device=cpu --compile=False --eval_iters=20 --log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 "
    "--n_head=4 --n_embd=128 --max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep seconds and losses as JSON")
    arguments = parser.parse_args()

    text = arguments.text.read_text("utf-8")
    characters = sorted(set(text))
    ids = np.searchsorted(np.array(characters), np.array(list(text))).astype(np.uint16)
    split = int(len(ids) * 0.9)
    data = arguments.checkout / "data" / "shakespeare_char"
    ids[:split].tofile(data / "train.bin")
    ids[split:].tofile(data / "val.bin")
    known = {"itos": dict(enumerate(characters)), "stoi": {c: i for i, c in enumerate(characters)}}
    (data / "meta.pkl").write_bytes(pickle.dumps({"vocab_size": len(characters)} | known))

    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *RECIPE.split()]
    curve: list[tuple[float, float]] = []
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=arguments.checkout, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if measured := re.match(r"step (\d+): train loss ([\d.]+), val loss ([\d.]+)", line):
                curve.append((time.perf_counter() - began, float(measured[3])))
                print(f"{curve[-1][0]:6.1f} s  {line.strip()}", flush=True)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(process.returncode)

    import torch

    sys.path.insert(0, str(arguments.checkout))
    theirs = importlib.import_module("model")

    # weights_only=False: a pickle, but one that was made a moment ago by the command above
    trained = torch.load(arguments.checkout / "out-shakespeare-char" / "ckpt.pt", weights_only=False)
    model = theirs.GPT(theirs.GPTConfig(**trained["model_args"]))
    model.load_state_dict({name.removeprefix("_orig_mod."): value for name, value in trained["model"].items()})
    model.eval()
    width, held_out, total = trained["model_args"]["block_size"], torch.from_numpy(ids.astype(np.int64)), 0.0
    with torch.inference_mode():
        for at in range(split - 1, len(ids) - 1, width):
            targets = held_out[at + 1 : at + 1 + width]
            inputs = held_out[at : at + len(targets)]
            _, loss = model(inputs[None], targets[None])
            total += float(loss) * len(targets)
    mean = total / (len(ids) - split)
    print(f"{seconds:.1f} s; {mean:.4f} nats, {mean / math.log(2):.4f} bits per character in cold windows of {width}")
    if arguments.keep:
        arguments.keep.parent.mkdir(parents=True, exist_ok=True)
        arguments.keep.write_text(json.dumps({"curve": curve, "seconds": seconds, "cold": mean, "window": width}))


if __name__ == "__main__":
    main()
