"""`charrnn corpora`: the texts that are known by name, and fetching more."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands import text_options, training_setup
from charrnn.commands.arguments import Command, Group
from charrnn.commands.notes import tell
from charrnn.commands.options import Json, TrainingThreads, print_json, with_options
from charrnn.config import HeldOutConfig, Option, ReadConfig, SourceConfig, TrainConfig
from charrnn.errors import UsageError

if TYPE_CHECKING:
    from charrnn.text.catalogue import KnownText
    from charrnn.text.known_texts import StoredText

_BUDGETS = (60.0, 300.0, 1800.0)  # seconds that a network is suggested for

corpora_app = typer.Typer(
    cls=Group, help="List the texts that are known by name, and fetch more.", invoke_without_command=True
)


@corpora_app.callback()
def corpora(context: typer.Context, as_json: Json = False) -> None:
    """List the texts that are known by name: `charrnn train NAME` learns one. Others can be fetched."""
    if context.invoked_subcommand is not None:
        return
    from charrnn.text import id_cache, known_texts
    from charrnn.text.catalogue import ENTRIES

    texts, encoded = known_texts.stored(), id_cache.entries()
    names = {text.name for text in texts}
    fetchable = [entry for entry in ENTRIES.values() if entry.name not in names]
    if as_json:
        print_json(
            {"stored": [_described(text) for text in texts], "fetchable": [_offered(entry) for entry in fetchable]}
            | {"cache": [asdict(entry) | {"path": str(entry.path)} for entry in encoded]}
        )
        return
    from charrnn.terminal.console import console
    from charrnn.terminal.corpora import show_library

    show_library(console(), texts, fetchable, encoded)
    if fetchable:
        print(file=sys.stderr)
        tell("Fetch one: charrnn corpora fetch NAME, or any text: charrnn corpora fetch URL", prefix="")


def _described(text: StoredText) -> dict[str, object]:
    """A text that is here, ready for JSON."""
    return asdict(text) | {"path": str(text.path)}


def _offered(entry: KnownText) -> dict[str, object]:
    """A text that can be fetched, ready for JSON."""
    names = ("name", "title", "author", "language", "url", "licence")
    return {name: getattr(entry, name) for name in names}


@corpora_app.command(cls=Command)
@with_options
def fetch(
    *,
    texts: Annotated[list[str], typer.Argument(metavar="NAME|URL", help="Names of the list, or web addresses.")],
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is here already.")] = False,
    max_size: Annotated[int, Option("The most to download of each.", low=1, metavar="MB")] = 200,
    name: Annotated[
        str | None, typer.Option(show_default="after the address", help="What to call the text of a URL.")
    ] = None,
) -> None:
    """Fetch texts, by name or from anywhere on the web.

    Only the text is kept, in UTF-8 and without Project Gutenberg's licence.
    """
    from charrnn.terminal.progress_bar import download_bar
    from charrnn.text import known_texts
    from charrnn.text.catalogue import ENTRIES

    if name is not None and (len(texts) != 1 or "://" not in texts[0]):
        raise UsageError("--name names the text of one URL.", "Fetch that alone.")
    entries = [
        known_texts.entry_of_url(text, name) if "://" in text else known_texts.entry_named(text) for text in texts
    ]
    for entry in entries:
        stored = next((text for text in known_texts.stored() if text.name == entry.name), None)
        if stored is not None and not force and entry.name not in ENTRIES and stored.url != entry.url:
            raise UsageError(f"{entry.name}: is here already, from {stored.url}.", "Choose a --name, or --force.")
        if stored is None or force:
            with download_bar(entry.name) as progress:
                stored = known_texts.fetch(entry, max_size=max_size * 10**6, progress=progress)
            if reason := known_texts.doubt(stored):
                tell(f"{stored.name}: is this the text? For {reason}. Look at it: {stored.path}")
        length = "" if stored.characters is None else f"{stored.characters:,} characters, "
        tell(f"{stored.name}: {length}{stored.path}", prefix="")
    tell(f"Learn it: charrnn train {entries[-1].name}", prefix="")


@corpora_app.command(cls=Command)
@with_options
def check(
    *,
    texts: text_options.Texts = None,
    source: SourceConfig,
    reading: ReadConfig,
    held_out: HeldOutConfig,
    threads: TrainingThreads = None,
    trials: Annotated[bool, typer.Option(help="Train networks for a moment, to tell how long they take.")] = True,
    as_json: Json = False,
) -> None:
    """Look a text over before training on it: characters, what is odd, how far counting gets, how long it will take.

    It is read exactly as `charrnn train` with the same options reads it.
    """
    from charrnn.text import known_texts
    from charrnn.text_check.check import summarize
    from charrnn.training import torch_import
    from charrnn.training import trials as networks

    config = TrainConfig(**asdict(held_out))
    named = texts or [str(known_texts.bundled())]
    corpus = text_options.read(named, reading, val_text=held_out.val_text, **asdict(source))
    summary = summarize(corpus, config)
    if not as_json:
        from charrnn.terminal.console import console
        from charrnn.terminal.text_check import show_summary, show_trials

        show_summary(console(), summary)
    tried = []
    if trials and not torch_import.installed():
        tell("no networks were tried: torch is not installed")
    elif trials:
        training_setup.prepare(threads)
        tried = list(networks.trials(corpus, config))
    suggested = list(networks.suggestions(corpus, _BUDGETS, config)) if tried and not as_json else []
    if as_json:
        print_json(summary.to_dict() | {"trials": [asdict(trial) for trial in tried]})
    else:
        show_trials(console(), tried, suggested)


@corpora_app.command(cls=Command)
def clear() -> None:
    """Clear the cache of encoded texts; they are encoded anew when they are next read."""
    from charrnn import files
    from charrnn.formatting import size
    from charrnn.text import id_cache

    tell(f"cleared {size(id_cache.clear())} of encoded texts in {files.cache_dir()}", prefix="")


@corpora_app.command(cls=Command)
def remove(names: Annotated[list[str], typer.Argument(metavar="NAME", help="Fetched texts.")]) -> None:
    """Remove fetched texts from this machine."""
    from charrnn.text import known_texts

    for name in names:
        tell(f"removed {known_texts.remove(name)}", prefix="")
