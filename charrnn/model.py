"""A trained model, ready to write and to measure."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charrnn.differentiable import Differentiable
from charrnn.errors import CorpusError
from charrnn.evaluation.scoring import score
from charrnn.inspection.inspectable import Inspectable
from charrnn.network.engine import State
from charrnn.network.held_units import HeldUnit, held_units
from charrnn.ngrams.mixing import Mixture
from charrnn.restoring import Restoring
from charrnn.runs.checkpoint import Checkpoint
from charrnn.runs.header import Header
from charrnn.runs.training_text import find_training_text
from charrnn.sampling.chain import log_softmax
from charrnn.sampling.generate import Character, bits_per_character, text_of
from charrnn.sampling.no_copy import CopyIndex
from charrnn.sampling.request import asked
from charrnn.text.vocabulary import Vocabulary


class Model(Differentiable, Restoring, Inspectable):
    """A trained model, ready to write and to measure, or to restore. It runs in NumPy; `gradients` alone imports torch.

    Its products stay on the thread that calls, whatever NumPy's BLAS is set to: a server's threads do not wait for each
    other. Several threads may use one model.

    Attributes:
        header: What the checkpoint says of itself: settings, iteration, losses, the text it was trained on.
        digest: The SHA-256 of the checkpoint.
        path: The file, if it came from one.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        """`load` makes one from a file or a run."""
        self.header: Header = checkpoint.header
        self.digest: str = checkpoint.digest
        self.path: Path | None = checkpoint.path
        super().__init__(checkpoint)
        self._unfiled = checkpoint.weights if self.path is None else None
        self._checkpoint = dataclasses.replace(checkpoint, tensors=checkpoint.ngrams)  # the engine has the weights
        self._copy_indexes: dict[tuple[int, str | None], CopyIndex] = {}

    def __repr__(self) -> str:
        where = "" if self.path is None else f", {str(self.path)!r}"
        return f"<Model {self.header.summary}{where}>"

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters that the model knows, in the order of their ids."""
        return self.header.vocabulary

    def generate(
        self, prime: str | State = "", length: int | None = None, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
        ngrams: bool | None = None, no_copy: int | None = None, text: str | Path | None = None,
        set_units: Mapping[str, float] | None = None,
    ) -> str:  # fmt: skip
        """Write a text.

        Args:
            prime: The prompt, what the text begins with; "" is a newline. Or a state to go on from. Of a model that was
                trained backward (`header.backward`) the ending, what the text leads up to.
            length: How many new characters to write; None: 1,000, or one document of a model of documents kept apart.
            temperature: Above 1 is wilder, below 1 safer; 0 always takes the likeliest character.
            top_k: How many of the likeliest characters to choose from; None is all, as it is below.
            top_p: Choose from the likeliest that together have this share of the probability.
            min_p: Choose from those that are at least this share as likely as the likeliest.
            until: A string, or several, after any of which the text ends; or with any of which it begins, backward.
            finish: "line", "sentence" or "paragraph": go on beyond the length to its end; or its beginning, backward.
            seed: The same gives the same text; None is another each time.
            ngrams: Write with the counts beside the network, too, or with the network alone; None: with the counts if
                they lower the held-out loss.
            no_copy: Never more than so many characters in a row that the training text has in a row, those of the prime
                included, but not those of a state. Where every character would make more, the text ends.
            text: Where the training text is, if not where it was; a path or a name that `charrnn corpora` lists.
            set_units: Steering: values that units are held at while the prime is read and the text written, such as
                {"1.37": 0.9, "1.5.c": -2}. `ngrams` of None is then the network alone. A state stays as it was read.

        Returns:
            The new characters; the prime is not among them.

        Raises:
            UsageError: A value is outside its range, or nothing says where the training text is.
            CheckpointError: There are no counts that were asked for.
            CorpusError: The training text cannot be read.
            VocabularyError: The prime has characters that the model has never seen.
            DivergedError: The model's outputs are not numbers.
        """
        stream = self.stream(
            prime, length, temperature, top_k=top_k, top_p=top_p, min_p=min_p, until=until, finish=finish, seed=seed,
            ngrams=ngrams, no_copy=no_copy, text=text, set_units=set_units,
        )  # fmt: skip
        return text_of(stream, self.vocabulary)

    def stream(
        self, prime: str | State = "", length: int | None = None, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
        ngrams: bool | None = None, no_copy: int | None = None, text: str | Path | None = None,
        set_units: Mapping[str, float] | None = None,
    ) -> Iterator[Character]:  # fmt: skip
        """Write a text character by character.

        Args:
            prime: As in `generate`, like all the others.
            length: How many new characters to write.
            temperature: Above 1 is wilder, below 1 safer.
            top_k: How many of the likeliest characters to choose from.
            top_p: The share of the probability to choose from.
            min_p: The least likelihood, as a share of the likeliest's, to choose from.
            until: Strings after any of which the text ends.
            finish: The unit to whose end to go on.
            seed: The same gives the same text.
            ngrams: Whether to write with the counts, too.
            no_copy: The longest run that may be copied.
            text: Where the training text is.
            set_units: Units to hold, with their values.

        Returns:
            What `generate` writes, each character made when it is asked for, with its id and its bits: how much it
            surprised the model. Backward, each stands before all that came.

        Raises:
            UsageError: As `generate` does; when called.
            CheckpointError: As `generate` does; when called.
            CorpusError: As `generate` does; when called.
            VocabularyError: As `generate` does; when called.
            DivergedError: As `generate` does.
        """
        request = asked(
            length, temperature, until, seed, top_k=top_k, top_p=top_p, min_p=min_p, finish=finish,
            no_copy=self._copy_index(no_copy, text), set_units=self._held(set_units),
        )  # fmt: skip
        known = self._known(prime) if isinstance(prime, str) else prime
        [generated] = request.generate(self._engine, self.vocabulary, known, self._mixture(ngrams, set_units))
        return generated.characters

    def generate_many(
        self, count: int, prime: str | State = "", length: int | None = None, temperature: float = 0.8,
        *, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None,
        until: str | Sequence[str] = (), finish: str | None = None, seed: int | None = None,
        ngrams: bool | None = None, no_copy: int | None = None, text: str | Path | None = None,
        set_units: Mapping[str, float] | None = None,
    ) -> list[str]:  # fmt: skip
        """Write several texts as a batch, in which a text takes a small part of the time that it takes alone.

        Args:
            count: How many texts.
            prime: As in `generate`, like all the others; all texts begin with it.
            length: How many new characters to write of each.
            temperature: Above 1 is wilder, below 1 safer.
            top_k: How many of the likeliest characters to choose from.
            top_p: The share of the probability to choose from.
            min_p: The least likelihood, as a share of the likeliest's, to choose from.
            until: Strings after any of which a text ends.
            finish: The unit to whose end to go on.
            seed: That of the first text; text i has the seed `seed` + i, and is the same whatever the count.
            ngrams: Whether to write with the counts, too.
            no_copy: The longest run that may be copied.
            text: Where the training text is.
            set_units: Units to hold, with their values.

        Returns:
            `count` texts. Each is what `generate` writes with its seed, but where two characters are as good as equally
            likely.

        Raises:
            UsageError: As `generate` does.
            CheckpointError: As `generate` does.
            CorpusError: As `generate` does.
            VocabularyError: As `generate` does.
            DivergedError: As `generate` does.
        """
        request = asked(
            length, temperature, until, seed, top_k=top_k, top_p=top_p, min_p=min_p, finish=finish, count=count,
            no_copy=self._copy_index(no_copy, text), set_units=self._held(set_units),
        )  # fmt: skip
        known = self._known(prime) if isinstance(prime, str) else prime
        texts = request.generate(self._engine, self.vocabulary, known, self._mixture(ngrams, set_units))
        return [text_of(generated.characters, self.vocabulary) for generated in texts]

    def state(self, text: str, after: State | None = None) -> State:
        """Read a text, to go on from it.

        Args:
            text: What to read.
            after: The state to read it after; None is the beginning of a text, or of a document. Backward, a text is
                read from its last character, and stands before what was read.

        Returns:
            What the model knows then. It never changes: give it to `generate`, `stream`, `generate_many` or `state` as
            often as you like.

        Raises:
            UsageError: There is nothing to read.
            VocabularyError: The text has characters that the model has never seen.
        """
        known, vocabulary = self._known(text), self.vocabulary
        begins = after is None and (known or vocabulary.boundary_id is not None)
        ids: list[int] = vocabulary.encode_beginning(known) if begins else vocabulary.encode(known).tolist()
        return self._engine.read(ids, after)

    def next_characters(self, prime: str | State = "", *, ngrams: bool | None = None) -> dict[str, float]:
        """What comes next, and how likely; backward, what comes before.

        Args:
            prime: What was read before; "" is a newline. Or a state to go on from.
            ngrams: Whether the counts beside the network predict it, too, as in `generate`.

        Returns:
            The probability of each character, the likeliest first; together they are 1. The end of a document, of
            a model of documents kept apart, is "". A byte that is no character by itself, of a model of bytes, is a
            surrogate (Python's "surrogateescape").

        Raises:
            CheckpointError: There are no counts that were asked for.
            VocabularyError: The prime has characters that the model has never seen.
            DivergedError: The model's outputs are not numbers.
        """
        mixture = self._mixture(ngrams)
        state = prime if isinstance(prime, State) else self.state(prime or self.vocabulary.default_prime)
        log_probs = log_softmax(state.logits)
        if mixture:
            log_probs = mixture.log_probs(log_probs, mixture.nodes(state.recent))
        probabilities = np.exp(log_probs)
        order = np.argsort(-probabilities, kind="stable").tolist()
        return {self.vocabulary.characters[index]: float(probabilities[index]) for index in order}

    def bits(self, text: str, *, ngrams: bool | None = None) -> NDArray[np.float64]:
        """How surprising each character of a text is.

        Args:
            text: At least two characters.
            ngrams: Whether the counts beside the network have a say, as in `generate`.

        Returns:
            (len(text),), the bits of each character after all those before it; of a model that reads from the end,
            after all those behind it. The first (or last) one, which nothing predicts, has NaN: `numpy.nanmean` is
            `bits_per_character`. After the boundary of documents kept apart it has its bits.

        Raises:
            CheckpointError: There are no counts that were asked for.
            CorpusError: The text is too short.
            VocabularyError: It has characters that the model has never seen.
            DivergedError: The model's outputs are not numbers.
        """
        mixture = self._mixture(ngrams)
        self.vocabulary.encode(self._known(text))  # raises for what the model has never seen, which `score` charges for
        least = 0 if self.vocabulary.boundary_id is not None and text else 1
        if len(text) <= least:
            raise CorpusError("A text of at least two characters is needed: nothing predicts the one read first.")
        scored = score(self._engine, self.vocabulary, text, mixture=mixture)
        unpredicted = [[np.nan] * len(scored.before), [np.nan] * len(scored.after)]
        return np.concatenate([unpredicted[0], (scored.mixed or scored).bits, unpredicted[1]])

    def bits_per_character(self, text: str, *, ngrams: bool | None = None) -> float:
        """Measure how surprising a text is.

        Args:
            text: At least two characters.
            ngrams: Whether the counts beside the network have a say, as in `generate`.

        Returns:
            The mean bits of its characters but the first that is read, which nothing predicts.

        Raises:
            CheckpointError: There are no counts that were asked for.
            CorpusError: The text is too short.
            VocabularyError: It has characters that the model has never seen.
        """
        known = self._known(text)
        if self._mixture(ngrams):
            return float(np.nanmean(self.bits(known, ngrams=ngrams)))
        return bits_per_character(self._engine, self.vocabulary, known)

    @cached_property
    def _counts(self) -> Mixture | None:
        return self._checkpoint.mixture

    def _mixture(self, ngrams: bool | None, held: Mapping[str, float] | None = None) -> Mixture | None:
        """The counts that are to have a say, made once; None: none are, nor where units are held, unless asked for."""
        return self._counts if self._checkpoint.mixes(False if held and ngrams is None else ngrams) else None

    def _held(self, units: Mapping[str, float] | None) -> tuple[HeldUnit, ...]:
        return held_units(units or {}, self.header.model)

    def _copy_index(self, longest: int | None, text: str | Path | None) -> CopyIndex | None:
        """The index of the training text, made once; None where anything may be copied."""
        if longest is None:
            return None
        named = None if text is None else str(text)
        if (longest, named) not in self._copy_indexes:
            source = find_training_text(self.path, self.header, named)
            self._copy_indexes[longest, named] = CopyIndex(
                source.corpus, longest, source.training, backward=self.header.backward
            )
        return self._copy_indexes[longest, named]

    def _known(self, text: str) -> str:
        """A text in characters that the model knows, as far as it has the same in another form; warns if it changes."""
        form = self.vocabulary.form_of(text)
        if note := form.note("the text"):
            warnings.warn(note, stacklevel=3)
        return form.text
