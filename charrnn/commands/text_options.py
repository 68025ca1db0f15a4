"""Reading texts, for every verb that reads any."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.config import ReadConfig

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus
    from charrnn.text.sources import Source

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT",
        show_default="the bundled novel",
        help="Files (.gz, .bz2 and .xz too), folders, - for standard input, or names that `charrnn corpora` lists.",
    ),
]


def read(texts: Sequence[str | Source], reading: ReadConfig, *, check: bool = False, **files: Any) -> Corpus:
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
