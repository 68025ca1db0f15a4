"""Standard output as people look at it, and how anything is put there.

Generated text and whatever files say goes through `plain`: never markup, never raw control characters. Without a
terminal, or with NO_COLOR, there are no escape sequences and samples keep their lines.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NoReturn

from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from charrnn.files import discard_stdout
from charrnn.formatting import one_line, visible


class _Console(Console):
    """A console that ends quietly when its reader leaves."""

    def on_broken_pipe(self) -> NoReturn:
        discard_stdout()
        sys.exit(0)


def console() -> Console:
    """Standard output: in colour only on a terminal without NO_COLOR."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an old code page lacks what a text has
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    color_system: Literal["auto"] | None = "auto" if colour else None
    return _Console(file=sys.stdout, color_system=color_system, markup=False, emoji=False, highlight=False)


def plain(text: object, style: str = "") -> Text:
    """Anything as rich text that does nothing but show itself."""
    return Text(visible(str(text)), style=style)


def loss(value: float | None) -> str:
    """A loss in bits, for people."""
    return "-" if value is None else f"{value:.3f}"


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


def setting(value: Any) -> str:
    """The value of a setting for people: `yes`, `none`, `default`, lists with commas."""
    if value is None:
        return "default"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, str):
        return one_line(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def show_text(out: Console, title: str, body: Text) -> None:
    """A text under its title and a rule."""
    out.print(plain(title, "bold"))
    out.print(Rule(characters="-", style=""))
    if out.is_terminal:
        out.print(body)
    else:  # a file or pipe gets the lines as they were written, with their tabs
        out.out(body.plain, highlight=False)


def body(prime: str, text: str) -> Text:
    """The prime, set apart where there is colour, and what follows it; without blank lines around."""
    body = Text().append_text(plain(prime, "bold")).append_text(plain(text))
    shown = body.plain
    return body[len(shown) - len(shown.lstrip("\n")) : len(shown.rstrip("\n"))] if shown.strip("\n") else Text()
