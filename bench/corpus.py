"""What the bundled text is made of, as a Markdown table.

python bench/corpus.py                    the bundled text, whole
python bench/corpus.py OTHER.txt ...      the first 300 KB of it and of each other text, for a fair comparison
"""

from __future__ import annotations

import argparse
import lzma
import re
from pathlib import Path
from typing import NamedTuple

BUNDLED = Path(__file__).resolve().parent.parent / "corpora" / "the-tidewater-bank.txt"
EXCERPT = 300_000  # bytes of UTF-8

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")  # letters, with apostrophes inside


class Figures(NamedTuple):
    """One row of the table."""

    characters: int
    distinct_words: int
    xz_bpc: float  # bits per character after xz -9e; the higher, the less the text repeats itself
    repeats: float  # share of the 8-word sequences that occurred before


def read(path: Path) -> str:
    """The text without a byte order mark and with LF line ends."""
    return path.read_text(encoding="utf-8-sig")


def excerpt(text: str, size: int = EXCERPT) -> str:
    """The first `size` bytes of the text, less a character cut in half."""
    return text.encode()[:size].decode(errors="ignore")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation and figures."""
    return _WORD.findall(text.lower())


def xz_bits_per_character(text: str) -> float:
    """The size of the text after `xz -9e`, in bits per character."""
    return 8 * len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)) / len(text)


def repeated_share(sequence: list[str], length: int = 8) -> float:
    """The share of the sequences of `length` words that occurred before in the text."""
    total = len(sequence) - length + 1
    if total < 1:
        return 0.0
    distinct = len({tuple(sequence[at : at + length]) for at in range(total)})
    return 1 - distinct / total


def measure(text: str) -> Figures:
    """All figures of a text that is not empty."""
    sequence = words(text)
    return Figures(len(text), len(set(sequence)), xz_bits_per_character(text), repeated_share(sequence))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the bundled text, and others beside it.")
    parser.add_argument("texts", nargs="*", type=Path, metavar="OTHER.txt", help="UTF-8 texts to compare with")
    others: list[Path] = parser.parse_args().texts
    print("| text | characters | distinct words | xz -9e, bits per character | repeated 8-word sequences |")
    print("|---|---|---|---|---|")
    for path in (BUNDLED, *others):
        text = read(path)
        found = measure(excerpt(text) if others else text)
        print(
            f"| `{path.name}` | {found.characters:,} | {found.distinct_words:,} "
            f"| {found.xz_bpc:.3f} | {found.repeats:.3%} |"
        )


if __name__ == "__main__":
    main()
