"""Reading texts, for every verb that reads any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.commands.completion import texts
from charrnn.commands.notes import tell
from charrnn.config import ReadConfig, TrainConfig

if TYPE_CHECKING:
    from charrnn.text.corpus import Corpus
    from charrnn.text.finding import Finding
    from charrnn.text.sources import Source

Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT",
        show_default="the bundled novel",
        autocompletion=texts,
        help="Files (.gz, .bz2 and .xz too), folders, - for standard input, or names that `charrnn corpora` lists.",
    ),
]


def read(
    texts: Sequence[str | Source], reading: ReadConfig, *, training: TrainConfig | None = None, **files: Any
) -> Corpus:
    """Read texts, with a bar on a terminal if it takes long, and say on standard error what should be known of them.

    Args:
        texts: As in `corpus.read`.
        reading: How they are read.
        training: What will be trained on them: a licence in them is told, too, and what makes the part that is held
            out a bad measure, which is kept in the corpus.
        files: The other arguments of `corpus.read`.

    Raises:
        CorpusError: They cannot be read.
    """
    from charrnn.evaluation.held_out_check import examined
    from charrnn.terminal.progress_bar import stage_bars
    from charrnn.text import corpus
    from charrnn.text_check import documents
    from charrnn.text_check.findings import CheckedText

    with stage_bars() as progress:
        source = corpus.read(texts, reading, progress=progress, **files)
    findings: list[Finding] = []
    if training is not None:
        source = examined(source, source.split(training.val_frac, training.val_max, training.val_at))
        findings = [*documents.boilerplate(CheckedText(source)), *source.findings]
    for note in [*source.notes, *(f"{finding.message}. {finding.advice}" for finding in findings)]:
        tell(note)
    return source
