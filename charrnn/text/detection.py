"""Which encoding a document is in, and what is wrong with one that is in none: damaged, cut short, mixed, no text.

UTF-8 is known by its own form. Any other encoding is a guess, and one that could be wrong is not taken: text read in a
wrong encoding is learnt as it is garbled.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from charrnn.errors import CorpusError
from charrnn.text import legacy_encodings
from charrnn.text.sources import Source

BOMS = (  # UTF-32 before UTF-16, whose mark is how its own begins
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_HEAD = 4096  # bytes by which encodings of two and four bytes are known
_PROBE = 65536  # bytes that an encoding is guessed from
_AFTER = 16 << 20  # bytes behind the first that is not UTF-8, in which others are counted
_MIXED = 0.3  # UTF-8 characters for each bad byte, above which it is no other encoding alone: legacy text has some
_SLIPS = 20  # bad bytes, and UTF-8 characters for each, up to which it is damage
_REPLACE = "--errors replace puts U+FFFD in its place"
_ISO_2022 = re.compile(rb"\x1b(\$[@B]|\(J)")
_BOUNDARY = re.compile(rb"[\t-\r -/]")  # bytes that are within no character of several


@dataclass(frozen=True, slots=True)
class Utf8Survey:
    """How much of a document is UTF-8."""

    valid: int  # continuation bytes of UTF-8 characters: at least as many as characters beyond ASCII
    bad: int  # bytes that are no UTF-8
    first_bad: int  # offset of the first, if there is one
    unfinished: bool  # whether nothing is wrong but that the last character is not complete

    @property
    def damaged(self) -> bool:
        """Whether it is UTF-8 all the same: more of it than is not."""
        return self.unfinished or self.valid > self.bad

    @property
    def in_parts(self) -> bool:
        """Whether so much of it is no UTF-8 that it is likely another text."""
        return self.bad > max(_SLIPS, self.valid / _SLIPS)

    @property
    def mixed(self) -> bool:
        """Whether parts of it may be UTF-8, and others not."""
        return self.valid > _MIXED * self.bad


@dataclass(frozen=True, slots=True)
class Guess:
    """What a document's encoding may be."""

    likely: tuple[str, ...]  # encodings, the likeliest first
    safe: bool  # whether no other reading of the document is as good

    @property
    def advice(self) -> str:
        """How to name one of them."""
        name = self.likely[0]
        if self.safe:
            return f"It looks like {name}: use --encoding {name}, or auto, which finds out for each file."
        named = f"It may be {' or '.join(self.likely[:3])}: look at it, and name it with --encoding; "
        return named + "beside files in UTF-8, convert it: iconv -f ENCODING -t UTF-8 OLD > NEW"


def byte_order_mark(head: bytes) -> tuple[bytes, str]:
    """The mark that `head` begins with, and what it says; both empty without one."""
    return next((bom for bom in BOMS if head.startswith(bom[0])), (b"", ""))


def detect(source: Source, errors: str = "strict") -> str:
    """The encoding of a document without a byte order mark: UTF-8, or a guess that is safe.

    Args:
        source: The document.
        errors: "replace": what fits nothing is UTF-8, too.

    Returns:
        Its encoding, by Python's name.

    Raises:
        CorpusError: It is damaged, or in no encoding that can be told from others.
    """
    head = source.read_range(0, _HEAD)
    if wide := guess_wide(head):
        return wide
    if _ISO_2022.search(source.read_range(0, _PROBE)):
        return "iso2022_jp"
    survey = survey_utf8(source)
    if not survey.bad:
        return "utf-8"
    if not survey.damaged:
        guess = guess_encoding(source, survey.first_bad)
        if guess is not None and guess.safe and (guess.likely[0] in legacy_encodings.EAST_ASIAN or not survey.mixed):
            return guess.likely[0]
    if errors == "replace":
        return "utf-8"
    raise not_utf8(source, survey)


def survey_utf8(source: Source) -> Utf8Survey:
    """Count what of a document is UTF-8. Raises CorpusError."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = bad = offset = 0  # the end of what is decoded
    first_bad: int | None = None
    waiting = b""  # the beginning of a character
    for chunk in source.chunks():
        if chunk.isascii() and not waiting:
            offset += len(chunk)
            continue
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:  # once, for a bad byte is escaped from here on
            first_bad = offset + error.start
            decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
            text = decoder.decode(waiting + chunk)
        read = len(waiting) + len(chunk)
        waiting = decoder.getstate()[0]
        read -= len(waiting)
        valid, offset = valid + read - len(text), offset + read
        if first_bad is not None:
            bad += sum("\udc80" <= character <= "\udcff" for character in text)
            if offset > first_bad + _AFTER:
                break
    if first_bad is None:
        return Utf8Survey(valid, len(waiting), offset, unfinished=bool(waiting))
    return Utf8Survey(valid, bad + len(waiting), first_bad, unfinished=False)


def guess_wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without its mark: every other byte of what people write is often zero, or three of four.

    Of other scripts than Latin fewer are; there what is read must be text of one script.
    """
    if len(head) < 8:
        return None
    zeros = [head[place::4].count(0) / len(head[place::4]) for place in range(4)]
    for encoding, (lowest, _, high, highest) in (("utf-32-le", zeros), ("utf-32-be", zeros[::-1])):
        if highest > 0.99 and high > 0.9 and lowest < 0.5:
            return encoding
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 5 >= len(head) and min(even, odd) * 10 <= max(even, odd):
        encoding = "utf-16-le" if odd > even else "utf-16-be"
        return encoding if _is_text(head, encoding) else None
    return next((name for name in ("utf-16-le", "utf-16-be") if even + odd and _is_one_script(head, name)), None)


