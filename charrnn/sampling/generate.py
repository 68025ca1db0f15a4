"""Texts written by a model, character by character: one, or several as a batch."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CorpusError, UsageError
from charrnn.formatting import bits
from charrnn.network.engine import DrawingDecoder, Engine, RecurrentStack, State
from charrnn.ngrams.mixing import Mixture
from charrnn.sampling import chain
from charrnn.sampling.chain import Chain, Exclude, LogitsProcessor, LogProbs, log_softmax, sample_id, sample_ids
from charrnn.text.vocabulary import Vocabulary


class Character(NamedTuple):
    """One character that the model wrote; of a model of bytes, one byte. A document's end is one, too.

    Attributes:
        text: The character; of a byte "", until a character is whole; of a boundary what stands between two documents,
            and "" where the text ends with the document.
        id: Its place in the vocabulary.
        bits: How much it surprised the model, before any temperature.
    """

    text: str
    id: int
    bits: float


def text_of(characters: Iterable[Character], vocabulary: Vocabulary | None = None) -> str:
    """The text that characters are together, as people read it; a vocabulary says whether they come from its end."""
    texts = (character.text for character in characters)
    return vocabulary.joined(texts) if vocabulary else "".join(texts)


# Why a text ended: so long, a string, its unit, its document; or every character was ruled out.
Ending = Literal["length", "until", "finish", "document", "no-copy"]
Ended = Generator[Character, None, Ending | None]  # characters; and why there are no more, None for the length
_DRAWN_AHEAD = 64  # characters that a device draws before they are read
_NOTHING_LEFT = -1  # the id of a text of a batch that has ended because every character was ruled out


class Constraint(Protocol):
    """What may come next in one text, by what is written already."""

    def rule_out(self, log_probs: LogProbs) -> bool:
        """Set what may not, of log-probabilities (V,), to -inf; whether anything is left that can be written."""
        ...

    def accept(self, index: int) -> None:
        """Go on after the id that was drawn."""


def generate(
    engine: Engine,
    vocabulary: Vocabulary,
    prime: str | State,
    length: int,
    process: LogitsProcessor,
    rng: np.random.Generator,
    *,
    mixture: Mixture | None = None,
    one_document: bool = False,
    constraint: Constraint | None = None,
) -> Iterator[Character]:
    """Read the prime, or go on from a state, and write new characters.

    A model that reads from the end writes what leads up to the prime, the last character first.

    A model of documents kept apart reads the prime as the beginning of one. Where it ends a document, another begins:
    from the state that every document begins with.

    Args:
        engine: The model's.
        vocabulary: The model's.
        prime: What the text begins with; an empty one is the vocabulary's default. Or a state to go on from.
        length: How many characters to write.
        process: Comes between the model's log-probabilities and the draw (`chain.make_chain`). The unknown symbol is
            ruled out before it.
        rng: What the draws are made with, a number for each.
        mixture: The counts beside the network, by which the text is written too; None: by the network alone.
        one_document: End with the document, if that is before the length; the last character is then the boundary.
        constraint: What it rules out is never drawn: the chain judges what is left. Where nothing is, the text ends.

    Returns:
        The new characters, each made as it is asked for.

    Raises:
        VocabularyError: The prime has characters that the vocabulary has not; when called.
        UsageError: The length is below 0; when called.
        DivergedError: The model's outputs are not numbers.
    """
    ids, state = _encode_prime(vocabulary, prime, length)
    process = _excluding_unknown(vocabulary, process)
    return _steps(engine, vocabulary, ids, state, length, process, rng, mixture, one_document, constraint)


def _steps(
    engine: Engine,
    vocabulary: Vocabulary,
    ids: list[int],
    state: State | None,
    length: int,
    process: LogitsProcessor,
    rng: np.random.Generator,
    mixture: Mixture | None,
    one_document: bool,
    constraint: Constraint | None,
) -> Ended:
    """The characters after the ids, read from a state or the beginning, each made as it is asked for."""
    stack, decode, input_rows = RecurrentStack(engine), vocabulary.decoder(), engine.input_rows
    boundary, begun = vocabulary.boundary_id, None
    state = engine.read(ids, state)
    stack.set_state(state.layers)
    logits = state.logits
    nodes = mixture.nodes(state.recent) if mixture else []
    for remaining in range(length, 0, -1):
        log_probs = log_softmax(logits)
        if mixture:
            log_probs = mixture.log_probs(log_probs, nodes)
        if constraint and not constraint.rule_out(log_probs):
            return "no-copy"
        index = sample_id(process(log_probs), rng)
        surprise = bits(-log_probs.item(index))
        if mixture:
            nodes = mixture.nodes_after(nodes, index)
        if constraint:
            constraint.accept(index)
        if index != boundary:
            yield Character(decode(index, remaining == 1), index, surprise)
            stack.step(input_rows[index])
            logits = stack.logits()
        elif one_document:
            yield Character("", index, surprise)
            return "document"
        else:
            yield Character(decode(index, remaining == 1), index, surprise)
            begun = begun or engine.read([index])
            stack.set_state(begun.layers)
            logits = begun.logits
    return None


def generate_many(
    engine: Engine,
    vocabulary: Vocabulary,
    prime: str | State,
    length: int,
    processors: Sequence[LogitsProcessor],
    rngs: Sequence[np.random.Generator],
    *,
    mixture: Mixture | None = None,
    one_document: bool = False,
    constraints: Sequence[Constraint | None] = (),
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
        mixture: The counts beside the network, as in `generate`.
        one_document: End each text with its document, as in `generate`.
        constraints: One for each text, None where nothing is ruled out; () is none at all.

    Returns:
        The characters of each text after the prime. They can be read in any order; what was made for the others waits
        for them.

    Raises:
        VocabularyError: As `generate` does.
        UsageError: As `generate` does.
        DivergedError: As `generate` does.
    """
    ids, state = _encode_prime(vocabulary, prime, length)
    processors = [_excluding_unknown(vocabulary, process) for process in processors]
    steps = _batch_steps(engine, ids, state, length, processors, rngs, vocabulary.boundary_id, mixture, constraints)
    past_steps = list[tuple[NDArray[np.intp], NDArray[np.float64]]]()

    def characters(text: int) -> Ended:
        decode = vocabulary.decoder()
        for place in range(length):
            if place == len(past_steps):
                past_steps.append(next(steps))
            sampled, surprise = past_steps[place]
            index = sampled.item(text)
            if index == _NOTHING_LEFT:
                return "no-copy"
            if one_document and index == vocabulary.boundary_id:
                yield Character("", index, surprise.item(text))
                return "document"
            yield Character(decode(index, place == length - 1), index, surprise.item(text))
        return None

    return [characters(text) for text in range(len(processors))]


