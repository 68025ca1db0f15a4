"""What is asked of a model: one text or several, at which temperatures, from which seeds, and where they end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from charrnn import memory
from charrnn.errors import UsageError
from charrnn.network.engine import Engine, State
from charrnn.network.held_units import HeldUnit
from charrnn.ngrams.mixing import Mixture
from charrnn.sampling.chain import make_chain
from charrnn.sampling.generate import Ending, generate, generate_many
from charrnn.sampling.no_copy import CopyIndex, NoCopy, RuledOut
from charrnn.sampling.stopping import (
    MAX_OVERRUN,
    Characters,
    begin_with_letter,
    stop_after,
    stop_at_unit_beginning,
    stop_at_unit_end,
    stop_form,
)
from charrnn.text.vocabulary import Vocabulary

USUAL_LENGTH = 1000  # characters
_TEXT, _WAITING = 1200, 16  # bytes of a text's generator, and of a character while other texts are read
LONGEST_DOCUMENT = 10_000  # characters of one whose end does not come


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """A text that is being written; `characters` are those after the prime, each made when it is asked for.

    Those of a model that reads from the end come from there: each stands before the prime and all that came.
    """

    seed: int
    temperature: float
    characters: Characters
    no_copy: NoCopy | None = None  # what keeps it from copying
    ngrams: bool = False  # whether it is written with the counts beside the network, too

    @property
    def ended_by(self) -> Ending | None:
        """Why the text ended; None while it is being written."""
        return self.characters.ended_by

    @property
    def ruled_out(self) -> RuledOut:
        """What keeping it from copying has cost in the characters so far."""
        return self.no_copy.ruled_out(self.characters.count) if self.no_copy else RuledOut(0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """`count` texts at each temperature, with the seeds from `seed` on.

    Without a length a text has 1,000 characters; of a model of documents kept apart it is one document. With a length
    it has so many, and where a document ends another begins.

    Without a count it is one text, in the way that writes one fastest. With a count they are written as a batch, and
    rounded as such: text i is then the same whatever the count, and that of its seed alone but where two characters are
    as good as equally likely.
    """

    length: int | None = None
    temperatures: tuple[float, ...] = (0.8,)
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    until: tuple[str, ...] = ()
    finish: str | None = None
    seed: int = 0
    count: int | None = None
    set_units: tuple[HeldUnit, ...] = ()  # of the network, held while it reads the prompt and writes
    no_copy: CopyIndex | None = None  # of the text that is not to be copied, in runs that are longer than it says

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: it must be 0 or more.")
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: it must be at least 1.")

    @property
    def several(self) -> bool:
        """Whether more than one text is asked for."""
        return len(self.temperatures) * (self.count or 1) > 1

    def _require_memory(self, engine: Engine) -> None:
        """Raises UsageError for more texts than there is memory for."""
        model, texts = engine.config, len(self.temperatures) * (self.count or 1)
        state = model.num_layers * model.rnn_size * (2 if model.model == "lstm" else 1)
        each = _TEXT + 4 * (state + 2 * len(engine.input_rows))
        if not self.until and self.length is not None and self.no_copy is None:  # each is written to its end
            each += _WAITING * self.length
        what = "--temperatures" if self.count is None else f"--count {self.count}"
        memory.require(texts * each if texts > 1 else 0, what, "Ask for fewer or shorter texts at once.")

    def generate(
        self, engine: Engine, vocabulary: Vocabulary, prime: str | State, mixture: Mixture | None = None
    ) -> list[GeneratedText]:
        """Begin to write the texts.

        Args:
            engine: The model's.
            vocabulary: The model's.
            prime: What they begin with, or end with, of a model that reads from the end; or a state to go on from.
            mixture: The counts beside the network, by which they are written too; None: by the network alone.

        Returns:
            A text for each temperature and seed, temperature by temperature.

        Raises:
            UsageError: A value is outside its range, there is no unit that is to be held, or so many texts take more
                memory than there is.
            VocabularyError: The prime has characters that the vocabulary has not.
        """
        self._require_memory(engine)
        engine = engine.holding(self.set_units) if self.set_units else engine
        seeds = range(self.seed, self.seed + (self.count or 1))
        chains = {
            temperature: make_chain(temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p)
            for temperature in self.temperatures
        }
        texts = [(temperature, seed) for temperature in self.temperatures for seed in seeds]
        processors = [chains[temperature] for temperature, _ in texts]
        rngs = [np.random.default_rng(seed) for _, seed in texts]
        one_document = self.length is None and vocabulary.boundary is not None
        least = self.length if self.length is not None else LONGEST_DOCUMENT if one_document else USUAL_LENGTH
        length = least if self.finish is None else least + MAX_OVERRUN
        read = prime if isinstance(prime, str) else ""  # what was read into a state is not known any more
        constraints: list[NoCopy | None] = [None] * len(texts)
        if self.no_copy:
            constraints = [*self.no_copy.constraints(len(texts), vocabulary, read, one_document=one_document)]
        write_one = partial(generate, mixture=mixture, one_document=one_document)
        write_many = partial(generate_many, mixture=mixture, one_document=one_document)
        written = engine, vocabulary, prime, length
        if self.count is None and len(texts) == 1:
            streams = [write_one(*written, processors[0], rngs[0], constraint=constraints[0])]
        else:
            streams = write_many(*written, processors, rngs, constraints=constraints)
        if self.finish is not None:
            stop_at_unit = stop_at_unit_beginning if vocabulary.backward else stop_at_unit_end
            streams = [stop_at_unit(stream, least, self.finish) for stream in streams]
        if vocabulary.backward:
            streams = [begin_with_letter(stream) for stream in streams]
        until = [stop_form(string, vocabulary).text for string in self.until]
        stop = partial(stop_after, strings=until, backward=vocabulary.backward)
        return [
            GeneratedText(seed, temperature, Characters(stop(stream)), constraint, mixture is not None)
            for (temperature, seed), stream, constraint in zip(texts, streams, constraints, strict=True)
        ]


def asked(
    length: int | None, temperature: float, until: str | Sequence[str], seed: int | None, **limits: Any
) -> Request:
    """The request for texts at one temperature, as Python code asks for them; without a seed from one nobody chose.

    Raises UsageError.
    """
    return Request(
        length=length,
        temperatures=(temperature,),
        until=(until,) if isinstance(until, str) else tuple(until),
        seed=random_seed() if seed is None else seed,
        **limits,
    )


def random_seed() -> int:
    """A seed that nobody chose, short enough to be typed."""
    return int.from_bytes(os.urandom(4), "little")
