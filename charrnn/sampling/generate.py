"""Texts written by a model, character by character: one, or several as a batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError, UsageError
from charrnn.formatting import bits
from charrnn.network.engine import Engine, RecurrentStack, State
from charrnn.sampling.chain import Chain, Exclude, LogitsProcessor, log_softmax, sample_id, sample_ids
from charrnn.text.vocabulary import Vocabulary


class Character(NamedTuple):
    """One character that the model wrote; of a model of bytes, one byte.

    Attributes:
        text: The character; of a byte "", until a character is whole.
        id: Its place in the vocabulary.
        bits: How much it surprised the model, before any temperature.
    """

    text: str
    id: int
    bits: float


def generate(
    engine: Engine,
    vocabulary: Vocabulary,
    prime: str | State,
    length: int,
    process: LogitsProcessor,
    rng: np.random.Generator,
) -> Iterator[Character]:
    """Read the prime, or go on from a state, and write new characters.

    Args:
        engine: The model's.
        vocabulary: The model's.
        prime: What the text begins with; an empty one is the vocabulary's default. Or a state to go on from.
        length: How many characters to write.
        process: Comes between the model's log-probabilities and the draw (`chain.make_chain`). The unknown symbol is
            ruled out before it.
        rng: What the draws are made with, a number for each.

    Returns:
        The characters after the prime, each made as it is asked for.

    Raises:
        VocabularyError: The prime has characters that the vocabulary has not; when called.
        UsageError: The length is below 0; when called.
        DivergedError: The model's outputs are not numbers.
    """
    ids, state = _encode_prime(vocabulary, prime, length)
    process = _excluding_unknown(vocabulary, process)

    def characters() -> Iterator[Character]:
        stack, decode, input_rows = RecurrentStack(engine), vocabulary.decoder(), engine.input_rows
        if state:
            stack.set_state(state.layers)
        for index in ids:
            stack.step(input_rows[index])
        logits = state.logits if state else stack.logits()
        for remaining in range(length, 0, -1):
            log_probs = log_softmax(logits)
            index = sample_id(process(log_probs), rng)
            yield Character(decode(index, remaining == 1), index, bits(-log_probs.item(index)))
            stack.step(input_rows[index])
            logits = stack.logits()

    return characters()


def generate_many(
    engine: Engine,
    vocabulary: Vocabulary,
    prime: str | State,
    length: int,
    processors: Sequence[LogitsProcessor],
    rngs: Sequence[np.random.Generator],
) -> list[Iterator[Character]]:
    """Several texts after the same prime, written as a batch, text i with `processors[i]` and `rngs[i]`.

    Each is the same whatever others are written with it, and the same as `generate` writes to float32 rounding: where
    two characters are as good as equally likely to be drawn, the two may part.

    Args:
        engine: The model's.
        vocabulary: The model's.
        prime: What all texts begin with, or a state to go on from, as in `generate`.
        length: How many characters to write of each.
        processors: One for each text.
        rngs: One for each text.

    Returns:
        The characters of each text after the prime. They can be read in any order; what was made for the others waits
        for them.

    Raises:
        VocabularyError: As `generate` does.
        UsageError: As `generate` does.
        DivergedError: As `generate` does.
    """
    ids, state = _encode_prime(vocabulary, prime, length)
    steps = _batch_steps(engine, ids, state, [_excluding_unknown(vocabulary, process) for process in processors], rngs)
    past_steps = list[tuple[NDArray[np.intp], NDArray[np.float64]]]()

    def characters(text: int) -> Iterator[Character]:
        decode = vocabulary.decoder()
        for place in range(length):
            if place == len(past_steps):
                past_steps.append(next(steps))
            sampled, surprise = past_steps[place]
            index = sampled.item(text)
            yield Character(decode(index, place == length - 1), index, surprise.item(text))

    return [characters(text) for text in range(len(processors))]


def _batch_steps(
    engine: Engine,
    ids: list[int],
    state: State | None,
    processors: list[LogitsProcessor],
    rngs: Sequence[np.random.Generator],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """The next character of every text, without end: ids (B,) and their bits (B,)."""
    state = engine.read(ids, state)
    rows = np.arange(len(processors))
    decoder = engine.batch_decoder(state, len(processors))
    logits = np.broadcast_to(state.logits, (len(processors), len(state.logits)))
    shared = all(process == processors[0] for process in processors)
    while True:
        log_probs = log_softmax(logits)
        if shared:
            processed = processors[0](log_probs)
        else:
            processed = np.array([process(row) for process, row in zip(processors, log_probs, strict=True)])
        sampled = sample_ids(processed, rngs)
        yield sampled, bits(-log_probs[rows, sampled])
        decoder.step(sampled)
        logits = decoder.logits()


def _encode_prime(vocabulary: Vocabulary, prime: str | State, length: int) -> tuple[list[int], State | None]:
    """The ids to read, and the state to read them after."""
    if length < 0:
        raise UsageError(f"--length {length}: it must be 0 or more.")
    if isinstance(prime, State):
        return [], prime
    return vocabulary.encode(prime or vocabulary.default_prime).tolist(), None


def _excluding_unknown(vocabulary: Vocabulary, process: LogitsProcessor) -> LogitsProcessor:
    """The same, after the unknown symbol is ruled out, if there is one."""
    return process if vocabulary.unknown_id is None else Chain((Exclude(vocabulary.unknown_id), process))


def bits_per_character(engine: Engine, vocabulary: Vocabulary, text: str) -> float:
    """How surprising a text is to the model.

    It is read as `generate` reads, from the zero state and one character at a time, and rounded as such.
    `charrnn.evaluation.scoring` reads any text, also with characters that were never seen, in rows of a batch.

    Args:
        engine: The model's.
        vocabulary: The model's.
        text: At least two characters, all of them in the vocabulary.

    Returns:
        Mean bits of every character after the first, which nothing predicts; of a model of bytes, all the bytes of a
        character count as its.

    Raises:
        CorpusError: The text is too short.
        VocabularyError: It has characters that the vocabulary has not.
    """
    ids: list[int] = vocabulary.encode(text).tolist()
    if len(text) < 2:
        raise CorpusError(
            "A text of at least two characters is needed: nothing predicts the first.", "Give a longer text."
        )
    first = len(vocabulary.encode(text[0]))  # of a model of bytes, a character may be several
    stack, nats = RecurrentStack(engine), 0.0
    for place, (index, following) in enumerate(itertools.pairwise(ids), 1):
        stack.step(engine.input_rows[index])
        if place >= first:
            nats -= float(log_softmax(stack.logits())[following])
    return bits(nats / (len(text) - 1))
