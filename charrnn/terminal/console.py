"""Standard output as people look at it, and how anything is put there.

Generated text and whatever files say goes through `plain`: never markup, never raw control characters. Without a
terminal, or with NO_COLOR, there are no escape sequences. A file or pipe gets lines as they are, however long.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NoReturn

from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from charrnn.files import discard_stdout
from charrnn.formatting import hex_bytes, visible
from charrnn.terminal import output
from charrnn.terminal.wrapping import wrapped

_ENDLESS = 100_000  # columns of a file
_TALL = 25  # lines of a terminal, as far as it matters
_RULE = 80  # columns of a rule, at most
_NAME = 12  # columns that a name or value has at least; with fewer the rows are told one below another
_LONG = 1e6  # from here on a figure, some perplexity, is told by its power of ten
_GAP = 3  # columns between two of a table


class _Console(Console):
    """A console that ends quietly when its reader leaves."""

    def on_broken_pipe(self) -> NoReturn:
        discard_stdout()
        sys.exit(0)


def console() -> Console:
    """Standard output: in colour only on a terminal without NO_COLOR."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old code page lacks what a text has
    color_system: Literal["auto"] | None = None if output.is_plain(sys.stdout) else "auto"
    return _Console(
        file=sys.stdout,
        force_terminal=output.is_terminal(sys.stdout),
        width=output.width(sys.stdout) or _ENDLESS,
        height=_TALL,  # Rich asks a dumb terminal for neither, unless both are given
        color_system=color_system,
        markup=False,
        emoji=False,
        highlight=False,
    )


def plain(text: object, style: str = "") -> Text:
    """Anything as rich text that does nothing but show itself."""
    return Text(visible(str(text)), style=style)


def loss(value: float | None) -> str:
    """A loss in any unit, for people."""
    return "-" if value is None else f"{value:.3f}" if value < _LONG else f"{value:.3g}"


def share(value: float | None) -> str:
    """0.25 as `25%`."""
    return "-" if value is None else f"{value:.0%}"


def moment(created: str) -> str:
    """`2026-11-21 14:20 UTC` from ISO 8601; anything else as it is."""
    try:
        when = datetime.fromisoformat(created)
    except ValueError:
        return created
    return f"{when:%Y-%m-%d %H:%M}" + (f" {when.tzname()}" if when.tzinfo else "")


def open_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without frames; `right` are the columns of figures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:  # names and values break anywhere rather than be cut short; figures never break
        title, figure = plain(column, "bold"), column in right
        table.add_column(
            title, justify="right" if figure else "left", overflow="fold", no_wrap=figure, vertical="bottom"
        )
    return table


def show_table(out: Console, table: Table) -> None:
    """A table, whole. Figures are never cut: names are folded, and where even that is too wide, rows become lists."""
    if not out.is_terminal:
        with out.capture() as captured:
            out.print(table)
        out.out("\n".join(line.rstrip() for line in captured.get().split("\n")), end="", highlight=False)
    elif not table.show_header or fits(out, table):
        out.print(table)
    else:
        _show_lists(out, table)


def fits(out: Console, table: Table) -> bool:
    """Whether there is room for a table as it is."""
    return not out.is_terminal or _least_width(table) <= out.width


def _least_width(table: Table) -> int:
    """The columns that a table takes at least."""
    widest = [max(line.cell_len for cell in _cells(column) for line in cell.split()) for column in table.columns]
    least = [wide if column.no_wrap else min(wide, _NAME) for column, wide in zip(table.columns, widest, strict=True)]
    return sum(least) + _GAP * (len(least) - 1)


def _cells(column: Column) -> list[Text]:
    """The head and the cells of a column."""
    return [cell if isinstance(cell, Text) else Text(str(cell)) for cell in (column.header, *column.cells)]


def _show_lists(out: Console, table: Table) -> None:
    """Each row as a list, the heads beside the figures."""
    heads, *rows = zip(*map(_cells, table.columns), strict=True)
    names = [Text(" ", style="bold").join(head.split()) for head in heads]
    room = max(name.cell_len for name in names)
    for number, (row, cells) in enumerate(zip(table.rows, rows, strict=True)):
        if number:
            out.print()
        for name, value in zip(names, cells, strict=True):
            if not value.plain.strip():
                continue
            cell = Text(style=row.style or "").append_text(value)
            beside = room + 2 + cell.cell_len <= out.width or room + 2 <= out.width // 2
            if name.plain and beside:
                line = Table.grid(padding=(0, 2))
                line.add_column(width=room)
                line.add_column(overflow="fold")
                line.add_row(name, cell)
                out.print(line)
            else:
                out.print(*([name, cell] if name.plain else [cell]), sep="\n", overflow="fold")


def show_text(out: Console, title: str, body: Text) -> None:
    """A text under its title and a rule, with its tabs; a terminal's lines end between words."""
    width = output.width(out.file)
    out.print(plain(title, "bold"))
    out.print("-" * min(width or _RULE, _RULE))
    begin = min((span.start for span in body.spans), default=0)  # of the prime, which is set apart
    end = max((span.end for span in body.spans), default=0)
    parts = [(body.plain[:begin], ""), (body.plain[begin:end], output.BOLD), (body.plain[end:], "")]
    shown = wrapped(parts, width)
    out.file.write((output.styled(shown) if out.color_system else "".join(text for text, _ in shown)) + "\n")


def body(prime: str, text: str, *, backward: bool = False) -> Text:
    """The prime, set apart where there is colour, and what follows it, or leads up to it; no blank lines around."""
    parts = (plain(hex_bytes(prime), "bold"), plain(hex_bytes(text)))
    body = Text().join(reversed(parts) if backward else parts)
    shown = body.plain
    return body[len(shown) - len(shown.lstrip("\n")) : len(shown.rstrip("\n"))] if shown.strip("\n") else Text()
