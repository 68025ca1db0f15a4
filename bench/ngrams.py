"""What counting achieves: bits per character of n-gram models on a text's last tenth, order by order.

    python bench/ngrams.py tinyshakespeare.txt --max-order 20

All orders are shown, also those after the best, where `charrnn.evaluation.ngrams.kneser_ney` would have stopped.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from charrnn.evaluation.ngrams import kneser_ney
from charrnn.text.vocabulary import Vocabulary, to_code_points

BUNDLED = Path(__file__).resolve().parent.parent / "corpora" / "the-tidewater-bank.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("text", type=Path, nargs="?", default=BUNDLED, help="UTF-8; default: the bundled novel")
    parser.add_argument("--max-order", type=int, default=12, help="the longest n-grams, default %(default)s")
    arguments = parser.parse_args()

    points = to_code_points(arguments.text.read_text(encoding="utf-8-sig"))
    vocabulary = Vocabulary.of(points)
    ids = vocabulary.encode_points(points)
    split = int(len(ids) * 0.9)
    began = time.perf_counter()
    found = kneser_ney(
        ids[:split],
        ids[split:],
        len(vocabulary),
        max_order=arguments.max_order,
        patience=arguments.max_order,
    )
    seconds = time.perf_counter() - began
    print(f"{arguments.text.name}: {found.trained_on:,} characters counted, {found.measured_on:,} predicted,", end=" ")
    print(f"{len(vocabulary)} distinct; {seconds:.1f} s, {seconds / len(found.by_order):.2f} s an order")
    print("| order | bits | nats |")
    print("|---|---|---|")
    for order, bits in enumerate(found.by_order, start=1):
        print(f"| {order}{', the best' if order == found.order else ''} | {bits:.4f} | {bits * math.log(2):.4f} |")


if __name__ == "__main__":
    main()
