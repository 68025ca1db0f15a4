"""Whether a model copies: how much of what it writes stands in its training text, beside the same of real text.

    python bench/copying.py war-and-peace-1
    python bench/copying.py war-and-peace-1 --length 20000 --temperature 0.8

Everything is written by `charrnn sample` in processes of their own, one long text at each temperature, without the
counts beside the network and with them. `known words` is the share of its words of two letters or more that the
training text has; `copied` the share of its characters that lie in stretches of at least 30 that stand in the training
text as they are, and `longest` the longest of these. Real text is what the training held out, as much as there is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from charrnn.config import CHECKPOINT_DIR

LEAST = 30  # characters of a stretch
WAYS = {"network": "--no-ngrams", "network + counts": "--ngrams"}
Measure = Callable[[str], list[str]]  # a text -> cells: known words, copied, longest


def command(*arguments: str) -> str:
    """What a charrnn command prints. Exits with its errors where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "charrnn", *arguments], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def prepared(checkpoint: Path, length: int) -> tuple[str, Measure]:
    """Held-out text of the training, at most so many characters, and what measures any text against the rest of it."""
    from charrnn.evaluation import novelty
    from charrnn.evaluation.head_to_head import held_out_parts
    from charrnn.runs.checkpoint import read_header
    from charrnn.runs.training_text import find_training_text
    from charrnn.text.lexicon import Lexicon

    source = find_training_text(checkpoint, read_header(checkpoint))
    if not source.same:
        sys.exit(f"{source.corpus.name}: is not what {checkpoint} was trained on any longer")
    lexicon = Lexicon.of(source.corpus, source.training, source.split.held_out, limit=None)

    def measure(text: str) -> list[str]:
        [overlap] = novelty.find([text], source.corpus, source.training, least=LEAST)
        known = lexicon.shares(text).words
        longest = max((stop - start for start, stop in overlap.stretches), default=0)
        return ["-" if known is None else f"{known:.1%}", f"{overlap.share:.1%}", f"{longest:,}"]

    return "".join(part.text for part in held_out_parts(source, length)), measure


def row(*cells: str) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="whose best snapshot writes, or a checkpoint")
    parser.add_argument("--checkpoint-dir", type=Path, default=CHECKPOINT_DIR)
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5, 0.8, 1.0])
    parser.add_argument("--length", type=int, default=100_000, help="characters of each text")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    from charrnn.runs.checkpoint import read_header
    from charrnn.runs.find import find_checkpoint

    checkpoint = find_checkpoint(arguments.run, arguments.checkpoint_dir)
    real, measure = prepared(checkpoint, arguments.length)
    ways = WAYS if read_header(checkpoint).mixing else {"network": None}
    print(f"{checkpoint}\n\n{row('text', 'temperature', 'characters', 'known words', 'copied', 'longest')}")
    print(f"|{'---|' * 6}\n{row('held out', '', f'{len(real):,}', *measure(real))}", flush=True)
    for temperature in arguments.temperature:
        for way, option in ways.items():
            sampling = ["-n", str(arguments.length), "-t", str(temperature), "--seed", str(arguments.seed), "--json"]
            written = json.loads(command("sample", str(checkpoint), *sampling, *filter(None, [option])))["text"]
            print(row(way, f"{temperature:g}", f"{len(written):,}", *measure(written)), flush=True)


if __name__ == "__main__":
    main()
