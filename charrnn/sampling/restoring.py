"""Hidden characters given back by a bidirectional network: the most certain first, and then what they say of others."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import UsageError
from charrnn.network.bidirectional import BidirectionalEngine
from charrnn.network.pieces import MARGIN, Piece, pieces
from charrnn.sampling.chain import log_softmax
from charrnn.text.model_input import model_input
from charrnn.text.vocabulary import Vocabulary

MARK = "#"
_BLOCK = 1 << 16  # characters that are in memory at a time
_REACH = 8  # characters on each side in which only the most certain place is filled at a time
_ROWS = 32  # pieces that are read side by side


@dataclass(frozen=True, slots=True)
class RestoredPlace:
    """A character that was given back.

    Attributes:
        at: Where it stands: how many characters of the text are before it.
        character: What is likeliest there; of a model of bytes one byte.
        probability: How likely, from 0 to 1, with what had been given back before it.
        alternatives: The likeliest characters and their probabilities, this one first.
    """

    at: int
    character: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]

    @property
    def bits(self) -> float:
        """How surprising the character would be there."""
        return -math.log2(max(self.probability, 1e-300))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `{"at": ..., "character": ..., "probability": ..., "alternatives": [[character, probability]]}`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RestoredPart:
    """Some of a text, its marks replaced, and what was given back in it."""

    text: str
    places: tuple[RestoredPlace, ...]
    offsets: tuple[int, ...]  # where in this text each of them stands
    unseen: int  # characters that the model has never seen, nor anything like them; not told where nothing is marked


@dataclass(frozen=True, slots=True)
class RestoredText:
    """A text with what was given back. `str` of it is the text.

    Attributes:
        text: The whole text.
        places: What was given back, in the order of the text.
    """

    text: str
    places: tuple[RestoredPlace, ...]

    def __str__(self) -> str:
        return self.text


def require_mark(mark: str, vocabulary: Vocabulary) -> None:
    """Raises UsageError for a mark that is not one character, or of a model of bytes not one byte."""
    if len(mark) != 1 or (vocabulary.of_bytes and not mark.isascii()):
        what = "one byte, as its model reads bytes" if vocabulary.of_bytes and len(mark) == 1 else "one character"
        raise UsageError(f"--mark {mark!r}: a mark is {what}.", "Choose one that does not come in the text, such as #.")


def restore(
    engine: BidirectionalEngine,
    vocabulary: Vocabulary,
    texts: Iterable[str],
    *,
    mark: str = MARK,
    alternatives: int = 1,
    at_once: bool = False,
    progress: Callable[[int], None] = lambda count: None,
) -> Iterator[RestoredPart]:
    """Give back the characters of a text that are marked.

    The most certain of those that lie close together is filled in first, and the others are judged anew with it, until
    none is left (as in Ghazvininejad et al., 2019, but one at a time). A long text is read in blocks, each knowing what
    was given back before it, so that memory does not grow with it.

    What the model has in another form is read as that; what it has never seen is read as hidden, and stays as it is.
    Neither the unknown symbol nor a boundary of documents is ever given back.

    Args:
        engine: The network.
        vocabulary: Its characters.
        texts: The text, in pieces of any size.
        mark: The character that stands for each that is to be given back.
        alternatives: How many of the likeliest are told of each place, at least 1.
        at_once: Fill all in from one reading instead.
        progress: Is told how many characters more are done.

    Yields:
        The parts of the text in order, which are the text when joined; of bytes, `Vocabulary.readable` of that.

    Raises:
        UsageError: The mark is not one character.
        VocabularyError: A surrogate that no byte stands for, of a model of bytes.
        DivergedError: The model's outputs are not numbers.
    """
    require_mark(mark, vocabulary)
    filler = _Filler(engine, vocabulary, alternatives, at_once)
    done, before = 0, ""  # `before`: what leads up to a block
    for block, ahead in _blocks(texts, _BLOCK, MARGIN):
        marks = [found.start() for found in re.finditer(re.escape(mark), block)]
        filled, unseen = filler.fill(before, block, ahead, marks) if marks else ([], 0)
        places, pieces_of_text, at = list[RestoredPlace](), list[str](), 0
        for place, candidates in zip(marks, filled, strict=True):
            named = tuple((vocabulary.characters[index], probability) for index, probability in candidates)
            pieces_of_text += (block[at:place], named[0][0])
            places.append(RestoredPlace(done + place, *named[0], named))
            at = place + 1
        text = "".join((*pieces_of_text, block[at:]))
        yield RestoredPart(text, tuple(places), tuple(marks), unseen)
        progress(len(block))
        done, before = done + len(block), (before + text)[-MARGIN:]


def restored(
    engine: BidirectionalEngine, vocabulary: Vocabulary, text: str, *, mark: str = MARK, alternatives: int = 1
) -> RestoredText:
    """The whole of a text as `restore` gives it back, and raising what that does."""
    parts = list(restore(engine, vocabulary, [text], mark=mark, alternatives=alternatives))
    whole = vocabulary.readable("".join(part.text for part in parts))
    return RestoredText(whole, tuple(place for part in parts for place in part.places))


def _blocks(texts: Iterable[str], size: int, ahead: int) -> Iterator[tuple[str, str]]:
    """A text in blocks of a size, each with so many characters of what comes after it; the last has none."""
    waiting, length = list[str](), 0
    for text in texts:
        waiting.append(text)
        length += len(text)
        if length < size + ahead:
            continue
        joined, at = "".join(waiting), 0
        while length - at >= size + ahead:
            yield joined[at : at + size], joined[at + size : at + size + ahead]
            at += size
        waiting, length = [joined[at:]], length - at
    if length:
        joined = "".join(waiting)
        for at in range(0, length, size):
            yield joined[at : at + size], joined[at + size : at + size + ahead]


class _Filler:
    """Fills in what is hidden in a text."""

    def __init__(self, engine: BidirectionalEngine, vocabulary: Vocabulary, alternatives: int, at_once: bool) -> None:
        self.engine, self.vocabulary, self.at_once = engine, vocabulary, at_once
        never = [index for index in (vocabulary.unknown_id, vocabulary.boundary_id) if index is not None]
        self.never = np.array(never, dtype=np.intp)
        self.alternatives = min(max(1, alternatives), engine.hidden_id - len(never))
        # Read in place of a mark while a text is encoded: one id, that joins with no neighbour as an accent would.
        self.stand_in = next(
            (one for one in " \n" if one in vocabulary), vocabulary.characters[vocabulary.most_frequent]
        )

    def fill(self, before: str, block: str, ahead: str, marks: list[int]) -> tuple[list[list[tuple[int, float]]], int]:
        """Fill in the marks of a block.

        Args:
            before: What stands before it, with nothing hidden.
            block: The block.
            ahead: What stands after it, where marks are hidden and stay.
            marks: Where those of the block are, at least one.

        Returns:
            For each mark, the likeliest ids and their probabilities; and how many characters of the block are unseen.
        """
        mark = block[marks[0]]
        text = block + ahead
        read = model_input(self.vocabulary, before + text.replace(mark, self.stand_in))
        starts = np.concatenate(([0], np.cumsum(read.sizes)))[len(before) :]  # of the characters of `text`
        ids = read.ids.copy()
        if self.vocabulary.unknown_id is None:
            ids[read.unseen & (ids == self.vocabulary.most_frequent)] = (
                self.engine.hidden_id
            )  # there is nothing like it
        first, last = int(starts[0]), int(starts[len(block)])
        if (boundary := self.vocabulary.boundary_id) is not None:  # the text is one document
            begins, ends = [boundary] * (not before), [boundary] * (not ahead)
            ids = np.concatenate((begins, ids, ends)).astype(np.intp)
            starts, first, last = starts + len(begins), first + len(begins), last + len(begins)
        unseen = int(np.count_nonzero(ids[first:last] == self.engine.hidden_id))
        ids[starts[[found.start() for found in re.finditer(re.escape(mark), text)]]] = self.engine.hidden_id
        return self._fill(ids, starts[marks], (first, last)), unseen

    def _fill(
        self, ids: NDArray[np.intp], places: NDArray[np.intp], judged: tuple[int, int]
    ) -> list[list[tuple[int, float]]]:
        """Fill in places (m,) of ids (n,), which change; all within what is judged. The rest is only read."""
        found: list[list[tuple[int, float]]] = [[] for _ in places]
        left = np.arange(len(places))
        cut = [piece for piece in pieces(0, len(ids), judged[0]) if piece.first < judged[1]]
        while len(left):
            log_probs = self._read(ids, places[left], cut)
            best = log_probs.argmax(axis=1)
            certain = np.ones(len(left), dtype=np.bool_)
            if not self.at_once:
                certain = _most_certain(places[left], log_probs.max(axis=1))
            order = np.argsort(-log_probs[certain], axis=1, kind="stable")[:, : self.alternatives]
            for number, row, ranked in zip(left[certain], log_probs[certain], order, strict=True):
                found[number] = [(int(index), float(np.exp(row[index]))) for index in ranked]
            ids[places[left[certain]]] = best[certain]
            left = left[~certain]
        return found

    def _read(self, ids: NDArray[np.intp], places: NDArray[np.intp], cut: list[Piece]) -> NDArray[np.float64]:
        """The log-probabilities of what may stand at places, (m, V)."""
        bounds = np.searchsorted(places, [[piece.first, piece.last] for piece in cut])
        wanted = [(piece, span) for piece, span in zip(cut, bounds.tolist(), strict=True) if span[0] < span[1]]
        logits = np.empty((len(places), self.engine.hidden_id), dtype=np.float32)
        for at in range(0, len(wanted), _ROWS):
            rows = wanted[at : at + _ROWS]
            read = self.engine.logits(np.stack([ids[piece.begin : piece.end] for piece, _ in rows]))
            for row, (piece, (first, last)) in zip(read, rows, strict=True):
                logits[first:last] = row[places[first:last] - piece.begin]
        logits[:, self.never] = -np.inf
        return log_softmax(logits)


def _most_certain(places: NDArray[np.intp], certainty: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of some places, (m,) ascending, are more certain than all others in reach; of two alike, the first.

    >>> _most_certain(np.array([1, 2, 3, 40, 41]), np.array([0.5, 0.7, 0.6, 0.9, 0.9])).tolist()
    [False, True, False, True, False]
    """
    most = np.ones(len(places), dtype=np.bool_)
    for gap in range(1, min(len(places), _REACH + 1)):
        near = places[gap:] - places[:-gap] <= _REACH
        later = certainty[gap:] > certainty[:-gap]
        most[:-gap] &= ~(near & later)
        most[gap:] &= ~(near & ~later)
    return most
