"""Texts written by a model, character by character: one, or several side by side in one pass."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError, UsageError
from charrnn.formatting import bits
from charrnn.network.engine import Engine, Reader, State
from charrnn.sampling.chain import Chain, Link, Never, draw, draw_each, log_softmax
from charrnn.text.vocabulary import Vocabulary


class Character(NamedTuple):
    """One character the model wrote. `bits` is how much it surprised the model, before any temperature.

    Of a model of bytes it is one byte; its text is "" until a character is whole."""

    text: str
    id: int
    bits: float


def generate(
    engine: Engine, vocabulary: Vocabulary, prime: str | State, length: int, links: Link, rng: np.random.Generator
) -> Iterator[Character]:
    """Read the prime (an empty one: the vocabulary's default), or go on from a state, then write `length` characters,
    each as it is asked for.

    `links` come between the model's log-probabilities and the draw (`chain.chain`); the unknown symbol is
    ruled out before them. Raises VocabularyError for a prime with unseen characters and UsageError for a length below
    0, when called.
    """
    ids, after = _beginning(vocabulary, prime, length)
    links = _never_unknown(vocabulary, links)

    def characters() -> Iterator[Character]:
        reader, decode, rows = Reader(engine), vocabulary.decoder(), engine.rows
        if after:
            reader.load(after.carried)
        for index in ids:
            reader.consume(rows[index])
        logits = after.logits if after else reader.logits()
        for left in range(length, 0, -1):
            log_probs = log_softmax(logits)
            index = draw(links(log_probs), rng)
            yield Character(decode(index, left == 1), index, bits(-log_probs.item(index)))
            reader.consume(rows[index])
            logits = reader.logits()

    return characters()


def generate_many(
    engine: Engine,
    vocabulary: Vocabulary,
    prime: str | State,
    length: int,
    links: Sequence[Link],
    rngs: Sequence[np.random.Generator],
) -> list[Iterator[Character]]:
    """Several texts after the same prime, all written in one pass, text i with `links[i]` and `rngs[i]`.

    Each is the same whatever others are written with it, and the same as `generate` writes to float32 rounding: where
    two characters are as good as equally likely to be drawn, the two may part. They can be read in any order; what was
    made for the others waits for them. Raises as `generate` does.
    """
    ids, after = _beginning(vocabulary, prime, length)
    chains = [_never_unknown(vocabulary, link) for link in links]
    each = np.arange(len(chains))

    def steps() -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        state = engine.read(ids, after)
        writers = engine.writers(state, len(chains))
        logits = np.broadcast_to(state.logits, (len(chains), len(state.logits)))
        while True:
            log_probs = log_softmax(logits)
            if all(link is links[0] for link in links):
                changed = chains[0](log_probs)
            else:
                changed = np.array([link(row) for link, row in zip(chains, log_probs, strict=True)])
            drawn = draw_each(changed, rngs)
            yield drawn, bits(-log_probs[each, drawn])
            writers.consume(drawn)
            logits = writers.logits()

    made, making = list[tuple[NDArray[np.intp], NDArray[np.float64]]](), steps()

    def text(number: int) -> Iterator[Character]:
        decode = vocabulary.decoder()
        for place in range(length):
            if place == len(made):
                made.append(next(making))
            drawn, surprise = made[place]
            index = drawn.item(number)
            yield Character(decode(index, place == length - 1), index, surprise.item(number))

    return [text(number) for number in range(len(chains))]


def _beginning(vocabulary: Vocabulary, prime: str | State, length: int) -> tuple[list[int], State | None]:
    """The ids to read, and the state to read them after."""
    if length < 0:
        raise UsageError(f"--length {length}: 0 or more.")
    if isinstance(prime, State):
        return [], prime
    return vocabulary.encode(prime or vocabulary.default_prime).tolist(), None


def _never_unknown(vocabulary: Vocabulary, links: Link) -> Link:
    return links if vocabulary.unknown_id is None else Chain((Never(vocabulary.unknown_id), links))


def bits_per_character(engine: Engine, vocabulary: Vocabulary, text: str) -> float:
    """Mean surprise over every character of `text` after the first, read from the zero state.

    Raises CorpusError for a text of fewer than two characters, VocabularyError for unseen ones."""
    ids: list[int] = vocabulary.encode(text).tolist()
    if len(ids) < 2:
        raise CorpusError("a text of at least two characters is needed: nothing predicts the first.")
    reader, nats = Reader(engine), 0.0
    for index, following in itertools.pairwise(ids):
        reader.consume(engine.rows[index])
        nats -= float(log_softmax(reader.logits())[following])
    return bits(nats / (len(ids) - 1))
