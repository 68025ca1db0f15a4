"""What may stand in a gap, as people look at it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from charrnn.formatting import Unit, apart, plural
from charrnn.sampling.fill import Fillings, FillRequest, Gap
from charrnn.terminal.console import open_table, plain, show_table

_AROUND = 24  # characters on either side of the gap that are shown
_FEW = 10  # effective draws: with fewer, one or two say it all


def show_fillings(out: Console, gap: Gap, request: FillRequest, found: Fillings, count: int, unit: Unit) -> None:
    """The likeliest fillings in their place, and what the figures are worth."""
    heads = ["Probability", "Weight", "Drawn", "Text"]
    table = open_table(*heads, right=heads[:3])
    before, after = apart(gap.before[-_AROUND:]), apart(gap.after[:_AROUND])
    for filling in found.fillings[:count]:
        shown = Text.assemble(before, (f"[{apart(filling.text)}]", "bold green"), after)
        table.add_row(
            plain(f"{filling.probability:.2%}"), plain(f"{filling.weight:.1%}"), plain(f"{filling.drawn:,}"), shown
        )
    show_table(out, table)
    out.print()
    for line in remarks(request, found, unit):
        out.print(plain(line))


def remarks(request: FillRequest, found: Fillings, unit: Unit) -> list[str]:
    """What a reader must know to read the figures rightly."""
    least, most = request.lengths[0], request.lengths[-1]
    length = plural(most, unit.one) if least == most else f"{least} to {plural(most, unit.one)}"
    size = found.effective_sample_size
    lines = [
        f"{plural(found.draws, 'filling')} of {length} drawn by the forward model, "
        f"{len(found.fillings):,} of them different, weighed by both.",
        f"Effective sample size: {size:.1f} of {found.draws:,}.",
    ]
    if size < _FEW <= found.draws:
        lines.append("A few draws have nearly all the weight: probabilities are rough. --draws draws more.")
    return lines
