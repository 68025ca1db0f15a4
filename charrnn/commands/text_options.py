"""The options of reading texts, declared once for every verb that reads any."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.options import unescaped
from charrnn.config import MAX_EXPANSION, ReadConfig

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus

_READ = ReadConfig()
_Files: dict[str, Any] = {"rich_help_panel": "Files and characters"}

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT",
        show_default="the bundled novel",
        help="Files (.gz, .bz2 and .xz too), folders, - for standard input, or names that `charrnn corpora` lists.",
    ),
]
Glob = Annotated[str | None, typer.Option(show_default="*.txt", help="Which files of a folder.", **_Files)]
Documents = Annotated[
    bool, typer.Option("--documents", help="Forget at each document's beginning; windows never straddle two.", **_Files)
]
Separator = Annotated[
    str, typer.Option(show_default=r"\n\n", help=r"What joins documents otherwise; \n and \t are understood.", **_Files)
]
Encoding = Annotated[
    str, typer.Option(help="Any that Python knows, or auto to guess; byte order marks are honoured.", **_Files)
]
Errors = Annotated[
    str, typer.Option(help="strict, or replace: U+FFFD for what cannot be decoded.", metavar="MODE", **_Files)
]
KeepNewlines = Annotated[
    bool, typer.Option("--keep-newlines", help="Leave CRLF and CR as they are, instead of LF.", **_Files)
]
Normalize = Annotated[
    str, typer.Option(help="Unicode normal form: none, nfc (accents composed) or nfkc (lookalikes too).", **_Files)
]
Lowercase = Annotated[bool, typer.Option("--lowercase", help="Read everything in lower case.", **_Files)]
StripGutenberg = Annotated[
    bool, typer.Option("--strip-gutenberg", help="Leave Project Gutenberg's licence out.", **_Files)
]
MinCount = Annotated[
    int, typer.Option(help="Characters rarer than this share one unknown symbol, never sampled.", **_Files)
]
Bytes = Annotated[bool, typer.Option("--bytes", help="Model bytes, of any file, instead of characters.", **_Files)]
MaxExpansion = Annotated[
    int, typer.Option(min=1, help="How many times its size a packed file may unpack to.", **_Files)
]

DEFAULTS = _READ
EXPANSION = MAX_EXPANSION


def config(settings: Mapping[str, Any]) -> ReadConfig:
    """The ReadConfig among a verb's parameters. Raises UsageError."""
    values = {field.name: settings[field.name] for field in fields(ReadConfig)}
    values["separator"] = unescaped(values["separator"])
    return ReadConfig(**values)


def read(texts: Sequence[str], reading: ReadConfig, *, check: bool = False, **files: Any) -> Corpus:
    """Read, with a bar on a terminal if it takes long, and say on standard error what should be known of it: with
    `check` also that it has a licence in it, which nobody wants to train on.

    `files` are the other arguments of `corpus.read`. Raises CorpusError."""
    from tqdm import tqdm

    from charrnn.formatting import visible
    from charrnn.text import corpus
    from charrnn.text_check import documents
    from charrnn.text_check.findings import CheckedText

    bars: dict[str, tqdm[Any]] = {}

    def progress(stage: str, count: int) -> None:
        if stage not in bars:
            for bar in bars.values():
                bar.close()
            bars[stage] = tqdm(
                desc=stage, unit="", unit_scale=True, delay=0.5, leave=False, disable=not sys.stderr.isatty()
            )
        bars[stage].update(count)

    try:
        source = corpus.read(texts, reading, progress=progress, **files)
    finally:
        for bar in bars.values():
            bar.close()
    licence = [f"{one.message}. {one.advice}" for one in documents.boilerplate(CheckedText(source))] if check else []
    for note in [*source.notes, *licence]:
        print(f"charrnn: {visible(note)}", file=sys.stderr)
    return source
