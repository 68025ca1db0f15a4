"""Whether a text is a list, of one item a line, whose order or whose repeats make its held-out part a bad measure."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from charrnn import formatting
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding
from charrnn.text.normal_form import normal_form
from charrnn.text.split import Split

_READ = 4_000_000  # characters of a text in which repeats are looked for
_PIECES, _PIECE = 32, 32_000  # characters, and how many pieces of so many, in which its order is looked at
_FEWEST = 100  # lines that make a list
_ODD = 0.02  # of them that may be blank or indented: more are in verse, plays and code
_SHORT = 40  # characters of a line on average: longer ones are sentences
_IN_ORDER = 0.9  # of the pairs of lines that follow each other; in no order it is a half
_REPEATED = 0.05  # of the lines
_SENTENCES = 0.3  # of them, at most, that end as sentences and verses do
_NUMBERS = re.compile(r"^[\W\d_]+|\d+")


def sorted_lines(corpus: Corpus, split: Split, is_harder: Callable[[], bool]) -> Iterator[Finding]:
    """Lines in alphabetical order, so that their end has other words than the rest.

    Args:
        corpus: The text.
        split: What is held out of it.
        is_harder: Whether its end is harder than other parts of it; if it is not, long lines may be in order.

    Yields:
        A finding, if it is so, whose count is the characters held out.
    """
    if len(split.held_out) != 1 or corpus.validation or corpus.config.documents:
        return
    pieces = [_keys(corpus, start) for start in _places(len(corpus))]
    pairs = [pair for keys in pieces for pair in pairwise(keys) if pair[0] != pair[1]]
    ends = [pair for pair in pairwise([keys[0] for keys in pieces if keys]) if pair[0] != pair[1]]
    held_out = split.held_out[0]
    lines = corpus.vocabulary.decode(corpus.ids[held_out.start : held_out.stop][:_PIECE]).split("\n")
    words = [line.strip() for line in lines[1:-1] if line.strip()]
    long = sum(map(len, words)) > _SHORT * len(words)
    if len(pairs) < _FEWEST or not words:
        return
    rising = sum(first < second for first, second in pairs) / len(pairs)
    on_the_whole = sum(first < second for first, second in ends) / max(1, len(ends))
    if max(rising, 1 - rising) < _IN_ORDER or (ends and max(on_the_whole, 1 - on_the_whole) < 0.8):
        return
    if long and not is_harder():
        return
    yield Finding(
        kind="sorted-lines",
        message=f"the lines are in alphabetical order, and what is held out begins with {_quoted(words[0])}",
        advice="--shuffle lines holds out some of every letter, and teaches no order.",
        count=held_out.size,
        examples=(words[0],),
    )


def _places(size: int) -> Sequence[int]:
    """Where the pieces begin: all of a short text, and spread over a long one."""
    length = min(_PIECE, max(1, size // _PIECES))
    return [index * max(1, size - length) // (_PIECES - 1) for index in range(_PIECES)]


def _keys(corpus: Corpus, start: int) -> list[str]:
    """What the lines of a piece are sorted by: letters without case or accents, and without numbers."""
    length = min(_PIECE, max(1, len(corpus) // _PIECES))
    lines = corpus.vocabulary.decode(corpus.ids[start : start + length]).split("\n")
    whole = lines[bool(start) : -1 if start + length < len(corpus) else None]
    decomposed = (normal_form("NFKD", line.casefold()) for line in whole)
    plain = ("".join(c for c in line if not unicodedata.combining(c)) for line in decomposed)
    return [key for line in plain if (key := _NUMBERS.sub("", line))]


def repeated_items(corpus: Corpus) -> Iterator[Finding]:
    """A list in which many items stand more than once, or documents of a file that do.

    Yields:
        A finding, if it is so, whose count is the items that repeat an earlier one.
    """
    items, noun = _items(corpus)
    counts = Counter(items)
    total, repeats = len(items), len(items) - len(counts)
    if total < _FEWEST or repeats < _REPEATED * total:
        return
    scope = f" of the first {_READ:,} characters" if len(corpus) > _READ else ""
    examples = [f"{_quoted(item)} {count:,} times" for item, count in counts.most_common(3) if count > 1]
    share = f"{100 * repeats / total:.1f} %"
    command = ": awk '!seen[$0]++' OLD.txt > NEW.txt"
    if noun == "documents":
        command = "; or see whether the separator cuts documents into parts."
    yield Finding(
        kind="repeated-items",
        message=f"{repeats:,} of {total:,} {noun}{scope} repeat an earlier one, {share}: {', '.join(examples)}",
        advice=f"Keep one of each, or what is held out has been learnt{command}",
        count=repeats,
        examples=tuple(examples),
    )


def share_of_known_items(corpus: Corpus) -> float:
    """How many items of a validation text are items of the training text, 0 to 1; 0 where they are no lists."""
    if not corpus.validation:
        return 0.0
    (items, _), (known, _) = _items(corpus.validation), _items(corpus)
    return len(set(items) & set(known)) / len(set(items)) if items else 0.0


def _items(corpus: Corpus) -> tuple[list[str], str]:
    """The items of a list, as far as it is read, and what they are: documents of a file, or lines; none of other texts.

    Each is stripped of white space, and blank ones are left out.
    """
    vocabulary, separator, noun = corpus.vocabulary, "\n", "lines"
    apart = corpus.boundaries is not None and corpus.config.document_separator is not None
    if apart and vocabulary.boundary != "\n":
        vocabulary, separator, noun = dataclasses.replace(vocabulary, boundary="\0"), "\0", "documents"
    text = vocabulary.decode(corpus.ids[:_READ])
    lines = text.split(separator)
    lines = lines[:-1] if len(corpus) > _READ else lines
    items = [item for line in lines if (item := line.strip())]
    total = len(items)
    odd = len(lines) - total + sum(line[0] in " \t" for line in lines if line.strip())
    sentences = sum(item[-1] in ".,:;!?…" for item in items)
    if not apart and (sentences > _SENTENCES * total or odd > _ODD * len(lines) or len(text) > _SHORT * total):
        return [], noun
    return items, noun


def _quoted(line: str) -> str:
    """A line, or its beginning, for a message."""
    return f"'{formatting.one_line(line if len(line) <= 30 else line[:29] + '…')}'"
