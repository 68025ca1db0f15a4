"""What a checkpoint says beside its weights: the header, and the sample that the model writes at a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from charrnn._version import __version__
from charrnn.config import ModelConfig, TrainConfig
from charrnn.errors import CorpusError, VocabularyError
from charrnn.network.bidirectional import BidirectionalEngine
from charrnn.network.engine import Engine
from charrnn.runs.header import Header, Sample
from charrnn.runs.header_schema import MOST_CHARACTERS
from charrnn.sampling import chain
from charrnn.sampling.generate import Character, generate, text_of
from charrnn.sampling.restoring import restored
from charrnn.sampling.stopping import begin_with_letter
from charrnn.text.corpus import Corpus
from charrnn.text.lexicon import Lexicon
from charrnn.text.split import Split
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.restored_passage import DamagedPassage, damaged_passage

if TYPE_CHECKING:
    from charrnn.training.trainer import Trainer

_ENOUGH = 1000  # characters of a sample, which a training that is to stop still writes


def create_header(trainer: Trainer, kind: str, **values: Any) -> Header:
    """A checkpoint's header, made now, on this machine.

    Args:
        trainer: The training, whose iteration, characters seen and training loss are as they are now.
        kind: "snapshot" or "resume".
        values: The fields of `Header` that are not the same for both.

    Returns:
        The header, with the time and the versions at work.
    """
    corpus = trainer.corpus
    return Header(
        kind=kind,
        model=trainer.model.config,
        training=trainer.config,
        vocabulary=corpus.vocabulary,
        iteration=trainer.iteration,
        characters=trainer.characters,
        train_loss=trainer.train_loss if trainer.iteration else None,
        corpus=corpus.describe() | {"trained_on": trainer.split.training_size},
        reading=corpus.config,
        began_from=trainer.began_from,
        findings=corpus.findings,
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
        made_with={"charrnn": __version__, **machine_of(trainer)},
        **values,
    )


def machine_of(trainer: Trainer) -> dict[str, str | int]:
    """What decides how sums are rounded, by name: where it is the same, so are the weights to the last bit."""
    return {
        "torch": torch.__version__,
        "device": trainer.device.type,
        "ranks": trainer.ranks.size,
        "threads": torch.get_num_threads(),
    }


def require_room(vocabulary: Vocabulary) -> None:
    """Make sure that a checkpoint can keep a vocabulary.

    Raises:
        CorpusError: It has more characters than the header of one has room for.
    """
    count = len(vocabulary.code_points)
    if count > MOST_CHARACTERS:
        raise CorpusError(
            f"the text has {count:,} different characters; a checkpoint keeps up to {MOST_CHARACTERS:,}.",
            "Let rare ones share a symbol (--min-count 10), or read it as --bytes.",
        )


class SampleWriter:
    """Writes the samples of a training, always from the same prime and seed, so that they can be compared."""

    def __init__(self, corpus: Corpus, split: Split, model: ModelConfig, training: TrainConfig) -> None:
        """Choose the prime and the seed of every sample.

        Args:
            corpus: The training text.
            split: Which parts of it are trained on.
            model: What the network is.
            training: Its `sample_` settings and `seed`.

        Raises:
            VocabularyError: The prime has a character that is not in the text.
        """
        self.corpus, self.split, self.model, self.training = corpus, split, model, training
        self.vocabulary = corpus.vocabulary.in_direction(backward=training.backward)
        self.stop: Callable[[], bool] = lambda: False  # whether a long sample is to end here
        try:  # before training begins
            self._prime = corpus.vocabulary.form_of(training.sample_prime or "").text or corpus.vocabulary.default_prime
            corpus.vocabulary.encode(self._prime)
        except VocabularyError as error:
            raise VocabularyError(
                f"--sample-prime: {error.what}", "Begin the samples with characters of the text."
            ) from None

    def write(self, weights: Mapping[str, NDArray[Any]]) -> Sample | None:
        """A sample; None if none is wanted.

        Args:
            weights: The model's, under the names of `ModelConfig.shapes`.

        Returns:
            The sample with all that writes it again; None if `sample_length` is 0.

        Raises:
            DivergedError: The model computes no numbers.
        """
        training = self.training
        if not training.sample_length:
            return None
        text = self.text(weights, training.sample_length)
        sample = Sample(
            prime=f"{self._damaged.text}\n\n" if self.model.bidirectional else self._prime,
            text=text,
            seed=training.seed,
            temperature=0.0 if self.model.bidirectional else training.sample_temperature,
            known_words=None,
            backward=training.backward,
        )
        known = self._lexicon.shares(text if self.model.bidirectional else sample.whole)
        return replace(sample, known_words=known.words, known_trigrams=known.trigrams)

    def prepare(self) -> None:
        """Read the words of the training text, if samples are wanted; else the first sample does."""
        if self.training.sample_length:
            _ = self._lexicon

    def text(self, weights: Mapping[str, NDArray[Any]], length: int) -> str:
        """What the model writes after the prime, or before it: so many characters, fewer if it is to stop.

        A bidirectional one restores so many of a passage. Raises DivergedError as `write` does.
        """
        training, vocabulary = self.training, self.vocabulary
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a DivergedError
            if self.model.bidirectional:
                text, mark = self._damaged
                return restored(BidirectionalEngine(self.model, weights), vocabulary, text[:length], mark=mark).text
            characters = generate(
                Engine(self.model, weights),
                vocabulary,
                self._prime,
                length,
                chain.make_chain(training.sample_temperature),
                np.random.default_rng(training.seed),
            )
            until_stopped = self._until_stopped(characters)
            return text_of(begin_with_letter(until_stopped) if vocabulary.backward else until_stopped, vocabulary)

    def _until_stopped(self, characters: Iterable[Character]) -> Iterator[Character]:
        """The characters, until there are enough to look at and the training is to stop."""
        for count, character in enumerate(characters, 1):
            yield character
            if count >= _ENOUGH and self.stop():
                return

    @cached_property
    def _damaged(self) -> DamagedPassage:
        return damaged_passage(self.corpus, self.split, self.training.sample_length)

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon.of(self.corpus, self.split.training, self.split.held_out)
