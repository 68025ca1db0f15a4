"""What models make of a text, as people look at it: on a terminal, and on a page of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from charrnn.config import ReadConfig
from charrnn.evaluation.scoring import UNSEEN_BITS, Score
from charrnn.evaluation.surprising_places import Place
from charrnn.formatting import Units, Whose, in_all_units, nats, one_line, told_in
from charrnn.terminal.console import loss, open_table, plain, show_table

PLACE = ("Line", "Bits", "Place")
_ABOVE: Mapping[Units, str] = {
    "bits": "Above\nthe best",
    "nats": "Above\nthe best",
    "perplexity": "Times\nthe best",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScoredModel:
    """A checkpoint that a text was scored by."""

    name: str  # as a person calls it
    path: Path
    digest: str  # of the checkpoint
    iteration: int
    reading: ReadConfig  # how it had the text read
    remark: str | None = None  # what is to be said of it and this text
    form: str | None = None  # what of the text it read in another form
    has_counts: bool = False  # whether figures of network and counts are told beside those of the network
    by_counts: bool = False  # whether it is ranked, and surprised, by those

    @property
    def whose(self) -> Whose:
        """By what it is ranked and surprised."""
        return "network + counts" if self.by_counts else "network"

    def to_dict(self) -> dict[str, Any]:
        """Which it is, ready for JSON."""
        return {
            "model": self.name,
            "checkpoint": str(self.path),
            "sha256": self.digest,
            "iteration": self.iteration,
            "form": self.form,
            "ranked_by": self.whose,
        }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ModelScore(ScoredModel):
    """What one checkpoint makes of the text."""

    score: Score  # of the network, with that of network and counts if there are any

    @property
    def chosen(self) -> Score:
        """That by which it is ranked and surprised."""
        return self.score.mixed if self.by_counts and self.score.mixed else self.score


def whose(model: ScoredModel, scored: Sequence[ScoredModel]) -> str:
    """What stands after the name of a model: what of it is meant, where any of them has counts."""
    return f" ({model.whose})" if any(model.has_counts for model in scored) else ""


def columns(scored: Sequence[ModelScore], units: Units = "bits") -> list[str]:
    """The heads of `cells`: a name, then figures."""
    several = [_ABOVE[units]] if len(scored) > 1 else []
    per = units.capitalize()
    per_byte = [f"{per} per\nbyte"] if _any_of_bytes(scored) else []
    return ["Model", "Iteration", "Characters", f"{per} per\ncharacter", *per_byte, *_unknown(scored), *several]


def _unknown(scored: Sequence[ModelScore]) -> list[str]:
    """The heads of what is told of unknown characters."""
    rare = any(model.score.rare_symbol for model in scored)
    without = ["Without\nunknown" if rare else "Without\nthose"] if _any_unknown(scored) else []
    return ["Unknown" if rare else "Never\nseen", *without]


def unseen_word(score: Score) -> str:
    """What a character is called that the model does not know; one with a symbol for rare ones may have seen it."""
    return "unknown" if score.rare_symbol else "never seen"


def _any_unknown(scored: Sequence[ModelScore]) -> bool:
    return any(bool(model.score.unseen.any()) for model in scored)


def without_unknown(score: Score, scored: Sequence[ModelScore]) -> float | None:
    """Bits per character but for the unknown ones; None if all are.

    Where all models were charged for the same text, what any of them does not know is left out for all.
    """
    unseen = score.unseen
    if len({other.score.text for other in scored}) == 1:
        unseen = np.logical_or.reduce([other.score.unseen for other in scored])
    return score.mean_without(unseen)


def _any_of_bytes(scored: Sequence[ModelScore]) -> bool:
    """Whether one of the models is of bytes, whose training is told in bits per byte."""
    return any(model.reading.bytes for model in scored)


def cells(scored: Sequence[ModelScore], units: Units = "bits") -> Iterator[list[str]]:
    """A row for each of `scored`, of which the first is the best, and below it one of network and counts.

    How far a model is above the best stands in the row by which it is ranked; in that of the best there is "best".
    """
    best = scored[0].chosen.bits_per_character
    for model in scored:
        for score in (model.score, *([model.score.mixed] if model.score.mixed else [])):
            mean, network = score.bits_per_character, score is model.score
            above = "best" if model is scored[0] else told(mean - best, units)
            several = [above if score is model.chosen else ""] if len(scored) > 1 else []
            counts = [f"{model.iteration:,}", f"{len(score.text):,}"] if network else ["", ""]
            per_byte = [told(score.bits_per_byte, units)] if _any_of_bytes(scored) else []
            unknown = [f"{np.count_nonzero(score.unseen):,}" if network else ""]
            unknown += [told(without_unknown(score, scored), units)] if _any_unknown(scored) else []
            name = model.name if network else "  + counts"
            yield [name, *counts, told(mean, units), *per_byte, *unknown, *several]


def told(bits: float | None, units: Units) -> str:
    """Bits per character or byte, or a difference of them, in the units that were asked for."""
    return loss(told_in(units, nats(bits)))


def by_units(bits: float | None, per: str = "character") -> dict[str, float | None]:
    """A score in JSON: `bits_per_character`, `nats_per_character`, `perplexity_per_character`."""
    figures = in_all_units(nats(bits)) | {"bits": bits}
    return {f"{units}_per_{per}": figure for units, figure in figures.items()}


def remarks(scored: Sequence[ModelScore], window: int | None, units: Units = "bits") -> list[str]:
    """What a reader must know to read the figures rightly, and last what they say."""
    lines = ["The state was carried over the whole text."]
    if window is not None:
        lines = [f"Cold: the state began at zero every {window:,} characters."]
    if _any_of_bytes(scored):
        lines.append("A model of bytes is trained on bits per byte; per character, all the bytes of one are counted.")
    lines += of_counts(scored, "Ranks, shades and places go" if len(scored) > 1 else "Shades and places go")
    lines += of_unknown([model.score for model in scored])
    lines += [model.remark for model in scored if model.remark]
    if len({model.score.before + model.score.text + model.score.after for model in scored}) > 1:
        names = (field.name for field in fields(ReadConfig) if field.name != "encoding")  # which is the text's own
        ways = [name for name in names if len({getattr(model.reading, name) for model in scored}) > 1]
        listed = ", ".join("--" + way.replace("_", "-") for way in ways)
        lines.append(f"The models read texts differently ({listed}): their characters differ, so compare with care.")
    if len(scored) > 1:
        less = scored[1].chosen.bits_per_character - scored[0].chosen.bits_per_character
        best, following = (model.name + whose(model, scored) for model in scored[:2])
        if told(less, units) == told(0.0, units):
            lines.append(f"{best} and {following} explain the text equally well.")
        elif units == "perplexity":
            times = f"the perplexity of {following} is {told(less, units)} times as high."
            lines.append(f"{best} explains the text best: {times}")
        else:
            by = f"{told(less, units)} {units} per character below {following}."
            lines.append(f"{best} explains the text best: {by}")
        lines += _other_best(scored, units)
    return lines


def of_counts(scored: Sequence[ScoredModel], what: str) -> list[str]:
    """What figures of network and counts are, and by which of the two `what`, such as shades, goes."""
    having = [model for model in scored if model.has_counts]
    if not having:
        return []
    chosen = {model.by_counts for model in having}
    by = "network + counts" if chosen == {True} else "the network alone"
    if len(chosen) > 1:
        by = "network + counts where that lowers the held-out loss, else by the network alone"
    return [f"+ counts is the network mixed with the counts in its checkpoint. {what} by {by}."]


def of_unknown(scores: Sequence[Score]) -> list[str]:
    """What unknown characters cost."""
    unknown = [score for score in scores if score.unseen.any()]
    if not unknown:
        return []
    lines = [f"A character that a model has never seen is charged {UNSEEN_BITS:.1f} bits."]
    if any(score.rare_symbol for score in unknown):
        lines = [
            f"An unknown character is charged {UNSEEN_BITS:.1f} bits, and by a model with --min-count the bits of its "
            "symbol of rare characters besides; such a model has no other place for those that were rare in its text."
        ]
    return lines


def _other_best(scored: Sequence[ModelScore], units: Units) -> list[str]:
    """Whether another model is the best but for unknown characters: then typography or accents may have decided."""
    means = [(mean, model.name) for model in scored if (mean := without_unknown(model.chosen, scored)) is not None]
    if not _any_unknown(scored) or not means or min(means)[1] == scored[0].name:
        return []
    mean, name = min(means)
    own = next((mean for mean, other in means if other == scored[0].name), None)
    beside = "" if own is None else f", to {told(own, units)}"
    best = f"{name} explains it best: {told(mean, units)}{beside}."
    return [f"Without the characters that a model does not know, {best}"]


def show_scores(
    out: Console,
    title: str,
    scored: Sequence[ModelScore],
    places: Sequence[Place],
    window: int | None,
    units: Units = "bits",
) -> None:
    """The figures of all, the best first, and the places that surprised it most, which are told in bits."""
    heads = columns(scored, units)
    table = open_table(*heads, right=heads[1:])
    for row in cells(scored, units):
        table.add_row(*map(plain, row), style="bold green" if row[-1] == "best" else "")
    out.print(plain(title, "bold"))
    out.print()
    show_table(out, table)
    out.print()
    for line in remarks(scored, window, units):
        out.print(plain(line))
    if not places:
        return
    out.print()
    out.print(plain(heading(scored), "bold"))
    out.print()
    table = open_table(*PLACE, right=PLACE[:2])
    for place in places:
        before, character, after = map(one_line, place.shown)
        context = Text.assemble(
            before, (f"[{character}]", "bold red"), after, f"  ({unseen_word(scored[0].score)})" if place.unseen else ""
        )
        table.add_row(plain(f"{place.line:,}"), plain(f"{place.bits:.1f}"), context)
    show_table(out, table)


def heading(scored: Sequence[ModelScore]) -> str:
    """What stands above the most surprising places."""
    return f"What surprised {scored[0].name if len(scored) > 1 else 'it'}{whose(scored[0], scored)} most"
