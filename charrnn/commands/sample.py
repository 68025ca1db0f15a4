"""`charrnn sample`: write with a trained model."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands.app import app
from charrnn.commands.reading import unescaped
from charrnn.config import CHECKPOINT_DIR, TrainConfig
from charrnn.errors import CharrnnError, UsageError, VocabularyError

if TYPE_CHECKING:
    from charrnn.checkpoint import Checkpoint
    from charrnn.vocabulary import Vocabulary

_TRAIN = TrainConfig()
_FLUSH_EVERY = 0.02  # seconds: smooth to look at, and few enough writes to cost nothing


class Unseen(StrEnum):
    """What becomes of characters in the prime that the model has never seen."""

    ERROR = "error"
    REPLACE = "replace"
    DROP = "drop"


@app.command()
def sample(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHECKPOINT|RUN",
            show_default="the newest run's best snapshot",
            help="A checkpoint, or a run, whose best snapshot is taken.",
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            "-t",
            help="Higher is wilder, lower is safer and repeats itself more; 0 always takes the likeliest character.",
        ),
    ] = _TRAIN.sample_temperature,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --temperature 0.")] = False,
    top_k: Annotated[int | None, typer.Option(help="Choose among so many of the likeliest characters.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest that have this share of the probability.")
    ] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Choose among those at least this share as likely as the likeliest.")
    ] = None,
    length: Annotated[int, typer.Option("--length", "-n", help="New characters to write.")] = 1000,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRING", help="End after this, if it comes; may be given several times. \\n is a newline."
        ),
    ] = None,
    finish: Annotated[
        str | None,
        typer.Option(metavar="UNIT", help="Go on beyond the length to the end of a line, sentence or paragraph."),
    ] = None,
    prime: Annotated[
        str | None,
        typer.Option(
            "--prime",
            "-p",
            "--primetext",
            "--start-text",
            "--start",
            show_default="a newline",
            help="What the text begins with; the model reads it first.",
        ),
    ] = None,
    prime_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the prime from a UTF-8 file, or from - for standard input."),
    ] = None,
    echo: Annotated[bool, typer.Option(help="Write the prime before the new text.")] = True,
    seed: Annotated[
        int | None, typer.Option(show_default="a random one", help="The same seed writes the same text.")
    ] = None,
    unseen: Annotated[
        Unseen,
        typer.Option(
            "--unknown",
            "--unseen",
            help="What to do with characters of the prime that the model has never seen: refuse, take the nearest "
            "it knows, or leave them out.",
        ),
    ] = Unseen.ERROR,
    checkpoint_dir: Annotated[Path, typer.Option(help="Where runs are kept.")] = CHECKPOINT_DIR,
    threads: Annotated[
        int,
        typer.Option(
            min=1,
            help="CPU threads. More are faster for wide models on an idle machine, far slower on a busy one, and round "
            "differently, so that a seed may write another text.",
        ),
    ] = 1,
) -> None:
    """Write new text with a trained model.

    Standard output gets the prime, if you gave one, and the new text as it is written.
    """
    if seed is not None and seed < 0:
        raise UsageError(f"--seed {seed}: 0 or more.")
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "little")
    if threads > 1:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)  # counts only before NumPy is imported
    import numpy as np

    from charrnn import checkpoint as checkpoints
    from charrnn import generation, runs, stopping
    from charrnn.sampling import chain

    kept = checkpoints.load(runs.find_checkpoint(checkpoint, checkpoint_dir))
    vocabulary = kept.header.vocabulary
    given = _readable(_prime(prime, prime_file), vocabulary, unseen)
    engine = generation.Engine(kept.header.model, kept.weights)
    rng = np.random.default_rng(seed)
    links = chain(0.0 if greedy else temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    most = length if finish is None else length + stopping.PATIENCE
    characters = generation.generate(engine, vocabulary, given, most, links, rng)
    if finish is not None:
        characters = stopping.finish(characters, length, finish)
    characters = stopping.until(characters, [unescaped(string) for string in until or ()])
    print(f"charrnn: {_origin(kept)}; seed {seed}", file=sys.stderr)
    _write(given if echo else "", (character.text for character in characters), vocabulary.of_bytes)


def _prime(typed: str | None, file: Path | None) -> str:
    """What the text begins with. Raises UsageError, CharrnnError."""
    if file is None:
        return typed or ""
    if typed is not None:
        raise UsageError("--prime and --prime-file contradict each other; give one of them.")
    name = "standard input" if str(file) == "-" else str(file)
    try:
        with io.TextIOWrapper(sys.stdin.buffer if str(file) == "-" else file.open("rb"), encoding="utf-8-sig") as text:
            return text.read()
    except OSError as error:
        raise CharrnnError(f"--prime-file {name}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError as error:
        raise CharrnnError(f"--prime-file {name}: byte {error.start:,} is not UTF-8. Convert it first.") from None


def _readable(prime: str, vocabulary: Vocabulary, unseen: Unseen) -> str:
    """The prime in characters that the model knows. Raises VocabularyError if it is not to be changed."""
    if unseen is Unseen.REPLACE:
        return vocabulary.replace_unseen(prime)
    if unseen is Unseen.DROP:
        return vocabulary.drop_unseen(prime)
    try:
        vocabulary.encode(prime)
    except VocabularyError as error:
        raise VocabularyError(f"--prime: {error} Change it, or use --unknown replace or --unknown drop.") from None
    return prime


def _origin(kept: Checkpoint) -> str:
    """What is sampled, in one line, enough to find it again."""
    from math import log

    from charrnn.terminal_text import visible

    header = kept.header
    loss = header.held_out_loss
    measured = "" if loss is None else f", held out {loss / log(2):.3f} bits per character"
    path = visible(str(kept.path)).replace("\n", "␊")
    return f"{path}, iteration {header.iteration:,}{measured}, sha256 {kept.digest[:12]}"


class _Output:
    """Standard output for a model's text: exact UTF-8 to files and pipes, and to a terminal nothing it would obey."""

    def __init__(self, of_bytes: bool) -> None:
        self.terminal = sys.stdout.isatty()
        self.encoding = sys.stdout.encoding if self.terminal else "utf-8"
        # A lone surrogate stands for a byte, or is in the vocabulary because it was in the text: it leaves as it came.
        self.errors = "replace" if self.terminal else "surrogateescape" if of_bytes else "surrogatepass"
        self.last = "\n"

    def write(self, text: str, *, bold: bool = False) -> None:
        """Write and flush. Raises BrokenPipeError if nobody reads any longer."""
        from charrnn.terminal_text import visible

        if not text:
            return
        self.last = text[-1]
        if self.terminal:
            text = visible(text)
            if bold and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
                text = f"\x1b[1m{text}\x1b[0m"
        sys.stdout.buffer.write(text.encode(self.encoding, self.errors))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Leave a terminal at the beginning of a line."""
        if self.terminal and self.last != "\n":
            self.write("\n")


def _write(prime: str, characters: Iterable[str], of_bytes: bool) -> None:
    """Show the prime to a terminal, and write the characters as they come.

    A reader that leaves (`| head`) ends it quietly; Ctrl-C, by raising KeyboardInterrupt with everything written."""
    output = _Output(of_bytes)
    waiting: list[str] = []
    try:
        try:
            output.write(prime, bold=True)
            flushed = time.monotonic()
            for character in characters:
                waiting.append(character)
                if (now := time.monotonic()) - flushed > _FLUSH_EVERY:
                    # Emptied first: an interrupt in between may cost the newest characters, but leaves no gap.
                    text, waiting, flushed = "".join(waiting), [], now
                    output.write(text)
        finally:
            output.write("".join(waiting))
            output.close()
    except OSError as error:
        # What is left in Python's buffer must have somewhere to go at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # which Typer would turn into exit code 1
            raise CharrnnError(f"standard output: cannot be written ({error.strerror}). Free space?") from None
