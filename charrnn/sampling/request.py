"""What is asked of a model: one text or several, at which temperatures, from which seeds, and where they end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from charrnn.errors import UsageError
from charrnn.network.engine import Engine, State
from charrnn.sampling import stopping
from charrnn.sampling.chain import chain
from charrnn.sampling.generate import Character, generate, generate_many
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """A text that is being written; `characters` are those after the prime, each made when it is asked for."""

    seed: int
    temperature: float
    characters: Iterator[Character]


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """`count` texts at each temperature, with the seeds from `seed` on; None is one text, in the way that writes one
    fastest. With a number they are written in one pass, and rounded as such: text i is then the same whatever the
    number, and that of its seed alone but where two characters are as good as equally likely."""

    length: int = 1000
    temperatures: tuple[float, ...] = (0.8,)
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    until: tuple[str, ...] = ()
    finish: str | None = None
    seed: int = 0
    count: int | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UsageError(f"--seed {self.seed}: 0 or more.")
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count {self.count}: at least 1.")

    @property
    def several(self) -> bool:
        """Whether more than one text is asked for."""
        return len(self.temperatures) * (self.count or 1) > 1

    def write(self, engine: Engine, vocabulary: Vocabulary, prime: str | State) -> list[GeneratedText]:
        """The texts, temperature by temperature. Raises UsageError, VocabularyError for what cannot be."""
        seeds = range(self.seed, self.seed + (self.count or 1))
        wanted = [(seed, temperature) for temperature in self.temperatures for seed in seeds]
        links = {one: chain(one, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p) for one in self.temperatures}
        chains, rngs = [links[one] for _, one in wanted], [np.random.default_rng(seed) for seed, _ in wanted]
        most = self.length if self.finish is None else self.length + stopping.PATIENCE
        if self.count is None and len(wanted) == 1:
            written = [generate(engine, vocabulary, prime, most, chains[0], rngs[0])]
        else:
            written = generate_many(engine, vocabulary, prime, most, chains, rngs)
        if self.finish is not None:
            written = [stopping.finish(one, self.length, self.finish) for one in written]
        written = [stopping.until(one, self.until) for one in written]
        return [GeneratedText(seed, temperature, one) for (seed, temperature), one in zip(wanted, written, strict=True)]


def random_seed() -> int:
    """A seed that nobody chose, short enough to be typed."""
    return int.from_bytes(os.urandom(4), "little")
