"""`charrnn score`: how surprising a text is to a model, and which of several explains it best."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.completion import models_and_texts
from charrnn.commands.notes import report_skipped, tell
from charrnn.commands.options import (
    CheckpointDir,
    Json,
    LossUnits,
    SamplingThreads,
    TextEncoding,
    Typed,
    print_json,
    use_threads,
    with_options,
)
from charrnn.commands.pages import Force, PageFile
from charrnn.commands.score_both import refuse_beside_both, score_both
from charrnn.commands.score_lines import rank, refuse_beside_lines
from charrnn.commands.score_paths import tell_apart
from charrnn.commands.scored_text import ScoredText, counts_of, of_each, scoring
from charrnn.commands.stdout import Output, shade, tell_shades, to_the_end
from charrnn.config import CHECKPOINT_DIR, COLD_WINDOW, ColorConfig, NgramsConfig, Option
from charrnn.errors import CharrnnError

if TYPE_CHECKING:
    from charrnn.evaluation.scoring import Score
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.terminal.scores import ModelScore


ModelsAndText = Annotated[
    list[str],
    typer.Argument(
        metavar="[CHECKPOINT]... TEXT",
        show_default=False,
        autocompletion=models_and_texts,
        help="Checkpoints, or runs, whose best snapshots are taken (none: the newest run's); and last the text: a "
        "file, a folder, - for standard input, or a name that `charrnn corpora` lists.",
    ),
]


@with_options
def score(
    *,
    paths: ModelsAndText,
    cold: Annotated[
        bool, typer.Option("--cold", help=f"Forget everything every {COLD_WINDOW} characters, as a short context does.")
    ] = False,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", help="Rank the lines of the text, or of several texts the documents, each scored on its own."
        ),
    ] = False,
    both: Annotated[
        bool,
        typer.Option(
            "--both",
            help="Judge each character by what is before and what is after it: by two models of one vocabulary, one of "
            "them of train --backward.",
        ),
    ] = False,
    suspects: Annotated[
        int,
        Option("Show so many of the likeliest errors, with what mends them; it implies --both.", low=0, high=10_000),
    ] = 0,
    count: Annotated[int, Option("Show so many of the most surprising places.", low=0)] = 5,
    color: ColorConfig,
    mixing: NgramsConfig,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with all this and the text shaded, to look at.")
    ] = None,
    force: Force = False,
    units: LossUnits = "bits",
    as_json: Json = False,
    encoding: TextEncoding = "auto",
    checkpoint_dir: CheckpointDir = CHECKPOINT_DIR,
    threads: SamplingThreads = 1,
    typed_options: Typed,
) -> None:
    """Measure how surprising a text is to a model, in bits per character; of several models, which explains it best.

    The text is read as each model's own was, and a character that it has never seen is charged 20.1 bits.
    """
    use_threads(threads)
    from charrnn.evaluation.surprising_places import most_surprising
    from charrnn.report.score_page import page
    from charrnn.terminal.console import console
    from charrnn.terminal.scores import show_scores
    from charrnn.terminal.suspects import show_suspects

    models, typed = tell_apart(paths, checkpoint_dir, several=lines)
    written = PageFile(html, _files(paths), force) if html else None
    if written:
        written.check()
    text = ScoredText(typed, encoding, checkpoint_dir)
    problems: list[str] = []
    if lines and not (both or suspects):
        refuse_beside_lines(typed_options)
        rank(models, text, checkpoint_dir, problems, ngrams=mixing.ngrams, as_json=as_json, units=units)
        report_skipped(problems)
        return
    window, pair = COLD_WINDOW if cold else None, None
    if both or suspects:
        refuse_beside_both(typed_options)
        pair = score_both(models, text, checkpoint_dir, problems, ngrams=mixing.ngrams, suspects=suspects)
        scored = [pair.model]
    else:
        scored = of_each(models, checkpoint_dir, problems, partial(_whole, text, window, mixing.ngrams))
        scored.sort(key=lambda model: model.chosen.bits_per_character)
    places = most_surprising(scored[0].chosen, count)
    if written:
        found = pair.suspects if pair and suspects else None
        written.write(page(text.name, scored, places, window, units, found).encode())
    with to_the_end():
        if as_json:
            facts = _json(text.name, scored, count, window) | ({"both": pair.facts} if pair else {})
            print_json(facts | {"problems": problems})
        else:
            if color.color == "bits":
                _shade(scored[0].chosen)
            show_scores(console(), text.name, scored, places, window, units)
            if pair and suspects:
                show_suspects(console(), pair.suspects)
        sys.stdout.flush()
    report_skipped(problems)


def _files(paths: Sequence[str]) -> list[str]:
    """What was named, as paths: a text may have been by its name."""
    from charrnn.text import known_texts

    found = list(paths)
    for path in paths:
        with contextlib.suppress(CharrnnError):
            found.append(str(known_texts.find(path)))
    return found


def _whole(
    text: ScoredText, window: int | None, ngrams: bool | None, name: str, path: Path, loaded: Checkpoint
) -> ModelScore:
    """What a checkpoint makes of the whole text."""
    from charrnn.evaluation.own_text import in_parts
    from charrnn.evaluation.scoring import score
    from charrnn.terminal.scores import ModelScore

    facts = text.facts(name, path, loaded)
    source = text.as_read(facts["reading"])
    direction = f"{name} reads from the end: each character after those behind it." if loaded.header.backward else None
    remarks = (direction, in_parts(source, loaded.header, name), facts["remark"])
    facts["remark"] = " ".join(filter(None, remarks)) or None
    known = text.in_known_form(source.text, name, loaded)
    mixture, by_counts = counts_of(loaded, ngrams)
    with scoring(loaded) as (engine, progress):
        scored = score(engine, loaded.header.vocabulary, known, window=window, mixture=mixture, progress=progress)
    return ModelScore(**facts, has_counts=mixture is not None, by_counts=by_counts, score=scored)


def _shade(score: Score) -> None:
    """The text in shades of surprise, if standard output is a terminal that has any."""
    output = Output()
    if not output.styled:
        tell("--color bits: only a terminal has colours; for a page of them: --html FILE")
        return
    tell_shades()
    shaded = ((cluster, shade(bits)) for cluster, bits in score.by_cluster())
    output.stream([(score.before, ""), *shaded, (score.after, "")])
    output.write([("\n", "")])


def _json(name: str, scored: Sequence[ModelScore], count: int, window: int | None) -> dict[str, Any]:
    """All that was measured."""
    from charrnn.terminal.scores import remarks

    scores = [_facts(model, scored, count) for model in scored]
    return {"text": name, "window": window, "scores": scores, "notes": remarks(scored, window)}


def _facts(model: ModelScore, scored: Sequence[ModelScore], count: int) -> dict[str, Any]:
    """What there is to know of a model's score but the bits of each character."""
    from charrnn.evaluation.surprising_places import most_surprising

    network, mixed = model.score, model.score.mixed
    return {
        **model.to_dict(),
        "characters": len(network.text),
        "unseen": int(network.unseen.sum()),
        **_figures(network, scored),
        **{f"mixed_{name}": figure for name, figure in _figures(mixed, scored).items()},
        "above_best": model.chosen.bits_per_character - scored[0].chosen.bits_per_character,
        "surprising": [dataclasses.asdict(place) for place in most_surprising(model.chosen, count)],
    }


def _figures(score: Score | None, scored: Sequence[ModelScore]) -> dict[str, float | None]:
    """What a text took, in all units; without a score, None."""
    from charrnn.terminal.scores import by_units, without_unknown

    return {
        **by_units(None if score is None else score.bits_per_character),
        **by_units(None if score is None else without_unknown(score, scored), "character_without_unseen"),
        **by_units(None if score is None else score.bits_per_byte, "byte"),
    }
