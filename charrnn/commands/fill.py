"""`charrnn fill`: what may stand in a gap of a text, by a model of either direction."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.completion import models
from charrnn.commands.notes import report_skipped, tell
from charrnn.commands.options import CheckpointDir, Json, SamplingThreads, print_json, use_threads, with_options
from charrnn.commands.prompt import Prompt
from charrnn.commands.stdout import to_the_end
from charrnn.commands.two_sides import facts, open_pair, sides
from charrnn.config import CHECKPOINT_DIR, TEMPERATURE, FillConfig, LikeliestConfig, NgramsConfig, Option
from charrnn.errors import DivergedError, UsageError
from charrnn.formatting import plural

if TYPE_CHECKING:
    from charrnn.runs.pair import Pair
    from charrnn.sampling.fill import FillRequest, Gap
    from charrnn.sampling.side import Side


ModelsAndGap = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[FORWARD BACKWARD] TEXT",
        show_default=False,
        autocompletion=models,
        help="A model and one of `train --backward`, checkpoints or runs, in any order (none: the newest run of either "
        "direction); and last the text with its gap, or - for standard input.",
    ),
]


@with_options
def fill(
    *,
    words: ModelsAndGap = None,
    filling: FillConfig,
    likeliest: LikeliestConfig,
    ngrams: NgramsConfig,
    count: Annotated[int, Option("Show so many fillings, the likeliest.", low=1)] = 10,
    text_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the text with its gap from a file; of models of bytes, any file."),
    ] = None,
    as_json: Json = False,
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    threads: SamplingThreads = 1,
) -> None:
    """Propose what may stand in the gap of a text, as in "The door [...] and he ran".

    The forward model draws fillings, and both models judge them; the likeliest come first.
    """
    use_threads(threads)
    from charrnn.sampling.chain import make_chain
    from charrnn.sampling.fill import FillRequest, Gap, in_known_form
    from charrnn.sampling.fill import fill as fill_gap
    from charrnn.sampling.request import random_seed
    from charrnn.terminal.console import console
    from charrnn.terminal.fillings import show_fillings

    named, typed = _told_apart(words or [], text_file)
    prompt = Prompt(typed, text_file, option="--text-file") if typed != "-" else Prompt(None, Path("-"), option="TEXT")
    problems: list[str] = []
    pair = open_pair(named, checkpoint_dir, problems.append, "charrnn fill")
    vocabulary = pair.forward.header.vocabulary
    gap, notes = in_known_form(Gap.of(prompt.text(pair.forward.header), filling.mark), vocabulary)
    for note in notes:
        tell(note)
    both = sides(pair, ngrams.ngrams)
    temperature = TEMPERATURE if filling.temperature is None else filling.temperature
    limits = dataclasses.asdict(likeliest)
    request = FillRequest(
        lengths=filling.lengths,
        process=make_chain(temperature, **limits),
        draws=filling.draws,
        judged=filling.judged,
        seed=random_seed() if filling.seed is None else filling.seed,
    )
    try:
        found = fill_gap(*both, vocabulary, gap, request)
    except DivergedError as error:
        raise DivergedError(f"{pair.forward.path} or {pair.backward.path}: {error.what}", error.advice) from None
    tell(f"seed {request.seed}")
    with to_the_end():
        if as_json:
            asked = _json(pair, both, gap, request) | {"temperature": temperature} | limits
            print_json(asked | found.to_dict(count) | {"problems": problems})
        else:
            show_fillings(console(), gap, request, found, count, vocabulary.unit)
        sys.stdout.flush()
    report_skipped(problems)


def _told_apart(words: list[str], text_file: Path | None) -> tuple[list[str], str | None]:
    """The models and the text among what was typed. Raises UsageError for a text that is missing, or there twice."""
    if text_file is not None:
        if len(words) % 2:
            raise UsageError(
                f"{plural(len(words), 'word')} beside --text-file: a forward and a backward model are named there, or "
                "none.",
                "As in: charrnn fill FORWARD BACKWARD --text-file FILE",
            )
        return words, None
    if not words:
        raise UsageError("no text to fill.", 'As in: charrnn fill "The door [...] and he ran."')
    *named, typed = words
    return named, typed


def _json(pair: Pair, both: tuple[Side, Side], gap: Gap, request: FillRequest) -> dict[str, Any]:
    """What was asked, and of which models."""
    return {
        "before": gap.before,
        "after": gap.after,
        "forward": facts(pair.forward, both[0]),
        "backward": facts(pair.backward, both[1]),
        "lengths": [request.lengths[0], request.lengths[-1]],
        "judged": request.judged,
        "seed": request.seed,
    }
