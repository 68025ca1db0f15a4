"""Held-out loss against seconds, as a picture: runs that `bench/learning.py --keep` left, beside nanoGPT.

    python bench/picture.py bench/learning.svg checkpoints/tinyshakespeare-*-1 --nanogpt checkpoints/nanogpt.json

A run's points are its measurements on the way, its last one marked; the seconds include everything the training did.
Where a run has counts, its line is that of network and counts, and the network's own is dotted. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

A100 = (180.0, 1.4697)  # "around 3 minutes", best validation loss, context 256: nanoGPT's README


LOSSES = ("held_out_loss", "mixed_loss")  # in metrics.jsonl: of the network, of network and counts
Curve = list[tuple[float, float]]


def curves(run: Path) -> list[Curve]:
    """(seconds, nats) of a run's measurements: the network's and, if it has counts, those of both.

    Seconds of training, stretched evenly to those of the whole run; without the first, at zero, which a logarithmic
    axis has not.
    """
    from charrnn.runs import checkpoint

    trained, events = {0: 0.0}, []
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        event = json.loads(line)
        if event["event"] == "progress":
            trained[event["iteration"]] = event["seconds"]
        elif event["iteration"]:
            events.append(event)
    progress = checkpoint.load(run / "resume.safetensors").header.progress
    stretch = progress["elapsed"] / progress["seconds"]
    last = max(trained)

    def seconds(at: int) -> float:
        return float(stretch * (trained[at] if at in trained else trained[last] / last * at))

    found = [[(seconds(event["iteration"]), event[loss]) for event in events if loss in event] for loss in LOSSES]
    return [points for points in found if points]


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
        *alone, points = curves(run)
        budget = run.name.split("-")[-2]
        color = budgets.setdefault(budget, f"C{len(budgets)}")
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2)
        for network in alone:
            axes.plot(*zip(*network, strict=True), color=color, linewidth=1, linestyle=":")
            axes.plot([], [], color="0.3", linewidth=1, linestyle=":", label="the network alone")
        axes.plot(*points[-1], "o", color=color, label=f"charrnn --time {budget}")
    if arguments.nanogpt:
        nanogpt = json.loads(arguments.nanogpt.read_text("utf-8"))
        axes.plot(*zip(*nanogpt["curve"], strict=True), color="0.45", linewidth=1.2, linestyle="--")
        axes.plot(nanogpt["seconds"], nanogpt["cold"], "s", color="0.45", label="nanoGPT's CPU recipe, measured here")
    axes.plot(*A100, "*", color="black", markersize=11, label="nanoGPT on an A100, published")
    axes.set(xscale="log", ylim=(1.25, 2.6), xlabel="seconds", ylabel="held out, nats per character")
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
