"""The library of texts, as people look at it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from charrnn.formatting import size
from charrnn.terminal.console import moment, open_table, plain
from charrnn.text.id_cache import CachedText
from charrnn.text.known_texts import KnownText, StoredText


def show_library(
    out: Console, texts: Sequence[StoredText], fetchable: Sequence[KnownText], encoded: Sequence[CachedText]
) -> None:
    """What is here, what of it and of other texts the cache holds encoded, and what can be fetched."""
    here = open_table("Here", "Size", "Characters", "Fetched", right=("Size", "Characters"))
    for text in texts:
        characters = "-" if text.characters is None else f"{text.characters:,}"
        when = moment(text.fetched) if text.fetched else "-" if text.characters is None else "comes with charrnn"
        here.add_row(*map(plain, (text.name, size(text.size), characters, when)))
    out.print(here)
    if encoded:
        out.print()
        table = open_table("In the cache", "Size", "Characters", right=("Size", "Characters"))
        for cached_text in encoded:
            table.add_row(*map(plain, (cached_text.name, size(cached_text.size), f"{cached_text.characters:,}")))
        out.print(table)
    if not fetchable:
        return
    out.print()
    there = open_table("To fetch", "Language", "Title", "Author")
    for entry in fetchable:
        there.add_row(*map(plain, (entry.name, entry.language, entry.title, entry.author)))
    out.print(there)
