"""`charrnn score --lines`: each line of a text, or each document of several, ranked by how surprising it is."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from charrnn.commands.options import print_json
from charrnn.commands.scored_text import ScoredText, counts_of, of_each, scoring
from charrnn.commands.stdout import to_the_end
from charrnn.errors import CorpusError, UsageError
from charrnn.formatting import Units

if TYPE_CHECKING:
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.terminal.ranking import RankedModel
    from charrnn.text.encoded_corpus import Corpus

_OF_WHOLE_TEXTS = ("cold", "count", "color", "html")  # options


def refuse_beside_lines(typed: Collection[str]) -> None:
    """Raises UsageError if an option was typed that is about a whole text."""
    contrary = ", ".join(f"--{name}" for name in _OF_WHOLE_TEXTS if name in typed)
    if contrary:
        raise UsageError(f"{contrary}: of a whole text; --lines scores each part on its own.", "Leave one out.")


def rank(
    models: Sequence[str],
    text: ScoredText,
    root: Path,
    problems: list[str],
    *,
    ngrams: bool | None,
    as_json: bool,
    units: Units,
) -> None:
    """Show the parts, those first that are the least surprising to the model that the text surprises least."""
    from charrnn.terminal.console import console
    from charrnn.terminal.ranking import remarks, show_ranking

    ranked = of_each(models, root, problems, partial(_each_part, text, ngrams))
    ranked.sort(key=lambda model: model.chosen)
    if len({model.titles for model in ranked}) > 1:
        raise UsageError("the models read the text in different lines.", "Give one model at a time.")
    with to_the_end():
        if as_json:
            scores = [model.to_dict() for model in ranked]
            print_json({"text": text.name, "scores": scores, "notes": remarks(ranked), "problems": problems})
        else:
            show_ranking(console(), text.name, ranked, units)
        sys.stdout.flush()


def _each_part(text: ScoredText, ngrams: bool | None, name: str, path: Path, loaded: Checkpoint) -> RankedModel:
    """What a checkpoint makes of each part of the text."""
    from charrnn.evaluation.scoring import score_each
    from charrnn.terminal.ranking import RankedModel, RankedPart

    facts = text.facts(name, path, loaded)
    source = text.as_read(facts["reading"])
    text.in_known_form(source.text, name, loaded)
    parts = [(title, text.in_known_form(part, name, loaded, tell=False)) for title, part in _parts(source)]
    mixture, by_counts = counts_of(loaded, ngrams)
    with scoring(loaded) as (engine, progress):
        texts = [part for _, part in parts]
        scores = score_each(engine, loaded.header.vocabulary, texts, mixture=mixture, progress=progress)
    documents = source.document_count > 1
    ranked = tuple(RankedPart(title, score) for (title, _), score in zip(parts, scores, strict=True))
    return RankedModel(
        **facts,
        has_counts=mixture is not None,
        by_counts=by_counts,
        kind="document" if documents else "line",
        parts=ranked,
    )


def _parts(source: Corpus) -> list[tuple[str, str]]:
    """Each document by its name; of a single one each line that is not empty, by its number. Raises CorpusError."""
    from charrnn.text.split import HeldOutSpan

    if source.boundaries is not None and source.document_count > len(source.documents):
        places = enumerate(source.without_boundaries([HeldOutSpan(0, 0, len(source))]), 1)
        return [
            (f"{number:,}", source.vocabulary.decode(source.ids[start:stop])) for number, (_, start, stop) in places
        ]
    if len(source.documents) > 1:
        spans = [(document.name, document.start, document.start + document.characters) for document in source.documents]
        return [(name, source.vocabulary.decode(source.ids[start:stop])) for name, start, stop in spans]
    numbered = enumerate(source.text.split("\n"), 1)
    lines = [(f"{number:,}", whole) for number, line in numbered if (whole := line.strip("\r"))]
    if not lines:
        raise CorpusError(f"{source.name}: has only empty lines.", "Name another text.")
    return lines
