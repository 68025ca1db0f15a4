"""`charrnn sample`: write with a trained model, or with several, once or often."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.app import app
from charrnn.commands.options import CheckpointDir, Device, SamplingThreads, with_options
from charrnn.commands.sample_output import Color, NoveltySearch, TextPrinter
from charrnn.commands.stdout import Output, to_the_end
from charrnn.config import CHECKPOINT_DIR, SamplingConfig
from charrnn.config.parsing import unescaped
from charrnn.config.sampling import SAMPLING
from charrnn.errors import CharrnnError, UsageError, VocabularyError

if TYPE_CHECKING:
    from charrnn.network.engine import Engine
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.sampling.request import GeneratedText
    from charrnn.text.vocabulary import Vocabulary

_LEAST = 30  # as charrnn.evaluation.novelty has it, which is not imported for the help
_Choice: dict[str, Any] = {"rich_help_panel": SAMPLING}
_Bounds: dict[str, Any] = {"rich_help_panel": "Where it begins and ends"}
_Several: dict[str, Any] = {"rich_help_panel": "Several texts"}
_Shown: dict[str, Any] = {"rich_help_panel": "What is shown"}


class Unseen(StrEnum):
    """What becomes of characters in the prime that the model has never seen."""

    ERROR = "error"
    REPLACE = "replace"
    DROP = "drop"


@app.command()
@with_options
def sample(
    *,
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            metavar="CHECKPOINT|RUN",
            show_default="the newest run's best snapshot",
            help="A checkpoint, or a run, whose best snapshot is taken.",
        ),
    ] = None,
    sampling: SamplingConfig,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --temperature 0.", **_Choice)] = False,
    top_k: Annotated[
        int | None, typer.Option(help="Choose among so many of the likeliest characters.", **_Choice)
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Choose among the likeliest that have this share of the probability.", **_Choice),
    ] = None,
    min_p: Annotated[
        float | None,
        typer.Option(help="Choose among those at least this share as likely as the likeliest.", **_Choice),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            "--until",
            "--stop",
            metavar="STRING",
            help="End after this, if it comes; may be given several times. \\n is a newline.",
            **_Bounds,
        ),
    ] = None,
    finish: Annotated[
        str | None,
        typer.Option(
            metavar="UNIT", help="Go on beyond the length to the end of a line, sentence or paragraph.", **_Bounds
        ),
    ] = None,
    prime_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the prime from a UTF-8 file, or from - for standard input.", **_Bounds),
    ] = None,
    echo: Annotated[bool, typer.Option(help="Write the prime before the new text.", **_Bounds)] = True,
    unseen: Annotated[
        Unseen,
        typer.Option(
            "--unknown",
            "--unseen",
            help="What to do with characters of the prime that the model has never seen: refuse, take the nearest "
            "it knows, or leave them out.",
            **_Bounds,
        ),
    ] = Unseen.ERROR,
    count: Annotated[
        int | None,
        typer.Option(
            show_default="1",
            help="Write so many texts in one pass, with the seeds that follow the first.",
            **_Several,
        ),
    ] = None,
    every_snapshot: Annotated[
        bool, typer.Option("--every-snapshot", help="Write with every snapshot of a run, in their order.", **_Several)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="A line of JSON for each text: what was written, by what, how likely.", **_Shown),
    ] = False,
    color: Annotated[
        Color,
        typer.Option(
            "--color", "--colour", help="On a terminal, shade each character by how unsure the model was.", **_Shown
        ),
    ] = Color.NONE,
    novelty: Annotated[
        bool,
        typer.Option(
            "--novelty",
            help="Say how much is found word for word in the text it was trained on, and underline it on a terminal.",
            **_Shown,
        ),
    ] = False,
    novelty_length: Annotated[
        int, typer.Option(metavar="N", help="Look for stretches of at least so many characters.", **_Shown)
    ] = _LEAST,
    text: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default="what the run was trained on", help="Look for them here.", **_Shown),
    ] = None,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    device: Device = "cpu",
    threads: SamplingThreads = 1,
) -> None:
    """Write new text with a trained model.

    Standard output gets the prime, if you gave one, and the new text as it is
    written; of several texts, each has a heading.
    """
    if greedy and (sampling.temperature is not None or sampling.temperatures is not None):
        raise UsageError("--greedy and a temperature contradict each other.", "Give one of them.")
    if threads > 1:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)  # counts only before NumPy is imported
    from charrnn.sampling.request import Request, random_seed

    request = Request(
        length=sampling.length,
        temperatures=(0.0,) if greedy else sampling.chosen_temperatures(),
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        until=tuple(unescaped(string) for string in until or ()),
        finish=finish,
        seed=random_seed() if sampling.seed is None else sampling.seed,
        count=count,
    )
    typed_prime = _read_prime(sampling.prime, prime_file)
    models = _checkpoints(checkpoint, checkpoint_dir, every_snapshot=every_snapshot)
    printer = TextPrinter(as_json, color, echo, headings=every_snapshot or request.several)
    search: NoveltySearch | None = None
    with to_the_end():
        for model in models:
            vocabulary = model.header.vocabulary
            known_prime = _in_known_characters(typed_prime, vocabulary, unseen)
            texts = request.generate(_engine(model, device), vocabulary, known_prime)
            print(f"charrnn: {_origin(model)}; {_seeds(texts)}", file=sys.stderr)
            if novelty and search is None:  # the snapshots of a run have one text
                search = NoveltySearch(model, text, novelty_length)
            for written in texts:
                printer.print(Output(vocabulary.of_bytes), model, request, known_prime, written, search)


def _checkpoints(named: Path | None, checkpoint_dir: Path, *, every_snapshot: bool) -> Iterator[Checkpoint]:
    """The checkpoints to sample, each loaded when it is its turn.

    Raises RunError, CheckpointError."""
    from charrnn.runs.checkpoint import load
    from charrnn.runs.run import find_checkpoint, find_run, newest_run

    if every_snapshot:
        run = find_run(named, checkpoint_dir) if named else newest_run(checkpoint_dir)
        paths = [snapshot.path for snapshot in run.snapshots] or [run.best.path]
    else:
        paths = [find_checkpoint(named, checkpoint_dir)]
    return map(load, paths)


def _engine(checkpoint: Checkpoint, device: str) -> Engine:
    """The engine that writes on a device. Raises UsageError for one that is not there."""
    from charrnn.network.engine import Engine

    if device != "cpu":  # torch takes longer to import than a page to write
        from charrnn.network.device_engine import DeviceEngine
        from charrnn.training.devices import choose_device

        chosen = choose_device(device)
        if chosen.type != "cpu":
            return DeviceEngine(checkpoint.header.model, checkpoint.weights, chosen)
    return Engine(checkpoint.header.model, checkpoint.weights)


def _read_prime(typed: str | None, file: Path | None) -> str:
    """What the text begins with. Raises UsageError, CharrnnError."""
    if file is None:
        return typed or ""
    if typed is not None:
        raise UsageError("--prime and --prime-file contradict each other.", "Give one of them.")
    name = "standard input" if str(file) == "-" else str(file)
    try:
        with io.TextIOWrapper(sys.stdin.buffer if str(file) == "-" else file.open("rb"), encoding="utf-8-sig") as text:
            return text.read()
    except OSError as error:
        raise CharrnnError(
            f"--prime-file {name}: cannot be read ({error.strerror}).", "Name a file that can be."
        ) from None
    except UnicodeDecodeError as error:
        raise CharrnnError(f"--prime-file {name}: byte {error.start:,} is not UTF-8.", "Convert it first.") from None


def _in_known_characters(prime: str, vocabulary: Vocabulary, unseen: Unseen) -> str:
    """The prime in characters that the model knows. Raises VocabularyError if it is not to be changed."""
    if unseen is Unseen.REPLACE:
        return vocabulary.replace_unseen(prime)
    if unseen is Unseen.DROP:
        return vocabulary.drop_unseen(prime)
    try:
        vocabulary.encode(prime)
    except VocabularyError as error:
        raise VocabularyError(
            f"--prime: {error.what}", "Change it, or use --unknown replace or --unknown drop."
        ) from None
    return prime


def _origin(checkpoint: Checkpoint) -> str:
    """What is sampled, in one line, enough to find it again."""
    from charrnn.formatting import bits, visible

    header = checkpoint.header
    loss = header.held_out_loss
    measured = "" if loss is None else f", held out {bits(loss):.3f} bits per character"
    path = visible(str(checkpoint.path)).replace("\n", "␊")
    return f"{path}, iteration {header.iteration:,}{measured}, sha256 {checkpoint.digest[:12]}"


def _seeds(texts: list[GeneratedText]) -> str:
    """With what seeds texts are written, those of one temperature following each other."""
    first, last = texts[0].seed, texts[-1].seed
    return f"seed {first}" if first == last else f"seeds {first} to {last}"
