"""The library of texts, as people look at it."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from charrnn.cache import Entry as Cached
from charrnn.library import Entry, Stored
from charrnn.terminal import moment, plain
from charrnn.units import size


def show_library(out: Console, texts: Sequence[Stored], fetchable: Sequence[Entry], encoded: Sequence[Cached]) -> None:
    """What is here, what of it and of other texts the cache holds encoded, and what can be fetched."""
    here = _table("Here", "Size", "Characters", "Fetched", right=("Size", "Characters"))
    for text in texts:
        characters = "-" if text.characters is None else f"{text.characters:,}"
        when = moment(text.fetched) if text.fetched else "-" if text.characters is None else "comes with charrnn"
        here.add_row(*map(plain, (text.name, size(text.size), characters, when)))
    out.print(here)
    if encoded:
        out.print()
        cached = _table("In the cache", "Size", "Characters", right=("Size", "Characters"))
        for one in encoded:
            cached.add_row(*map(plain, (one.name, size(one.size), f"{one.characters:,}")))
        out.print(cached)
    if not fetchable:
        return
    out.print()
    there = _table("To fetch", "Language", "Title", "Author")
    for entry in fetchable:
        there.add_row(*map(plain, (entry.name, entry.language, entry.title, entry.author)))
    out.print(there)


def _table(*columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        figure = column in right
        table.add_column(plain(column, "bold"), justify="right" if figure else "left", overflow="fold", no_wrap=figure)
    return table
