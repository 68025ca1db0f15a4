"""Whether what is held out measures what a network learns: no copy of the training text, and of the same kind.

Samples of a long text are looked at, so that it takes about a second at most, and some 100 MB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.evaluation import list_check, ngrams
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding
from charrnn.text.split import Split
from charrnn.text.vocabulary import Ids

Spans = Sequence[tuple[int, int]]  # (start, stop)

_WINDOW_DOUBLINGS = 7
_WINDOW = 1 << _WINDOW_DOUBLINGS  # characters, word for word: more than the set phrases of a form
_PROBES = 1000  # windows of the held-out text that are looked for
_SEARCHED, _AT_ONCE = 16_000_000, 1 << 20  # characters of the training text
_COPIED = 0.3  # of the windows; more are no quotations, refrains or licences
_TRAINED, _MEASURED, _BLOCK = 400_000, 40_000, 4_000  # characters
_CONTROLS = 8  # passages of the training text that the held-out text is compared with
_ORDER = 5
_FEWEST = 3_000  # characters of either, to know how surprising a text is
_HARDER = 0.35  # bits per character
_HARDER_IN_ORDER = 0.1  # the same, of a list of long lines in order: of short ones their order is all there is
_HARDER_SHARE = 0.15  # of those that the other passages take
_EASIER_SHARE = 0.5  # the same, by which it is a text of too little to measure


def examined(corpus: Corpus, split: Split) -> Corpus:
    """The corpus with `findings` on what is held out of it."""
    return replace(corpus, findings=tuple(examine(corpus, split)))


def examine(corpus: Corpus, split: Split) -> list[Finding]:
    """Find what makes the held-out text a bad measure.

    Args:
        corpus: The text.
        split: What is held out of it.

    Returns:
        What was found, each with its cure; the most important first.

    Raises:
        CorpusError: Its ids cannot be read.
    """
    if copied := list(copied_passages(corpus, split)):  # which explains the others
        return copied
    bits = measure(corpus, split)
    in_order = list(list_check.sorted_lines(corpus, split, bits is not None and bits.harder(_HARDER_IN_ORDER)))
    other = [] if in_order or bits is None else another_kind(corpus, split, bits)
    return [*in_order, *other, *list_check.repeated_items(corpus)]


def copied_passages(corpus: Corpus, split: Split) -> Iterator[Finding]:
    """A held-out text that stands in the training text word for word."""
    held_out: Spans = [(start, stop) for _, start, stop in split.held_out if stop - start >= _WINDOW]
    training: Spans = [(start, stop) for start, stop in split.training if stop - start >= _WINDOW]
    if not held_out or not training:
        return
    size = sum(stop - start - _WINDOW + 1 for start, stop in held_out)
    places = _places(held_out, np.unique(np.linspace(0, size - 1, min(_PROBES, size)).astype(np.int64)), _WINDOW - 1)
    measured = corpus.measured
    probes = np.concatenate([_hashes(measured.ids[place : place + _WINDOW]) for place in places])
    found = np.zeros(len(probes), dtype=bool)
    marked = np.zeros(1 << 16, dtype=bool)
    marked[probes >> np.uint64(48)] = True
    for start, stop in _sampled(training, _SEARCHED, _AT_ONCE):
        for begin in range(start, stop, _AT_ONCE):
            hashes = _hashes(corpus.ids[begin : min(stop, begin + _AT_ONCE + _WINDOW - 1)])
            found |= np.isin(probes, hashes[marked[hashes >> np.uint64(48)]])
    share = float(found.mean())
    if share >= _COPIED:
        yield Finding(
            kind="held-out-copied",
            message=f"{share:.0%} of what is held out stands word for word in what is trained on",
            advice="Delete the repeats, or hold out another text: --val-text FILE. This one is known by heart.",
            count=round(share * split.held_out_size),
        )


def _hashes(ids: Ids) -> NDArray[np.uint64]:
    """A hash of each window: (n,) -> (n - _WINDOW + 1,), of polynomials, doubled until they are as long."""
    hashes = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(29)
    factor = 0xD6E8FEB86659FD93
    for doubling in range(_WINDOW_DOUBLINGS):
        length = 1 << doubling
        hashes = hashes[:-length] * np.uint64(factor) + hashes[length:] if len(hashes) > length else hashes[:0]
        factor = factor * factor % (1 << 64)
    return cast("NDArray[np.uint64]", hashes)


@dataclass(frozen=True, slots=True)
class PassageBits:
    """Bits per character that n-grams take for held-out text, and for passages left out of the training text."""

    held_out: float
    passages: tuple[float, ...]
    extreme: tuple[int, int]  # where the pieces of the held-out text are that they take the least and the most for

    @property
    def elsewhere(self) -> float:
        """The mean of the passages."""
        return sum(self.passages) / len(self.passages)

    def harder(self, least: float = _HARDER) -> bool:
        """Whether the held-out text is harder than any of the passages, and by so much than they are on average."""
        return self.held_out - self.elsewhere > least and self.held_out > max(self.passages)

    @property
    def easier(self) -> bool:
        """Whether the held-out text is so much easier that there is less in it to be learnt."""
        easier = self.held_out < min(_EASIER_SHARE * self.elsewhere, *self.passages)
        return easier and self.elsewhere - self.held_out > _HARDER


def measure(corpus: Corpus, split: Split) -> PassageBits | None:
    """Measure an n-gram model of the training text on the held-out text, and on passages left out of the former.

    Args:
        corpus: The text.
        split: What is held out of it.

    Returns:
        The bits; None where there is too little of either.

    Raises:
        CorpusError: Its ids cannot be read.
    """
    passages = _controls(split)
    if split.training_size < _FEWEST or split.held_out_size < _FEWEST / 10 or not passages:
        return None
    training = corpus.joined(_sampled(_without(split.training, passages), _TRAINED, _BLOCK))
    spans = _cut(_sampled([(start, stop) for _, start, stop in split.held_out], _MEASURED, _BLOCK), _BLOCK)
    pieces = [corpus.measured.ids[start:stop] for start, stop in spans]
    pieces += [corpus.ids[start:stop] for start, stop in passages]
    joined = cast("Ids", np.concatenate(pieces))
    *_, surprise = ngrams.surprises(training, joined, len(corpus.vocabulary), _ORDER)
    parts = np.split(surprise, np.cumsum([len(piece) for piece in pieces])[:-1])
    by_piece = [float(part.mean()) for part in parts]
    held_out = by_piece[: len(spans)]
    return PassageBits(
        held_out=float(np.concatenate(parts[: len(spans)]).mean()),
        passages=(*by_piece[len(spans) :],),
        extreme=(sum(spans[int(np.argmin(held_out))]) // 2, sum(spans[int(np.argmax(held_out))]) // 2),
    )


def another_kind(corpus: Corpus, split: Split, bits: PassageBits) -> Iterator[Finding]:
    """A held-out text of another kind than the training text: code after prose, another language, a list."""
    harder = bits.harder(max(_HARDER, _HARDER_SHARE * bits.elsewhere))
    if not harder and not bits.easier:
        return
    where = ""
    if len(corpus.documents) > 1 and not corpus.validation:
        place = bits.extreme[harder]
        index = bisect_right(corpus.documents, place, key=lambda document: document.start) - 1
        where = f", most of all in {corpus.documents[index].name}"
    figures = f"n-grams take {bits.held_out:.2f} bits there, {bits.elsewhere:.2f} elsewhere"
    yield Finding(
        kind="held-out-of-another-kind",
        message=f"what is held out is of another kind: {figures}{where}",
        advice=_advice(corpus, split),
        count=split.held_out_size,
    )


def _advice(corpus: Corpus, split: Split) -> str:
    """How to hold out a text of the same kind."""
    if corpus.validation:
        return "Choose a --val-text like the text that is learnt."
    if len(split.held_out) > 1:
        return "Hold out a text of your own: --val-text FILE."
    shuffle = " or --shuffle documents" if len(corpus.documents) > 1 else ""
    return f"--val-at spread{shuffle} holds out some of every kind, --val-text FILE a text of your own."


def _controls(split: Split) -> Spans:
    """Passages spread over the training text, a tenth of it together at most."""
    training: Spans = [(start, stop) for start, stop in split.training]
    length = min(_MEASURED // _CONTROLS, split.training_size // (10 * _CONTROLS))
    wide = [(start, stop) for start, stop in training if stop - start > length]
    room = sum(stop - start - length for start, stop in wide)
    if length < 1 or room < 2 * _CONTROLS * length:
        return []
    offsets = ((np.arange(_CONTROLS) + 0.5) * room / _CONTROLS).astype(np.int64)
    starts = _places(wide, offsets, length)
    return [
        (start, start + length)
        for index, start in enumerate(starts)
        if not index or start >= starts[index - 1] + length
    ]


def _without(spans: Spans, removed: Spans) -> Spans:
    """Spans but for parts of them; both in order."""
    remaining = []
    for begin, end in spans:
        at = begin
        for start, stop in removed:
            if begin <= start < end:
                remaining.append((at, start))
                at = min(stop, end)
        remaining.append((at, end))
    return [(start, stop) for start, stop in remaining if stop > start]


def _cut(spans: Spans, most: int) -> Spans:
    """Spans cut so that none is longer than `most`."""
    return [(at, min(at + most, stop)) for start, stop in spans for at in range(start, stop, most)]


def _sampled(spans: Spans, most: int, block: int) -> Spans:
    """Spans, or if they are more than `most` characters, blocks spread over them."""
    size = sum(stop - start for start, stop in spans)
    if size <= most:
        return spans
    count = most // block
    starts = _places(spans, (np.arange(count) * (size - block) // max(1, count - 1)).astype(np.int64), 0)
    ends = {start: stop for start in starts for begin, stop in spans if begin <= start < stop}
    return [(start, min(start + block, ends[start])) for start in starts]


def _places(spans: Spans, offsets: NDArray[np.int64], short: int) -> list[int]:
    """The places that are so many characters into the spans, of each of which the last `short` do not count."""
    starts = np.array([start for start, _ in spans])
    sizes = np.array([stop - start - short for start, stop in spans])
    ends = np.cumsum(sizes)
    index = np.searchsorted(ends, offsets, side="right")
    return cast("list[int]", (starts[index] + offsets - (ends - sizes)[index]).tolist())
