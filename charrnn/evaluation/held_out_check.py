"""Whether what is held out measures what a network learns: no copy of the training text, and of the same kind.

Samples of a long text are looked at, so that it takes about a second at most, and some 100 MB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from charrnn.evaluation import list_check, ngrams
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding
from charrnn.text.split import HeldOutSpan, Split, without
from charrnn.text.vocabulary import Ids

Spans = Sequence[tuple[int, int]]  # (start, stop)

_WINDOW_DOUBLINGS = 7
_WINDOW = 1 << _WINDOW_DOUBLINGS  # characters, word for word: more than the set phrases of a form
_PROBES = 1000  # windows of the held-out text that are looked for
_SEARCHED, _AT_ONCE = 16_000_000, 1 << 20  # characters of the training text
_COPIED = 0.3  # of the windows; more are no quotations, refrains or licences
_TRAINED, _MEASURED, _BLOCK = 400_000, 40_000, 4_000  # characters
_CONTROLS = 6  # passages of the training text that the held-out text is compared with
_ORDER = 5
_FEWEST = 3_000  # characters of either, to know how surprising a text is
_FAR = 0.02  # of the frequencies of characters from the rest: bits of their Jensen-Shannon divergence
_FARTHER = 2  # times as far as any other part of the text
_FEW_HELD_OUT, _FEW_SHARE = 10_000, 0.02  # characters held out, and share of all, of fewer of which both are told
_HARDER = 0.1  # bits per character, of the end of a list in order


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
    copied = [*copied_passages(corpus, split)] or [*copied_items(corpus, split)]
    if copied:  # which explains the others
        return copied
    in_order = list(list_check.sorted_lines(corpus, split, partial(is_harder, corpus, split)))
    other = [] if in_order else another_kind(corpus, split)
    return [*too_little(corpus, split), *in_order, *other, *list_check.repeated_items(corpus)]


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
        yield _copied(share, split)


def copied_items(corpus: Corpus, split: Split) -> Iterator[Finding]:
    """A validation text that is a list, many of whose items are in the training text, in whatever order."""
    share = list_check.share_of_known_items(corpus)
    if share >= _COPIED:
        yield _copied(share, split)


def _copied(share: float, split: Split) -> Finding:
    return Finding(
        kind="held-out-copied",
        message=f"{share:.0%} of what is held out stands word for word in what is trained on",
        advice="Delete the repeats, or hold out another text: --val-text FILE. This one is known by heart.",
        count=round(share * split.held_out_size),
    )


def too_little(corpus: Corpus, split: Split) -> Iterator[Finding]:
    """Next to nothing held out of documents, because one that is most of the text cannot be."""
    if corpus.boundaries is None or corpus.validation or not split.held_out:
        return
    size = corpus.characters_in(split.held_out)
    longest = int(np.diff(corpus.boundaries).max()) - 1
    if size < _FEW_HELD_OUT and size < _FEW_SHARE * corpus.characters and longest > corpus.characters / 2:
        yield Finding(
            kind="held-out-small",
            message=f"only {size:,} of {corpus.characters:,} {corpus.vocabulary.unit.many} are held out: whole "
            f"documents are, and one has {longest:,}",
            advice="Cut that into several, leave --documents out, or hold out a text of your own: --val-text FILE.",
            count=size,
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


def another_kind(corpus: Corpus, split: Split) -> Iterator[Finding]:
    """A held-out text of another kind than the training text: code after prose, another language, a list.

    It is known by how frequent its characters are: they are farther from those of the rest than any other part's.
    """
    passages, regions = _controls(split)
    if split.training_size < _FEWEST or split.held_out_size < _FEWEST / 10 or not passages:
        return
    spans = _cut(_sampled([(start, stop) for _, start, stop in split.held_out], _MEASURED, _BLOCK), _BLOCK)
    rest = _shares(corpus, _sampled(_without(split.training, regions), _TRAINED, _BLOCK))
    distance = _distance(_shares(corpus.measured, spans), rest)
    farthest = max(_distance(_shares(corpus, [passage]), rest) for passage in passages)
    if distance < max(_FAR, _FARTHER * farthest):
        return
    where = ""
    if len(corpus.documents) > 1 and not corpus.validation:
        start, stop = max(spans, key=lambda span: _distance(_shares(corpus, [span]), rest))
        index = bisect_right(corpus.documents, (start + stop) // 2, key=lambda document: document.start) - 1
        where = f", most of all in {corpus.documents[index].name}"
    times = f"{distance / max(farthest, _FAR / _FARTHER):.0f} times as far off as any other part's"
    yield Finding(
        kind="held-out-of-another-kind",
        message="what is held out is of another kind than the rest: its "
        f"{corpus.vocabulary.unit.many}' frequencies are {times}{where}",
        advice=_advice(corpus, split),
        count=split.held_out_size,
    )


def _shares(corpus: Corpus, spans: Spans) -> NDArray[np.float64]:
    """How frequent each character of the vocabulary is in spans, (V,)."""
    counts = np.bincount(corpus.joined(spans), minlength=len(corpus.vocabulary))
    return cast("NDArray[np.float64]", counts / counts.sum())


def _distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The Jensen-Shannon divergence of two distributions, (V,) each: bits, 0 to 1."""
    middle = (first + second) / 2
    parts = [share[share > 0] * np.log2(share[share > 0] / middle[share > 0]) for share in (first, second)]
    return float(sum(part.sum() for part in parts)) / 2


