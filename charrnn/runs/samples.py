"""samples.md: the samples of a run in order, for people to read."""

from __future__ import annotations

import re
from pathlib import Path

from charrnn.files import open_regular
from charrnn.formatting import bits, known_share
from charrnn.runs.header import Header

_HEADING = re.compile(r"^## Iteration ([0-9][0-9,]{0,24})\n", re.MULTILINE)  # of ours alone: samples are indented
_LARGEST = 256 << 20  # bytes, far more than a training writes


def read(path: Path) -> dict[int, str]:
    """The sections of a file by iteration, each as `section` wrote it.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger than any that charrnn writes.
    """
    with open_regular(path, _LARGEST) as file:
        return sections_of(file.read().decode("utf-8", "replace"))


def title(name: str) -> str:
    """The beginning of the file of the run of this name."""
    return f"# {name}\n"


def section(header: Header) -> str:
    """What the file says of one snapshot: its losses and its sample, as Markdown, a blank line before it."""
    losses = [
        f"{word} {bits(loss):.3f} {header.vocabulary.unit.bits_per}"
        for word, loss in header.named_losses
        if loss is not None
    ]
    parts = [f"## Iteration {header.iteration:,}\n"]
    facts = [header.beginning] * (not header.iteration) + losses
    if facts:
        parts.append(f"{'; '.join(facts)}.\n")
    sample = header.sample
    if sample is not None:
        if known := known_share(sample.known_words, sample.known_trigrams):
            parts.append(f"{known} (which the training text has).\n")
        parts.append(sample.code_block)
    return "\n" + "\n".join(parts)


def sections_of(text: str) -> dict[int, str]:
    """The sections of such a file by iteration, each as `section` wrote it."""
    headings = list(_HEADING.finditer(text))
    starts = [max(0, heading.start() - 1) for heading in headings]  # a blank line before each
    return {
        int(heading[1].replace(",", "")): text[start:end]
        for heading, start, end in zip(headings, starts, [*starts, len(text)][1:], strict=True)
    }
