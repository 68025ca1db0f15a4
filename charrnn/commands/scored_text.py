"""A text as different models have it read, and each model in turn to score it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from charrnn.commands import later_states, notes, text_options
from charrnn.commands.score_paths import is_model
from charrnn.config import ReadConfig
from charrnn.errors import CharrnnError, CorpusError, DivergedError, UsageError, VocabularyError
from charrnn.shell import quoted

if TYPE_CHECKING:
    from charrnn.evaluation.scoring import ShareCallback
    from charrnn.network.engine import Engine
    from charrnn.ngrams.mixing import Mixture
    from charrnn.runs.checkpoint import Checkpoint
    from charrnn.text.encoded_corpus import Corpus
    from charrnn.text.sources import Source

Measured = TypeVar("Measured")


class ScoredText:
    """The texts that were named, as different models have them read; standard input too, which comes only once."""

    def __init__(self, typed: Sequence[str], encoding: str, root: Path, *, several: bool = True) -> None:
        """`root` is where runs are; `several` of them may come before the texts. Raises CorpusError, UsageError."""
        from charrnn.text import sources

        self.name, self.typed, self.encoding, self.root, self.several = "", typed, encoding, root, several
        self.sources: list[str | Source] = list(typed)
        self._read: dict[ReadConfig, Corpus] = {}
        self._told: set[str] = set()
        if sources.STDIN in typed:
            self.sources = [*sources.gather(typed)]

    def reading(self, own: ReadConfig) -> ReadConfig:
        """How it is read for a model whose own text was read in this way.

        In the same way, except that no character is too rare to be told, that documents are joined, that nothing is
        shuffled, and that its encoding is its own.
        """
        whole = dataclasses.replace(own, min_count=1, documents=False, shuffle="none")
        return whole if whole.bytes else dataclasses.replace(whole, encoding=self.encoding)

    def as_read(self, config: ReadConfig) -> Corpus:
        """The text. Raises CorpusError, UsageError."""
        from charrnn.text.sources import without_reading_options

        if config not in self._read:
            try:
                source = text_options.read(self.sources, config, learn=False)
            except CorpusError as error:
                for typed in self.typed:
                    if is_model(typed, self.root):
                        if not self.several:
                            raise UsageError(
                                f"{typed}: is a run or a checkpoint.", "Name a text in its place."
                            ) from None
                        wanted = f"charrnn score {quoted(typed)} TEXT"
                        raise UsageError(f"{typed}: is a run or a checkpoint; the text comes last: {wanted}") from None
                raise (error if "--encoding" in error.advice else without_reading_options(error)) from None
            self.name, self._read[config] = source.name, source
        return self._read[config]

    def in_known_form(self, part: str, name: str, loaded: Checkpoint, *, tell: bool = True) -> str:
        """Some of the text in the normal form that a model knows. What it reads otherwise is told on standard error."""
        form = loaded.header.vocabulary.form_of(part)
        note = form.note(self.name)
        if tell and note and note not in self._told:
            self._told.add(note)
            notes.tell(f"{note.removesuffix('.')}, as {name} knows it")
        return form.normalized()

    def facts(self, name: str, path: Path, loaded: Checkpoint) -> dict[str, Any]:
        """What the score of a checkpoint says of it beside its figures, as arguments of `ScoredModel`."""
        from charrnn.evaluation.own_text import own_text

        reading = self.reading(loaded.header.reading)
        source = self.as_read(reading)
        remark = own_text(source, loaded.header, name)
        return {
            "name": name,
            "path": path,
            "digest": loaded.digest,
            "iteration": loaded.header.iteration,
            "reading": reading,
            "remark": remark,
            "form": loaded.header.vocabulary.form_of(source.text).note("the text"),
        }


def of_each(
    models: Sequence[str], root: Path, problems: list[str], measure: Callable[[str, Path, Checkpoint], Measured]
) -> list[Measured]:
    """What is measured of each checkpoint, called with its name, path and contents.

    What cannot be used is skipped and told in `problems`. Raises the first such error if nothing is left; CorpusError
    and UsageError for the text.
    """
    from charrnn.runs.causal import require_causal
    from charrnn.runs.find import load_found

    measured: list[Measured] = []
    failure: CharrnnError | None = None
    for model in models or [""]:
        try:
            loaded = require_causal(load_found(Path(model) if model else None, root, problems.append))
            path = loaded.path or root
            later_states.tell_of_found(Path(model) if model else None, path, root)
            measured.append(measure(model or path.parent.name, path, loaded))
        except (CorpusError, UsageError):  # of the text
            raise
        except CharrnnError as error:
            failure = failure or error
            problems.append(str(error))
    if failure and not measured:
        raise failure
    return measured


def counts_of(loaded: Checkpoint, ngrams: bool | None) -> tuple[Mixture | None, bool]:
    """The counts beside a network, unless they are ruled out, and whether it is ranked by them. Raises CheckpointError.

    `ngrams` says whether it is; None: where they lower the held-out loss.
    """
    chosen = loaded.chosen_mixture(ngrams)
    return chosen or (None if ngrams is False else loaded.mixture), chosen is not None


@contextlib.contextmanager
def scoring(loaded: Checkpoint) -> Iterator[tuple[Engine, ShareCallback]]:
    """The engine of a checkpoint, with a bar on a terminal if it takes long; its errors name the checkpoint."""
    from charrnn.network.engine import Engine
    from charrnn.terminal.progress_bar import share_bar

    with share_bar("scoring", shape="{l_bar}{bar}| {elapsed}<{remaining}") as progress:
        try:
            yield Engine(loaded.header.model, loaded.weights), progress
        except (DivergedError, VocabularyError) as error:
            raise type(error)(f"{loaded.path}: {error.what}", error.advice) from None