def is_harder(corpus: Corpus, split: Split) -> bool:
    """Whether an n-gram model of the training text takes more bits for the held-out text than for any other part.

    Raises:
        CorpusError: Its ids cannot be read.
    """
    passages, regions = _controls(split)
    if not passages:
        return False
    training = corpus.joined(_sampled(_without(split.training, regions), _TRAINED, _BLOCK))
    held_out = corpus.joined(_sampled([(start, stop) for _, start, stop in split.held_out], _MEASURED, _BLOCK))
    pieces = [held_out, *(corpus.ids[start:stop] for start, stop in passages)]
    *_, surprise = ngrams.surprises(training, cast("Ids", np.concatenate(pieces)), len(corpus.vocabulary), _ORDER)
    parts = np.split(surprise, np.cumsum([len(piece) for piece in pieces])[:-1])
    here, *others = (float(part.mean()) for part in parts)
    return here > max(others) and here > sum(others) / len(others) + _HARDER


def _advice(corpus: Corpus, split: Split) -> str:
    """How to hold out a text of the same kind."""
    if corpus.validation:
        return "Choose a --val-text like the text that is learnt."
    if corpus.boundaries is not None:
        return "--val-at spread --split-seed N holds out other documents, --val-text FILE a text of your own."
    if len(split.held_out) > 1:
        return "Hold out a text of your own: --val-text FILE."
    shuffle = " or --shuffle documents" if len(corpus.documents) > 1 else ""
    return f"--val-at spread{shuffle} holds out some of every kind, --val-text FILE a text of your own."


def _controls(split: Split) -> tuple[Spans, Spans]:
    """Passages spread over the training text, and the regions around them that are left out with them.

    A region is as long as the held-out text, if half of the training text is left: what is held out may be a whole
    file, of which nothing is known either.
    """
    length = min(split.held_out_size, split.training_size // (2 * _CONTROLS))
    wide = [(start, stop) for start, stop in split.training if stop - start > length]
    room = sum(stop - start - length for start, stop in wide)
    if length < 1 or room < _CONTROLS * length:
        return [], []
    offsets = ((np.arange(_CONTROLS) + 0.5) * room / _CONTROLS).astype(np.int64)
    starts = _places(wide, offsets, length)
    apart = [start for index, start in enumerate(starts) if not index or start >= starts[index - 1] + length]
    measured = min(length, _MEASURED // _CONTROLS)
    inset = (length - measured) // 2
    return [(start + inset, start + inset + measured) for start in apart], [(start, start + length) for start in apart]


def _without(spans: Spans, regions: Spans) -> Spans:
    """Spans but for some regions."""
    return [(start, stop) for _, start, stop in without([HeldOutSpan(0, *span) for span in spans], regions)]


def _cut(spans: Spans, most: int) -> Spans:
    """Spans cut so that none is longer than `most`."""
    return [(at, min(at + most, stop)) for start, stop in spans for at in range(start, stop, most)]


def _sampled(spans: Spans, most: int, block: int) -> Spans:
    """Spans, or if they are more than `most` characters, blocks spread over them."""
    size = sum(stop - start for start, stop in spans)
    if size <= most:
        return spans
    count = most // block
    bounds = np.asarray(spans, dtype=np.int64)
    ends = np.cumsum(bounds[:, 1] - bounds[:, 0])  # of each span, if all lay one after another
    parts = []
    for begin in (np.arange(count) * (size - block) // max(1, count - 1)).tolist():
        first, last = (int(place) for place in np.searchsorted(ends, [begin + 1, begin + block]))
        for (start, stop), end in zip(bounds[first : last + 1].tolist(), ends[first : last + 1].tolist(), strict=True):
            parts.append((start + max(0, begin - end + stop - start), stop - max(0, end - begin - block)))
    return parts


def _places(spans: Spans, offsets: NDArray[np.int64], short: int) -> list[int]:
    """The places that are so many characters into the spans, of each of which the last `short` do not count."""
    starts = np.array([start for start, _ in spans])
    sizes = np.array([stop - start - short for start, stop in spans])
    ends = np.cumsum(sizes)
    index = np.searchsorted(ends, offsets, side="right")
    return cast("list[int]", (starts[index] + offsets - (ends - sizes)[index]).tolist())