def _is_text(head: bytes, encoding: str) -> bool:
    """Whether bytes are characters of an encoding, and of those hardly any that no text needs."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    odd = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") for c in text if c not in "\t\n\r\f\v\x1b")
    return odd * 100 <= len(text)


def _is_one_script(head: bytes, encoding: str) -> bool:
    """Whether two bytes each are text of a script beyond Latin: spaces and line ends have zeros, which others have not.

    East Asian text must have punctuation or kana: pairs of ASCII characters are ideographs, too.
    """
    if not _is_text(head, encoding):
        return False
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    blocks = Counter(ord(character) >> 8 for character in text if character > "\xff" and ord(character) >> 8 != 0x20)
    beyond, signs = blocks.total(), blocks[0x30] + blocks[0xFF]
    ideographs = signs + sum(blocks[block] for block in range(0x4E, 0xA0))
    syllables = sum(blocks[block] for block in range(0xAC, 0xD8))
    if beyond * 3 < len(text):
        return False
    if ideographs > 0.9 * beyond:
        return signs * 50 > beyond
    return max(syllables, *(blocks[block] for block in range(0x03, 0x20))) > 0.9 * beyond


def guess_encoding(source: Source, offset: int) -> Guess | None:
    """What the encoding of bytes may be that are not UTF-8 at `offset`; None for something that is not text.

    Raises:
        CorpusError: It cannot be read.
    """
    start = max(0, offset - 256) & ~3  # ASCII before it tells little; in step with UTF-32
    data = source.read_range(start, _PROBE)
    if wide := guess_wide(data[:_HEAD]):
        return Guess((wide,), safe=True)
    if start:
        begin = _BOUNDARY.search(data, 0, offset - start)
        data = data[begin.start() :] if begin else source.read_range(0, _PROBE)
    if len(data) > _PROBE // 2:
        data = _whole(data)
    if sum(data.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\v\x1b") > len(data) // 100:
        return None
    if encoding := legacy_encodings.identify(data):
        return Guess((codecs.lookup(encoding).name,), safe=True)
    likely = _likely(data)
    return Guess(likely, safe=False) if likely else None


def _whole(data: bytes) -> bytes:
    """Bytes that end with a character, of those that may end within one."""
    for end in range(len(data) - 1, len(data) // 2, -1):
        if _BOUNDARY.match(data, end):
            return data[: end + 1]
    decoder = codecs.getincrementaldecoder("gb18030")("replace")  # no two encodings differ by where such a text ends
    decoder.decode(data)
    return data[: len(data) - len(decoder.getstate()[0])]


def _likely(data: bytes) -> tuple[str, ...]:
    """Encodings in which bytes look like some text, the likeliest first."""
    from charset_normalizer import from_bytes

    texts: dict[str, str] = {}
    for match in from_bytes(data):
        name = "cp1252" if "cp1252" in match.could_be_from_charset else codecs.lookup(match.encoding).name
        if name not in ("ascii", "utf-8") and match.chaos < 0.2:
            texts.setdefault(str(match), name)
    return (*texts.values(),)


def not_utf8(source: Source, survey: Utf8Survey) -> CorpusError:
    """The error to raise for a document that is not UTF-8, in words that say why it is not."""
    at, name = place(source, survey.first_bad), source.display_name
    if survey.unfinished:
        return _cut_short(f"{name}: ends in the middle of a character of UTF-8: {at}.")
    if survey.damaged and not survey.in_parts:
        bad = f"{survey.bad:,} bytes do not belong, the first is {at}" if survey.bad > 1 else f"{at} does not belong"
        return CorpusError(f"{name}: is UTF-8, but damaged: {bad}.", f"Mend it there; or {_REPLACE}.")
    if survey.mixed:
        what = f"{name}: is UTF-8 in parts, and in others it is not, from {at}."
        return CorpusError(what, f"Convert the parts to UTF-8; or {_REPLACE}.")
    guess = guess_encoding(source, survey.first_bad)
    no_text = f"It may be no text; {_REPLACE}, --bytes models its bytes."
    return CorpusError(f"{name}: is not UTF-8: {at}.", guess.advice if guess else no_text)


def undecodable(source: Source, encoding: str, offset: int, reason: str) -> CorpusError:
    """The error to raise for bytes at `offset` that the encoding does not have which was named."""
    survey, python_name = survey_utf8(source), codecs.lookup(encoding).name
    if python_name == "utf-8" and survey.bad:
        return not_utf8(source, survey)
    at, name = place(source, offset), source.display_name
    if "incomplete" in reason or "truncated" in reason:
        return _cut_short(f"{name}: ends in the middle of a character of {encoding}: {at}.")
    what = f"{name}: is not {encoding}: {at}, {reason}."
    if not survey.bad:
        return CorpusError(what, "It is UTF-8: leave --encoding out.")
    if survey.damaged:
        return CorpusError(
            what, f"It is UTF-8 with {survey.bad:,} bytes that are not: use --errors replace without it."
        )
    guess = guess_encoding(source, survey.first_bad)
    if guess is None or python_name in guess.likely:
        return CorpusError(what, f"It may be damaged; {_REPLACE}, --bytes models its bytes.")
    return CorpusError(what, guess.advice)


def _cut_short(what: str) -> CorpusError:
    """The error to raise for a document whose last character is not complete."""
    return CorpusError(what, f"It was likely cut short: copy it anew; or {_REPLACE}.")


def place(source: Source, offset: int) -> str:
    """Where in a document a byte is: `byte 312 (e9 20 61 75), line 7`."""
    lines, seen = 1, 0
    for chunk in source.chunks():
        lines += chunk.count(b"\n", 0, max(0, offset - seen))
        seen += len(chunk)
        if seen >= offset:
            break
    return f"byte {offset} ({source.read_range(offset, 4).hex(' ')}), line {lines:,}"
