"""The Python API: load a model and use it, or train one and follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charrnn import checkpoint, corpus, generation, library, runs
from charrnn.checkpoint import Header
from charrnn.config import ModelConfig, ReadConfig, TrainConfig, pick
from charrnn.errors import UsageError
from charrnn.sampling import chain
from charrnn.vocabulary import Vocabulary

if TYPE_CHECKING:
    from charrnn.events import Event


class Model:
    """A trained model, ready to write and to measure. Runs in NumPy; torch is never imported."""

    def __init__(self, kept: checkpoint.Checkpoint) -> None:
        self.header: Header = kept.header
        self.digest: str = kept.digest
        self.path: Path | None = kept.path
        self._engine = generation.Engine(kept.header.model, kept.weights)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.header.vocabulary

    def generate(
        self,
        prime: str = "",
        length: int = 1000,
        temperature: float = 0.8,
        seed: int | None = None,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
    ) -> str:
        """`length` new characters that follow `prime` (default: a newline); the prime is not in the result.

        The same seed gives the same text; None draws another each time. Temperature 0 always takes the likeliest
        character; top_k, top_p and min_p leave only the likeliest to choose from (charrnn.sampling). Raises
        VocabularyError for characters in the prime that the model has never seen, UsageError for impossible values.
        """
        rng = np.random.default_rng(seed)
        links = chain(temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        written = generation.generate(self._engine, self.vocabulary, prime, length, links, rng)
        return "".join(character.text for character in written)

    def bits_per_character(self, text: str) -> float:
        """How surprising a text is: mean bits over its characters after the first, which nothing predicts.

        Raises VocabularyError for unseen characters, CorpusError for a text of fewer than two characters."""
        return generation.bits_per_character(self._engine, self.vocabulary, text)


def load(path: str | Path) -> Model:
    """A model from a checkpoint file, or the best snapshot of a run. Raises CheckpointError, RunError."""
    return Model(checkpoint.load(runs.find_checkpoint(Path(path))))


def train(
    text: str | Path | Sequence[str | Path] | corpus.Corpus | None = None,
    *,
    checkpoint_dir: str | Path | None = None,
    name: str | None = None,
    device: str = "auto",
    preset: str = "auto",
    **settings: Any,
) -> Iterator[Event]:
    """Train, yielding Progress, Evaluated and Snapshot events (charrnn.events) as they come.

    `text` is what `charrnn train` takes (paths of files and folders, names of known texts), a Corpus
    (`charrnn.corpus.from_text` makes one of a string), or None for the bundled novel. `settings` are the fields of
    ModelConfig and TrainConfig and, where a text is read, ReadConfig; what they leave open the preset chooses by text,
    budget and machine, as `charrnn train --preset` does. With `checkpoint_dir` everything is kept there in a run
    directory, as by `charrnn train`; without, nothing is written. All errors are raised before the first event.
    """
    configs = (ModelConfig, TrainConfig, ReadConfig)
    taken = [{field.name for field in fields(config)} & set(settings) for config in configs]
    unknown = sorted(set(settings).difference(*taken))
    if unknown:
        raise UsageError(
            f"unknown settings: {', '.join(unknown)}. They are the fields of ModelConfig, TrainConfig and ReadConfig."
        )
    full = asdict(pick(ModelConfig, settings)) | asdict(pick(TrainConfig, settings))
    reading = pick(ReadConfig, settings)
    if isinstance(text, corpus.Corpus) and taken[2]:
        raise UsageError(f"{', '.join(sorted(taken[2]))}: how a text is read; this one has been. Give it to from_text.")

    from charrnn import pace
    from charrnn.recording import record

    source = text if isinstance(text, corpus.Corpus) else corpus.read(text or library.bundled(), reading)
    training, _ = pace.begin(source, preset, full, set(settings), device)
    if checkpoint_dir is None:
        return training.events()
    return record(training, runs.create(Path(checkpoint_dir), name, Path(source.name).stem))
