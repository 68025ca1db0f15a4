"""A sound text, and what the checks say of it once it is damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charrnn.config import ReadConfig
from charrnn.text import corpus
from charrnn.text.corpus import Corpus
from charrnn.text.finding import Finding
from charrnn.text_check.check import diagnose

BOOK = (Path(__file__).parents[2] / "corpora" / "the-tidewater-bank.txt").read_text(encoding="utf-8")[:150_000].rsplit(
    "\n", 1
)[0] + "\n"
HELD_OUT = ("held-out-copied", "held-out-of-another-kind", "sorted-lines", "repeated-items")
LICENCE = "*** START OF THE PROJECT GUTENBERG EBOOK THE TIDEWATER BANK ***\n\n"


def findings(text: Corpus | str, **config: Any) -> dict[str, Finding]:
    """What is said of a corpus, or of a text read this way, each kind once; but not of what is held out of it."""
    if isinstance(text, str):
        text = corpus.from_text(text, config=ReadConfig(**config))
    listed = [finding for finding in diagnose(text) if finding.kind not in HELD_OUT]
    by_kind = {finding.kind: finding for finding in listed}
    assert len(by_kind) == len(listed)
    return by_kind


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        (folder / f"{name}.txt").write_bytes(content.encode() if isinstance(content, str) else content)
    return folder
