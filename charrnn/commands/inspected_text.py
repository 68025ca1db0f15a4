"""A checkpoint and a text, as every verb of `charrnn inspect` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models, texts
from charrnn.commands.notes import tell, tell_skipped
from charrnn.commands.scored_text import ScoredText
from charrnn.config import InspectConfig
from charrnn.errors import CharrnnError, CorpusError, UsageError
from charrnn.formatting import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.network.engine import Engine
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.text.model_input import ModelInput

InspectedCheckpoint = Annotated[
    Path, typer.Argument(metavar="CHECKPOINT|RUN", help="A run stands for its best snapshot.", autocompletion=models)
]
InspectedPath = Annotated[
    str | None,
    typer.Argument(
        metavar="TEXT",
        show_default="what was held out of its own",
        help="A file, a folder, - for standard input, or a name that `charrnn corpora` lists.",
        autocompletion=texts,
    ),
]


@dataclass(frozen=True, slots=True, eq=False)
class InspectedText:
    """A text as a model reads it.

    Attributes:
        name: What it is called.
        text: The characters that are looked at.
        read: What is read for them.
        total: How many characters the whole text has.
    """

    name: str
    text: str
    read: ModelInput
    total: int

    @property
    def ids(self) -> NDArray[np.intp]:
        """All that is read, (n,), from the boundary of documents on, of a model that has learnt it."""
        return self.read.ids

    @property
    def shown_size(self) -> str:
        """How much is read, in words: `the first 100,000 of 3,196,213 characters`."""
        if len(self.text) == self.total:
            return plural(self.total, "character")
        return f"the first {len(self.text):,} of {self.total:,} characters"


def open_checkpoint(named: Path, root: Path) -> tuple[Checkpoint, Engine]:
    """A checkpoint and its engine. Raises RunError, CheckpointError, UsageError."""
    from charrnn.network.engine import Engine
    from charrnn.runs.causal import require_causal
    from charrnn.runs.find import load_found

    loaded = require_causal(load_found(named, root, tell_skipped))
    if loaded.path is not None:
        later_states.tell_of_found(named, loaded.path, root)
    return loaded, Engine(loaded.header.model, loaded.weights)


def inspected_text(
    loaded: Checkpoint, named: str | ScoredText | None, config: InspectConfig, encoding: str, root: Path
) -> InspectedText:
    """The text that was named, as a checkpoint reads it; or what was held out of its own.

    Several checkpoints share a `ScoredText`: standard input comes only once. What of it is read in another form, is
    unseen or not read at all is told on standard error.

    Raises:
        CorpusError: It cannot be read, or is too short.
        UsageError: None was named, and the checkpoint's own is not where it was.
    """
    from charrnn.text.model_input import input_from_beginning

    vocabulary = loaded.header.vocabulary
    name, whole, total = _held_out(loaded, config) if named is None else _named(loaded, named, config, encoding, root)
    text = whole[: config.characters]
    if len(text) < 2:
        raise CorpusError(f"{name}: {plural(len(text), 'character')} is too little to look at.", "Name a longer text.")
    read = input_from_beginning(vocabulary, text)
    if unseen := int(read.unseen.sum()):
        share = unseen / len(text)
        tell(f"{name}: {unseen:,} of {plural(len(text), 'character')} ({share:.1%}) the model has never seen")
    if vocabulary.backward:
        tell(f"{name}: the model reads it from its end")
        text = text[vocabulary.order]
    inspected = InspectedText(name, text, read, total)
    if len(text) < total:
        tell(f"{name}: {inspected.shown_size} are read; --characters N reads more")
    return inspected


def _named(
    loaded: Checkpoint, named: str | ScoredText, config: InspectConfig, encoding: str, root: Path
) -> tuple[str, str, int]:
    """Name, text and size of the text that was named."""
    scored = ScoredText([named], encoding, root) if isinstance(named, str) else named
    source = scored.as_read(scored.reading(loaded.header.reading))
    ids = source.ids if source.boundaries is None else source.ids[1:-1]  # between the first boundary and the last
    part = source.vocabulary.decode(ids[: config.characters])
    return source.name, scored.in_known_form(part, str(loaded.path), loaded), len(ids)


def _held_out(loaded: Checkpoint, config: InspectConfig) -> tuple[str, str, int]:
    """Name, text and size of the longest part that was held out of a checkpoint's own text."""
    from charrnn.runs.training_text import find_training_text

    missing = UsageError(f"{loaded.path}: the text that it was trained on is not there any more.", "Name a text.")
    try:
        source = find_training_text(loaded.path, loaded.header)
    except CharrnnError:
        raise missing from None
    if not source.same:
        raise missing
    text, total = source.longest_held_out(config.characters)
    if not text:
        raise UsageError(f"{loaded.path}: nothing was held out of its text.", "Name a text.")
    return f"{source.corpus.measured.name}, held out", text, total
