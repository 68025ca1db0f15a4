"""`charrnn score --both`: a text judged from both of its sides, and where it is likely to be damaged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn.commands.scored_text import ScoredText
from charrnn.commands.two_sides import facts, open_pair, sides
from charrnn.errors import DivergedError, UsageError

if TYPE_CHECKING:
    from charrnn.evaluation.suspects import Suspect
    from charrnn.terminal.scores import ModelScore

_BAR = "{l_bar}{bar}| {elapsed}<{remaining}"
_OF_ONE_SIDE = ("cold", "lines")  # options


@dataclass(frozen=True, slots=True)
class BothScored:
    """What a pair of models makes of a text."""

    model: ModelScore  # as one model has it
    suspects: tuple[Suspect, ...]
    facts: dict[str, Any]  # of either model, and what it makes of the text alone; ready for JSON


def refuse_beside_both(typed: Collection[str]) -> None:
    """Raises UsageError if an option was typed that is about models that read from one side."""
    contrary = ", ".join(f"--{name}" for name in _OF_ONE_SIDE if name in typed)
    if contrary:
        raise UsageError(f"{contrary}: of models that read from one side; --both reads from both.", "Leave one out.")


def score_both(
    models: Sequence[str], text: ScoredText, root: Path, problems: list[str], *, ngrams: bool | None, suspects: int
) -> BothScored:
    """Judge a text by two models, and find so many of its likeliest errors. Raises CharrnnError."""
    from charrnn.evaluation.both_sides import judge
    from charrnn.evaluation.suspects import find, places_for
    from charrnn.terminal.progress_bar import share_bar
    from charrnn.terminal.scores import ModelScore

    pair = open_pair(models, root, problems.append, "charrnn score --both")
    forward = pair.forward
    names = [model.path.parent.name or str(model.path) if model.path else "" for model in pair]
    told = text.facts(" + ".join(names), forward.path or root, forward)
    vocabulary = forward.header.vocabulary
    known = text.in_known_form(text.as_read(told["reading"]).text, told["name"], forward)
    both = sides(pair, ngrams)
    with share_bar("judging", shape=_BAR) as progress:
        try:
            judged = judge(*both, vocabulary, known, candidates=places_for(suspects), progress=progress)
            with share_bar("looking for errors", shape=_BAR) as looking:
                found = find(*both, vocabulary, judged, suspects, progress=looking)
        except DivergedError as error:
            where = " or ".join(str(model.path) for model in pair)
            raise DivergedError(f"{where}: {error.what}", error.advice) from None
    alone = [float(np.nanmean(side)) for side in judged.one_side]
    remark = (
        "Each character is judged by what is before and what is after it: that is no measure of compression. "
        f"By what is before alone {alone[0]:.3f} bits per character, by what is after alone {alone[1]:.3f}."
    )
    model = ModelScore(**told, score=judged.score)
    model = replace(model, remark=" ".join(filter(None, (remark, model.remark))))
    told_of = {
        side: facts(kept, engine) | {"bits_per_character": bits}
        for side, kept, engine, bits in zip(("forward", "backward"), pair, both, alone, strict=True)
    }
    return BothScored(model, tuple(found), told_of | {"suspects": [suspect.to_dict() for suspect in found]})
