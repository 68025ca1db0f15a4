"""The lines or documents of a text, ranked by how surprising they are to models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console

from charrnn.evaluation.scoring import Score
from charrnn.formatting import Units, one_line
from charrnn.terminal.console import open_table, plain, show_table
from charrnn.terminal.scores import ScoredModel, by_units, of_counts, of_unknown, told, whose


@dataclass(frozen=True, slots=True, eq=False)
class RankedPart:
    """A line or a document."""

    title: str  # the number of the line, or the name of the document
    score: Score


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RankedModel(ScoredModel):
    """What one checkpoint makes of every part, in the order of the text."""

    kind: str  # "line" or "document"
    parts: tuple[RankedPart, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """What the parts are called."""
        return tuple(part.title for part in self.parts)

    @property
    def bits_per_character(self) -> float:
        """The network's mean over the characters of all parts."""
        return _mean([part.score for part in self.parts])

    @property
    def mixed_bits_per_character(self) -> float | None:
        """That of network and counts; None without counts."""
        mixed = [part.score.mixed for part in self.parts if part.score.mixed]
        return _mean(mixed) if mixed else None

    @property
    def chosen(self) -> float:
        """That by which it is ranked."""
        mixed = self.mixed_bits_per_character
        return mixed if self.by_counts and mixed is not None else self.bits_per_character

    @property
    def ranking(self) -> list[int]:
        """The places of the parts, the least surprising first, of equals the earlier."""
        chosen = [part.score.mixed if self.by_counts and part.score.mixed else part.score for part in self.parts]
        return sorted(range(len(self.parts)), key=lambda place: chosen[place].bits_per_character)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; the parts ranked."""
        return ScoredModel.to_dict(self) | {
            **by_units(self.bits_per_character),
            **_mixed(self.mixed_bits_per_character),
            "ranked": [
                {
                    self.kind: int(part.title.replace(",", "")) if self.kind == "line" else part.title,
                    "characters": len(part.score.text),
                    "unseen": int(part.score.unseen.sum()),
                    **by_units(part.score.bits_per_character),
                    **_mixed(part.score.mixed.bits_per_character if part.score.mixed else None),
                    **({"text": part.score.text} if self.kind == "line" else {}),
                }
                for part in map(self.parts.__getitem__, self.ranking)
            ],
        }


def _mixed(bits: float | None) -> dict[str, float | None]:
    """In JSON, a figure of network and counts: `mixed_bits_per_character` and so on, None without counts."""
    return {f"mixed_{name}": figure for name, figure in by_units(bits).items()}


def _mean(scores: Sequence[Score]) -> float:
    """Bits per character of several texts."""
    return float(np.concatenate([score.bits for score in scores]).mean())


def remarks(ranked: Sequence[RankedModel]) -> list[str]:
    """What a reader must know to read the figures rightly."""
    kind = ranked[0].kind
    lines = [f"Each {kind} was read on its own; those first that surprise least."]
    if len(ranked) > 1:
        best = ranked[0].name + whose(ranked[0], ranked)
        lines[0] = f"Each {kind} was read on its own; those first that surprise {best} least."
    lines += of_counts(ranked, f"{kind.capitalize()}s are ranked")
    lines += of_unknown([part.score for model in ranked for part in model.parts])
    return lines + [model.remark for model in ranked if model.remark]


def show_ranking(out: Console, title: str, ranked: Sequence[RankedModel], units: Units = "bits") -> None:
    """A row for each part, with a column of losses per character for each model."""
    best, per = ranked[0], f"{units} per\ncharacter"
    heads = list[str]()
    for model in ranked:
        own = [f"{model.name}\n{per}" if len(ranked) > 1 else per.capitalize()]
        heads += [*own, f"{own[0]}\n+ counts"] if model.has_counts else own
    lines = best.kind == "line"
    columns = [best.kind.capitalize(), "Characters", *heads, *(["Text"] if lines else [])]
    table = open_table(*columns, right=[*columns[:1], *columns[1 : 2 + len(heads)]] if lines else columns[1:])
    for place in best.ranking:
        part = best.parts[place]
        scores = [model.parts[place].score for model in ranked]
        both = [score for network in scores for score in (network, network.mixed) if score]
        means = [told(score.bits_per_character, units) for score in both]
        text = [one_line(part.score.text)] if lines else []
        table.add_row(*map(plain, [part.title, f"{len(part.score.text):,}", *means, *text]))
    out.print(plain(title, "bold"))
    out.print()
    show_table(out, table)
    out.print()
    for line in remarks(ranked):
        out.print(plain(line))
