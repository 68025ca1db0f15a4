"""A checkpoint and a text, as every verb of `charrnn inspect` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.commands import later_states
from charrnn.commands.completion import models, texts
from charrnn.commands.notes import Notes, tell_skipped
from charrnn.commands.score_paths import is_model
from charrnn.commands.scored_text import ScoredText
from charrnn.config import InspectConfig
from charrnn.errors import CharrnnError, CheckpointError, CorpusError, RunError, UsageError
from charrnn.formatting import BYTE, Unit, plural

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
        total: How many characters the whole text has; of a model of bytes how many bytes.
        unit: Which of them the model reads.
    """

    name: str
    text: str
    read: ModelInput
    total: int
    unit: Unit

    @property
    def ids(self) -> NDArray[np.intp]:
        """All that is read, (n,), from the boundary of documents on, of a model that has learnt it."""
        return self.read.ids

    @property
    def size(self) -> int:
        """How much of it is read."""
        return int(self.read.sizes.sum()) if self.unit is BYTE else len(self.text)

    @property
    def shown_size(self) -> str:
        """How much is read, in words: `the first 100,000 of 3,196,213 characters`."""
        if self.size == self.total:
            return plural(self.total, self.unit.one)
        return f"the first {self.size:,} of {self.total:,} {self.unit.many}"


def open_checkpoint(named: Path, root: Path, text: str | None = None) -> tuple[Checkpoint, Engine]:
    """A checkpoint and its engine; `text` is what was named after it. Raises RunError, CheckpointError, UsageError."""
    from charrnn.network.engine import Engine
    from charrnn.runs.causal import require_causal
    from charrnn.runs.find import load_found

    try:
        loaded = load_found(named, root, tell_skipped)
    except (RunError, CheckpointError):
        if text is None or not is_model(text, root):
            raise
        raise UsageError(
            f"{named}: is no run or checkpoint, and {text} is one.", "Name it first, and then a text."
        ) from None
    require_causal(loaded)
    if loaded.path is not None:
        later_states.tell_of_found(named, loaded.path, root)
    return loaded, Engine(loaded.header.model, loaded.weights)


def inspected_text(
    loaded: Checkpoint,
    named: str | ScoredText | None,
    config: InspectConfig,
    encoding: str,
    root: Path,
    notes: Notes | None = None,
) -> InspectedText:
    """The text that was named, as a checkpoint reads it; or what was held out of its own.

    Several checkpoints share a `ScoredText`: standard input comes only once. What of it is read in another form, is
    unseen or not read at all is told on standard error; of several in their `notes`.

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
    told, who = (Notes(), "the model") if notes is None else (notes, str(loaded.path))
    read = input_from_beginning(vocabulary, text)
    if unseen := int(read.unseen.sum()):
        share = unseen / len(text)
        told.tell(f"{name}: {unseen:,} of {plural(len(text), 'character')} ({share:.1%}) {who} has never seen")
    if vocabulary.backward:
        told.tell(f"{name}: {who} reads it from its end")
        text = text[vocabulary.order]
    inspected = InspectedText(name, text, read, total, vocabulary.unit)
    if inspected.size < total:
        told.tell(f"{name}: {inspected.shown_size} are read; --characters N reads more")
    return inspected


def _named(
    loaded: Checkpoint, named: str | ScoredText, config: InspectConfig, encoding: str, root: Path
) -> tuple[str, str, int]:
    """Name, text and size of the text that was named."""
    scored = ScoredText([named], encoding, root, several=False) if isinstance(named, str) else named
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
