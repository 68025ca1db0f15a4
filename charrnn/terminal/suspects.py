"""Where a text is likely to be damaged, as people look at it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from charrnn.evaluation.suspects import Suspect
from charrnn.formatting import apart
from charrnn.terminal.console import open_table, plain, show_table

COLUMNS = ("Line", "Column", "Bits", "Place")
HEADING = "What is likely an error"
LEGEND = (
    "[a|b]: a stands there, and the text is so many bits likelier with b; the ways to err by chance are taken off. "
    "At 10 bits it is likelier an error than not where one character in 1,000 is wrong."
)
NONE = "No place is likelier with another character."


def show_suspects(out: Console, suspects: Sequence[Suspect]) -> None:
    """The likeliest first."""
    out.print()
    out.print(plain(HEADING, "bold"))
    out.print()
    if not suspects:
        out.print(plain(NONE))
        return
    table = open_table(*COLUMNS, right=COLUMNS[:3])
    for suspect in suspects:
        before, written, correction, after = map(
            apart, (suspect.before, suspect.written, suspect.correction, suspect.after)
        )
        place = Text.assemble(before, ("[", "bold"), (written, "bold red"), ("|", "bold"), (correction, "bold green"))
        place.append("]", "bold").append(after)
        table.add_row(plain(f"{suspect.line:,}"), plain(f"{suspect.column:,}"), plain(f"{suspect.gain:.1f}"), place)
    show_table(out, table)
    out.print()
    out.print(plain(LEGEND))
