"""What models make of a text, as people look at it: on a terminal, and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from charrnn.config import ReadConfig
from charrnn.evaluation.scoring import UNSEEN_BITS, Place, Score
from charrnn.formatting import one_line
from charrnn.terminal.console import loss, open_table, plain, show_table

PLACE = ("Line", "Bits", "Place")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ModelScore:
    """What one checkpoint makes of the text."""

    name: str  # as a person calls it
    path: Path
    digest: str  # of the checkpoint
    iteration: int
    reading: ReadConfig  # how it had the text read
    score: Score


def columns(scored: Sequence[ModelScore]) -> list[str]:
    """The heads of `cells`: a name, then figures."""
    several = ["Above\nthe best"] if len(scored) > 1 else []
    per_byte = ["Bits per\nbyte"] if _any_of_bytes(scored) else []
    return ["Model", "Iteration", "Characters", "Bits per\ncharacter", *per_byte, "Never\nseen", *several]


def _any_of_bytes(scored: Sequence[ModelScore]) -> bool:
    """Whether one of the models is of bytes, whose training is told in bits per byte."""
    return any(model.reading.bytes for model in scored)


def cells(scored: Sequence[ModelScore]) -> Iterator[list[str]]:
    """A row for each of `scored`, of which the first is the best."""
    best = scored[0].score.bits_per_character
    for model in scored:
        mean = model.score.bits_per_character
        several = ["best" if model is scored[0] else f"{mean - best:.3f}"] if len(scored) > 1 else []
        counts = f"{model.iteration:,}", f"{len(model.score.text):,}"
        per_byte = [loss(model.score.bits_per_byte)] if _any_of_bytes(scored) else []
        yield [model.name, *counts, loss(mean), *per_byte, f"{np.count_nonzero(model.score.unseen):,}", *several]


def remarks(scored: Sequence[ModelScore], window: int | None) -> list[str]:
    """What a reader must know to read the figures rightly, and last what they say."""
    lines = ["The state was carried over the whole text."]
    if window is not None:
        lines = [f"Cold: the state began at zero every {window:,} characters."]
    if _any_of_bytes(scored):
        lines.append("A model of bytes is trained on bits per byte; per character, all the bytes of one are counted.")
    if any(model.score.unseen.any() for model in scored):
        lines.append(f"A character that a model has never seen is charged {UNSEEN_BITS:.1f} bits.")
    if len({model.score.before + model.score.text for model in scored}) > 1:
        names = (field.name for field in fields(ReadConfig) if field.name != "encoding")  # which is the text's own
        ways = [name for name in names if len({getattr(model.reading, name) for model in scored}) > 1]
        listed = ", ".join("--" + way.replace("_", "-") for way in ways)
        lines.append(f"The models read texts differently ({listed}): their characters differ, so compare with care.")
    if len(scored) > 1:
        best, following = scored[:2]
        less = f"{following.score.bits_per_character - best.score.bits_per_character:.3f}"
        if float(less):
            lines.append(f"{best.name} explains the text best: {less} bits per character below {following.name}.")
        else:
            lines.append(f"{best.name} and {following.name} explain the text equally well.")
    return lines


def show_scores(
    out: Console, title: str, scored: Sequence[ModelScore], places: Sequence[Place], window: int | None
) -> None:
    """The figures of all, the best first, and the places that surprised it most."""
    heads = columns(scored)
    table = open_table(*heads, right=heads[1:])
    for number, row in enumerate(cells(scored)):
        table.add_row(*map(plain, row), style="bold green" if len(scored) > 1 and not number else "")
    out.print(plain(title, "bold"))
    out.print()
    show_table(out, table)
    out.print()
    for line in remarks(scored, window):
        out.print(plain(line))
    if not places:
        return
    out.print()
    out.print(plain(heading(scored), "bold"))
    out.print()
    table = open_table(*PLACE, right=PLACE[:2])
    for place in places:
        before, character, after = map(one_line, place.shown)
        context = Text.assemble(before, (f"[{character}]", "bold red"), after, "  (never seen)" if place.unseen else "")
        table.add_row(plain(f"{place.line:,}"), plain(f"{place.bits:.1f}"), context)
    show_table(out, table)


def heading(scored: Sequence[ModelScore]) -> str:
    """What stands above the most surprising places."""
    return f"What surprised {scored[0].name if len(scored) > 1 else 'it'} most"
