"""The library of texts, as people look at it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from charrnn.formatting import size
from charrnn.terminal.console import moment, open_table, plain, show_table
from charrnn.text.catalogue import KnownText
from charrnn.text.id_cache import CacheEntry
from charrnn.text.known_texts import StoredText


def show_library(
    out: Console, texts: Sequence[StoredText], fetchable: Sequence[KnownText], cached: Sequence[CacheEntry]
) -> None:
    """Print what is here, what the cache holds encoded, and what can be fetched.

    Args:
        out: Where to.
        texts: The texts on this machine.
        fetchable: Those that can be fetched by name, and are not here.
        cached: Texts that need not be encoded again.
    """
    stored_table = open_table("Here", "Size", "Characters", "Fetched", right=("Size", "Characters"))
    for text in texts:
        characters = "-" if text.characters is None else f"{text.characters:,}"
        when = moment(text.fetched) if text.fetched else "-" if text.characters is None else "comes with charrnn"
        stored_table.add_row(*map(plain, (text.name, size(text.size), characters, when)))
    show_table(out, stored_table)
    if cached:
        out.print()
        in_cache = open_table("In the cache", "Size", "Characters", right=("Size", "Characters"))
        for entry in cached:
            in_cache.add_row(*map(plain, (entry.name, size(entry.size), f"{entry.characters:,}")))
        show_table(out, in_cache)
    if not fetchable:
        return
    out.print()
    fetchable_table = open_table("To fetch", "Language", "Title", "Author")
    for known in fetchable:
        fetchable_table.add_row(*map(plain, (known.name, known.language, known.title, known.author)))
    show_table(out, fetchable_table)
