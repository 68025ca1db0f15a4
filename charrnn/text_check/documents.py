"""What is said of a text as a whole: its length, its documents and its lines."""

from __future__ import annotations

from collections import Counter

from charrnn.config import TrainConfig
from charrnn.formatting import one_line, plural
from charrnn.text import gutenberg
from charrnn.text.encoder import Document
from charrnn.text.finding import Finding
from charrnn.text_check.findings import CheckedText, Findings, examples_of, listed, percentage

SHORT = 100_000  # characters; of fewer a model learns more by heart than by rule
_HEADS, _HEAD = 1000, 20_000  # documents whose heads are looked at, and characters of each
_TINY = 20  # characters; a document of fewer is an accident
_LINE = range(20, 1001)  # characters; shorter lines may well come again
_LINES = 50_000  # different ones that are counted at a time


def too_short(text: CheckedText) -> Findings:
    """A text too short for a window, or to learn more from than its words."""
    usual, size = TrainConfig(), text.corpus.characters
    learned = text.corpus.split(usual.val_frac, usual.val_max).training_size
    needed = usual.seq_length + 1  # in a single stream
    if learned < needed:
        message = f"too short for a usual window: {plural(learned, text.unit)} to learn from, {needed:,} needed"
        advice = "Add text, or lower --seq-length."
        yield Finding(kind="short", message=message, advice=advice, count=size)
    elif size < SHORT:
        message = f"short: of {size:,} {text.unit}s a model learns more by heart than by rule"
        advice = f"Add text like it, to {SHORT:,} {text.unit}s and far beyond."
        yield Finding(kind="short", message=message, advice=advice, count=size)


def boilerplate(text: CheckedText) -> Findings:
    """Documents with Project Gutenberg's licence in them."""
    heads = () if text.config.strip_gutenberg else text.documents[:_HEADS]
    names = [
        document.name
        for document in heads
        if gutenberg.has_boilerplate(text.read(document.start, document.start + min(document.characters, _HEAD)))
    ]
    if names:
        scope = f" of the first {len(heads):,}" * (len(heads) < len(text.documents))
        message = f"Project Gutenberg's licence in {plural(len(names), 'document')}{scope}: {listed(names)}"
        advice = "--strip-gutenberg leaves it out."
        yield Finding(kind="gutenberg", message=message, advice=advice, count=len(names), examples=examples_of(names))


def duplicate_documents(text: CheckedText) -> Findings:
    """Documents with the same characters as one before them."""
    firsts: dict[str, Document] = {}
    copies = [document for document in text.documents if firsts.setdefault(document.digest, document) is not document]
    if copies:
        pairs = [f"{copy.name} of {firsts[copy.digest].name}" for copy in copies]
        share = percentage(sum(copy.characters for copy in copies), len(text.corpus))
        message = f"copies among the documents, {len(copies):,}, {share} of the text: {listed(pairs)}"
        advice = "Leave them out: what is said twice is learnt by heart, and flatters the held-out loss."
        yield Finding(kind="copies", message=message, advice=advice, count=len(copies), examples=examples_of(pairs))


def tiny_documents(text: CheckedText) -> Findings:
    """A few documents with next to nothing in them."""
    names = [document.name for document in text.documents if document.characters < _TINY]
    if names and 2 * len(names) < len(text.documents):  # else they are meant to be
        message = f"{plural(len(names), 'document')} of fewer than {_TINY} {text.unit}s: {listed(names)}"
        advice = "Look whether something went wrong with them."
        examples = examples_of(names)
        yield Finding(kind="tiny-documents", message=message, advice=advice, count=len(names), examples=examples)


def repeated_lines(text: CheckedText) -> Findings:
    """Lines that make up a good part of the text."""
    counts: Counter[str] = Counter()
    for _, piece in text.slices():
        counts.update(line for line in map(str.strip, piece.split("\n")) if len(line) in _LINE)
        if len(counts) > _LINES:  # what is frequent enough to be told of stays
            counts = Counter(dict(counts.most_common(_LINES // 10)))
    frequent = [(line, n) for line, n in counts.items() if n > 50 and 200 * n * len(line) > text.scanned]
    if frequent:
        frequent.sort(key=lambda entry: (-entry[1] * len(entry[0]), entry[0]))
        quoted = []
        for line, n in frequent:
            whole = line.encode("latin-1").decode("utf-8", "surrogateescape") if text.config.bytes else line
            quoted.append(f"{n:,} times '{one_line(whole if len(whole) <= 60 else whole[:59] + '…')}'")
        share = percentage(sum(n * len(line) for line, n in frequent), text.scanned)
        message = f"lines over and over, {share} of the text{text.within(text.scanned)}: {listed(quoted)}"
        advice = "The model learns them before all else: delete them if they are no part of the text."
        examples = examples_of(quoted)
        yield Finding(kind="repeated-lines", message=message, advice=advice, count=len(frequent), examples=examples)


def mixed_newlines(text: CheckedText) -> Findings:
    """Line ends of several kinds."""
    config = text.config
    if config.bytes or config.keep_newlines:
        advice = "Make them one kind in the files." if config.bytes else "Without --keep-newlines all are read as LF."
        crlf, cr, lf, within = 0, 0, 0, text.within(text.scanned)
        for _, piece in text.slices() if "\r" in text.counts else ():
            pairs = piece.count("\r\n")
            crlf, cr, lf = crlf + pairs, cr + piece.count("\r") - pairs, lf + piece.count("\n") - pairs
    else:
        advice, within = "Harmless: all are read as LF.", ""
        crlf, cr = sum(document.crlf for document in text.documents), sum(document.cr for document in text.documents)
        joints = 0 if config.documents else len(text.documents) - 1
        lf = text.counts.get("\n", 0) - joints * config.separator.count("\n") - crlf - cr
    kinds = {name: n for name, n in (("CRLF", crlf), ("LF", lf), ("CR", cr)) if n > 0}
    if len(kinds) > 1:
        message = f"lines end in different ways{within}: {', '.join(f'{name} {n:,}' for name, n in kinds.items())}"
        count = sum(kinds.values()) - max(kinds.values())
        yield Finding(kind="newlines", message=message, advice=advice, count=count)
