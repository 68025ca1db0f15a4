"""What is said of a text as a whole: its length, its documents and its lines."""

from __future__ import annotations

from collections import Counter

from charrnn.config import TrainConfig
from charrnn.text import gutenberg
from charrnn.text.encoder import Document
from charrnn.text_check.findings import CheckedText, Finding, Findings, few, many, share_of, some

SHORT = 100_000  # characters; of fewer a model learns more by heart than by rule
_HEADS, _HEAD = 1000, 20_000  # documents whose heads are looked at, and characters of each
_TINY = 20  # characters; a document of fewer is an accident
_LINE = range(20, 1001)  # characters; shorter lines may well come again
_LINES = 50_000  # different ones that are counted at a time


def short(text: CheckedText) -> Findings:
    usual, size = TrainConfig(), len(text.corpus)
    learned = text.corpus.split(usual.val_frac, usual.val_max).training_size
    needed = usual.seq_length + 1  # in a single stream
    if learned < needed:
        message = f"too short for a usual window: {many(learned, text.unit)} to learn from, {needed:,} needed"
        advice = "Add text, or lower --seq-length."
        yield Finding(kind="short", message=message, advice=advice, count=size)
    elif size < SHORT:
        message = f"short: of {size:,} {text.unit}s a model learns more by heart than by rule"
        advice = f"Add text like it, to {SHORT:,} {text.unit}s and far beyond."
        yield Finding(kind="short", message=message, advice=advice, count=size)


def boilerplate(text: CheckedText) -> Findings:
    heads = () if text.config.strip_gutenberg else text.documents[:_HEADS]
    found = [
        one.name
        for one in heads
        if gutenberg.has_boilerplate(text.read(one.start, one.start + min(one.characters, _HEAD)))
    ]
    if found:
        looked = f" of the first {len(heads):,}" * (len(heads) < len(text.documents))
        message = f"Project Gutenberg's licence in {many(len(found), 'document')}{looked}: {few(found)}"
        advice = "--strip-gutenberg leaves it out."
        yield Finding(kind="gutenberg", message=message, advice=advice, count=len(found), examples=some(found))


def copies(text: CheckedText) -> Findings:
    firsts: dict[str, Document] = {}
    again = [one for one in text.documents if firsts.setdefault(one.digest, one) is not one]
    if again:
        pairs = [f"{one.name} of {firsts[one.digest].name}" for one in again]
        share = share_of(sum(one.characters for one in again), len(text.corpus))
        message = f"copies among the documents, {len(again):,}, {share} of the text: {few(pairs)}"
        advice = "Leave them out: what is said twice is learnt by heart, and flatters the held-out loss."
        yield Finding(kind="copies", message=message, advice=advice, count=len(again), examples=some(pairs))


def tiny(text: CheckedText) -> Findings:
    found = [one.name for one in text.documents if one.characters < _TINY]
    if found and 2 * len(found) < len(text.documents):  # else they are meant to be
        message = f"{many(len(found), 'document')} of fewer than {_TINY} {text.unit}s: {few(found)}"
        advice = "Look whether something went wrong with them."
        yield Finding(kind="tiny-documents", message=message, advice=advice, count=len(found), examples=some(found))


def repeated_lines(text: CheckedText) -> Findings:
    counts: Counter[str] = Counter()
    for _, piece in text.slices():
        counts.update(line for line in map(str.strip, piece.split("\n")) if len(line) in _LINE)
        if len(counts) > _LINES:  # what is frequent enough to be told of stays
            counts = Counter(dict(counts.most_common(_LINES // 10)))
    found = [(line, n) for line, n in counts.items() if n > 50 and 200 * n * len(line) > text.scanned]
    if found:
        found.sort(key=lambda one: (-one[1] * len(one[0]), one[0]))
        told = []
        for line, n in found:
            whole = line.encode("latin-1").decode("utf-8", "replace") if text.config.bytes else line
            told.append(f"{n:,} times {whole if len(whole) <= 60 else whole[:59] + '…'!r}")
        share = share_of(sum(n * len(line) for line, n in found), text.scanned)
        message = f"lines over and over, {share} of the text{text.within(text.scanned)}: {few(told)}"
        advice = "The model learns them before all else: delete them if they are no part of the text."
        yield Finding(kind="repeated-lines", message=message, advice=advice, count=len(found), examples=some(told))


def newlines(text: CheckedText) -> Findings:
    config = text.config
    if config.bytes or config.keep_newlines:
        advice = "Make them one kind in the files." if config.bytes else "Without --keep-newlines all are read as LF."
        crlf, cr, lf, within = 0, 0, 0, text.within(text.scanned)
        for _, piece in text.slices() if "\r" in text.counts else ():
            both = piece.count("\r\n")
            crlf, cr, lf = crlf + both, cr + piece.count("\r") - both, lf + piece.count("\n") - both
    else:
        advice, within = "Harmless: all are read as LF.", ""
        crlf, cr = sum(one.crlf for one in text.documents), sum(one.cr for one in text.documents)
        joints = 0 if config.documents else len(text.documents) - 1
        lf = text.counts.get("\n", 0) - joints * config.separator.count("\n") - crlf - cr
    kinds = {name: n for name, n in (("CRLF", crlf), ("LF", lf), ("CR", cr)) if n > 0}
    if len(kinds) > 1:
        message = f"lines end in different ways{within}: {', '.join(f'{name} {n:,}' for name, n in kinds.items())}"
        count = sum(kinds.values()) - max(kinds.values())
        yield Finding(kind="newlines", message=message, advice=advice, count=count)
