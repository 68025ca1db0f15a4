"""How much a training does before it begins, against the size of its text: from the command to the first iteration.

    python bench/starting.py war-and-peace.txt                       # texts of 1 MB to 2 GB
    python bench/starting.py war-and-peace.txt --megabytes 10 100    # of other sizes
    python bench/starting.py --documents 4000000                     # documents kept apart, simulated

A text of some size is the given one over and over, its paragraphs in another order each time. It is written to a
temporary folder, one at a time, encoded, and then `charrnn train` is started in a process of its own as often as asked;
the median counts. Seconds are of the processor, which others at work on the machine change little. Told beside them:
what the process read until then, by all its calls of `read` (Linux only), the import of torch left out; its largest
memory; and the seconds of the clock that one reading and encoding of the text takes.
What does not change with the size of a text is ahead of every training: importing torch, counting n-grams in the last
5,000,000 characters, reading the words of the first 10,000,000. Documents kept apart take more the more they are, but
not the longer they are: what each takes is told of so many of some 2,000 characters.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.text.document_split import split_of_documents
from charrnn.training.document_windows import DocumentStreams
from charrnn.training.streams import PACK

MEGABYTES = [1, 10, 30, 100, 300, 1000, 2000]
_SETTLED = 2.5  # seconds after which a file that was written is known by its times

_CHILD = """
import os, resource, sys, time

def read():
    try:
        with open("/proc/self/io") as file:
            return int(file.readline().split()[1])
    except OSError:
        return 0

import torch  # so that what is read to import it is not counted
before = read()

from charrnn.training.windows import Streams

window_at = Streams.__getitem__

def first(streams, index):
    seconds = time.process_time()
    window_at(streams, index)
    window = time.process_time() - seconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, window, read() - before, peak, flush=True)
    os._exit(0)

Streams.__getitem__ = first

from charrnn.commands.main import main

main()
"""


class Start(NamedTuple):
    """How a training began."""

    seconds: float  # of the processor, until its first iteration
    window: float  # that reading its first window takes, of these
    read: int  # bytes
    memory: int  # kilobytes (bytes on macOS)


def write(text: str, size: int, path: Path) -> None:
    """Write so many bytes and a bit: a text over and over, in another order each time."""
    paragraphs, rng, written = text.split("\n\n"), random.Random(0), 0
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        while written < size:
            written += file.write("\n\n".join(paragraphs)[: size - written])
            rng.shuffle(paragraphs)


def start(path: Path, folder: Path, *more: str) -> Start:
    """Start a training in a new process, and end it where its first iteration would be."""
    settings = ["--rnn-size", "64", "--num-layers", "1", "--batch-size", "32", "--iterations", "10"]
    command = [sys.executable, "-c", _CHILD, "train", str(path), *settings, *more]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    seconds, window, read, memory = done.stdout.splitlines()[-1].split()
    return Start(float(seconds), float(window), int(read), int(memory))


class _Nothing:
    """An encoded text of zeros."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice) -> NDArray[np.uint8]:
        return np.zeros(span.stop - span.start, dtype=np.uint8)


def documents(count: int) -> None:
    """Print what dividing so many documents takes, up to the first window."""
    import resource  # not on Windows

    def largest() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    before, began = largest(), time.process_time()
    sizes = np.random.default_rng(0).integers(1000, 3000, count)
    boundaries = np.concatenate([[0], np.cumsum(sizes)])
    split = split_of_documents(boundaries, 10**6, seed=0, val_max=10**6)
    assert split.documents is not None
    size = int(boundaries[-1])
    streams = DocumentStreams(_Nothing(size + 1), split.documents, 64, 128, 128, pack=PACK * 128)
    _ = streams[0]
    seconds, memory = time.process_time() - began, largest() - before
    print(
        f"{count:,} documents of {size:,} characters: {1e6 * seconds / count:.1f} us, {memory / count:.0f} bytes each"
    )


def median(starts: list[Start]) -> Start:
    """Of each part the median."""
    seconds, window, read, memory = (statistics.median(part) for part in zip(*starts, strict=True))
    return Start(seconds, window, int(read), int(memory))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure what a training does before it begins.")
    parser.add_argument("text", type=Path, nargs="?", help="a text of UTF-8, of a megabyte or more")
    parser.add_argument("--megabytes", type=int, nargs="+", default=MEGABYTES, help="sizes of the texts made of it")
    parser.add_argument("--times", type=int, default=3, help="how often each training is started")
    parser.add_argument("--documents", type=int, default=0, help="so many documents instead of a text")
    arguments = parser.parse_args()
    if arguments.documents:
        documents(arguments.documents)
        return
    if arguments.text is None:
        parser.error("name a text")
    text = arguments.text.read_text(encoding="utf-8-sig")
    columns = ["text, MB", "encoding it, s", "to the first iteration, s", "without counts, s", "first window, s"]
    columns += ["read, MB", "memory, MB"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CHARRNN_CACHE_DIR"] = str(folder / "cache")
        for megabytes in arguments.megabytes:
            path = folder / "text.txt"
            write(text, megabytes * 10**6, path)
            time.sleep(_SETTLED)
            code = "import sys; from charrnn.text import corpus; corpus.read(sys.argv[1])"
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code, str(path)], check=True)
            encoding = time.perf_counter() - began
            found = median([start(path, folder) for _ in range(arguments.times)])
            without = median([start(path, folder, "--no-ngrams") for _ in range(arguments.times)])
            memory = found.memory / (1e6 if sys.platform == "darwin" else 1e3)
            times = f"{encoding:.1f} | {found.seconds:.1f} | {without.seconds:.1f} | {found.window:.3f}"
            print(f"| {megabytes:,} | {times} | {found.read / 1e6:,.0f} | {memory:,.0f} |", flush=True)
            for entry in (folder / "cache").glob("*"):
                entry.unlink()


if __name__ == "__main__":
    main()