def _batch_steps(
    engine: Engine,
    ids: list[int],
    state: State | None,
    length: int,
    processors: Sequence[LogitsProcessor],
    rngs: Sequence[np.random.Generator],
    boundary: int | None,
    mixture: Mixture | None,
    constraints: Sequence[Constraint | None],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """The next character of every text, `length` times: ids (B,) and their bits (B,)."""
    state = engine.read(ids, state)
    rows = np.arange(len(processors))
    decoder = engine.batch_decoder(state, len(processors))
    logits = np.broadcast_to(state.logits, (len(processors), len(state.logits)))
    begun = None if boundary is None else engine.read([boundary])
    nodes = [mixture.nodes(state.recent)] * len(processors) if mixture else []
    constrained = [(row, constraint) for row, constraint in enumerate(constraints) if constraint]
    shared = all(process == processors[0] for process in processors)
    rules = chain.rules(processors[0]) if shared and processors else None
    if rules is not None and not (mixture or constrained or begun) and isinstance(decoder, DrawingDecoder):
        yield from _drawn(decoder, rules, length, rngs)
        return
    for _ in range(length):
        log_probs = log_softmax(logits)
        if mixture:
            log_probs = mixture.batch_log_probs(log_probs, nodes)
        ended = [row for row, constraint in constrained if not constraint.rule_out(log_probs[row])]
        log_probs[ended] = 0  # anything that can be drawn from
        if shared:
            processed = processors[0](log_probs)
        else:
            processed = np.array([process(row) for process, row in zip(processors, log_probs, strict=True)])
        sampled = sample_ids(processed, rngs)
        written = sampled.copy()
        written[ended] = _NOTHING_LEFT
        yield written, bits(-log_probs[rows, sampled])
        for row, constraint in constrained:
            constraint.accept(sampled.item(row))
        if mixture:
            nodes = [mixture.nodes_after(row, index) for row, index in zip(nodes, sampled.tolist(), strict=True)]
        decoder.step(sampled)
        logits = decoder.logits()
        begin = np.flatnonzero(sampled == boundary) if begun else rows[:0]
        if begun and len(begin):
            decoder.restart(begin, begun)
            logits[begin] = begun.logits


def _drawn(
    decoder: DrawingDecoder, rules: chain.Rules, length: int, rngs: Sequence[np.random.Generator]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """What `_batch_steps` yields, drawn where the network is computed. Raises DivergedError as `log_softmax` does."""
    for first in range(0, length, _DRAWN_AHEAD):
        count = min(_DRAWN_AHEAD, length - first)
        indices, log_probs = decoder.draw(rules, np.array([rng.random(count) for rng in rngs]).T)
        if not np.isfinite(log_probs).all():
            raise chain.diverged()
        yield from zip(indices.astype(np.intp), bits(-log_probs), strict=True)


def _encode_prime(vocabulary: Vocabulary, prime: str | State, length: int) -> tuple[list[int], State | None]:
    """The ids to read, and the state to read them after."""
    if length < 0:
        raise UsageError(f"--length {length}: it must be 0 or more.")
    if isinstance(prime, State):
        return [], prime
    return vocabulary.encode_beginning(prime), None


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
        text: At least two characters, all of them in the vocabulary; one will do where documents have a boundary.

    Returns:
        Mean bits of every character but the first that is read, which nothing predicts; the boundary of documents kept
        apart does predict it. Of a model of bytes, all the bytes of a character count as its.

    Raises:
        CorpusError: The text is too short.
        VocabularyError: It has characters that the vocabulary has not.
    """
    ids: list[int] = vocabulary.encode(text).tolist()
    unpredicted = 0 if vocabulary.boundary_id is not None else 1  # characters
    if len(text) <= unpredicted:
        raise CorpusError(
            "A text of at least two characters is needed: nothing predicts the one that is read first.",
            "Give a longer text.",
        )
    first = len(vocabulary.encode(text[vocabulary.order][:unpredicted]))  # of bytes, a character may be several
    if vocabulary.boundary_id is not None:
        ids, first = [vocabulary.boundary_id, *ids], 1
    stack, nats = RecurrentStack(engine), 0.0
    for place, (index, following) in enumerate(itertools.pairwise(ids), 1):
        stack.step(engine.input_rows[index])
        if place >= first:
            nats -= float(log_softmax(stack.logits())[following])
    return bits(nats / (len(text) - unpredicted))
