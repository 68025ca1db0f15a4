"""Held-out loss against seconds, as a picture: runs that `bench/learning.py --keep` left, beside nanoGPT.

    python bench/picture.py bench/learning.svg checkpoints/tinyshakespeare-*-1 --nanogpt checkpoints/nanogpt.json

A run's points are its measurements on the way, its last one marked; the seconds include everything the training did.
Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

A100 = (180.0, 1.4697)  # "around 3 minutes", best validation loss, context 256: nanoGPT's README


def curve(run: Path) -> list[tuple[float, float]]:
    """(seconds, nats) of a run's measurements. Seconds of training, stretched evenly to those of the whole run."""
    from charrnn.runs import checkpoint

    trained, points = {0: 0.0}, []
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "progress":
            trained[event["iteration"]] = event["seconds"]
        else:
            points.append((event["iteration"], event["held_out_loss"]))
    progress = checkpoint.load(run / "resume.safetensors").header.progress
    stretch = progress["elapsed"] / progress["seconds"]
    last = max(trained)
    seconds = {at: trained[at] if at in trained else trained[last] / last * at for at, _ in points}
    return [(seconds[at] * stretch, loss) for at, loss in points]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, help=".svg or .png")
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--nanogpt", type=Path, help="what bench/nanogpt.py kept")
    arguments = parser.parse_args()
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 4.2), layout="constrained")
    budgets: dict[str, str] = {}
    for run in arguments.runs:
        points = curve(run)
        budget = run.name.split("-")[-2]
        color = budgets.setdefault(budget, f"C{len(budgets)}")
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2)
        axes.plot(*points[-1], "o", color=color, label=f"charrnn --time {budget}")
    if arguments.nanogpt:
        nanogpt = json.loads(arguments.nanogpt.read_text("utf-8"))
        axes.plot(*zip(*nanogpt["curve"], strict=True), color="0.45", linewidth=1.2, linestyle="--")
        axes.plot(nanogpt["seconds"], nanogpt["cold"], "s", color="0.45", label="nanoGPT's CPU recipe, measured here")
    axes.plot(*A100, "*", color="black", markersize=11, label="nanoGPT on an A100, published")
    axes.set(xscale="log", ylim=(1.3, 2.6), xlabel="seconds", ylabel="held out, nats per character")
    axes.set_title("tinyshakespeare: charrnn and nanoGPT's CPU recipe on the same two cores", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False)
    axes.grid(alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(arguments.picture, metadata={"Date": None} if arguments.picture.suffix == ".svg" else None)


if __name__ == "__main__":
    main()
