"""What one reading of texts up to 1 TB takes on up to 64 GPUs, by the formulas of `charrnn plan`: a table in Markdown.

    python bench/scale_table.py
    python bench/scale_table.py --gpu a100 --streams 2048

Nothing is measured: GPUs are as their data sheets say, large products attain half of that, nodes of eight are joined by
25 GB/s each. The batch is the same however many GPUs divide it, as it is in training; `pace` is against one GPU.
`breaks first` has whatever takes 15 % of the time or more, or is more than there is, the worst first: rows (waiting for
weights and kernels, since a GPU has too few streams), gradients, update, evaluation, memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import get_args

from charrnn.config import CardName, ClusterConfig, ModelConfig, TrainConfig, parsing
from charrnn.formatting import duration, size
from charrnn.training import cost_model
from charrnn.training.cards import CARDS, CONTEXT, STEP, Card
from charrnn.training.cost_model import Devices, IterationCost
from charrnn.training.limits import Circumstances, limits

TEXTS = (10**9, 10**10, 10**11, 10**12)  # characters; as many bytes where they are ASCII
GPUS = ((1, 1), (1, 8), (8, 8))  # nodes, and GPUs of each
NETWORKS = ((2, 512), (2, 1024), (3, 2048))  # layers, and units of each
VOCABULARY, HELD_OUT, EVAL_EVERY = 200, 1_000_000, 1000
COLUMNS = ("network", "GPUs", "streams each", "iteration", "pace", "memory", *map(size, TEXTS), "breaks first")


def circumstances(
    model: ModelConfig, training: TrainConfig, text: int, devices: Devices, card: Card, network: float
) -> Circumstances:
    """What decides, of one epoch of a text that lies in the cache."""
    flops = cost_model.attained_flops(card, half=True)
    rows, parameters = devices.rows(training.batch_size), model.parameters(VOCABULARY)
    epoch = text // (training.batch_size * training.seq_length)
    each = cost_model.evaluation_seconds(model, VOCABULARY, HELD_OUT, devices.count, card, flops)
    return Circumstances(
        devices=devices,
        rows=rows,
        threads=1,
        iteration=IterationCost(
            backward=cost_model.backward_seconds(model, training, VOCABULARY, rows, card, flops),
            update=cost_model.update_seconds(parameters, card),
            all_reduce=cost_model.all_reduce_seconds(4 * parameters, devices, network),
        ),
        waiting=cost_model.waiting_share(model, training, VOCABULARY, rows, card, flops),
        gradients=4 * parameters,
        iterations=epoch,
        epoch=epoch,
        memory=cost_model.weight_bytes(model, training, VOCABULARY)
        + cost_model.window_bytes(model, training, VOCABULARY, rows)
        + CONTEXT,
        memory_there=card.memory,
        evaluation_seconds=epoch // EVAL_EVERY * each,
    )


def row(model: ModelConfig, epochs: list[Circumstances], alone: float) -> str:
    """A row of the table: of each text one epoch, and the seconds of an iteration of a GPU that is alone."""
    at = epochs[-1]
    breaks = [
        f"{limit.name} {limit.share:.0%}" if limit.share < 1 else f"{limit.name}: {limit.share:.1f} of what there is"
        for limit in limits(at)
    ]
    cells = (
        model.title,
        str(at.devices.count),
        f"{at.rows:,}",
        f"{float(f'{1000 * at.iteration.seconds:.3g}'):,g} ms",
        f"{alone / at.iteration.seconds:.2g}",
        size(at.memory or 0),
        *(duration(each.iterations * each.iteration.seconds + each.evaluation_seconds) for each in epochs),
        ", ".join(breaks) or "nothing",
    )
    return f"| {' | '.join(cells)} |"


def lines(card: Card, streams: int, length: int, network: float) -> Iterator[str]:
    """The table, and what it assumes."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    training = TrainConfig(batch_size=streams, seq_length=length, optimizer="adamw", precision="bfloat16").completed()
    for layers, units in NETWORKS:
        model = ModelConfig(num_layers=layers, rnn_size=units).completed()
        alone = 0.0
        for nodes, per_node in GPUS:
            devices = Devices(nodes=nodes, per_node=per_node, card=card)
            epochs = [circumstances(model, training, text, devices, card, network) for text in TEXTS]
            alone = alone or epochs[0].iteration.seconds
            yield row(model, epochs, alone)
    yield ""
    flops = cost_model.attained_flops(card, half=True)
    hours = cost_model.reading_seconds(0.0, 0, TEXTS[-1]) / 3600
    yield (
        f"Not measured: by the formulas of `charrnn plan`. {card.name}: large products at {flops / 1e12:,.0f} TFLOP/s, "
        f"half of its data sheet's ({card.source}); memory at {card.bandwidth / 1e9:,.0f} GB/s, and "
        f"{card.link / 1e9:,.0f} GB/s to the GPUs of its node, as that says; {STEP * 1e6:g} us for a step of a layer "
        f"at least. Nodes of eight GPUs, {network / 1e9:g} GB/s between them. {streams:,} streams of {length} "
        f"characters in bfloat16, AdamW, {VOCABULARY} characters in the vocabulary, a million held out and read every "
        f"{EVAL_EVERY:,} iterations. The text lies in the cache; reading and encoding {size(TEXTS[-1])} for the first "
        f"time takes {hours:.0f} hours at {cost_model.READING / 1e6:g} MB/s, on one core. "
        "What the host does meanwhile, such as reading each stream's window, is not counted."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu", choices=get_args(CardName), default="h100")
    parser.add_argument("--streams", type=int, default=4096)
    parser.add_argument("--seq-length", type=int, default=64)
    parser.add_argument("--network", type=parsing.rate, default=ClusterConfig().network, help="such as 25GB/s")
    arguments = parser.parse_args()
    print("\n".join(lines(CARDS[arguments.gpu], arguments.streams, arguments.seq_length, arguments.network)))


if __name__ == "__main__":
    main()
