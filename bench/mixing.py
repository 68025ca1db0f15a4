"""Ways of mixing counts with a network, measured on the held-out text of a run.

    python bench/mixing.py checkpoints/book-1 [--text book.txt]

Every number that a way needs is chosen on one half of the held-out text and measured on the other. `by length` is what
charrnn does. A cache is the held-out text itself as far as it has been read: the character that came after the last
place where the same five to twelve characters stood, a third component beside the two.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.training import threads

Array = NDArray[Any]
_CACHED = (12, 8, 5)  # characters of context that the cache looks for, the longest first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--text", help="default: the text of the run")
    parser.add_argument("--entries", type=int, nargs="*", default=[], help="other bounds on the counts, too")
    parser.add_argument("--order", type=int, nargs="*", default=[], help="other orders, too")
    arguments = parser.parse_args()
    threads.prepare()
    import torch

    from charrnn.ngrams import counting
    from charrnn.runs import checkpoint
    from charrnn.runs.find import find_checkpoint
    from charrnn.runs.training_text import find_training_text

    path = find_checkpoint(arguments.run, Path())
    loaded = checkpoint.load(path)
    found = find_training_text(path, loaded.header, arguments.text)
    source, split = found.corpus, found.split
    span = split.held_out[-1]
    log_probs = _network(loaded, np.asarray(source.ids[: span.stop], dtype=np.intp), span)
    targets = np.asarray(source.ids[span.start : span.stop], dtype=np.int64)
    lead = min(counting.ORDER, span.start - span.context)
    before = np.asarray(source.ids[span.start - lead : span.stop], dtype=np.intp)
    train, vocabulary = source.joined(split.training), source.vocabulary

    def counted(order: int, entries: int) -> tuple[Array, Array, Array, int]:
        model = counting.count(train, len(vocabulary), order=order, most=entries, boundary=vocabulary.boundary_id)
        probabilities, lengths = model.predict(before)
        return probabilities[lead:], lengths[lead:], _dense(model, before)[lead:], len(model)

    places = np.arange(len(targets))
    network = log_probs[places, targets]
    print(f"{path}: {len(targets):,} held-out characters, network {-network.mean():.4f} nats a character\n")
    print("| entries | order | mixing | nats | better by |\n|---|---|---|---|---|", flush=True)
    usual = (counting.ORDER, counting.ENTRIES)
    bounds = [usual, *((counting.ORDER, most) for most in arguments.entries)]
    bounds += [(order, counting.ENTRIES) for order in arguments.order]
    for order, entries in bounds:
        counts, lengths, dense, size = counted(order, entries)
        ways = _ways(torch, log_probs, dense, targets, lengths)
        ways = ways if (order, entries) == usual else {"by length": ways["by length"]}
        print(f"| {size:,} | {order} | counts alone | {-np.log(counts).mean():.4f} | |", flush=True)
        for name, nats in ways.items():
            loss = _cross_fitted(torch, nats, len(targets))
            print(f"| {size:,} | {order} | {name} | {loss:.4f} | {-network.mean() - loss:.4f} |", flush=True)


def _network(loaded: Any, ids: Array, span: Any) -> Array:
    """The network's log-probabilities of every held-out character's place, (n, V), the state carried in 64 rows."""
    from charrnn.network.engine import Engine, RecurrentStack
    from charrnn.sampling.chain import log_softmax

    engine, count, rows, warmup = Engine(loaded.header.model, loaded.weights), span.stop - span.start, 64, 512
    size = -(-count // rows)
    begins = np.maximum(span.context, span.start + np.arange(rows) * size - 1 - warmup)
    firsts = span.start + np.arange(rows) * size
    stack, found = RecurrentStack(engine, (rows,)), np.zeros((count, len(loaded.header.vocabulary)))
    for at in range(int((firsts + size - begins).max())):
        inputs = np.minimum(begins + at, span.stop - 1)
        stack.step(engine.input_columns(ids[inputs]))
        targets = begins + at + 1
        wanted = (targets >= firsts) & (targets < np.minimum(firsts + size, span.stop))
        found[targets[wanted] - span.start] = log_softmax(stack.logits().T)[wanted]
    return found


def _dense(model: Any, ids: Array) -> Array:
    """What the counts predict at each place, (n, V)."""
    from charrnn.ngrams.context import ContextReader

    reader, nodes, rows = ContextReader(model), [0], []
    for character in ids.tolist():
        rows.append(reader.probabilities(nodes))
        nodes = reader.nodes_after(nodes, character)
    return np.array(rows)


def _cached(targets: Array) -> tuple[Array, Array]:
    """Whether the cache is right at each place, and which of its lengths it goes by: 0 none, else 1, 2, ... (n,)."""
    text = targets.tolist()
    right, kind = np.zeros(len(text)), np.zeros(len(text), dtype=np.int64)
    seen: list[dict[tuple[int, ...], int]] = [{} for _ in _CACHED]
    for place, character in enumerate(text):
        for number, (length, last) in enumerate(zip(_CACHED, seen, strict=True), 1):
            context = tuple(text[place - length : place]) if place >= length else None
            if context is not None and context in last:
                right[place], kind[place] = last[context] == character, number
                break
        for length, last in zip(_CACHED, seen, strict=True):
            if place >= length:
                last[tuple(text[place - length : place])] = character
    return right, kind


def _ways(torch: Any, log_probs: Array, dense: Array, targets: Array, lengths: Array) -> dict[str, Any]:
    """The ways: of each, a function that makes of places and parameters (a dict) the losses there."""
    network, counts = torch.from_numpy(log_probs), torch.from_numpy(np.log(dense))
    wanted, length = torch.from_numpy(targets), torch.from_numpy(np.asarray(lengths))
    entropy = torch.from_numpy(-(np.exp(log_probs) * log_probs).sum(axis=1))
    right, kind = (torch.from_numpy(part) for part in _cached(targets))
    by_network, by_counts = (part.gather(1, wanted[:, None])[:, 0].exp() for part in (network, counts))

    def linear(places: Any, share: Any) -> Any:
        return -torch.log((1 - share) * by_network[places] + share * by_counts[places])

    def geometric(places: Any, first: Any, second: Any) -> Any:
        logits = first[:, None] * network[places] + second[:, None] * counts[places]
        return -torch.log_softmax(logits, dim=1).gather(1, wanted[places][:, None])[:, 0]

    def with_cache(places: Any, share: Any, cache: Any) -> Any:
        cache = torch.where(kind[places] > 0, cache, torch.zeros_like(cache))
        both = (1 - share) * by_network[places] + share * by_counts[places]
        return -torch.log((1 - cache) * both + cache * (0.98 * right[places] + 0.02 * both))

    def at(values: Any, places: Any) -> Any:
        return values[length[places]]

    sigmoid = torch.sigmoid
    return {
        "one share": lambda places, p: linear(places, sigmoid(p["a"][0]).expand(len(places))),
        "by length": lambda places, p: linear(places, sigmoid(at(p["a"], places))),
        "by length and the network's entropy": lambda places, p: linear(
            places, sigmoid(at(p["a"], places) + at(p["b"], places) * (entropy[places] - 1.0))
        ),
        "geometric, by length": lambda places, p: geometric(
            places, 1 + at(p["b"], places), sigmoid(at(p["a"], places))
        ),
        "by length, and a cache": lambda places, p: with_cache(
            places, sigmoid(at(p["a"], places)), sigmoid(p["c"][kind[places]])
        ),
    }


def _cross_fitted(torch: Any, nats: Callable[[Any, dict[str, Any]], Any], count: int) -> float:
    """The mean loss of each half with parameters chosen on the other."""
    half, total = count // 2, 0.0
    parts = (torch.arange(half), torch.arange(half, count))
    for chosen_on, measured in (parts, parts[::-1]):
        parameters = {
            "a": torch.full((32,), -1.0, dtype=torch.float64, requires_grad=True),
            "b": torch.zeros(32, dtype=torch.float64, requires_grad=True),
            "c": torch.full((8,), -2.0, dtype=torch.float64, requires_grad=True),
        }
        optimizer = torch.optim.LBFGS(list(parameters.values()), max_iter=40, line_search_fn="strong_wolfe")

        optimizer.step(partial(_loss, optimizer, nats, chosen_on, parameters))
        with torch.no_grad():
            total += float(nats(measured, parameters).sum())
    return total / count if math.isfinite(total) else math.nan


def _loss(optimizer: Any, nats: Callable[[Any, dict[str, Any]], Any], places: Any, parameters: dict[str, Any]) -> Any:
    """The mean loss there, with its gradient; a little is asked of what nothing would hold."""
    optimizer.zero_grad()
    loss = nats(places, parameters).mean() + sum(1e-6 * (value**2).sum() for value in parameters.values())
    loss.backward()
    return loss


if __name__ == "__main__":
    main()
